/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>

#include "auth/dn.h"

static struct arena arena;
static struct errinfo why;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct dn
parsed(const char *text)
{
	struct dn dn = {NULL, 0};

	if (dn_parse(&arena, bytes_of(text), &dn, &why) != ERR_OK)
		fail_msg("\"%s\": %s", text, errinfo_text(&why));
	return dn;
}

static void
assert_canonical(const char *text, const char *canonical)
{
	struct dn dn = parsed(text), again;
	struct bytes written = dn_canonical(&arena, &dn);

	assert_bytes(written, canonical);
	assert_ok(dn_parse(&arena, written, &again, &why), &why);
	assert_bytes(dn_canonical(&arena, &again), canonical);
	assert_true(dn_equal(&dn, &again));
}

static void
assert_refused(const char *text, const char *reason)
{
	struct dn dn;

	if (dn_parse(&arena, bytes_of(text), &dn, &why) != ERR_INVALID_ARGUMENT)
		fail_msg("\"%s\" was not refused", text);
	if (!bytes_contains(bytes_of(why.text), bytes_of(reason)))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, why.text, reason);
}

static bool
equal(const char *a, const char *b)
{
	struct dn x = parsed(a), y = parsed(b);
	bool answer = dn_equal(&x, &y);

	assert_int_equal(dn_equal(&y, &x), answer);
	assert_int_equal(bytes_eq(dn_key(&arena, &x), dn_key(&arena, &y)), answer);
	return answer;
}

static void
rfc_2253_text_keeps_its_order_and_gets_capitals(void **state)
{
	(void)state;
	assert_canonical(
	    "cn=Jo Doe,ou=people,o=Grid,c=ca", "CN=Jo Doe,OU=people,O=Grid,C=ca");
	assert_canonical("CN=Jo", "CN=Jo");
	assert_canonical("CN=jo,OU=users,O=example.org", "CN=jo,OU=users,O=example.org");
}

static void
the_slash_form_is_turned_round(void **state)
{
	(void)state;
	assert_canonical("/C=CA/O=Grid/CN=Jo", "CN=Jo,O=Grid,C=CA");
	assert_canonical("/C=CA/O=Grid/OU=people/CN=Jo Doe/CN=123456",
	    "CN=123456,CN=Jo Doe,OU=people,O=Grid,C=CA");
	assert_canonical("/DC=org/DC=example/CN=Jo", "CN=Jo,DC=example,DC=org");
	assert_canonical("/CN=Jo/O=Grid/C=CA", "CN=Jo,O=Grid,C=CA");
}

static void
a_slash_without_a_type_behind_it_belongs_to_the_value(void **state)
{
	(void)state;
	assert_canonical(
	    "/O=Grid/CN=host/www.example.org", "CN=host/www.example.org,O=Grid");
	assert_canonical("/O=a, b+c/CN=x", "CN=x,O=a\\, b\\+c");
	assert_canonical("/O=Grid/CN=a\\/O=b", "CN=a/O=b,O=Grid");
}

static void
the_slash_form_has_the_escapes_openssl_writes(void **state)
{
	(void)state;
	assert_canonical("/O=Grid/CN=J\\xC3\\xB6", "CN=J\xc3\xb6,O=Grid");
	assert_canonical("/O=Grid/CN=a\\\\b", "CN=a\\\\b,O=Grid");
}

static void
blanks_around_separators_do_not_count(void **state)
{
	(void)state;
	assert_canonical("C = CA, O = Grid, CN = Jo  Doe", "CN=Jo  Doe,O=Grid,C=CA");
	assert_canonical("  CN=Jo , O=Grid ;C=CA ", "CN=Jo,O=Grid,C=CA");
	assert_canonical("CN = a + UID = b , O = Grid", "CN=a+UID=b,O=Grid");
}

static void
the_ends_tell_the_order_where_they_can(void **state)
{
	(void)state;
	assert_canonical("C=CA,O=Grid,CN=Jo", "CN=Jo,O=Grid,C=CA");
	assert_canonical("O=Grid,OU=people,UID=jo", "UID=jo,OU=people,O=Grid");
	assert_canonical("O=Grid,OU=people", "O=Grid,OU=people");
	assert_canonical("CN=a,O=Grid,CN=b", "CN=a,O=Grid,CN=b");
	assert_canonical("C=CA,O=Grid", "O=Grid,C=CA");
	assert_canonical("1.2.3.4=x,O=Grid,C=CA", "1.2.3.4=x,O=Grid,C=CA");
}

static void
types_have_one_spelling(void **state)
{
	(void)state;
	assert_canonical(
	    "E=jo@x.org,CN=Jo,S=BC,C=CA", "EMAILADDRESS=jo@x.org,CN=Jo,ST=BC,C=CA");
	assert_canonical("1.2.840.113549.1.9.1=jo@x.org,2.5.4.3=Jo,OID.2.5.4.6=CA",
	    "EMAILADDRESS=jo@x.org,CN=Jo,C=CA");
	assert_canonical("/C=CA/stateOrProvinceName=BC/emailAddress=jo@x.org",
	    "EMAILADDRESS=jo@x.org,ST=BC,C=CA");
	assert_canonical("oid.1.2.3.4=x", "1.2.3.4=x");
}

static void
escapes_are_undone_and_redone(void **state)
{
	(void)state;
	assert_canonical("CN=Doe\\, Jo,O=Grid", "CN=Doe\\, Jo,O=Grid");
	assert_canonical("CN=\\ Jo\\ ,O=\\#1", "CN=\\ Jo\\ ,O=\\#1");
	assert_canonical("CN=Jo\\ ", "CN=Jo\\ ");
	assert_canonical("CN=\\4a\\6F", "CN=Jo");
	assert_canonical("CN=J\\C3\\B6", "CN=J\xc3\xb6");
	assert_canonical("CN=a#b=c", "CN=a#b=c");
	assert_canonical("CN=\\\"\\\\\\<\\>\\;\\+\\=", "CN=\\\"\\\\\\<\\>\\;\\+=");
}

static void
quoted_values_are_read(void **state)
{
	(void)state;
	assert_canonical(
	    "CN=\"Doe, Jo <jo@x.org>\" , O=Grid", "CN=Doe\\, Jo \\<jo@x.org\\>,O=Grid");
	assert_canonical("CN=\"a \\\"b\\\" \"", "CN=a \\\"b\\\"\\ ");
}

static void
hexadecimal_values_are_read_where_they_are_text(void **state)
{
	char text[700] = "CN=#0c82012c";

	(void)state;
	assert_canonical("CN=#0c024a6f,O=Grid", "CN=Jo,O=Grid");
	assert_canonical("1.2.840.113549.1.9.1=#16024A6F", "EMAILADDRESS=Jo");
	for (size_t i = 0; i < 300; i++)
		(void)snprintf(text + 12 + 2 * i, 3, "61");
	assert_int_equal(parsed(text).rdn[0].part[0].value.n, 300);
	assert_true(equal("CN=#0c81024a6f", "CN=Jo"));
	assert_refused("CN=#020105", "no text");
	assert_refused("CN=#0c034a6f", "no text");
	assert_refused("CN=#0c", "no text");
	assert_refused("CN=#", "no text");
	assert_refused("CN=#0c8", "not hexadecimal");
	assert_refused("CN=#0c83000001", "no text");
	assert_refused("CN=#xyz", "not hexadecimal");
	assert_refused("CN=#0c024a6f?", "separator is missing");
}

static void
parts_joined_by_plus_have_no_order(void **state)
{
	(void)state;
	assert_canonical("UID=7+CN=Jo,O=Grid", "CN=Jo+UID=7,O=Grid");
	assert_canonical("CN=b+CN=B+CN=a,O=Grid", "CN=a+CN=B+CN=b,O=Grid");
	assert_true(equal("UID=7+CN=Jo,O=Grid", "cn=jo+uid=7,o=grid"));
	assert_false(equal("CN=Jo+UID=7,O=Grid", "CN=Jo,UID=7,O=Grid"));
	assert_false(equal("CN=Jo+UID=7", "CN=Jo"));
}

static void
case_blanks_and_overall_order_do_not_make_another_name(void **state)
{
	(void)state;
	assert_true(equal("CN=Jo Doe,O=Grid,C=CA", "cn=jo  doe,o=GRID,c=ca"));
	assert_true(equal("CN=Jo Doe,O=Grid,C=CA", "C=CA,O=Grid,CN=Jo Doe"));
	assert_true(equal("CN=Jo,O=Grid", "CN=\\ jo\\ ,O=grid"));
	assert_true(equal("/C=CA/O=Grid/CN=Jo Doe", "CN=\"Jo Doe\", O=Grid, C=CA"));
	assert_true(equal("O=Grid,OU=people", "OU=people,O=Grid"));
	assert_true(equal("CN=a,O=Grid,CN=b", "CN=b,O=Grid,CN=a"));
}

static void
anything_else_makes_another_name(void **state)
{
	(void)state;
	assert_false(equal("CN=Jo,O=Grid,C=CA", "CN=Jo,C=CA"));
	assert_false(equal("CN=Jo,O=Grid,C=CA", "CN=Jo,C=CA,O=Grid"));
	assert_false(equal("CN=Jo,O=Grid", "CN=JoDoe,O=Grid"));
	assert_false(equal("CN=Jo Doe,O=Grid", "CN=JoDoe,O=Grid"));
	assert_false(equal("CN=Jo,O=Grid", "OU=Jo,O=Grid"));
	assert_false(equal("CN=123,CN=Jo,O=Grid", "CN=Jo,O=Grid"));
	assert_false(equal("CN=J\xc3\xb6,O=Grid", "CN=J\xc3\x96,O=Grid"));
	assert_false(equal("CN=a\\,O=b", "CN=a,O=b"));
}

static void
the_key_is_the_name_in_lower_case(void **state)
{
	struct dn dn = parsed("/C=CA/O=Grid/OU=people/CN=Jo  Doe/CN=123456");

	(void)state;
	assert_bytes(dn_key(&arena, &dn), "cn=123456,cn=jo doe,ou=people,o=grid,c=ca");
	dn = parsed("EmailAddress=Jo@X.org,O=a\\+B");
	assert_bytes(dn_key(&arena, &dn), "emailaddress=jo@x.org,o=a\\+b");
}

static void
the_key_of_a_long_name_is_a_hash(void **state)
{
	char text[600] = "CN=";
	struct dn dn, other;
	struct bytes key;

	(void)state;
	(void)memset(text + 3, 'x', DN_KEY_MAX - 3);
	dn = parsed(text);
	key = dn_key(&arena, &dn);
	assert_int_equal(key.n, DN_KEY_MAX);
	text[DN_KEY_MAX] = 'y';
	dn = parsed(text);
	key = dn_key(&arena, &dn);
	assert_int_equal(key.n, 65);
	assert_int_equal(key.p[0], '#');
	text[3] = 'X';
	other = parsed(text);
	assert_true(bytes_eq(dn_key(&arena, &other), key));
	text[3] = 'Y';
	other = parsed(text);
	assert_false(bytes_eq(dn_key(&arena, &other), key));
}

static void
the_common_name_is_the_most_specific_one(void **state)
{
	struct dn dn = parsed("/C=CA/CN=Jo Doe/CN=123");

	(void)state;
	assert_bytes(dn_common_name(&dn), "123");
	dn = parsed("UID=7+CN=Jo\\, Doe,O=Grid");
	assert_bytes(dn_common_name(&dn), "Jo, Doe");
	dn = parsed("O=Grid,C=CA");
	assert_null(dn_common_name(&dn).p);
}

static void
what_is_wrong_is_said(void **state)
{
	(void)state;
	assert_refused("", "is empty");
	assert_refused("   ", "is empty");
	assert_refused("Jo Doe", "no '='");
	assert_refused("CN", "no '=' behind 'CN'");
	assert_refused("=Jo", "type is missing");
	assert_refused("CN=Jo,,O=Grid", "type is missing");
	assert_refused("CN=Jo,", "type is missing");
	assert_refused("/", "type is missing");
	assert_refused("FOO=Jo", "unknown attribute type 'FOO'");
	assert_refused("1=Jo", "unknown attribute type '1'");
	assert_refused("1..2=Jo", "unknown attribute type");
	assert_refused("1.02=Jo", "unknown attribute type");
	assert_refused("1.2a=Jo", "unknown attribute type");
	assert_refused("1.2.=Jo", "unknown attribute type");
	assert_refused("CN=,O=Grid", "value of CN is empty");
	assert_refused("CN=\\ ", "value of CN is empty");
	assert_refused("/C=/CN=Jo", "value of C is empty");
	assert_refused("CN=\"Jo", "quote is not closed");
	assert_refused("CN=\"Jo\"x", "separator is missing");
	assert_refused("CN=\"a\\q\"", "backslash");
	assert_refused("CN=Jo\\", "backslash");
	assert_refused("CN=Jo\\4", "backslash");
	assert_refused("/CN=DOM\\jo", "backslash");
	assert_refused("CN=Jo<jo@x.org>", "unescaped '<'");
	assert_refused("CN=a\"b\"", "unescaped '\"'");
	assert_refused("CN=a\\00b", "control character 00");
	assert_refused("CN=a\nb", "control character 0a");
	assert_refused("/O=a\\x7F", "control character 7f");
	assert_refused("CN=\xff", "not UTF-8");
	assert_refused("CN=\\C3", "not UTF-8");
}

static void
limits_hold(void **state)
{
	char text[DN_TEXT_MAX + 2];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < DN_PARTS_MAX; i++, n += 5)
		(void)snprintf(text + n, 6, "%sO=aa", i > 0 ? "," : " ");
	assert_int_equal(parsed(text).n, DN_PARTS_MAX);
	(void)snprintf(text + n, 6, ",O=aa");
	assert_refused(text, "more than 64 parts");
	for (size_t i = 0; i < n + 5; i += 5)
		text[i] = '/';
	assert_refused(text, "more than 64 parts");

	(void)memset(text, 'x', sizeof text);
	(void)memcpy(text, "O=", 2);
	text[DN_TEXT_MAX] = '\0';
	assert_int_equal(parsed(text).rdn[0].part[0].value.n, DN_TEXT_MAX - 2);
	text[DN_TEXT_MAX] = 'x';
	text[DN_TEXT_MAX + 1] = '\0';
	assert_refused(text, "more than 4096 bytes");
}

/* Give the arena less and less until nothing fails any more. */
static void
too_little_memory_is_an_error(void **state)
{
	struct bytes text = BYTES("CN=a,O=Grid,CN=b,1.2.3=c");
	enum err e = ERR_NO_MEMORY;
	unsigned failures = 0;

	(void)state;
	for (size_t limit = 0; e != ERR_OK; limit += 16) {
		struct arena small;
		struct dn dn;

		arena_init(&small, limit);
		e = dn_parse(&small, text, &dn, &why);
		if (e == ERR_OK && (dn_canonical(&small, &dn).p == NULL ||
				       dn_key(&small, &dn).p == NULL))
			e = ERR_NO_MEMORY;
		if (e != ERR_OK)
			assert_int_equal(e, ERR_NO_MEMORY);
		failures += e != ERR_OK;
		arena_release(&small);
	}
	assert_true(failures > 8);
}

static void
the_hash_of_a_long_name_may_find_no_memory(void **state)
{
	struct dn dn;
	char text[600] = "O=";
	struct arena small;

	(void)state;
	(void)memset(text + 2, 'x', sizeof text - 3);
	dn = parsed(text);
	arena_init(&small, sizeof text * 2 * 2 + 64);
	assert_null(dn_key(&small, &dn).p);
	arena_release(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc_2253_text_keeps_its_order_and_gets_capitals),
	    cmocka_unit_test(the_slash_form_is_turned_round),
	    cmocka_unit_test(a_slash_without_a_type_behind_it_belongs_to_the_value),
	    cmocka_unit_test(the_slash_form_has_the_escapes_openssl_writes),
	    cmocka_unit_test(blanks_around_separators_do_not_count),
	    cmocka_unit_test(the_ends_tell_the_order_where_they_can),
	    cmocka_unit_test(types_have_one_spelling),
	    cmocka_unit_test(escapes_are_undone_and_redone),
	    cmocka_unit_test(quoted_values_are_read),
	    cmocka_unit_test(hexadecimal_values_are_read_where_they_are_text),
	    cmocka_unit_test(parts_joined_by_plus_have_no_order),
	    cmocka_unit_test(case_blanks_and_overall_order_do_not_make_another_name),
	    cmocka_unit_test(anything_else_makes_another_name),
	    cmocka_unit_test(the_key_is_the_name_in_lower_case),
	    cmocka_unit_test(the_key_of_a_long_name_is_a_hash),
	    cmocka_unit_test(the_common_name_is_the_most_specific_one),
	    cmocka_unit_test(what_is_wrong_is_said),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(too_little_memory_is_an_error),
	    cmocka_unit_test(the_hash_of_a_long_name_may_find_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
