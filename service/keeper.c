/* SPDX-License-Identifier: Apache-2.0 */
#include "service/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The signal by which the kernel tells of the parent's end, and the parent of its own. */
enum { END_SIGNAL = SIGUSR1 };

static void
close_others(const int *fds, size_t n)
{
	/* What a keeper does not need it must not hold: terminals, logs, databases. */
	for (int fd = 3; fd < 1024; fd++) {
		bool ours = false;

		for (size_t i = 0; i < n; i++)
			ours |= fds[i] == fd;
		if (!ours)
			(void)close(fd);
	}
}

static _Noreturn void
keep(const int *fds, size_t n, pid_t parent)
{
	sigset_t wait_for;
	int got;

	(void)sigemptyset(&wait_for);
	(void)sigaddset(&wait_for, END_SIGNAL);
	(void)sigprocmask(SIG_BLOCK, &wait_for, NULL);
	/* A terminal's or a service manager's signal is for the server to act on. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)prctl(PR_SET_NAME, "quartet-keeper");
	close_others(fds, n);
	if (prctl(PR_SET_PDEATHSIG, END_SIGNAL) == 0 && getppid() == parent)
		while (sigwait(&wait_for, &got) != 0)
			continue;
	for (size_t i = 0; i < n; i++)
		(void)shutdown(fds[i], SHUT_RDWR);
	_exit(0);
}

enum err
keeper_start(const int *fds, size_t n, pid_t *pid_out, struct errinfo *why)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return errinfo_sys(why, ERR_INTERNAL, errno, "cannot start the keeper");
	if (pid == 0)
		keep(fds, n, parent);
	*pid_out = pid;
	return ERR_OK;
}

void
keeper_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, END_SIGNAL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
