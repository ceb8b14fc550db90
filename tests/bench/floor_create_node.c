/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-create-node - how many nodes a second LMDB can make durable on this machine.
 *
 * A number of threads each submit one node and wait for its commit, then the next. One
 * writer thread takes whatever is waiting, makes three puts for each node, appends as
 * much to journals, of which the first two that are durable count, commits synchronously
 * and wakes those it served. No XML, no HTTP.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "service/core/queue.h"
#include "tests/bench/floor_tree.h"
#include "tests/bench/tool.h"

enum {
	SUBMITTERS_MAX = 1024,
	ROOT = 1,
	NAME_SIZE = 32,
	JOURNALS_MAX = 4,
	JOURNALS_ENOUGH = 2,
	ROW_BYTES = 700, /* of a node in the journal, as the server's are */
};

static const char usage[] = "floor-create-node [options] DIRECTORY\n"
			    "\n"
			    "Creates nodes in a new LMDB environment in DIRECTORY (which "
			    "must be empty) and prints\n"
			    "one JSON object.\n"
			    "\n"
			    "  -c N        threads that wait for a commit each (32)\n"
			    "  -d SECONDS  how long (5)\n"
			    "  -j N        journals, each a file beside LMDB's (0)\n"
			    "  -h          this text\n";

/* One journal: its thread appends what is due, and syncs it. */
struct journal {
	struct journals *all;
	int fd;
	uint64_t due, durable; /* bytes */
	pthread_t thread;
};

struct journals {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct journal journal[JOURNALS_MAX];
	unsigned n;
	bool stopping;
};

struct writer {
	struct tree tree;
	struct journals journals;
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

static void *
journal_run(void *arg)
{
	static char bytes[1 << 20];
	struct journal *j = arg;
	struct journals *all = j->all;

	(void)pthread_mutex_lock(&all->lock);
	while (!all->stopping) {
		uint64_t due = j->due;

		if (due == j->durable) {
			(void)pthread_cond_wait(&all->changed, &all->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&all->lock);
		for (uint64_t n = due - j->durable, some; n > 0; n -= some) {
			some = n < sizeof bytes ? n : sizeof bytes;
			if (write(j->fd, bytes, some) != (ssize_t)some)
				tool_die_sys("write");
		}
		if (fdatasync(j->fd) != 0)
			tool_die_sys("fdatasync");
		(void)pthread_mutex_lock(&all->lock);
		j->durable = due;
		(void)pthread_cond_broadcast(&all->changed);
	}
	(void)pthread_mutex_unlock(&all->lock);
	return NULL;
}

static void
journals_open(struct journals *all, const char *dir)
{
	char path[4096];

	for (unsigned i = 0; i < all->n; i++) {
		struct journal *j = &all->journal[i];

		(void)snprintf(path, sizeof path, "%s/journal-%u", dir, i);
		j->all = all;
		j->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (j->fd < 0)
			tool_die_sys(path);
		j->thread = tool_thread(journal_run, j);
	}
}

static unsigned
durable(const struct journals *all, uint64_t bytes)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++)
		n += all->journal[i].durable >= bytes;
	return n;
}

/* Until enough have it; the others go on beside. */
static void
journals_append(struct journals *all, uint64_t n)
{
	unsigned enough = all->n < JOURNALS_ENOUGH ? all->n : JOURNALS_ENOUGH;
	uint64_t bytes;

	if (all->n == 0)
		return;
	(void)pthread_mutex_lock(&all->lock);
	bytes = all->journal[0].due + n;
	for (unsigned i = 0; i < all->n; i++)
		all->journal[i].due = bytes;
	(void)pthread_cond_broadcast(&all->changed);
	while (durable(all, bytes) < enough)
		(void)pthread_cond_wait(&all->changed, &all->lock);
	(void)pthread_mutex_unlock(&all->lock);
}

static void
journals_close(struct journals *all)
{
	(void)pthread_mutex_lock(&all->lock);
	all->stopping = true;
	(void)pthread_cond_broadcast(&all->changed);
	(void)pthread_mutex_unlock(&all->lock);
	for (unsigned i = 0; i < all->n; i++) {
		tool_join(all->journal[i].thread);
		(void)close(all->journal[i].fd);
	}
}

static void
put_batch(struct writer *w, struct queue_item *list)
{
	char name[NAME_SIZE];
	uint64_t n = 0;

	tree_begin(&w->tree);
	for (struct queue_item *i = list; i != NULL; i = i->next) {
		struct submitter *s = container_of(i, struct submitter, item);

		(void)snprintf(name, sizeof name, "n-%u-%" PRIu64, s->number, s->done);
		tree_put(&w->tree, ROOT, ++w->ids, name);
		n++;
	}
	journals_append(&w->journals, n * ROW_BYTES);
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
	    .journals = {.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER},
	    .ids = ROOT};
	double duration_s = 5;
	unsigned submitters = 32;
	int option;

	while ((option = tool_option(argc, argv, "c:d:hj:", usage)) != -1) {
		switch (option) {
		case 'c':
			submitters = tool_count("-c", optarg, 1, SUBMITTERS_MAX);
			break;
		case 'd':
			duration_s = tool_duration("-d", optarg);
			break;
		case 'j':
			w.journals.n = tool_count("-j", optarg, 0, JOURNALS_MAX);
			break;
		}
	}
	if (argc - optind != 1)
		tool_die("one directory is needed");
	w.last = &w.first;
	tree_open(&w.tree, argv[optind], true);
	journals_open(&w.journals, argv[optind]);
	measure(&w, submitters, duration_s);
	journals_close(&w.journals);
	tree_close(&w.tree);
	return fflush(stdout) == 0 ? 0 : 2;
}
