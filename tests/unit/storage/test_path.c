/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <string.h>

#include "storage/node.h"
#include "storage/path.h"

enum { DEPTH = 8 };

static struct arena arena;

static int
make_arena(void **state)
{
	(void)state;
	arena_init(&arena, 65536);
	return 0;
}

static int
release_arena(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct path
parsed(const char *text)
{
	struct errinfo why;
	struct path p;

	assert_ok(path_parse(&arena, bytes_of(text), DEPTH, &p, &why), &why);
	return p;
}

static void
assert_encodes(struct path p, const char *text)
{
	struct str s;

	str_init(&s, 65536);
	path_encode(&s, p);
	assert_false(str_failed(&s));
	assert_bytes(str_bytes(&s), text);
	str_release(&s);
}

static void
assert_refused(const char *text)
{
	struct errinfo why = {0};
	struct path p = {NULL, 77};

	if (path_parse(&arena, bytes_of(text), DEPTH, &p, &why) != ERR_INVALID_URI)
		fail_msg("\"%s\" is not refused", text);
	assert_int_equal(why.code, ERR_INVALID_URI);
	assert_string_not_equal(why.text, "");
	assert_int_equal(p.n, 77);
}

static void
ordinary_names_are_good(void **state)
{
	static const char *const good[] = {"a", "...", ".hidden", "..a", "a b", " ",
	    "a:b", "a%2Fb", "a\\b", "~", "*", "name;v=1?x#y", "M\xc3\xa9\x64ian",
	    "\xf0\x9f\x94\xad", "\xc2\x80", "a\nb", "\x1f", "\x7f"};
	struct errinfo why;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_ok(path_check_name(bytes_of(good[i]), &why), &why);
}

static void
names_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "/", "a/b", "\xff", "caf\xe9",
	    "\xc3", "\xed\xa0\x80", "\xc0\xaf"};
	struct errinfo why;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_err(path_check_name(bytes_of(bad[i]), &why), ERR_INVALID_URI);
	assert_err(path_check_name(BYTES("a\0b"), &why), ERR_INVALID_URI);
	assert_err(path_check_name((struct bytes){NULL, 0}, NULL), ERR_INVALID_URI);
}

static void
a_name_has_at_most_255_bytes_decoded(void **state)
{
	char name[NODE_NAME_MAX + 1], encoded[3 * sizeof name];
	struct bytes longest = {encoded, sizeof encoded - 3};
	struct bytes too_long = {encoded, sizeof encoded};
	struct errinfo why;
	struct path p;

	(void)state;
	(void)memset(name, 'n', sizeof name);
	assert_ok(path_check_name((struct bytes){name, NODE_NAME_MAX}, &why), &why);
	assert_err(
	    path_check_name((struct bytes){name, sizeof name}, &why), ERR_INVALID_URI);
	for (size_t i = 0; i < sizeof encoded; i++)
		encoded[i] = "%6e"[i % 3];
	assert_ok(path_parse(&arena, longest, DEPTH, &p, &why), &why);
	assert_int_equal(path_name(p).n, NODE_NAME_MAX);
	assert_err(path_parse(&arena, too_long, DEPTH, &p, &why), ERR_INVALID_URI);
}

static void
one_slash_at_each_end_is_ignored(void **state)
{
	static const char *const same[] = {"a/b", "/a/b", "a/b/", "/a/b/"};

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		struct path p = parsed(same[i]);

		assert_int_equal(p.n, 2);
		assert_bytes(p.part[0], "a");
		assert_bytes(p.part[1], "b");
	}
}

static void
nothing_and_slashes_alone_are_the_root(void **state)
{
	struct path p;

	(void)state;
	assert_int_equal(parsed("").n, 0);
	assert_int_equal(parsed("/").n, 0);
	p = parsed("//");
	assert_int_equal(p.n, 0);
	assert_bytes(path_name(p), "");
	assert_encodes(p, "");
	assert_bytes(path_show(&arena, p), "/");
}

static void
parts_are_decoded_after_they_were_split(void **state)
{
	struct path p = parsed("/a%20b/%c3%A9/c+d%3F");

	(void)state;
	assert_int_equal(p.n, 3);
	assert_bytes(p.part[0], "a b");
	assert_bytes(p.part[1], "\xc3\xa9");
	assert_bytes(p.part[2], "c+d?");
	assert_bytes(path_show(&arena, p), "/a b/\xc3\xa9/c+d?");
	assert_encodes(p, "/a%20b/%C3%A9/c+d%3F");
}

static void
what_may_stand_in_a_uri_and_names_no_cutout_is_not_escaped(void **state)
{
	(void)state;
	assert_encodes(parsed("/-._~!$&*+,;=:@"), "/-._~!$&*+,;=:@");
	assert_encodes(parsed("/%2b%26%3B"), "/+&;");
	assert_encodes(parsed("/'()[]"), "/%27%28%29%5B%5D");
	assert_encodes(parsed("/%23%3f%25%22<|>"), "/%23%3F%25%22%3C%7C%3E");
}

static void
what_would_climb_or_split_is_refused_however_it_is_written(void **state)
{
	static const char *const bad[] = {"/a//b", "///", "/a//", "//a", "/a/./b",
	    "/a/..", "/%2e%2e/a", "/%2E", "/a/.%2e/b", "/a%2Fb", "/a%2fb", "/%2f",
	    "/a%00b", "/%00", "/a%", "/a%4", "/a%zz", "/%%41", "/%ff", "/%c0%af",
	    "/%ed%a0%80", "/caf\xe9"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(bad[i]);
}

static void
depth_is_limited(void **state)
{
	(void)state;
	assert_int_equal(parsed("/1/2/3/4/5/6/7/8/").n, DEPTH);
	assert_refused("/1/2/3/4/5/6/7/8/9");
	assert_refused("////////////////////");
}

static void
no_memory_is_told_from_a_bad_path(void **state)
{
	struct arena small;
	struct errinfo why;
	struct path p;

	(void)state;
	arena_init(&small, 16);
	assert_err(path_parse(&small, BYTES("/a/b"), DEPTH, &p, &why), ERR_NO_MEMORY);
	assert_err(path_parse(&small, BYTES("/a"), DEPTH, &p, &why), ERR_NO_MEMORY);
	assert_null(path_child(&small, parsed("/a"), BYTES("b")).part);
	arena_release(&small);
}

static void
paths_are_cut_and_joined(void **state)
{
	struct path p = parsed("/a/b/c");

	(void)state;
	assert_encodes(path_front(p, 2), "/a/b");
	assert_encodes(path_front(p, 0), "");
	assert_encodes(path_front(p, 9), "/a/b/c");
	assert_encodes(path_child(&arena, p, BYTES("d")), "/a/b/c/d");
	assert_encodes(path_child(&arena, parsed("/"), BYTES("d")), "/d");
	assert_encodes(path_join(&arena, p, parsed("/x/y")), "/a/b/c/x/y");
	assert_encodes(path_join(&arena, p, parsed("/")), "/a/b/c");
	assert_encodes(path_join(&arena, parsed("/"), p), "/a/b/c");
	assert_bytes(path_name(p), "c");
	assert_encodes(p, "/a/b/c");
}

#define in_an_arena(test) cmocka_unit_test_setup_teardown(test, make_arena, release_arena)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_names_are_good),
	    cmocka_unit_test(names_that_are_none_are_refused),
	    in_an_arena(a_name_has_at_most_255_bytes_decoded),
	    in_an_arena(one_slash_at_each_end_is_ignored),
	    in_an_arena(nothing_and_slashes_alone_are_the_root),
	    in_an_arena(parts_are_decoded_after_they_were_split),
	    in_an_arena(what_may_stand_in_a_uri_and_names_no_cutout_is_not_escaped),
	    in_an_arena(what_would_climb_or_split_is_refused_however_it_is_written),
	    in_an_arena(depth_is_limited),
	    in_an_arena(no_memory_is_told_from_a_bad_path),
	    in_an_arena(paths_are_cut_and_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
