/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both engines with the layer over them: each thing a rule can say is what whoever
 * submits then meets, and what no rule is about is as ever.
 */
#include "tests/support/check.h"

#include <errno.h>

#include "io_bench.h"
#include "service/core/clock.h"
#include "storage/fault.h"

#ifdef QUARTET_KILL_POINTS

static unsigned
rule(const char *line)
{
	struct fault_rule r;

	if (!fault_parse(line, &r))
		fail_msg("not a rule: %s", line);
	return fault_add(&r);
}

/* A rule about nothing there: the layer is put over an engine only if one is wanted. */
static int
open_layer(void **state)
{
	(void)rule("op=commit errno=EIO");
	return open_bench(state);
}

static int
close_layer(void **state)
{
	fault_clear();
	return close_bench(state);
}

#define LAYER(test) cmocka_unit_test_setup_teardown(test, open_layer, close_layer)

static void
assert_text(struct bench *b, const char *name, const char *text)
{
	int fd = openat(b->dir_fd, name, O_RDONLY | O_CLOEXEC);
	char found[64] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, found, sizeof found - 1) >= 0);
	(void)close(fd);
	assert_string_equal(found, text);
}

static bool
is_there(struct bench *b, const char *name)
{
	return faccessat(b->dir_fd, name, F_OK, 0) == 0;
}

static void
lines_are_read_or_refused(void **state)
{
	struct fault_rule r;

	(void)state;
	assert_true(fault_parse(
	    "location=2 op=write,fsync path=tmp/0 nth=3 times=1 errno=ENOSPC", &r));
	assert_int_equal(r.location, 2);
	assert_int_equal(r.kinds, 1 << FAULT_WRITE | 1 << FAULT_FSYNC);
	assert_string_equal(r.path, "tmp/0");
	assert_int_equal(r.nth, 3);
	assert_int_equal(r.times, 1);
	assert_int_equal(r.act, FAULT_ERRNO);
	assert_int_equal(r.sys, ENOSPC);
	assert_true(fault_parse("op=read act=flip at=70000", &r));
	assert_int_equal(r.act, FAULT_FLIP);
	assert_int_equal(r.at, 70000);
	assert_true(fault_parse("op=any delay=20", &r));
	assert_int_equal(r.kinds, (1 << FAULT_COMMIT) - 1);
	assert_int_equal(r.delay_ms, 20);
	assert_false(fault_parse("", &r));
	assert_false(fault_parse("op=write", &r));
	assert_false(fault_parse("errno=EIO", &r));
	assert_false(fault_parse("op=writ errno=EIO", &r));
	assert_false(fault_parse("op=write errno=EWHAT", &r));
	assert_false(fault_parse("op=write errno=EIO nth=x", &r));
	assert_false(fault_parse("op=write act=explode", &r));
	assert_false(fault_parse("op=write errno=EIO when=now", &r));
	assert_false(fault_parse("op=write errno", &r));
}

static void
the_nth_of_a_kind_fails_and_is_not_done(void **state)
{
	struct bench *b = *state;
	unsigned r = rule("op=write nth=2 times=1 errno=EIO");
	int fd = make_file(b, "a", "one");

	assert_int_equal(run_write(b, fd, "two", 3, 0), -EIO);
	assert_text(b, "a", "one");
	assert_int_equal(run_write(b, fd, "six", 3, 0), 3);
	assert_text(b, "a", "six");
	assert_int_equal(run_fsync(b, fd), 0);
	assert_int_equal(fault_seen(r), 3);
	assert_int_equal(fault_acted(r), 1);
	assert_int_equal(run_close(b, fd), 0);
}

static void
every_kind_can_fail(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "one");
	char text[4];

	(void)rule("op=any errno=EROFS");
	assert_int_equal(run_open(b, "a", O_RDONLY), -EROFS);
	assert_int_equal(run_open(b, "b", O_RDWR | O_CREAT), -EROFS);
	assert_int_equal(run_read(b, fd, text, 3, 0), -EROFS);
	assert_int_equal(run_write(b, fd, "two", 3, 0), -EROFS);
	assert_int_equal(run_fsync(b, fd), -EROFS);
	assert_int_equal(run_fsync(b, b->dir_fd), -EROFS);
	assert_int_equal(run(b, (struct io_op){.kind = IO_FDATASYNC, .fd = fd}), -EROFS);
	assert_int_equal(run_path(b, IO_RENAME, "a", "c"), -EROFS);
	assert_int_equal(run_path(b, IO_UNLINK, "a", NULL), -EROFS);
	assert_int_equal(run_path(b, IO_MKDIR, "d", NULL), -EROFS);
	assert_int_equal(run_close(b, fd), -EROFS);
	fault_clear();
	assert_text(b, "a", "one");
	assert_false(is_there(b, "b"));
	assert_false(is_there(b, "d"));
	assert_int_equal(run_close(b, fd), 0);
}

static void
a_rule_is_about_its_kind_its_path_and_its_location(void **state)
{
	struct bench *b = *state;
	unsigned other = rule("op=write location=2 errno=EIO");
	unsigned created = rule("op=create path=bad errno=EACCES");
	unsigned folder = rule("op=fsyncdir errno=EIO");
	int fd = make_file(b, "good", "one");

	assert_int_equal(run_open(b, "bad", O_RDWR | O_CREAT), -EACCES);
	assert_int_equal(run_open(b, "bad", O_RDONLY), -ENOENT);
	assert_int_equal(run_fsync(b, fd), 0);
	assert_int_equal(run_fsync(b, b->dir_fd), -EIO);
	assert_int_equal(fault_seen(other), 0);
	assert_int_equal(fault_acted(created), 1);
	assert_int_equal(fault_acted(folder), 1);
	/* Of a descriptor the path is what it is open for. */
	(void)rule("op=write path=/good errno=ENOSPC");
	assert_int_equal(run_write(b, fd, "two", 3, 0), -ENOSPC);
	assert_int_equal(run_close(b, fd), 0);
}

static void
short_is_half(void **state)
{
	static _Alignas(PAGE) char pages[4 * PAGE];
	struct bench *b = *state;
	int fd = make_file(b, "a", "12345678");
	char text[8];

	(void)rule("op=read,write act=short");
	assert_int_equal(run_read(b, fd, text, 8, 0), 4);
	assert_int_equal(run_read(b, fd, text, 1, 0), 1);
	assert_int_equal(run_write(b, fd, pages, sizeof pages, 0), 2 * PAGE);
	assert_int_equal(run_write(b, fd, pages, PAGE, 0), 0);
	assert_int_equal(run_close(b, fd), 0);
}

static void
one_bit_is_another_one(void **state)
{
	struct bench *b = *state;
	char mine[] = "0123456789", text[16] = "";
	int fd = make_file(b, "a", mine);

	(void)rule("op=read act=flip at=7");
	assert_int_equal(run_read(b, fd, text, 5, 5), 5);
	assert_memory_equal(text, "56'89", 5);
	assert_int_equal(run_read(b, fd, text, 5, 0), 5);
	assert_memory_equal(text, "01234", 5);
	fault_clear();
	(void)rule("op=write act=flip at=0 times=1");
	assert_int_equal(run_write(b, fd, mine, 10, 0), 10);
	assert_string_equal(mine, "0123456789"); /* the memory is shared */
	assert_text(b, "a", " 123456789");
	assert_int_equal(run_close(b, fd), 0);
}

static void
what_is_slow_takes_its_time_one_after_the_other(void **state)
{
	enum { N = 4, DELAY_MS = 30 };
	struct bench *b = *state;
	int fd = make_file(b, "a", "x");
	struct one one[N];
	uint64_t began;

	(void)rule("op=fsync delay=30");
	began = clock_mono_ms();
	for (unsigned i = 0; i < N; i++) {
		one[i] =
		    (struct one){.op = {.kind = IO_FSYNC, .fd = fd, .done = one_done}};
		io_submit(b->io, &one[i].op);
	}
	while (b->io->out > 0)
		io_wait(b->io);
	assert_true(clock_mono_ms() - began >= N * DELAY_MS - 1);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(one[i].op.result, 0);
	assert_int_equal(run_close(b, fd), 0);
}

static void
what_hangs_stays_out_until_its_rule_is_gone(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "one");
	struct one one = {
	    .op = {.kind = IO_UNLINK, .fd = b->dir_fd, .path = "a", .done = one_done}};
	char text[4];

	(void)rule("op=unlink act=hang");
	io_submit(b->io, &one.op);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(run_read(b, fd, text, 3, 0), 3);
	io_wait(b->io); /* woken to see whether it is over, with nothing to do */
	assert_false(one.done);
	assert_int_equal(b->io->out, 1);
	assert_true(is_there(b, "a"));
	fault_clear();
	while (!one.done)
		io_wait(b->io);
	assert_int_equal(one.op.result, 0);
	assert_false(is_there(b, "a"));
	assert_int_equal(run_close(b, fd), 0);
}

static void
what_is_not_synced_is_not_there(void **state)
{
	struct bench *b = *state;
	int fd;

	(void)rule("op=write act=unsynced");
	fd = make_file(b, "a", "one");
	assert_text(b, "a", "");
	assert_int_equal(run_write(b, fd, "two", 3, 3), 3);
	assert_int_equal(run_fsync(b, b->dir_fd), 0);
	assert_text(b, "a", "");
	assert_int_equal(run_fsync(b, fd), 0);
	assert_text(b, "a", "onetwo");
	assert_int_equal(run_write(b, fd, "ONE", 3, 0), 3);
	assert_int_equal(run(b, (struct io_op){.kind = IO_FDATASYNC, .fd = fd}), 0);
	assert_text(b, "a", "ONEtwo");
	assert_int_equal(run_write(b, fd, "lost", 4, 0), 4);
	assert_int_equal(run_close(b, fd), 0);
	assert_text(b, "a", "ONEtwo");
}

static void
a_name_that_is_not_synced_is_the_old_one(void **state)
{
	struct bench *b = *state;
	int fd = make_file(b, "a", "one"), folder;

	assert_int_equal(run_path(b, IO_MKDIR, "d", NULL), 0);
	folder = run_open(b, "d", O_RDONLY | O_DIRECTORY);
	(void)rule("op=rename act=unsynced");
	assert_int_equal(run_path(b, IO_RENAME, "a", "missing/a"), -ENOENT);
	assert_int_equal(run_path(b, IO_RENAME, "b", "d/a"), -ENOENT);
	assert_int_equal(run_path(b, IO_RENAME, "a", "d/a"), 0);
	assert_int_equal(run_fsync(b, fd), 0);
	assert_int_equal(run_fsync(b, b->dir_fd), 0);
	assert_true(is_there(b, "a"));
	assert_int_equal(run_fsync(b, folder), 0);
	assert_false(is_there(b, "a"));
	assert_true(is_there(b, "d/a"));
	/* Who takes the new name away does so though it was not on the disk. */
	assert_int_equal(run_path(b, IO_RENAME, "d/a", "d/b"), 0);
	assert_int_equal(run_path(b, IO_UNLINK, "d/b", NULL), 0);
	assert_false(is_there(b, "d/a"));
	assert_int_equal(run_close(b, folder), 0);
	assert_int_equal(run_close(b, fd), 0);
}

static int
test_engine(const char *name)
{
	const struct CMUnitTest tests[] = {
	    LAYER(the_nth_of_a_kind_fails_and_is_not_done),
	    LAYER(every_kind_can_fail),
	    LAYER(a_rule_is_about_its_kind_its_path_and_its_location),
	    LAYER(short_is_half),
	    LAYER(one_bit_is_another_one),
	    LAYER(what_is_slow_takes_its_time_one_after_the_other),
	    LAYER(what_hangs_stays_out_until_its_rule_is_gone),
	    LAYER(what_is_not_synced_is_not_there),
	    LAYER(a_name_that_is_not_synced_is_the_old_one),
	};

	engine_name = name;
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest lines[] = {cmocka_unit_test(lines_are_read_or_refused)};

	return cmocka_run_group_tests_name("lines", lines, NULL, NULL) +
	       test_engine("threads") + test_engine("auto");
}

#else

int
main(void)
{
	return 0; /* there is nothing of it in this build */
}

#endif
