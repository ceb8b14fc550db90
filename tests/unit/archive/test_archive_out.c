/* SPDX-License-Identifier: Apache-2.0 */
#include "service/archive/archive_out.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

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

/* The members of which the old header cannot hold everything, and their neighbours. */
static size_t
many_members(struct archive_member *m, char *names)
{
	static const size_t lengths[] = {1, 98, 99, 100, 101, 180, 300};
	static const uint64_t sizes[] = {0, 1, 511, 512, 513, 10000};
	size_t n = 0;

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct bytes name = {names, lengths[i]};

		(void)memset(names, 'a', lengths[i]);
		for (size_t k = 40; k < lengths[i]; k += 50)
			names[k] = '/';
		names += lengths[i];
		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
			m[n++] = (struct archive_member){.kind = ARCHIVE_FILE,
			    .path = name,
			    .length = sizes[k],
			    .modified_ms = (int64_t)(1700000000123 * k)};
		m[n++] = (struct archive_member){.kind = ARCHIVE_FOLDER, .path = name};
		m[n++] = (struct archive_member){
		    .kind = ARCHIVE_LINK, .path = name, .target = BYTES("b")};
		m[n++] = (struct archive_member){
		    .kind = ARCHIVE_LINK, .path = BYTES("c"), .target = name};
	}
	m[n++] = (struct archive_member){.kind = ARCHIVE_FILE, .path = {"\xc3\xa9", 2}};
	m[n++] = (struct archive_member){
	    .kind = ARCHIVE_FILE, .path = BYTES("old"), .modified_ms = -5000};
	m[n++] = (struct archive_member){.kind = ARCHIVE_FILE,
	    .path = BYTES("late"),
	    .modified_ms = INT64_C(10000000000000)};
	return n;
}

static la_ssize_t
add_bytes(struct archive *a, void *to, const void *p, size_t n)
{
	(void)a;
	str_add(to, (struct bytes){p, n});
	return (la_ssize_t)n;
}

static void
write_by_pax(struct archive *a, const struct archive_member *m, const char *data)
{
	static const unsigned types[] = {[ARCHIVE_FILE] = AE_IFREG | 0644,
	    [ARCHIVE_FOLDER] = AE_IFDIR | 0755,
	    [ARCHIVE_LINK] = AE_IFLNK | 0777};
	struct archive_entry *e = archive_entry_new();
	char name[400], target[400];

	(void)snprintf(name, sizeof name, "%.*s%s", BYTES_ARG(m->path),
	    m->kind == ARCHIVE_FOLDER ? "/" : "");
	(void)snprintf(target, sizeof target, "%.*s", BYTES_ARG(m->target));
	archive_entry_set_pathname(e, name);
	if (m->kind == ARCHIVE_LINK)
		archive_entry_set_symlink(e, target);
	archive_entry_set_mode(e, (mode_t)types[m->kind]);
	archive_entry_set_mtime(
	    e, m->modified_ms / 1000, (long)(m->modified_ms % 1000) * 1000000);
	archive_entry_set_size(e, (la_int64_t)m->length);
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	if (m->length > 0)
		assert_int_equal(archive_write_data(a, data, m->length), m->length);
	archive_entry_free(e);
}

/* Whichever of the two writers a member goes through. */
static void
a_tar_is_what_one_writer_makes(void **state)
{
	static struct archive_member m[100];
	static char names[10000], data[10000];
	size_t n = many_members(m, names);
	struct archive *pax = archive_write_new();
	struct archive_out *a;
	struct errinfo why;
	struct str ours, theirs;

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	str_init(&ours, 1 << 24);
	str_init(&theirs, 1 << 24);
	assert_int_equal(archive_write_set_format_pax_restricted(pax), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_per_block(pax, 0), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(pax, 1), ARCHIVE_OK);
	assert_int_equal(
	    archive_write_open2(pax, &theirs, NULL, add_bytes, NULL, NULL), ARCHIVE_OK);
	assert_ok(archive_out_new(ARCHIVE_TAR, &a, &why), &why);
	for (size_t i = 0; i < n; i++) {
		write_by_pax(pax, &m[i], data);
		assert_ok(archive_out_begin(a, &m[i], &why), &why);
		if (m[i].length > 0)
			assert_ok(archive_out_data(a, data, m[i].length, &why), &why);
		take_all(a, &ours);
	}
	assert_int_equal(archive_write_free(pax), ARCHIVE_OK);
	assert_ok(archive_out_finish(a, &why), &why);
	take_all(a, &ours);
	archive_out_free(a);
	assert_int_equal(ours.n, theirs.n);
	assert_memory_equal(ours.p, theirs.p, ours.n);
	str_release(&ours);
	str_release(&theirs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tar_has_its_members_in_blocks),
	    cmocka_unit_test(a_zip_ends_with_its_directory),
	    cmocka_unit_test(names_stay_as_they_are),
	    cmocka_unit_test(a_member_gets_what_it_announced),
	    cmocka_unit_test(a_tar_is_what_one_writer_makes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
