/* SPDX-License-Identifier: Apache-2.0 */
#include "service/crash_mark.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static char mark[PATH_SIZE];

static void
name_mark(const char *dir, char out[PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, "%s/crashed", dir);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* Only what a signal handler may do; the signal's own effect follows. */
static void
leave_mark(int signal_number)
{
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	(void)raise(signal_number);
}

static void
catch_crashes(void)
{
	struct sigaction act = {.sa_handler = leave_mark, .sa_flags = (int)SA_RESETHAND};

	(void)sigemptyset(&act.sa_mask);
	(void)sigaction(SIGSEGV, &act, NULL);
	(void)sigaction(SIGBUS, &act, NULL);
}

#else

static void
catch_crashes(void)
{
}

#endif

void
crash_mark_set_up(const char *dir)
{
	name_mark(dir, mark);
	catch_crashes();
}

bool
crash_mark_is_there(const char *dir)
{
	char path[PATH_SIZE];

	name_mark(dir, path);
	return access(path, F_OK) == 0;
}

void
crash_mark_remove(const char *dir)
{
	char path[PATH_SIZE];

	name_mark(dir, path);
	(void)unlink(path);
}
