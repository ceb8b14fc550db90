/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/unpack_name.h"

#include "tests/support/check.h"

enum { DEPTH = 4 };

static struct bytes
text_of(struct arena *a, enum err e, struct path path)
{
	struct bytes shown = path_show(a, path);

	return e == ERR_OK ? bytes_skip(shown, 1) : bytes_of(err_fault(e));
}

static void
names_stay_inside(void **state)
{
	static const char *const cases[][2] = {
	    {"a", "a"},
	    {"a/b/", "a/b"},
	    {"./a//./b", "a/b"},
	    {".", ""},
	    {"./", ""},
	    {"", ""},
	    {"a/b/c/d", "a/b/c/d"},
	    {"a..", "a.."},
	    {"...", "..."},
	    {"\xc3\xa9 x", "\xc3\xa9 x"},
	    {"/a", "InvalidURI"},
	    {"..", "InvalidURI"},
	    {"a/../b", "InvalidURI"},
	    {"a/..", "InvalidURI"},
	    {"../a", "InvalidURI"},
	    {"//a", "InvalidURI"},
	    {"a/\xff", "InvalidURI"},
	    {"a/b/c/d/e", "InvalidURI"},
	};
	struct errinfo why;
	struct arena a;
	struct path path;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum err e = unpack_path(&a, bytes_of(cases[i][0]), DEPTH, &path, &why);

		assert_bytes(text_of(&a, e, path), cases[i][1]);
	}
	arena_release(&a);
}

static void
links_stay_inside(void **state)
{
	/* Member, target, where it leads. */
	static const char *const cases[][3] = {
	    {"l", "a", "a"},
	    {"d/l", "a", "d/a"},
	    {"d/l", "../a", "a"},
	    {"d/l", "..", ""},
	    {"d/l", "./x/../a/", "d/a"},
	    {"a/b/l", "../../c/d", "c/d"},
	    {"l", "", "InvalidArgument"},
	    {"l", "/etc", "InvalidArgument"},
	    {"l", "..", "InvalidArgument"},
	    {"d/l", "../..", "InvalidArgument"},
	    {"d/l", "x/../../../d/a", "InvalidArgument"},
	    {"a/b/c/l", "d/e", "InvalidURI"},
	    {"l", "\xff", "InvalidURI"},
	};
	struct errinfo why;
	struct arena a;
	struct path member, path;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum err e = unpack_path(&a, bytes_of(cases[i][0]), DEPTH, &member, &why);

		assert_ok(e, &why);
		e = unpack_link(&a, member, bytes_of(cases[i][1]), DEPTH, &path, &why);
		assert_bytes(text_of(&a, e, path), cases[i][2]);
	}
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_stay_inside),
	    cmocka_unit_test(links_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
