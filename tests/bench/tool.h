/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool - what every program of this folder needs: to fail with a message, to read sizes,
 * to know the time, to make bytes, to count latencies.
 *
 * These are measuring programs with one purpose each: whatever goes wrong ends the
 * program with exit code 2 and one line on stderr, and nothing is printed to stdout that
 * could be taken for a figure. Order: tool_option first, it learns the program's name.
 * Thread: any, but for tool_option.
 */
#ifndef QUARTET_BENCH_TOOL_H
#define QUARTET_BENCH_TOOL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The next option of main's arguments, as getopt gives it (optarg, optind), or -1 after
 * the last. -h prints `usage` and ends the program; so does, with an error, a letter that
 * is not in `letters`.
 */
int tool_option(int argc, char **argv, const char *letters, const char *usage);

/* "NAME: text" on stderr, exit code 2. */
_Noreturn void tool_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with ": <strerror(errno)>" appended. */
_Noreturn void tool_die_sys(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "4096", "100M", "1G"; the letters are powers of 1024. `what` is named in the message.
 */
uint64_t tool_size(const char *what, const char *text);
/* A whole number from min to max. */
unsigned tool_count(const char *what, const char *text, unsigned min, unsigned max);
/* Seconds with a fraction, above zero. */
double tool_duration(const char *what, const char *text);

double tool_now_s(void);
/* User and system time of this process so far. */
double tool_cpu_s(void);

/* Aligned for O_DIRECT; never NULL. */
void *tool_buffer(size_t size);
/* The same bytes at each call; no compressor or deduplicator gains from them. */
void tool_fill(void *p, size_t size);

/* A thread that must start, and be waited for. */
typedef void *tool_thread_fn(void *arg);
pthread_t tool_thread(tool_thread_fn *run, void *arg);
void tool_join(pthread_t thread);

/*
 * Latencies in buckets no wider than 1/32 of their value: 1 us to over a day.
 * One thread at a time; each thread counts for itself and they are added at the end.
 */
enum { LATENCY_BUCKETS = 1024 };

struct latency {
	uint64_t count[LATENCY_BUCKETS];
	uint64_t total;
	uint64_t max_us;
};

void latency_add(struct latency *l, uint64_t us);
void latency_merge(struct latency *into, const struct latency *from);
/* The smallest value that `percent` of all do not exceed; 0 when there is none. */
uint64_t latency_percentile(const struct latency *l, double percent);
/* "p50_us":..,"p90_us":..,"p99_us":..,"max_us":.. on stdout. */
void latency_print(const struct latency *l);

#endif
