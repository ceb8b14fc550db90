/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quartet-fits MEMORY - where shapes on the sky lie in images (fits/worker.h), for the
 * server on the other end of standard input.
 *
 * wcslib reads what strangers wrote. So it runs here, with MEMORY bytes of address space at
 * most, a bound on the processor's time for each request, and, once started, no system call
 * but for reading, writing and memory. Whoever breaks in has a socket to the server that
 * takes a box of pixels. It ends with the server.
 */
#include "fits/worker.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "fits/wcs.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
	REQUESTS_MAX =
	    10000, /* wcslib 7.12 loses memory over matrices that are singular */
	SPARE_SECONDS = 2, /* they are whole ones */
};

static bool
limit(int what, rlim_t n)
{
	struct rlimit r = {n, n};

	return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

/* A sanitizer maps terabytes, and needs more calls when it ends. */
static bool
give_up_calls(void)
{
	static const int kept[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(brk),
	    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	    SCMP_SYS(futex), SCMP_SYS(getrusage), SCMP_SYS(prlimit64),
	    SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = filter != NULL;

	for (size_t i = 0; i < sizeof kept / sizeof *kept && ok; i++)
		ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, kept[i], 0) == 0;
	ok = ok && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
}

static bool
confine(const char *memory)
{
	pid_t server = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != server ||
	    prctl(PR_SET_DUMPABLE, 0) != 0)
		return false;
	if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_FSIZE, 0))
		return false;
	if (SANITIZED)
		return true;
	return limit(RLIMIT_AS, strtoull(memory, NULL, 10)) && limit(RLIMIT_NOFILE, 0) &&
	       give_up_calls();
}

/* So much more time of the processor than was used so far. */
static bool
allow_seconds(uint32_t seconds)
{
	struct rusage used;
	struct rlimit r;

	if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &r) != 0)
		return false;
	r.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds +
		     SPARE_SECONDS;
	return setrlimit(RLIMIT_CPU, &r) == 0;
}

static bool
read_all(void *to, size_t n)
{
	char *p = to;

	while (n > 0) {
		ssize_t got = read(STDIN_FILENO, p, n);

		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return true;
}

static bool
write_all(const void *from, size_t n)
{
	const char *p = from;

	while (n > 0) {
		ssize_t put = write(STDIN_FILENO, p, n);

		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return true;
}

static enum worker_answer
find_box(const struct wcs *wcs, const struct shape *shape, struct worker_reply *reply)
{
	struct sky_box box;

	switch (sky_box(shape, &wcs->map, &box)) {
	case SKY_NO_MEMORY:
		return WORKER_NO_MEMORY;
	case SKY_NO_OVERLAP:
		return WORKER_NO_OVERLAP;
	case SKY_FOUND:
		break;
	}
	for (int i = 0; i < 2; i++) {
		reply->axis[i] = wcs->axis[i];
		reply->first[i] = box.first[i];
		reply->last[i] = box.last[i];
	}
	return WORKER_FOUND;
}

static enum worker_answer
look(const struct worker_request *request, const struct shape *shape, char *cards,
    struct worker_reply *reply)
{
	enum worker_answer answer = WORKER_NO_SKY;
	struct wcs wcs;

	switch (wcs_open(&wcs, cards, request->n_cards, request->naxis, request->axis,
	    reply->text, sizeof reply->text)) {
	case WCS_READY:
		answer = find_box(&wcs, shape, reply);
		break;
	case WCS_NONE:
		break;
	case WCS_UNSUPPORTED:
		answer = WORKER_UNSUPPORTED;
		break;
	case WCS_NO_MEMORY:
		answer = WORKER_NO_MEMORY;
		break;
	}
	wcs_close(&wcs);
	return answer;
}

static bool
is_sane(const struct worker_request *r)
{
	return r->magic == WORKER_REQUEST_MAGIC && r->naxis <= AXES_MAX &&
	       r->shape <= SHAPE_POLYGON && r->n_values > 0 &&
	       r->n_values <= 2 * SHAPE_POINTS_MAX && r->n_cards <= WORKER_CARDS_MAX;
}

/* False: the conversation is over, also when memory ran out: a new process has it all. */
static bool
serve(void)
{
	struct worker_reply reply = {.magic = WORKER_REPLY_MAGIC};
	struct worker_request r;
	size_t n_cards;
	double *value;
	char *cards;
	bool ok;

	if (!read_all(&r, sizeof r) || !is_sane(&r) || !allow_seconds(r.seconds))
		return false;
	n_cards = (size_t)r.n_cards * CARD_SIZE;
	value = calloc(r.n_values, sizeof *value);
	cards = calloc(n_cards + 1, 1); /* wcslib's scanner wants an end */
	ok = value != NULL && cards != NULL &&
	     read_all(value, r.n_values * sizeof *value) && read_all(cards, n_cards);
	if (ok) {
		struct shape shape = {
		    .kind = (enum shape_kind)r.shape, .value = value, .n = r.n_values};

		ok = shape_fault(&shape) == NULL;
		if (ok)
			reply.answer = look(&r, &shape, cards, &reply);
	}
	free(value);
	free(cards);
	return ok && write_all(&reply, sizeof reply) && reply.answer != WORKER_NO_MEMORY;
}

int
main(int argc, char **argv)
{
	if (argc != 2 || !confine(argv[1])) {
		(void)fprintf(stderr, "quartet-fits: for quartetd, not for people\n");
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < REQUESTS_MAX && serve(); i++)
		continue;
	return EXIT_SUCCESS;
}
