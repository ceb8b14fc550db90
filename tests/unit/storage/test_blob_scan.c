/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/blob_scan.h"
#include "tests/support/folder.h"

enum { LENGTH = 5000 };

struct place {
	char dir[64];
	unsigned found, passed;
	uint64_t last_id;
	char last_path[64], last_reason[160];
	struct errinfo why;
};

static int
open_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	char path[128];

	assert_non_null(p);
	folder_make(p->dir);
	(void)snprintf(path, sizeof path, "%s/blob", p->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	*state = p;
	return 0;
}

static int
close_place(void **state)
{
	struct place *p = *state;

	folder_remove(p->dir);
	free(p);
	return 0;
}

static void
write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	(void)close(fd);
}

/* A file as an upload leaves it; `path_out` is where. */
static void
make_file(const struct place *p, uint64_t id, uint8_t store, char path_out[192])
{
	static uint8_t file[4 * BLOB_PAGE];
	struct blob_layout l = blob_layout(LENGTH);
	struct blob_table *table = blob_table_new();
	struct blob_trailer t = {.id = id, .length = LENGTH, .path = BYTES("/jo/x")};
	char leaf[BLOB_LEAF_SIZE], name[BLOB_NAME_SIZE], dir[128];

	assert_int_equal(l.file_size, sizeof file);
	(void)memset(file, 'x', LENGTH);
	(void)memset(t.store, store, sizeof t.store);
	(void)memset(t.md5, (int)id, sizeof t.md5);
	assert_non_null(table);
	assert_true(blob_table_add(table, file, LENGTH));
	blob_table_write(table, &t, file + l.data_size);
	blob_table_free(table);
	blob_leaf_name(blob_leaf(id), leaf);
	blob_name(id, t.md5, name);
	(void)snprintf(dir, sizeof dir, "%s/blob/%.2s", p->dir, leaf);
	(void)mkdir(dir, 0700);
	(void)snprintf(dir, sizeof dir, "%s/blob/%s", p->dir, leaf);
	(void)mkdir(dir, 0700);
	(void)snprintf(path_out, 192, "%s/%s", dir, name);
	write_file(path_out, file, sizeof file);
}

static enum err
found(void *arg, int fd, const struct blob_trailer *t, struct errinfo *why)
{
	struct place *p = arg;
	char first;

	assert_int_equal(pread(fd, &first, 1, 0), 1);
	assert_int_equal(first, 'x');
	p->found++;
	p->last_id = t->id;
	(void)snprintf(p->last_path, sizeof p->last_path, "%.*s", BYTES_ARG(t->path));
	return t->id == 99 ? errinfo_set(why, ERR_NO_MEMORY, "enough") : ERR_OK;
}

static void
passed(void *arg, const char *path, const struct errinfo *reason)
{
	struct place *p = arg;

	(void)path;
	p->passed++;
	(void)snprintf(p->last_reason, sizeof p->last_reason, "%s", errinfo_text(reason));
}

static enum err
scan(struct place *p)
{
	struct blob_scan s = {.root = p->dir, .found = found, .passed = passed, .arg = p};

	(void)memset(s.store, 7, sizeof s.store);
	p->found = p->passed = 0;
	return blob_scan(&s, &p->why);
}

static void
every_whole_file_is_found(void **state)
{
	static const uint64_t ids[] = {1, 1024, 70000, 1ULL << 40};
	struct place *p = *state;
	char path[192];

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		make_file(p, ids[i], 7, path);
		assert_ok(scan(p), &p->why);
		assert_int_equal(p->found, i + 1);
	}
	assert_int_equal(p->passed, 0);
	assert_string_equal(p->last_path, "/jo/x");
}

static void
what_is_not_one_is_passed_over_and_told(void **state)
{
	struct place *p = *state;
	char path[192], other[192];

	make_file(p, 5, 8, path);
	assert_ok(scan(p), &p->why);
	assert_non_null(strstr(p->last_reason, "another store"));
	make_file(p, 5, 7, path);
	assert_int_equal(truncate(path, 3 * BLOB_PAGE), 0);
	assert_ok(scan(p), &p->why);
	assert_int_equal(p->passed, 1);
	make_file(p, 5, 7, path);
	(void)snprintf(other, sizeof other, "%s", path);
	other[strlen(other) - 1] ^= 1;
	assert_int_equal(rename(path, other), 0);
	assert_ok(scan(p), &p->why);
	assert_non_null(strstr(p->last_reason, "name"));
	write_file(other, "short", 5);
	assert_ok(scan(p), &p->why);
	assert_non_null(strstr(p->last_reason, "no trailer"));
	assert_int_equal(p->found, 0);
}

static void
who_has_enough_ends_it(void **state)
{
	struct place *p = *state;
	char path[192];

	make_file(p, 99, 7, path);
	make_file(p, 99 + 2048, 7, path);
	assert_err(scan(p), ERR_NO_MEMORY);
	assert_int_equal(p->found, 1);
}

#define PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PLACE(every_whole_file_is_found),
	    PLACE(what_is_not_one_is_passed_over_and_told),
	    PLACE(who_has_enough_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
