/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/xml/group_xml.h"

enum { LIMIT = 1 << 20 };

static struct arena arena;
static struct errinfo why;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 8 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct group_document
read_ok(const char *text)
{
	struct group_document doc;

	assert_ok(group_xml_read(&arena, bytes_of(text), LIMIT, &doc, &why), &why);
	return doc;
}

static void
check_refused(const char *text, const char *said)
{
	struct group_document doc;

	assert_err(group_xml_read(&arena, bytes_of(text), LIMIT, &doc, &why),
	    ERR_INVALID_ARGUMENT);
	if (strstr(why.text, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.text, said);
}

static void
what_is_written_is_read(void **state)
{
	const struct group_user jo = {
	    BYTES("ivo://example.org/gms?user-7"), BYTES("jo"), BYTES("CN=Jo <&>,C=CA")};
	const struct group_link links[] = {
	    {.role = GROUP_MEMBERS_OF, .group_uri = BYTES("ivo://cadc.nrc.ca/gms?a")},
	    {.role = USER_MEMBERS, .user = jo},
	    {.role = GROUP_ADMINS, .group_uri = BYTES("ivo://cadc.nrc.ca/gms?b")},
	    {.role = USER_ADMINS, .user = jo},
	};
	const struct group_document out = {
	    .uri = BYTES("ivo://cadc.nrc.ca/gms?g"),
	    .owner = jo,
	    .description = BYTES("what \"it\" is for & more"),
	    .modified_ms = 1767312000123,
	    .links = links,
	    .n_links = 4,
	};
	struct group_document in;
	struct str text;

	(void)state;
	str_init(&text, LIMIT);
	group_xml_write(&text, &out);
	str_addc(&text, '\0');
	assert_non_null(
	    strstr(text.p, "<lastModified>2026-01-02T00:00:00.123</lastModified>"));
	in = read_ok(text.p);
	assert_true(bytes_eq(in.uri, out.uri));
	assert_true(bytes_eq(in.description, out.description));
	assert_int_equal(in.n_links, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(in.links[i].role, links[i].role);
		assert_true(bytes_eq(in.links[i].group_uri, links[i].group_uri));
		assert_true(bytes_eq(in.links[i].user.uri, links[i].user.uri));
		assert_true(bytes_eq(in.links[i].user.name, links[i].user.name));
		assert_true(bytes_eq(in.links[i].user.dn, links[i].user.dn));
	}
	str_release(&text);
}

/* Clients read both of everybody. */
static void
each_user_has_both_identities(void **state)
{
	const struct group_link links[] = {
	    {.role = USER_MEMBERS, .user = {BYTES("u:1"), BYTES("jo"), BYTES("")}},
	    {.role = USER_MEMBERS, .user = {BYTES("u:2"), BYTES(""), BYTES("CN=Ann")}},
	};
	const struct group_document out = {
	    .uri = BYTES("ivo://cadc.nrc.ca/gms?g"),
	    .owner = links[0].user,
	    .links = links,
	    .n_links = 2,
	};
	struct group_document in;
	struct str text;

	(void)state;
	str_init(&text, LIMIT);
	group_xml_write(&text, &out);
	str_addc(&text, '\0');
	in = read_ok(text.p);
	assert_int_equal(in.n_links, 2);
	assert_true(bytes_is(in.links[0].user.dn, "jo"));
	assert_true(bytes_is(in.links[1].user.name, "CN=Ann"));
	assert_int_equal(in.description.n, 0);
	str_release(&text);
}

static void
a_list_says_what_and_whose(void **state)
{
	const struct group_document groups[] = {
	    {.uri = BYTES("ivo://cadc.nrc.ca/gms?a"),
		.owner = {BYTES("u:1"), BYTES("jo"), BYTES("CN=Jo")}},
	    {.uri = BYTES("ivo://cadc.nrc.ca/gms?b"),
		.owner = {BYTES("u:1"), BYTES("jo"), BYTES("CN=Jo")}},
	};
	struct str text;

	(void)state;
	str_init(&text, LIMIT);
	group_xml_write_list(&text, groups, 2);
	str_addc(&text, '\0');
	assert_non_null(strstr(text.p, "<group uri=\"ivo://cadc.nrc.ca/gms?a\"><owner>"));
	assert_non_null(strstr(text.p, "gms?b\""));
	assert_null(strstr(text.p, "userMembers"));
	str_release(&text);
}

static void
what_is_no_group_is_refused(void **state)
{
	(void)state;
	check_refused("<groups/>", "not a group");
	check_refused("<group/>", "no uri");
	check_refused("<group uri=''/>", "no uri");
	check_refused(
	    "<group uri='u'><userMembers><group uri='x'/></userMembers></group>",
	    "no user");
	check_refused(
	    "<group uri='u'><groupAdmins><user/></groupAdmins></group>", "no group");
	check_refused("<group uri='u'><groupMembers><group/></groupMembers></group>",
	    "groupMembers");
	check_refused(
	    "<group uri='u'><userAdmins><user/></userAdmins></group>", "no identity");
	check_refused("<group uri='u'", "line");
}

static void
what_is_not_said_is_absent(void **state)
{
	struct group_document doc =
	    read_ok("<group uri=' u'><userMembers> </userMembers>"
		    "<properties><property/></properties></group>");

	(void)state;
	assert_null(doc.description.p);
	assert_int_equal(doc.n_links, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(each_user_has_both_identities),
	    cmocka_unit_test(a_list_says_what_and_whose),
	    cmocka_unit_test(what_is_no_group_is_refused),
	    cmocka_unit_test(what_is_not_said_is_absent),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
