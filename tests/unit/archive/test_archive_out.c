/* SPDX-License-Identifier: Apache-2.0 */
#include "service/archive/archive_out.h"

#include "service/core/str.h"
#include "tests/support/check.h"

static void
take_all(struct archive_out *a, struct str *to)
{
	char some[777];
	size_t n;

	while ((n = archive_out_take(a, some, sizeof some)) > 0)
		str_add(to, (struct bytes){some, n});
	assert_int_equal(archive_out_held(a), 0);
}

/* A folder, a file in it, a link to that, and an empty file. */
static struct str
sample(enum archive_format format)
{
	static const struct archive_member members[] = {
	    {.kind = ARCHIVE_FOLDER, .path = {"d", 1}, .modified_ms = 1000},
	    {.kind = ARCHIVE_FILE, .path = {"d/\xc3\xa9t\xc3\xa9", 7}, .length = 5},
	    {.kind = ARCHIVE_LINK,
		.path = {"d/l", 3},
		.target = {"\xc3\xa9t\xc3\xa9", 5}},
	    {.kind = ARCHIVE_FILE, .path = {"empty", 5}},
	};
	struct archive_out *a;
	struct errinfo why;
	struct str all;

	str_init(&all, 1 << 20);
	assert_ok(archive_out_new(format, &a, &why), &why);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		assert_ok(archive_out_begin(a, &members[i], &why), &why);
		if (members[i].length > 0) {
			assert_ok(archive_out_data(a, "12", 2, &why), &why);
			take_all(a, &all);
			assert_ok(archive_out_data(a, "345", 3, &why), &why);
		}
	}
	assert_ok(archive_out_finish(a, &why), &why);
	take_all(a, &all);
	archive_out_free(a);
	assert_false(str_failed(&all));
	return all;
}

static bool
contains(const struct str *text, const char *what)
{
	return memmem(text->p, text->n, what, strlen(what)) != NULL;
}

static void
a_tar_has_its_members_in_blocks(void **state)
{
	struct str all = sample(ARCHIVE_TAR);

	(void)state;
	assert_int_equal(all.n % 512, 0);
	assert_memory_equal(all.p, "d/", 3);
	assert_true(contains(&all, "\xc3\xa9t\xc3\xa9"));
	assert_true(contains(&all, "12345"));
	assert_true(contains(&all, "ustar"));
	str_release(&all);
}

static void
a_zip_ends_with_its_directory(void **state)
{
	struct str all = sample(ARCHIVE_ZIP);

	(void)state;
	assert_memory_equal(all.p, "PK\3\4", 4);
	assert_true(contains(&all, "PK\1\2"));
	assert_true(contains(&all, "PK\5\6"));
	assert_true(contains(&all, "d/\xc3\xa9t\xc3\xa9"));
	str_release(&all);
}

/* Letters composed of two characters, and such that could be. */
static void
names_stay_as_they_are(void **state)
{
	static const struct archive_member link = {.kind = ARCHIVE_LINK,
	    .path = {"e\xcc\x81 \xc3\xa9", 6},
	    .target = {"o\xcc\x88 \xc3\xb6", 6}};
	static const enum archive_format formats[] = {ARCHIVE_TAR, ARCHIVE_ZIP};

	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct archive_out *a;
		struct errinfo why;
		struct str all;

		str_init(&all, 1 << 20);
		assert_ok(archive_out_new(formats[i], &a, &why), &why);
		assert_ok(archive_out_begin(a, &link, &why), &why);
		assert_ok(archive_out_finish(a, &why), &why);
		take_all(a, &all);
		assert_true(contains(&all, "e\xcc\x81 \xc3\xa9"));
		assert_true(contains(&all, "o\xcc\x88 \xc3\xb6"));
		archive_out_free(a);
		str_release(&all);
	}
}

static void
a_member_gets_what_it_announced(void **state)
{
	static const struct archive_member m = {.path = {"f", 1}, .length = 3};
	struct archive_out *a;
	struct errinfo why;

	(void)state;
	assert_ok(archive_out_new(ARCHIVE_TAR, &a, &why), &why);
	assert_ok(archive_out_begin(a, &m, &why), &why);
	assert_int_equal(archive_out_data(a, "1234", 4, &why), ERR_INTERNAL);
	assert_ok(archive_out_data(a, "12", 2, &why), &why);
	assert_int_equal(archive_out_begin(a, &m, &why), ERR_INTERNAL);
	assert_int_equal(archive_out_finish(a, &why), ERR_INTERNAL);
	archive_out_free(a);
	archive_out_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tar_has_its_members_in_blocks),
	    cmocka_unit_test(a_zip_ends_with_its_directory),
	    cmocka_unit_test(names_stay_as_they_are),
	    cmocka_unit_test(a_member_gets_what_it_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
