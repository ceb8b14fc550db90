/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a group service: names, or nothing at all. */
#include "service/gms/gms_answer.h"

#include <string.h>

#include "tests/support/check.h"

enum { ARENA = 1024 * 1024 };

static char url[] = "https://gms.example/search", first[] = "ivo://example.org/gms",
	    second[] = "ivo://Other.org/groups";
static char *items[] = {first, second};
static const struct settings settings = {.gms_url = url, .gms_authorities = {items, 2}};

static enum err
parse(struct arena *a, const char *type, const char *text, struct gms_names *out,
    struct errinfo *why)
{
	return gms_answer_parse(a, &settings, bytes_of(type), bytes_of(text), out, why);
}

/* The names with a blank between them. */
static void
assert_names(const char *type, const char *text, const char *wanted)
{
	struct gms_names names;
	struct errinfo why;
	struct arena a;
	char got[512] = "";

	arena_init(&a, ARENA);
	assert_ok(parse(&a, type, text, &names, &why), &why);
	for (size_t i = 0; i < names.n; i++) {
		size_t used = strlen(got);

		(void)snprintf(got + used, sizeof got - used, "%s%.*s", i == 0 ? "" : " ",
		    BYTES_ARG(names.name[i]));
	}
	assert_string_equal(got, wanted);
	arena_release(&a);
}

static void
assert_nonsense(const char *type, const char *text)
{
	struct gms_names names;
	struct errinfo why;
	struct arena a;

	arena_init(&a, ARENA);
	assert_err(parse(&a, type, text, &names, &why), ERR_INVALID_ARGUMENT);
	arena_release(&a);
}

static void
lines_are_names(void **state)
{
	(void)state;
	assert_names("text/plain", "b\r\na\r\n", "a b");
	assert_names("text/plain; charset=UTF-8", "b\na\nb\n", "a b"); /* OpenCADC's */
	assert_names("TEXT/PLAIN", "A,-._~9\r\n", "A,-._~9");
	assert_names("text/plain", "", "");
	assert_names("", "", "");
}

static void
lines_that_are_none_spoil_all(void **state)
{
	static const char *const texts[] = {"a\r\nb", "a\r\n\r\nb\r\n", "a b\r\n",
	    " a\r\n", "a\r\r\n", "<html>\n", "caf\xc3\xa9\n", "a?b\n", "\n", "a\tb\n"};
	char longest[258];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_nonsense("text/plain", texts[i]);
	(void)memset(longest, 'a', 256);
	(void)memcpy(longest + 256, "\n", 2);
	assert_nonsense("text/plain", longest);
	assert_nonsense("text/html", "a\r\n");
	assert_nonsense("application/json", "[]");
	assert_nonsense("", "a\r\n");
}

static void
a_document_lists_groups_of_that_service(void **state)
{
	(void)state;
	assert_names("text/xml",
	    "<?xml version='1.0'?><groups><group uri='ivo://example.org/gms?b'><owner>x"
	    "</owner></group><group uri=\"ivo://OTHER.org/groups?a\"/>"
	    "<group uri=\"ivo://cadc.nrc.ca/gms?elsewhere\"/></groups>",
	    "a b");
	assert_names("application/xml;charset=utf-8", "<groups/>", "");
}

static void
another_document_is_none(void **state)
{
	static const char *const texts[] = {"<group uri='ivo://example.org/gms?b'/>",
	    "<groups><user/></groups>", "<groups><group/></groups>",
	    "<groups><group uri='b'/></groups>",
	    "<groups><group uri='ivo://example.org/gms'/></groups>",
	    "<groups><group uri='ivo://example.org/gms?'/></groups>",
	    "<groups><group uri='ivo://example.org/gms?a b'/></groups>",
	    "<groups><group uri='ivo://example.org/gms?a'/>", "",
	    "<!DOCTYPE groups><groups/>",
	    "<x:groups xmlns:x='y'><group uri='ivo://example.org/gms?a'/></x:groups>"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_nonsense("text/xml", texts[i]);
}

static void
several_lists_are_one(void **state)
{
	struct gms_names lists[3] = {{.n = 0}}, all;
	struct errinfo why;
	struct arena a;

	(void)state;
	arena_init(&a, ARENA);
	assert_ok(parse(&a, "text/plain", "c\na\n", &lists[0], &why), &why);
	assert_ok(parse(&a, "text/plain", "b\nc\n", &lists[2], &why), &why);
	assert_ok(gms_answer_join(&a, lists, 3, &all, &why), &why);
	assert_int_equal(all.n, 3);
	for (size_t i = 0; i < all.n; i++)
		assert_int_equal(all.name[i].p[0], 'a' + (int)i);
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_names),
	    cmocka_unit_test(lines_that_are_none_spoil_all),
	    cmocka_unit_test(a_document_lists_groups_of_that_service),
	    cmocka_unit_test(another_document_is_none),
	    cmocka_unit_test(several_lists_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
