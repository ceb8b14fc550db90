/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartetd - the server. Reads its settings, opens everything, then waits for signals:
 * SIGTERM and SIGINT end it, SIGHUP reads certificates again and reopens the access log.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "conf/settings.h"
#include "replication/meta_copy.h"
#include "service/core/log.h"
#include "service/crash_mark.h"
#include "service/remote/remote.h"
#include "service/server.h"

enum {
	TEND_S = 60,
	MMAP_FROM = 4 << 20,
	TRIM_FROM = 8 << 20,
	EXIT_CONFIG = 78 /* EX_CONFIG of sysexits.h */
};

static const char usage[] =
    "usage: quartetd -c FILE [-n | --settings]\n"
    "  -c, --config FILE  the settings (see quartet.conf(5))\n"
    "  -n, --check        check the settings and end\n"
    "  -s, --settings     print the settings in effect and end\n"
    "  --check-store DIR  look through a copy of the metadata and end\n"
    "  -V, --version      print the version and end\n"
    "  -h, --help         print this and end\n";

struct arguments {
	const char *config;
	const char *store; /* to look through */
	bool check, print;
};

static void
parse_arguments(int argc, char **argv, struct arguments *out)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'n'},
	    {"settings", no_argument, NULL, 's'},
	    {"check-store", required_argument, NULL, 'S'},
	    {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet */
	while ((c = getopt_long(argc, argv, "c:nsVh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			out->config = optarg;
			break;
		case 'n':
			out->check = true;
			break;
		case 's':
			out->print = true;
			break;
		case 'S':
			out->store = optarg;
			return;
		case 'V':
			(void)puts("quartetd " QUARTET_VERSION);
			exit(0);
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			(void)fputs(usage, stderr);
			exit(EXIT_CONFIG);
		}
	}
	if (out->config == NULL || optind != argc) {
		(void)fputs(usage, stderr);
		exit(EXIT_CONFIG);
	}
}

static int
print_settings(const struct settings *settings)
{
	struct str text;

	str_init(&text, 1024 * 1024);
	settings_print(settings, &text);
	(void)fwrite(text.p, 1, text.n, stdout);
	str_release(&text);
	return 0;
}

static enum log_level
level_of(const char *name)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	unsigned level = LOG_LEVEL_DEBUG;

	while (level > 0 && strcmp(names[level], name) != 0)
		level--;
	return (enum log_level)level;
}

/* As many descriptors as the connections and open files may need. */
static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * Large blocks go back to the system when they are freed: by itself malloc keeps what has
 * the size of a password's hash. The end of a heap does not at once: each batch of the
 * metadata's writer needs it again.
 */
static void
give_memory_back(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_FROM);
}

static void
block_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL); /* for all threads to come */
	(void)signal(SIGPIPE, SIG_IGN);
}

/* A service manager that waits for a message which could not be sent takes the server for
 * stuck: the log then says why. */
static void
tell_manager(const char *state)
{
	int sent = sd_notify(0, state);

	if (sent < 0)
		log_error(
		    "the service manager was not told %s: %s", state, strerror(-sent));
}

static void
reload(struct server *server)
{
	struct errinfo why = {.code = ERR_OK};

	tell_manager("RELOADING=1");
	if (server_reload(server, &why) == ERR_OK)
		log_info("certificates and authorities were read again");
	else
		log_error("reload: %s; what was in use stays in use", errinfo_text(&why));
	tell_manager("READY=1");
}

/* Until a signal ends it. */
static void
wait_for_end(struct server *server, const sigset_t *set)
{
	struct timespec tend = {.tv_sec = TEND_S};

	for (;;) {
		int got = sigtimedwait(set, NULL, &tend);

		if (got == SIGTERM || got == SIGINT)
			return;
		if (got == SIGHUP)
			reload(server);
		else if (got < 0 && errno == EAGAIN)
			server_tend(server);
	}
}

static int
serve(const struct settings *settings)
{
	struct errinfo why = {.code = ERR_OK};
	struct server *server = NULL;
	sigset_t set;
	enum err e;

	block_signals(&set);
	raise_limits();
	give_memory_back();
	crash_mark_set_up(settings->meta_dir);
	/* The keeper is forked before the first thread, the log's included. */
	e = server_open(settings, &server, &why);
	if (e == ERR_OK)
		e = log_open(level_of(settings->log_level),
		    settings->access_log[0] == '\0' ? NULL : settings->access_log,
		    settings->audit_log[0] == '\0' ? NULL : settings->audit_log, &why);
	if (e == ERR_OK)
		e = server_start(server, &why);
	if (e != ERR_OK) {
		log_error("%s", errinfo_text(&why));
		log_close();
		if (server != NULL)
			(void)server_stop(server);
		return EXIT_CONFIG;
	}
	log_info("quartetd " QUARTET_VERSION " serves %s", settings->resource_id);
	tell_manager("READY=1");
	wait_for_end(server, &set);
	tell_manager("STOPPING=1");
	log_info("stopping");
	if (!server_stop(server)) {
		log_close();
		_exit(0); /* a location hangs; nothing acknowledged depends on it */
	}
	log_info("stopped");
	log_close();
	return 0;
}

/* What the table alone cannot tell, too. */
static int
check_settings(const struct arguments *args, const struct settings *settings)
{
	struct errinfo why;

	if (remote_check(settings, &why) != ERR_OK) {
		(void)fprintf(
		    stderr, "quartetd: %s: %s\n", args->config, errinfo_text(&why));
		return EXIT_CONFIG;
	}
	(void)printf("quartetd: %s: the settings are in order\n", args->config);
	return 0;
}

int
main(int argc, char **argv)
{
	struct arguments args = {0};
	struct errinfo why = {.code = ERR_OK};
	struct settings settings;
	int status;

	parse_arguments(argc, argv, &args);
	if (args.store != NULL)
		return meta_copy_look(args.store);
	if (settings_load(args.config, &settings, &why) != ERR_OK) {
		(void)fprintf(stderr, "quartetd: %s\n", errinfo_text(&why));
		return EXIT_CONFIG;
	}
	if (args.print) {
		status = print_settings(&settings);
	} else if (args.check) {
		status = check_settings(&args, &settings);
	} else {
		status = serve(&settings);
	}
	settings_release(&settings);
	return status;
}
