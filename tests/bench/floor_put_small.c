/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor-put-small - how many small files a second can be made durable in four places.
 *
 * Every file is written under a temporary name in each directory, fsynced, renamed, and
 * the directory fsynced. A fixed number of files is under way at one time, each started
 * when the one before it is done. Three ways of doing it, since which one is fastest
 * depends on the disks (the fastest is the floor):
 *
 *   parallel  a thread for each file and directory: the four work at the same time
 *   steps     a thread for each file, which does each step in all directories before the
 *             next one: on one file system the first fsync commits for the other three
 *   uring     one thread, the steps of a directory as one chain in an io_uring
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/clock.h"
#include "tests/bench/tool.h"

enum {
	DIRS_MAX = 4,
	SLOTS_MAX = 256,
	SIZE_MAX_BYTES = 1024 * 1024,
	NAME_SIZE = 32,
	CHAIN = 4, /* write, fsync, rename, fsync of the directory */
};

static const char usage[] =
    "floor-put-small [options] DIRECTORY...\n"
    "\n"
    "Makes small files durable in up to four directories and prints one JSON object. "
    "What\n"
    "it wrote is removed afterwards.\n"
    "\n"
    "  -w WAY      parallel (default), steps or uring\n"
    "  -c N        files under way at one time (16)\n"
    "  -d SECONDS  how long (5)\n"
    "  -s SIZE     of a file (4K)\n"
    "  -o          write with O_DIRECT; SIZE must be a multiple of 4K\n"
    "  -h          this text\n";

struct floor {
	int dir[DIRS_MAX];
	unsigned dirs, slots;
	size_t size;
	int open_flags;
	void *data;
	uint64_t stop_us;
	_Atomic uint64_t next; /* number of the next file */
	unsigned running; /* slots the ring still works for */
};

/* One of the files under way, and what it did. */
struct slot {
	struct floor *f;
	pthread_barrier_t barrier;
	uint64_t number;
	bool go_on;
	uint64_t done;
	struct latency latency;
};

static void
names_of(uint64_t number, char temporary[NAME_SIZE], char final[NAME_SIZE])
{
	(void)snprintf(temporary, NAME_SIZE, "t%" PRIu64, number);
	(void)snprintf(final, NAME_SIZE, "f%" PRIu64, number);
}

static int
file_create(const struct floor *f, unsigned dir, const char *name)
{
	int fd = openat(f->dir[dir], name, f->open_flags, 0600);

	if (fd < 0)
		tool_die_sys("cannot create %s", name);
	return fd;
}

static void
file_write(const struct floor *f, int fd)
{
	if (write(fd, f->data, f->size) != (ssize_t)f->size)
		tool_die_sys("write");
}

static void
sync_fd(int fd)
{
	if (fsync(fd) != 0)
		tool_die_sys("fsync");
}

static void
file_publish(
    const struct floor *f, unsigned dir, int fd, const char *from, const char *to)
{
	(void)close(fd); /* fsynced: nothing to lose */
	if (renameat(f->dir[dir], from, f->dir[dir], to) != 0)
		tool_die_sys("rename");
}

/* Way "parallel". */

struct leg {
	struct slot *slot;
	unsigned dir;
};

static void
leg_store(const struct leg *leg)
{
	const struct floor *f = leg->slot->f;
	char temporary[NAME_SIZE], final[NAME_SIZE];
	int fd;

	names_of(leg->slot->number, temporary, final);
	fd = file_create(f, leg->dir, temporary);
	file_write(f, fd);
	sync_fd(fd);
	file_publish(f, leg->dir, fd, temporary, final);
	sync_fd(f->dir[leg->dir]);
}

/* The leg of the first directory leads: it draws the number and counts. */
static void *
leg_run(void *arg)
{
	struct leg *leg = arg;
	struct slot *s = leg->slot;
	uint64_t began_us = 0;

	for (;;) {
		if (leg->dir == 0) {
			began_us = clock_mono_us();
			s->number = atomic_fetch_add(&s->f->next, 1);
			s->go_on = began_us < s->f->stop_us;
		}
		(void)pthread_barrier_wait(&s->barrier);
		if (!s->go_on)
			return NULL;
		leg_store(leg);
		(void)pthread_barrier_wait(&s->barrier);
		if (leg->dir == 0) {
			latency_add(&s->latency, clock_mono_us() - began_us);
			s->done++;
		}
	}
}

static void
run_parallel(struct floor *f, struct slot *slots)
{
	static struct leg legs[SLOTS_MAX * DIRS_MAX];
	static pthread_t threads[SLOTS_MAX * DIRS_MAX];

	for (unsigned i = 0; i < f->slots * f->dirs; i++) {
		struct slot *s = &slots[i / f->dirs];

		if (i % f->dirs == 0 &&
		    pthread_barrier_init(&s->barrier, NULL, f->dirs) != 0)
			tool_die("no memory");
		legs[i] = (struct leg){s, i % f->dirs};
	}
	for (unsigned i = 0; i < f->slots * f->dirs; i++)
		threads[i] = tool_thread(leg_run, &legs[i]);
	for (unsigned i = 0; i < f->slots * f->dirs; i++)
		tool_join(threads[i]);
	for (unsigned i = 0; i < f->slots; i++)
		(void)pthread_barrier_destroy(&slots[i].barrier);
}

/* Way "steps". */

static void
store_in_steps(const struct floor *f, uint64_t number)
{
	char temporary[NAME_SIZE], final[NAME_SIZE];
	int fd[DIRS_MAX];

	names_of(number, temporary, final);
	for (unsigned i = 0; i < f->dirs; i++) {
		fd[i] = file_create(f, i, temporary);
		file_write(f, fd[i]);
	}
	for (unsigned i = 0; i < f->dirs; i++)
		sync_fd(fd[i]);
	for (unsigned i = 0; i < f->dirs; i++)
		file_publish(f, i, fd[i], temporary, final);
	for (unsigned i = 0; i < f->dirs; i++)
		sync_fd(f->dir[i]);
}

static void *
steps_run(void *arg)
{
	struct slot *s = arg;
	uint64_t began_us;

	while ((began_us = clock_mono_us()) < s->f->stop_us) {
		store_in_steps(s->f, atomic_fetch_add(&s->f->next, 1));
		latency_add(&s->latency, clock_mono_us() - began_us);
		s->done++;
	}
	return NULL;
}

static void
run_steps(struct floor *f, struct slot *slots)
{
	static pthread_t threads[SLOTS_MAX];

	for (unsigned i = 0; i < f->slots; i++)
		threads[i] = tool_thread(steps_run, &slots[i]);
	for (unsigned i = 0; i < f->slots; i++)
		tool_join(threads[i]);
}

/* Way "uring". */

struct chain {
	struct slot *slot;
	unsigned dir;
	int fd;
	char temporary[NAME_SIZE], final[NAME_SIZE];
	unsigned left; /* completions still to come */
};

/* A slot as the ring sees it. */
struct ring_slot {
	struct chain chain[DIRS_MAX];
	uint64_t began_us;
	unsigned left; /* chains still under way */
};

static struct io_uring_sqe *
next_sqe(struct io_uring *ring, struct chain *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (sqe == NULL)
		tool_die("the ring is full");
	/* The flags are set by the io_uring_prep function that follows, then linked. */
	c->left++;
	return sqe;
}

static void
link_sqe(struct io_uring_sqe *sqe, struct chain *c, bool last)
{
	io_uring_sqe_set_data(sqe, c);
	if (!last)
		io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
}

static void
chain_begin(struct io_uring *ring, struct chain *c)
{
	const struct floor *f = c->slot->f;
	int dir = f->dir[c->dir];
	struct io_uring_sqe *sqe;

	names_of(c->slot->number, c->temporary, c->final);
	c->fd = file_create(f, c->dir, c->temporary);
	sqe = next_sqe(ring, c);
	io_uring_prep_write(sqe, c->fd, f->data, (unsigned)f->size, 0);
	link_sqe(sqe, c, false);
	sqe = next_sqe(ring, c);
	io_uring_prep_fsync(sqe, c->fd, 0);
	link_sqe(sqe, c, false);
	sqe = next_sqe(ring, c);
	io_uring_prep_renameat(sqe, dir, c->temporary, dir, c->final, 0);
	link_sqe(sqe, c, false);
	sqe = next_sqe(ring, c);
	io_uring_prep_fsync(sqe, dir, 0);
	link_sqe(sqe, c, true);
}

static void
slot_begin(struct io_uring *ring, struct slot *s, struct ring_slot *r)
{
	r->began_us = clock_mono_us();
	if (r->began_us >= s->f->stop_us) {
		s->f->running--;
		return;
	}
	s->number = atomic_fetch_add(&s->f->next, 1);
	r->left = s->f->dirs;
	for (unsigned i = 0; i < s->f->dirs; i++)
		chain_begin(ring, &r->chain[i]);
}

/* The write is the only step with a result to look at beyond its sign. */
static void
check_step(const struct chain *c, int result)
{
	if (result < 0) {
		errno = -result;
		tool_die_sys("a step of %s", c->final);
	}
	if (c->left == CHAIN && (size_t)result != c->slot->f->size)
		tool_die("a write was short");
}

static void
step_done(
    struct io_uring *ring, struct ring_slot *all, struct slot *slots, struct chain *c)
{
	struct slot *s = c->slot;
	struct ring_slot *r = &all[s - slots];

	if (--c->left > 0)
		return;
	(void)close(c->fd); /* fsynced: nothing to lose */
	if (--r->left > 0)
		return;
	latency_add(&s->latency, clock_mono_us() - r->began_us);
	s->done++;
	slot_begin(ring, s, r);
}

/* The result of a call of liburing: a count, or a negated errno. */
static void
check_ring(int result)
{
	if (result >= 0 || result == -EINTR)
		return;
	errno = -result;
	tool_die_sys("io_uring");
}

static void
run_uring(struct floor *f, struct slot *slots)
{
	static struct ring_slot rings[SLOTS_MAX];
	unsigned workers[2] = {f->slots * f->dirs, 0};
	struct io_uring ring;

	check_ring(io_uring_queue_init(f->slots * f->dirs * CHAIN, &ring, 0));
	/* Each fsync takes one of the kernel's workers; the default is far fewer. */
	(void)io_uring_register_iowq_max_workers(&ring, workers);
	f->running = f->slots;
	for (unsigned i = 0; i < f->slots; i++) {
		for (unsigned j = 0; j < f->dirs; j++)
			rings[i].chain[j] = (struct chain){.slot = &slots[i], .dir = j};
		slot_begin(&ring, &slots[i], &rings[i]);
	}
	while (f->running > 0) {
		struct io_uring_cqe *cqe;

		check_ring(io_uring_submit_and_wait(&ring, 1));
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			struct chain *c = io_uring_cqe_get_data(cqe);

			check_step(c, cqe->res);
			io_uring_cqe_seen(&ring, cqe);
			step_done(&ring, rings, slots, c);
		}
	}
	io_uring_queue_exit(&ring);
}

static const struct way {
	const char *name;
	void (*run)(struct floor *f, struct slot *slots);
} ways[] = {
    {"parallel", run_parallel},
    {"steps", run_steps},
    {"uring", run_uring},
};

static const struct way *
find_way(const char *name)
{
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (strcmp(ways[i].name, name) == 0)
			return &ways[i];
	tool_die("-w: '%s' is not parallel, steps or uring", name);
}

static void
measure(struct floor *f, const struct way *way, double duration_s)
{
	struct slot *slots = calloc(f->slots, sizeof *slots);
	double began_s = tool_now_s(), cpu_s = tool_cpu_s(), took_s;

	if (slots == NULL)
		tool_die("no memory");
	for (unsigned i = 0; i < f->slots; i++)
		slots[i].f = f;
	f->stop_us = clock_mono_us() + (uint64_t)(duration_s * 1e6);
	way->run(f, slots);
	took_s = tool_now_s() - began_s;
	cpu_s = tool_cpu_s() - cpu_s;
	for (unsigned i = 1; i < f->slots; i++) {
		slots[0].done += slots[i].done;
		latency_merge(&slots[0].latency, &slots[i].latency);
	}
	printf("{\"value\":%.1f,\"unit\":\"files/s\",\"way\":\"%s\",\"files\":%" PRIu64
	       ",\"cpu_s\":%.3f,",
	    (double)slots[0].done / took_s, way->name, slots[0].done, cpu_s);
	latency_print(&slots[0].latency);
	printf("}\n");
	free(slots);
}

int
main(int argc, char **argv)
{
	static struct floor f = {.slots = 16,
	    .size = 4096,
	    .open_flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC};
	const struct way *way = &ways[0];
	double duration_s = 5;
	int option;

	while ((option = tool_option(argc, argv, "w:c:d:s:oh", usage)) != -1) {
		switch (option) {
		case 'w':
			way = find_way(optarg);
			break;
		case 'c':
			f.slots = tool_count("-c", optarg, 1, SLOTS_MAX);
			break;
		case 'd':
			duration_s = tool_duration("-d", optarg);
			break;
		case 's':
			f.size = (size_t)tool_size("-s", optarg);
			break;
		case 'o':
			f.open_flags |= O_DIRECT;
			break;
		}
	}
	if (f.size == 0 || f.size > SIZE_MAX_BYTES)
		tool_die("-s must be from 1 to %d", SIZE_MAX_BYTES);
	for (; optind < argc && f.dirs < DIRS_MAX; optind++) {
		f.dir[f.dirs] = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (f.dir[f.dirs++] < 0)
			tool_die_sys("%s", argv[optind]);
	}
	if (f.dirs == 0 || optind < argc)
		tool_die("one to %d directories are needed", DIRS_MAX);
	f.data = tool_buffer(f.size);
	tool_fill(f.data, f.size);
	measure(&f, way, duration_s);
	free(f.data);
	return fflush(stdout) == 0 ? 0 : 2;
}
