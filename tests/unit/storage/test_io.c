/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both engines go through the same tests: what they answer must not differ. An operation
 * that hangs is, with threads, the opening of a file on which the test holds a lease; with
 * io_uring, which opens on the spot, the read of an empty pipe.
 */
#include "tests/support/check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "io_bench.h"

/* Results */

static void
opening_answers_as_openat_does(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "text");
	char long_name[300];

	(void)memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(symlinkat("loop", b->dir_fd, "loop"), 0);
	assert_int_equal(run_open(b, "a", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(run_open(b, "missing", O_RDONLY), -ENOENT);
	assert_int_equal(run_open(b, "missing/a", O_RDWR | O_CREAT), -ENOENT);
	assert_int_equal(run_open(b, "a/b", O_RDONLY), -ENOTDIR);
	assert_int_equal(run_open(b, "a", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(run_open(b, ".", O_WRONLY), -EISDIR);
	assert_int_equal(run_open(b, "loop", O_RDONLY), -ELOOP);
	assert_int_equal(run_open(b, long_name, O_RDONLY), -ENAMETOOLONG);
	assert_int_equal(
	    run(b, (struct io_op){.kind = IO_OPEN, .fd = -1, .path = "a"}), -EBADF);
	assert_int_equal(run_close(b, fd), 0);
	assert_int_equal(run_close(b, -1), -EBADF);
}

static void
a_full_descriptor_table_is_an_error_like_any_other(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "text");
	struct rlimit limit, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(run_open(b, "a", O_RDONLY), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(run_close(b, fd), 0);
}

static void
new_files_and_directories_are_not_for_others(void **state)
{
	struct bench *b = *state;
	mode_t old = umask(0);
	struct stat st;

	assert_int_equal(run_close(b, make_file(b, "a", "text")), 0);
	assert_int_equal(run_path(b, IO_MKDIR, "d", NULL), 0);
	(void)umask(old);
	assert_int_equal(fstatat(b->dir_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fstatat(b->dir_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void
reading_and_writing_answer_as_pread_and_pwrite_do(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "0123456789"), read_only, full;
	char text[32] = "";

	read_only = run_open(b, "a", O_RDONLY);
	full = run_open(b, "/dev/full", O_WRONLY);
	assert_int_equal(run_read(b, read_only, text, 4, 3), 4);
	assert_memory_equal(text, "3456", 4);
	assert_int_equal(run_read(b, read_only, text, sizeof text, 7), 3);
	assert_memory_equal(text, "789", 3);
	assert_int_equal(run_read(b, read_only, text, sizeof text, 10), 0);
	assert_int_equal(run_read(b, read_only, text, sizeof text, 1 << 20), 0);
	assert_int_equal(run_read(b, read_only, text, 0, 0), 0);
	assert_int_equal(run_write(b, fd, "ab", 2, 9), 2);
	assert_int_equal(run_read(b, read_only, text, sizeof text, 8), 3);
	assert_memory_equal(text, "8ab", 3);
	assert_int_equal(run_write(b, read_only, "x", 1, 0), -EBADF);
	assert_int_equal(run_write(b, -1, "x", 1, 0), -EBADF);
	assert_int_equal(run_read(b, -1, text, 1, 0), -EBADF);
	assert_int_equal(run_read(b, b->dir_fd, text, 1, 0), -EISDIR);
	assert_int_equal(run_write(b, full, "x", 1, 0), -ENOSPC);
	assert_int_equal(run_fsync(b, fd), 0);
	assert_int_equal(run_fsync(b, b->dir_fd), 0);
	assert_int_equal(run_fsync(b, -1), -EBADF);
	assert_int_equal(run_fsync(b, full), -EINVAL);
	assert_int_equal(run_close(b, fd), 0);
	assert_int_equal(run_close(b, read_only), 0);
	assert_int_equal(run_close(b, full), 0);
}

static void
a_write_with_a_sync_says_which_of_the_two_failed(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "0123456789"), read_only, full, null;
	char data[] = "ab";
	char text[16] = "";
	struct io_op op = run_write_and_sync(b, fd, data, 2, 9);

	assert_int_equal(op.result, 2);
	assert_false(op.sync_failed);
	assert_int_equal(run_read(b, fd, text, sizeof text, 8), 3);
	assert_memory_equal(text, "8ab", 3);
	/* The write: nothing is synced. */
	read_only = run_open(b, "a", O_RDONLY);
	op = run_write_and_sync(b, read_only, data, 2, 0);
	assert_int_equal(op.result, -EBADF);
	assert_false(op.sync_failed);
	full = run_open(b, "/dev/full", O_WRONLY);
	op = run_write_and_sync(b, full, data, 2, 0);
	assert_int_equal(op.result, -ENOSPC);
	assert_false(op.sync_failed);
	/* The sync: a device that has none. */
	null = run_open(b, "/dev/null", O_WRONLY);
	op = run_write_and_sync(b, null, data, 2, 0);
	assert_int_equal(op.result, -EINVAL);
	assert_true(op.sync_failed);
	assert_int_equal(run_close(b, fd), 0);
	assert_int_equal(run_close(b, read_only), 0);
	assert_int_equal(run_close(b, full), 0);
	assert_int_equal(run_close(b, null), 0);
}

/* It is cut short by the process's limit of a file's size. */
static void
a_write_that_was_not_whole_is_not_synced(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "0123456789");
	char data[] = "ab";
	struct rlimit before, small;
	struct io_op op;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 11, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	op = run_write_and_sync(b, fd, data, 2, 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(op.result, 1);
	assert_false(op.sync_failed);
	assert_int_equal(run_close(b, fd), 0);
}

static void
direct_writes_must_be_aligned(void **state)
{
	struct bench *b = *state;
	static _Alignas(PAGE) char page[2 * PAGE];
	int fd = run_open(b, "a", O_WRONLY | O_CREAT | O_DIRECT);

	if (fd == -EINVAL)
		skip(); /* no direct I/O here */
	assert_int_equal(run_write(b, fd, page, PAGE, PAGE), PAGE);
	assert_int_equal(run_write(b, fd, page + 1, PAGE, 0), -EINVAL);
	assert_int_equal(run_write(b, fd, page, 100, 0), -EINVAL);
	assert_int_equal(run_close(b, fd), 0);
}

static void
a_rename_never_replaces(void **state)
{
	struct bench *b = *state;
	char text[4];
	int fd;

	assert_int_equal(run_close(b, make_file(b, "a", "one")), 0);
	assert_int_equal(run_close(b, make_file(b, "b", "two")), 0);
	assert_int_equal(run_path(b, IO_RENAME, "a", "b"), -EEXIST);
	assert_int_equal(run_path(b, IO_RENAME, "missing", "c"), -ENOENT);
	assert_int_equal(run_path(b, IO_RENAME, "a", "missing/c"), -ENOENT);
	assert_int_equal(run_path(b, IO_RENAME, "a", "c"), 0);
	assert_int_equal(faccessat(b->dir_fd, "a", F_OK, 0), -1);
	fd = run_open(b, "b", O_RDONLY);
	assert_int_equal(run_read(b, fd, text, 3, 0), 3);
	assert_memory_equal(text, "two", 3);
	assert_int_equal(run_close(b, fd), 0);
}

static void
unlinking_and_making_directories_answer_as_the_system_calls_do(void **state)
{
	struct bench *b = *state;

	assert_int_equal(run_close(b, make_file(b, "a", "one")), 0);
	assert_int_equal(run_path(b, IO_MKDIR, "d", NULL), 0);
	assert_int_equal(run_path(b, IO_MKDIR, "d", NULL), -EEXIST);
	assert_int_equal(run_path(b, IO_MKDIR, "missing/d", NULL), -ENOENT);
	assert_int_equal(run_path(b, IO_MKDIR, "a/d", NULL), -ENOTDIR);
	assert_int_equal(run_path(b, IO_UNLINK, "missing", NULL), -ENOENT);
	assert_int_equal(run_path(b, IO_UNLINK, "d", NULL), -EISDIR);
	assert_int_equal(run_path(b, IO_UNLINK, "a", NULL), 0);
	assert_int_equal(faccessat(b->dir_fd, "a", F_OK, 0), -1);
}

/* Many at once */

enum { MANY = 3000 };

struct many {
	struct io_op op;
	unsigned *left;
	unsigned answers;
	uint8_t data[64];
};

static void
many_done(struct io_op *op)
{
	struct many *m = container_of(op, struct many, op);

	assert_int_equal(op->result, (int64_t)op->n);
	m->answers++;
	--*m->left;
}

static void
run_many(struct bench *b, struct many *many, enum io_kind kind, bool sync, int fd)
{
	unsigned left = MANY;

	for (size_t i = 0; i < MANY; i++) {
		struct many *m = &many[i];

		m->left = &left;
		m->answers = 0;
		m->op = (struct io_op){.kind = kind,
		    .sync = sync,
		    .fd = fd,
		    .memory = m->data,
		    .n = kind == IO_FSYNC ? 0 : sizeof m->data,
		    .offset = i * sizeof m->data,
		    .done = many_done};
		io_submit(b->io, &m->op);
	}
	assert_int_equal(b->io->out, MANY);
	while (left > 0)
		io_wait(b->io);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(many[i].answers, 1);
}

static void
thousands_of_operations_beyond_the_depth_all_come_back(void **state)
{
	struct bench *b = *state;
	struct many *many = calloc(MANY, sizeof *many);
	int fd = run_open(b, "a", O_RDWR | O_CREAT);

	assert_non_null(many);
	for (size_t i = 0; i < MANY; i++)
		(void)memset(many[i].data, (int)(i % 251), sizeof many[i].data);
	run_many(b, many, IO_WRITE, false, fd);
	for (size_t i = 0; i < MANY; i++)
		(void)memset(many[i].data, 0xff, sizeof many[i].data);
	run_many(b, many, IO_READ, false, fd);
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < sizeof many[i].data; k++)
			assert_int_equal(many[i].data[k], i % 251);
	run_many(b, many, IO_WRITE, true, fd);
	run_many(b, many, IO_FSYNC, false, fd);
	assert_int_equal(run_close(b, fd), 0);
	free(many);
}

/* Every operation of a chain starts the next one from its own answer. */
struct chain {
	struct bench *b;
	struct io_op op;
	unsigned left;
	int fd;
};

static void
chain_done(struct io_op *op)
{
	struct chain *c = container_of(op, struct chain, op);

	if (op->kind == IO_OPEN) {
		assert_true(op->result >= 0);
		op->fd = (int)op->result;
		op->kind = IO_CLOSE;
	} else {
		assert_int_equal(op->result, 0);
		if (--c->left == 0)
			return;
		op->fd = c->b->dir_fd;
		op->kind = IO_OPEN;
	}
	io_submit(c->b->io, op);
}

static void
an_answer_may_start_the_next_operation(void **state)
{
	enum { CHAINS = 20, LINKS = 100 };
	struct bench *b = *state;
	struct chain chain[CHAINS];

	assert_int_equal(run_close(b, make_file(b, "a", "text")), 0);
	for (size_t i = 0; i < CHAINS; i++) {
		chain[i] = (struct chain){.b = b,
		    .left = LINKS,
		    .op = {.kind = IO_OPEN,
			.fd = b->dir_fd,
			.path = "a",
			.flags = O_RDONLY | O_CLOEXEC,
			.done = chain_done}};
		io_submit(b->io, &chain[i].op);
	}
	while (b->io->out > 0)
		io_wait(b->io);
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_equal(chain[i].left, 0);
}

/* Waking up */

struct pusher {
	struct bench *b;
	unsigned n;
	struct queue_item *item;
	pthread_t thread;
};

static void *
push_items(void *arg)
{
	struct pusher *p = arg;

	for (unsigned i = 0; i < p->n; i++) {
		queue_push(&p->b->wake, &p->item[i]);
		if (i % 64 == 0)
			(void)usleep(100);
	}
	return NULL;
}

static unsigned
take_items(struct bench *b)
{
	unsigned n = 0;

	for (struct queue_item *i = queue_take(&b->wake); i != NULL; i = i->next)
		n++;
	return n;
}

static void
waiting_ends_when_another_thread_has_work(void **state)
{
	enum { ITEMS = 5000 };
	struct bench *b = *state;
	struct pusher p = {.b = b, .n = ITEMS};
	static struct queue_item items[ITEMS];
	unsigned taken = 0, rounds = 0;
	int fd = make_file(b, "a", "text");

	p.item = items;
	assert_int_equal(pthread_create(&p.thread, NULL, push_items, &p), 0);
	while (taken < ITEMS) {
		char text[4];

		taken += take_items(b);
		if (++rounds % 3 == 0)
			assert_int_equal(run_read(b, fd, text, 4, 0), 4);
		if (taken < ITEMS)
			io_wait(b->io); /* with nothing out at all */
	}
	assert_int_equal(pthread_join(p.thread, NULL), 0);
	assert_int_equal(taken, ITEMS);
	assert_int_equal(run_close(b, fd), 0);
}

static void
what_was_pushed_before_the_wait_ends_it(void **state)
{
	struct bench *b = *state;
	struct queue_item item[2];

	queue_push(&b->wake, &item[0]);
	io_wait(b->io);
	assert_int_equal(take_items(b), 1);
	queue_push(&b->wake, &item[1]);
	io_wait(b->io);
	assert_int_equal(take_items(b), 1);
	queue_wake(&b->wake);
	io_wait(b->io);
	assert_int_equal(take_items(b), 0);
}

/* Hanging */

enum { HANGING = THREADS - 1 };

struct hanging {
	char name[16];
	int holder; /* of the lease, or the pipe's other end */
	char byte;
	struct one one;
};

static bool
opens_on_the_spot(void)
{
	return strcmp(engine_name, "uring") == 0;
}

static void
read_empty_pipe(struct bench *b, struct hanging *h)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	h->holder = fds[1];
	h->one = (struct one){.op = {.kind = IO_READ,
				  .fd = fds[0],
				  .memory = &h->byte,
				  .n = 1,
				  .done = one_done}};
	io_submit(b->io, &h->one.op);
}

static void
start_hanging(struct bench *b, struct hanging *h, unsigned i)
{
	if (opens_on_the_spot()) {
		read_empty_pipe(b, h);
		return;
	}
	(void)snprintf(h->name, sizeof h->name, "held%u", i);
	h->holder =
	    openat(b->dir_fd, h->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(h->holder >= 0);
	assert_int_equal(fcntl(h->holder, F_SETLEASE, F_WRLCK), 0);
	h->one = (struct one){.op = {.kind = IO_OPEN,
				  .fd = b->dir_fd,
				  .path = h->name,
				  .flags = O_RDONLY | O_CLOEXEC,
				  .done = one_done}};
	io_submit(b->io, &h->one.op);
}

static void
end_hanging(struct bench *b, struct hanging *h)
{
	assert_false(h->one.done);
	if (opens_on_the_spot())
		assert_int_equal(write(h->holder, "x", 1), 1);
	else
		assert_int_equal(fcntl(h->holder, F_SETLEASE, F_UNLCK), 0);
	while (!h->one.done)
		io_wait(b->io);
	assert_true(h->one.op.result >= 0);
	(void)close(opens_on_the_spot() ? h->one.op.fd : (int)h->one.op.result);
	(void)close(h->holder);
}

static void
what_hangs_does_not_hold_up_the_rest(void **state)
{
	struct bench *b = *state;
	struct hanging hanging[HANGING];
	/* One less than there may be at one time. */
	unsigned n = opens_on_the_spot() ? DEPTH - 1 : HANGING;
	char text[4];
	int fd;

	(void)signal(SIGIO, SIG_IGN); /* tells a holder that somebody waits */
	for (unsigned i = 0; i < n; i++)
		start_hanging(b, &hanging[i], i);
	fd = make_file(b, "a", "text");
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(run_read(b, fd, text, 4, 0), 4);
		assert_int_equal(run_fsync(b, fd), 0);
	}
	assert_int_equal(b->io->out, n);
	queue_wake(&b->wake);
	io_wait(b->io);
	assert_int_equal(take_items(b), 0);
	for (unsigned i = 0; i < n; i++)
		end_hanging(b, &hanging[i]);
	assert_int_equal(run_close(b, fd), 0);
}

/* Choosing */

static enum err
try_engine(const char *name, unsigned depth, struct io **out, struct errinfo *why)
{
	static struct queue wake;
	struct io_config config = {
	    .engine = name, .depth = depth, .threads = 2, .wake = &wake};

	*why = (struct errinfo){.code = ERR_OK};
	return io_new(&config, out, why);
}

static void
auto_falls_back_to_threads_and_says_why(void **state)
{
	enum { FAR_TOO_DEEP = 1 << 20 };
	struct errinfo why;
	struct io *io;

	(void)state;
	assert_err(try_engine("uring", FAR_TOO_DEEP, &io, &why), ERR_IO);
	assert_non_null(strstr(why.text, "io_uring is refused"));
	assert_ok(try_engine("auto", FAR_TOO_DEEP, &io, &why), &why);
	assert_string_equal(io->engine->name, "threads");
	assert_int_equal(why.code, ERR_OK);
	assert_non_null(strstr(why.text, "io_uring is refused"));
	io_free(io);
}

static void
an_engine_is_what_was_asked_for(void **state)
{
	struct errinfo why;
	struct io *io;

	(void)state;
	assert_ok(try_engine("threads", DEPTH, &io, &why), &why);
	assert_string_equal(io->engine->name, "threads");
	io_free(io);
	io_free(NULL);
	if (try_engine("uring", DEPTH, &io, &why) != ERR_OK)
		skip();
	assert_string_equal(io->engine->name, "uring");
	io_free(io);
	assert_ok(try_engine("auto", DEPTH, &io, &why), &why);
	assert_string_equal(io->engine->name, "uring");
	assert_string_equal(why.text, "");
	io_free(io);
}

static int
test_engine(const char *name)
{
	const struct CMUnitTest tests[] = {
	    BENCH(opening_answers_as_openat_does),
	    BENCH(a_full_descriptor_table_is_an_error_like_any_other),
	    BENCH(new_files_and_directories_are_not_for_others),
	    BENCH(reading_and_writing_answer_as_pread_and_pwrite_do),
	    BENCH(a_write_with_a_sync_says_which_of_the_two_failed),
	    BENCH(a_write_that_was_not_whole_is_not_synced),
	    BENCH(direct_writes_must_be_aligned),
	    BENCH(a_rename_never_replaces),
	    BENCH(unlinking_and_making_directories_answer_as_the_system_calls_do),
	    BENCH(thousands_of_operations_beyond_the_depth_all_come_back),
	    BENCH(an_answer_may_start_the_next_operation),
	    BENCH(waiting_ends_when_another_thread_has_work),
	    BENCH(what_was_pushed_before_the_wait_ends_it),
	    BENCH(what_hangs_does_not_hold_up_the_rest),
	};

	engine_name = name;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest choice[] = {
	    cmocka_unit_test(auto_falls_back_to_threads_and_says_why),
	    cmocka_unit_test(an_engine_is_what_was_asked_for),
	};
	struct errinfo why;
	struct io *io;
	int failed = cmocka_run_group_tests_name("choice", choice, NULL, NULL);

	failed += test_engine("threads");
	if (try_engine("uring", DEPTH, &io, &why) == ERR_OK) {
		io_free(io);
		failed += test_engine("uring");
	}
	return failed;
}
