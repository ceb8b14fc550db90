/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-create-node - how many nodes a second LMDB can make durable on this machine.
 *
 * A number of threads each submit one node and wait for its commit, then the next. One
 * writer thread takes whatever is waiting, makes three puts for each node, commits
 * synchronously and wakes those it served. No XML, no HTTP, no journal.
 */
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "service/core/queue.h"
#include "tests/bench/floor_tree.h"
#include "tests/bench/tool.h"

enum { SUBMITTERS_MAX = 1024, ROOT = 1, NAME_SIZE = 32 };

static const char usage[] = "floor-create-node [options] DIRECTORY\n"
			    "\n"
			    "Creates nodes in a new LMDB environment in DIRECTORY (which "
			    "must be empty) and prints\n"
			    "one JSON object.\n"
			    "\n"
			    "  -c N        threads that wait for a commit each (32)\n"
			    "  -d SECONDS  how long (5)\n"
			    "  -h          this text\n";

struct writer {
	struct tree tree;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct queue_item *first, **last;
	uint64_t stop_us;
	uint64_t ids, commits;
};

struct submitter {
	struct queue_item item;
	struct writer *w;
	unsigned number;
	sem_t answered;
	bool refused; /* the time was up: the last answer */
	uint64_t done;
	struct latency latency;
};

/* In the queue; the writer answers through the semaphore. */
static void
submit(struct submitter *s)
{
	struct writer *w = s->w;

	s->item.next = NULL;
	(void)pthread_mutex_lock(&w->lock);
	if (w->first == NULL)
		(void)pthread_cond_signal(&w->some);
	*w->last = &s->item;
	w->last = &s->item.next;
	(void)pthread_mutex_unlock(&w->lock);
	while (sem_wait(&s->answered) != 0)
		if (errno != EINTR)
			tool_die_sys("sem_wait");
}

static void *
submit_run(void *arg)
{
	struct submitter *s = arg;

	for (;;) {
		uint64_t began_us = clock_mono_us();

		submit(s);
		if (s->refused)
			return NULL;
		latency_add(&s->latency, clock_mono_us() - began_us);
		s->done++;
	}
}

/* Everything that waits, oldest first; sleeps until there is something. */
static struct queue_item *
take_all(struct writer *w)
{
	struct queue_item *list;

	(void)pthread_mutex_lock(&w->lock);
	while (w->first == NULL)
		(void)pthread_cond_wait(&w->some, &w->lock);
	list = w->first;
	w->first = NULL;
	w->last = &w->first;
	(void)pthread_mutex_unlock(&w->lock);
	return list;
}

static void
put_batch(struct writer *w, struct queue_item *list)
{
	char name[NAME_SIZE];

	tree_begin(&w->tree);
	for (struct queue_item *i = list; i != NULL; i = i->next) {
		struct submitter *s = container_of(i, struct submitter, item);

		(void)snprintf(name, sizeof name, "n-%u-%" PRIu64, s->number, s->done);
		tree_put(&w->tree, ROOT, ++w->ids, name);
	}
	tree_commit(&w->tree);
	w->commits++;
}

/* The number of submitters told to stop. */
static unsigned
answer_batch(struct queue_item *list, bool refused)
{
	unsigned n = 0;

	while (list != NULL) {
		struct submitter *s = container_of(list, struct submitter, item);

		list = list->next; /* the item may be queued again at once */
		s->refused = refused;
		n += refused;
		(void)sem_post(&s->answered);
	}
	return n;
}

static void
write_run(struct writer *w, unsigned submitters)
{
	while (submitters > 0) {
		struct queue_item *list = take_all(w);
		bool refused = clock_mono_us() >= w->stop_us;

		if (!refused)
			put_batch(w, list);
		submitters -= answer_batch(list, refused);
	}
}

static void
print_result(const struct writer *w, struct submitter *all, unsigned n, double took_s,
    double cpu_s)
{
	for (unsigned i = 1; i < n; i++) {
		all[0].done += all[i].done;
		latency_merge(&all[0].latency, &all[i].latency);
	}
	printf("{\"value\":%.1f,\"unit\":\"nodes/s\",\"nodes\":%" PRIu64
	       ",\"per_commit\":%.1f,\"cpu_s\":%.3f,",
	    (double)all[0].done / took_s, all[0].done,
	    (double)all[0].done / (double)(w->commits > 0 ? w->commits : 1), cpu_s);
	latency_print(&all[0].latency);
	printf("}\n");
}

static void
measure(struct writer *w, unsigned n, double duration_s)
{
	static pthread_t threads[SUBMITTERS_MAX];
	struct submitter *all = calloc(n, sizeof *all);
	double began_s = tool_now_s(), cpu_s = tool_cpu_s();

	if (all == NULL)
		tool_die("no memory");
	w->stop_us = clock_mono_us() + (uint64_t)(duration_s * 1e6);
	for (unsigned i = 0; i < n; i++) {
		all[i].w = w;
		all[i].number = i;
		if (sem_init(&all[i].answered, 0, 0) != 0)
			tool_die_sys("sem_init");
		threads[i] = tool_thread(submit_run, &all[i]);
	}
	write_run(w, n);
	for (unsigned i = 0; i < n; i++) {
		tool_join(threads[i]);
		(void)sem_destroy(&all[i].answered);
	}
	print_result(w, all, n, tool_now_s() - began_s, tool_cpu_s() - cpu_s);
	free(all);
}

int
main(int argc, char **argv)
{
	static struct writer w = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .some = PTHREAD_COND_INITIALIZER,
	    .ids = ROOT};
	double duration_s = 5;
	unsigned submitters = 32;
	int option;

	while ((option = tool_option(argc, argv, "c:d:h", usage)) != -1) {
		switch (option) {
		case 'c':
			submitters = tool_count("-c", optarg, 1, SUBMITTERS_MAX);
			break;
		case 'd':
			duration_s = tool_duration("-d", optarg);
			break;
		}
	}
	if (argc - optind != 1)
		tool_die("one directory is needed");
	w.last = &w.first;
	tree_open(&w.tree, argv[optind], true);
	measure(&w, submitters, duration_s);
	tree_close(&w.tree);
	return fflush(stdout) == 0 ? 0 : 2;
}
