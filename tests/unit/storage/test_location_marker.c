/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "storage/location_marker.h"
#include "tests/support/folder.h"

struct root {
	char dir[64];
	int fd;
	struct errinfo why;
};

static int
open_root(void **state)
{
	struct root *r = calloc(1, sizeof *r);

	assert_non_null(r);
	folder_make(r->dir);
	r->fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	*state = r;
	return 0;
}

static int
close_root(void **state)
{
	struct root *r = *state;

	(void)close(r->fd);
	folder_remove(r->dir);
	free(r);
	return 0;
}

static struct location_marker
some_marker(void)
{
	struct location_marker m = {.index = 3};

	for (size_t i = 0; i < STORE_UUID_SIZE; i++) {
		m.store[i] = (uint8_t)(i * 11);
		m.location[i] = (uint8_t)(200 - i);
	}
	return m;
}

static size_t
read_text(const struct root *r, char *text, size_t room)
{
	int fd = openat(r->fd, "LOCATION", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, room);

	assert_true(n >= 0);
	(void)close(fd);
	return (size_t)n;
}

static void
write_text(const struct root *r, const char *text, size_t n)
{
	int fd;

	(void)unlinkat(r->fd, "LOCATION", 0);
	fd = openat(r->fd, "LOCATION", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	(void)close(fd);
}

static void
a_marker_reads_back(void **state)
{
	struct root *r = *state;
	struct location_marker want = some_marker(), got;

	assert_err(location_marker_read(r->fd, &got, &r->why), ERR_NOT_FOUND);
	assert_ok(location_marker_write(r->fd, &want, &r->why), &r->why);
	assert_ok(location_marker_read(r->fd, &got, &r->why), &r->why);
	assert_memory_equal(got.store, want.store, STORE_UUID_SIZE);
	assert_memory_equal(got.location, want.location, STORE_UUID_SIZE);
	assert_int_equal(got.index, 3);
}

static void
a_marker_is_written_once(void **state)
{
	struct root *r = *state;
	struct location_marker first = some_marker(), second = some_marker(), got;

	second.index = 1;
	assert_ok(location_marker_write(r->fd, &first, &r->why), &r->why);
	assert_err(location_marker_write(r->fd, &second, &r->why), ERR_CONFLICT);
	assert_ok(location_marker_read(r->fd, &got, &r->why), &r->why);
	assert_int_equal(got.index, 3);
}

static void
every_changed_byte_and_every_cut_is_noticed(void **state)
{
	struct root *r = *state;
	struct location_marker marker = some_marker(), got;
	char text[600];
	size_t n;

	assert_ok(location_marker_write(r->fd, &marker, &r->why), &r->why);
	n = read_text(r, text, sizeof text);
	for (size_t i = 0; i < n; i++) {
		text[i] ^= 1;
		write_text(r, text, n);
		assert_err(location_marker_read(r->fd, &got, &r->why), ERR_DAMAGED);
		text[i] ^= 1;
		write_text(r, text, i);
		assert_err(location_marker_read(r->fd, &got, &r->why), ERR_DAMAGED);
	}
	text[n] = '\n';
	write_text(r, text, n + 1);
	assert_err(location_marker_read(r->fd, &got, &r->why), ERR_DAMAGED);
	write_text(r, text, n);
	assert_ok(location_marker_read(r->fd, &got, &r->why), &r->why);
}

static void
a_marker_that_cannot_be_read_is_an_error_of_its_own(void **state)
{
	struct root *r = *state;
	struct location_marker got;

	assert_int_equal(mkdirat(r->fd, "LOCATION", 0700), 0);
	assert_err(location_marker_read(r->fd, &got, &r->why), ERR_IO);
	assert_int_equal(unlinkat(r->fd, "LOCATION", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("LOCATION", r->fd, "LOCATION"), 0);
	assert_err(location_marker_read(r->fd, &got, &r->why), ERR_IO);
}

#define ROOT(test) cmocka_unit_test_setup_teardown(test, open_root, close_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ROOT(a_marker_reads_back),
	    ROOT(a_marker_is_written_once),
	    ROOT(every_changed_byte_and_every_cut_is_noticed),
	    ROOT(a_marker_that_cannot_be_read_is_an_error_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
