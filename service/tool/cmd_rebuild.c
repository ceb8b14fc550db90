/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet rebuild - the last resort: a new catalogue from what the files at the locations
 * say of themselves, when there is neither metadata nor a copy of them.
 */
#include <stdio.h>

#include "replication/rebuild.h"
#include "service/tool/tool.h"

static void
tell(void *arg, const char *text)
{
	(void)arg;
	(void)printf("%s\n", text);
}

int
cmd_rebuild(const struct tool_call *call)
{
	struct rebuild_config config = {.settings = call->settings, .tell = tell};
	struct errinfo why = {.code = ERR_OK};
	struct rebuilt done;

	if (call->n != 0)
		return tool_wrong_usage("rebuild");
	if (tool_server_runs(call->settings)) {
		(void)fprintf(stderr, "quartet: a server runs: stop it first\n");
		return 1;
	}
	if (rebuild(&config, &done, &why) != ERR_OK) {
		(void)fprintf(stderr, "quartet: %s\n", errinfo_text(&why));
		return 1;
	}
	(void)printf("%llu files and %llu containers from %u locations; %llu files have "
		     "another name than once, %llu could not be used\n",
	    (unsigned long long)done.files, (unsigned long long)done.containers,
	    done.at_hand, (unsigned long long)done.renamed,
	    (unsigned long long)done.passed);
	return 0;
}
