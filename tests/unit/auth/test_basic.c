/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "auth/basic.h"

static struct arena arena;
static struct basic got;
static struct errinfo why;

static enum err
parsed(const char *header)
{
	return basic_parse(&arena, bytes_of(header), &got, &why);
}

static void
assert_text(struct bytes b, const char *text)
{
	assert_int_equal(b.n, strlen(text));
	assert_memory_equal(b.p, text, b.n);
}

static void
name_and_password_are_parted_at_the_first_colon(void **state)
{
	(void)state;
	assert_ok(parsed("Basic YWxpY2U6b3BlbjpzZXNhbWU="), &why); /* alice:open:sesame */
	assert_text(got.name, "alice");
	assert_text(got.password, "open:sesame");
	assert_ok(parsed("basic   Og=="), &why); /* : */
	assert_int_equal(got.name.n, 0);
	assert_int_equal(got.password.n, 0);
}

static void
what_is_no_name_and_password_is_refused(void **state)
{
	static const char *const bad[] = {"Basic", "Basic ",
	    "Basic =", "Basic ====", "Basic YWxpY2U6", "Basic YWxpY2U", "Basic YWxpY2U*",
	    "Basic YWxpY2U6 Og==", "Basic YWxpY2U="};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		enum err e = parsed(bad[i]);

		if (i == 4) /* "alice:", a name without a password, is one */
			assert_ok(e, &why);
		else
			assert_int_equal(e, ERR_NOT_AUTHENTICATED);
	}
}

static void
a_text_without_end_is_refused(void **state)
{
	static char header[8192] = "Basic ";

	(void)state;
	(void)memset(header + 6, 'Q', 4096);
	assert_int_equal(parsed(header), ERR_NOT_AUTHENTICATED);
}

static void
the_scheme_is_one_word_in_any_case(void **state)
{
	(void)state;
	assert_true(basic_is(BYTES("Basic Og==")));
	assert_true(basic_is(BYTES("BASIC Og==")));
	assert_true(basic_is(BYTES("basic")));
	assert_false(basic_is(BYTES("Basics Og==")));
	assert_false(basic_is(BYTES("Bearer Og==")));
	assert_false(basic_is(BYTES("")));
}

static void
only_loopback_is_local(void **state)
{
	(void)state;
	assert_true(basic_peer_is_local(BYTES("127.0.0.1:4711")));
	assert_true(basic_peer_is_local(BYTES("127.9.9.9:1")));
	assert_true(basic_peer_is_local(BYTES("[::1]:4711")));
	assert_true(basic_peer_is_local(BYTES("[::ffff:127.0.0.1]:1")));
	assert_false(basic_peer_is_local(BYTES("10.0.0.1:1")));
	assert_false(basic_peer_is_local(BYTES("[::12]:1")));
	assert_false(basic_peer_is_local(BYTES("[fe80::1]:1")));
	assert_false(basic_peer_is_local(BYTES("[::ffff:10.0.0.1]:1")));
	assert_false(basic_peer_is_local(BYTES("192.127.0.1:1")));
	assert_false(basic_peer_is_local(BYTES("")));
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(name_and_password_are_parted_at_the_first_colon),
	    cmocka_unit_test(what_is_no_name_and_password_is_refused),
	    cmocka_unit_test(a_text_without_end_is_refused),
	    cmocka_unit_test(the_scheme_is_one_word_in_any_case),
	    cmocka_unit_test(only_loopback_is_local),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
