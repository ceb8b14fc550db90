/* SPDX-License-Identifier: Apache-2.0 */
/* An export that is damaged says where; test_golden.c has those that are not. */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/dump.h"
#include "tests/support/folder.h"

enum { MAP = 16 << 20 };

struct written {
	char *text;
	size_t n;
};

static struct written
export_new_store(void)
{
	char dir[64];
	struct store_config config = {
	    .dir = dir, .map_bytes = MAP, .readers_max = 4, .batch_max = 10};
	struct errinfo why;
	struct store *store;
	struct store_reader *reader;
	struct written w;
	uint64_t rows;
	FILE *to = open_memstream(&w.text, &w.n);

	assert_non_null(to);
	folder_make(dir);
	assert_ok(store_format(&config, "admin", &why), &why);
	assert_ok(store_open(&config, &store, &why), &why);
	assert_ok(store_reader_new(store, &reader, &why), &why);
	assert_ok(dump_write(reader, to, &rows, &why), &why);
	assert_in_range(rows, 5, 1000);
	store_reader_free(reader);
	store_close(store);
	(void)fclose(to);
	folder_remove(dir);
	return w;
}

/* What loading it says; "" when it was loaded. */
static struct errinfo
load(const char *text, size_t n)
{
	char dir[64];
	struct errinfo why = {.code = ERR_OK};
	uint64_t rows;
	FILE *from = fmemopen((void *)(uintptr_t)text, n, "r");
	enum err e;

	assert_non_null(from);
	folder_make(dir);
	e = dump_load(from, dir, MAP, &rows, &why);
	assert_int_equal(e, why.code);
	(void)fclose(from);
	folder_remove(dir);
	return why;
}

static void
check_refused(const char *text, size_t n, const char *what)
{
	struct errinfo why = load(text, n);

	assert_int_equal(why.code, ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(why.text, "line "));
	if (strstr(why.text, what) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, what);
}

/* With `from` replaced by `to`, of the same length. */
static void
check_changed(const struct written *w, const char *from, const char *to, const char *what)
{
	char *copy = strdup(w->text), *at;

	assert_non_null(copy);
	at = strstr(copy, from);
	assert_non_null(at);
	(void)memcpy(at, to, strlen(to));
	check_refused(copy, w->n, what);
	free(copy);
}

static void
what_is_written_is_loaded(void **state)
{
	struct written w = export_new_store();

	(void)state;
	assert_int_equal(load(w.text, w.n).code, ERR_OK);
	free(w.text);
}

static void
one_that_was_changed_is_refused(void **state)
{
	struct written w = export_new_store();

	(void)state;
	check_changed(&w, "quartet-export 1", "quartet-export 2", "another version");
	check_changed(&w, "\nmeta ", "\nmate ", "no such table");
	check_changed(&w, "\nmeta ", "\nmeta!", "not a table, a key and a value");
	check_changed(&w, "\nmeta 6", "\nmeta x", "not hex");
	check_changed(&w, "\nmeta 6", "\nmeta 7", "not as they were");
	check_changed(&w, "\nend ", "\nend 9", "rows are missing");
	free(w.text);
}

static void
one_that_is_cut_off_is_refused(void **state)
{
	struct written w = export_new_store();
	size_t last = w.n - 1;

	(void)state;
	check_refused(w.text, w.n - 1, "ends too early");
	while (w.text[last - 1] != '\n')
		last--;
	check_refused(w.text, last, "the end is missing");
	check_refused(w.text, 17, "the end is missing");
	w.text[20] = '\0';
	check_refused(w.text, w.n, "not text");
	free(w.text);
}

static void
one_with_more_behind_its_end_is_refused(void **state)
{
	struct written w = export_new_store();
	char *twice = malloc(2 * w.n + 1);

	(void)state;
	assert_non_null(twice);
	(void)memcpy(twice, w.text, w.n);
	(void)memcpy(twice + w.n, w.text, w.n + 1);
	check_refused(twice, 2 * w.n, "behind the end");
	free(twice);
	free(w.text);
}

static void
rows_that_are_left_out_are_missed(void **state)
{
	struct written w = export_new_store();
	char *at = strchr(w.text, '\n') + 1;
	char *next = strchr(at, '\n') + 1;
	size_t gone = (size_t)(next - at);

	(void)state;
	(void)memmove(at, next, w.n + 1 - (size_t)(next - w.text));
	check_refused(w.text, w.n - gone, "rows are missing");
	free(w.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_loaded),
	    cmocka_unit_test(one_that_was_changed_is_refused),
	    cmocka_unit_test(one_that_is_cut_off_is_refused),
	    cmocka_unit_test(one_with_more_behind_its_end_is_refused),
	    cmocka_unit_test(rows_that_are_left_out_are_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
