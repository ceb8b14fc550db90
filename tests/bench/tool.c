/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "service/core/clock.h"

enum { BUFFER_ALIGN = 4096, LINEAR_BITS = 6, LINEAR = 1 << LINEAR_BITS };

static const char *tool_name = "bench";

/* Other threads may be running: leave without their exit handlers. */
static _Noreturn void __attribute__((format(printf, 2, 0)))
die(int sys, const char *fmt, va_list ap)
{
	char text[512], reason[128];

	(void)vsnprintf(text, sizeof text, fmt, ap);
	if (sys != 0)
		(void)fprintf(stderr, "%s: %s: %s\n", tool_name, text,
		    strerror_r(sys, reason, sizeof reason));
	else
		(void)fprintf(stderr, "%s: %s\n", tool_name, text);
	_exit(2);
}

void
tool_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die(0, fmt, ap);
}

void
tool_die_sys(const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	die(sys, fmt, ap);
}

int
tool_option(int argc, char **argv, const char *letters, const char *usage)
{
	const char *slash = strrchr(argv[0], '/');
	int option;

	tool_name = slash != NULL ? slash + 1 : argv[0];
	/* Called before any thread starts. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	option = getopt(argc, argv, letters);
	if (option == '?')
		tool_die("see %s -h", tool_name);
	if (option != 'h')
		return option;
	(void)fputs(usage, stdout);
	_exit(fflush(stdout) == 0 ? 0 : 2);
}

uint64_t
tool_size(const char *what, const char *text)
{
	static const char units[] = "KMG";
	unsigned long long n;
	const char *unit;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *text == '-')
		tool_die("%s: '%s' is no size", what, text);
	if (*end != '\0') {
		unsigned shift;

		unit = strchr(units, *end);
		if (unit == NULL || end[1] != '\0')
			tool_die("%s: '%s' is no size", what, text);
		shift = 10 * (unsigned)(unit - units + 1);
		if (n > UINT64_MAX >> shift)
			tool_die("%s: '%s' is too large", what, text);
		n <<= shift;
	}
	return n;
}

unsigned
tool_count(const char *what, const char *text, unsigned min, unsigned max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		tool_die("%s: '%s' is not from %u to %u", what, text, min, max);
	return (unsigned)n;
}

double
tool_duration(const char *what, const char *text)
{
	char *end;
	double s;

	errno = 0;
	s = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(s > 0) || s > 86400)
		tool_die("%s: '%s' is no number of seconds", what, text);
	return s;
}

double
tool_now_s(void)
{
	return (double)clock_mono_us() / 1e6;
}

double
tool_cpu_s(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		tool_die_sys("getrusage");
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void *
tool_buffer(size_t size)
{
	void *p;

	if (posix_memalign(&p, BUFFER_ALIGN, size) != 0)
		tool_die("no memory for %zu bytes", size);
	return p;
}

void
tool_fill(void *p, size_t size)
{
	uint64_t x = 0x9e3779b97f4a7c15u;
	unsigned char *to = p;

	for (size_t i = 0; i < size; i++) {
		/* Marsaglia's xorshift: plain, fast, no pattern a compressor sees. */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[i] = (unsigned char)(x >> 32);
	}
}

pthread_t
tool_thread(tool_thread_fn *run, void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, arg);
	if (errno != 0)
		tool_die_sys("cannot start a thread");
	return thread;
}

void
tool_join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	if (errno != 0)
		tool_die_sys("cannot join a thread");
}

/*
 * Below LINEAR each value has its own bucket; above, each power of two is cut into
 * LINEAR / 2 equal ones, so that a bucket is found by shifting the value into
 * LINEAR / 2 .. LINEAR - 1.
 */
static size_t
bucket_of(uint64_t us)
{
	unsigned shift = 0;
	size_t bucket;

	while (us >> shift >= LINEAR)
		shift++;
	bucket = (size_t)shift * (LINEAR / 2) + (size_t)(us >> shift);
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t
bucket_top(size_t bucket)
{
	size_t shift;

	if (bucket < LINEAR)
		return bucket;
	shift = bucket / (LINEAR / 2) - 1;
	return ((uint64_t)(bucket - shift * (LINEAR / 2) + 1) << shift) - 1;
}

void
latency_add(struct latency *l, uint64_t us)
{
	l->count[bucket_of(us)]++;
	l->total++;
	if (us > l->max_us)
		l->max_us = us;
}

void
latency_merge(struct latency *into, const struct latency *from)
{
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		into->count[i] += from->count[i];
	into->total += from->total;
	if (from->max_us > into->max_us)
		into->max_us = from->max_us;
}

uint64_t
latency_percentile(const struct latency *l, double percent)
{
	uint64_t wanted = (uint64_t)((double)l->total * percent / 100.0), seen = 0;

	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->count[i];
		if (seen >= wanted && seen > 0) {
			uint64_t top = bucket_top(i);

			return top < l->max_us ? top : l->max_us;
		}
	}
	return 0;
}

void
latency_print(const struct latency *l)
{
	printf("\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
	       ",\"max_us\":%" PRIu64,
	    latency_percentile(l, 50), latency_percentile(l, 90),
	    latency_percentile(l, 99), l->max_us);
}
