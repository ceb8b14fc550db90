/* SPDX-License-Identifier: Apache-2.0 */
/* Token texts: only the one that was given counts, for its kind, until its end. */
#include "tests/unit/storage/catalogue.h"

#include "auth/token.h"

enum { ACCOUNT = 5, END = 1000 };

enum { LOGIN = 1U << TOKEN_LOGIN, SESSION = 1U << TOKEN_SESSION };

static struct bytes
given(struct catalogue *c, enum token_kind kind, char text[TOKEN_TEXT_SIZE])
{
	struct tokens_add r = {
	    .token = {.account = ACCOUNT, .kind = kind, .expires_ms = END}, .most = 10};

	assert_ok(token_make(&r.token, text, &c->why), &c->why);
	assert_done(c, run(c, tokens_add, &r));
	return bytes_of(text);
}

static enum err
opened(struct catalogue *c, struct bytes text, unsigned kinds, int64_t now)
{
	struct token t;
	enum err e = token_open(c->rig.reader, &c->arena, text, kinds, now, &t, &c->why);

	if (e == ERR_OK)
		assert_int_equal(t.account, ACCOUNT);
	return e;
}

static void
what_was_given_counts_until_its_end(void **state)
{
	struct catalogue *c = *state;
	char text[TOKEN_TEXT_SIZE];
	struct bytes t = given(c, TOKEN_LOGIN, text);

	assert_int_equal(t.n, TOKEN_TEXT_SIZE - 1);
	assert_int_equal(opened(c, t, LOGIN, END - 1), ERR_OK);
	assert_err(opened(c, t, LOGIN, END), ERR_NOT_AUTHENTICATED);
	assert_non_null(strstr(errinfo_text(&c->why), "expired"));
}

static void
one_kind_is_not_another(void **state)
{
	struct catalogue *c = *state;
	char text[TOKEN_TEXT_SIZE], cookie[TOKEN_TEXT_SIZE];

	assert_err(
	    opened(c, given(c, TOKEN_LOGIN, text), SESSION, 0), ERR_NOT_AUTHENTICATED);
	assert_err(
	    opened(c, given(c, TOKEN_SESSION, cookie), LOGIN, 0), ERR_NOT_AUTHENTICATED);
	assert_int_equal(opened(c, bytes_of(text), LOGIN | SESSION, 0), ERR_OK);
}

static void
no_other_text_counts(void **state)
{
	struct catalogue *c = *state;
	char text[TOKEN_TEXT_SIZE], longer[TOKEN_TEXT_SIZE + 2];
	struct bytes t = given(c, TOKEN_LOGIN, text);

	for (size_t i = 0; i < t.n; i++) {
		for (char other = '!'; other < '~'; other++) {
			char was = text[i];

			if (other == was)
				continue;
			text[i] = other;
			assert_err(opened(c, t, LOGIN, 0), ERR_NOT_AUTHENTICATED);
			text[i] = was;
		}
	}
	for (size_t n = 0; n < t.n; n++)
		assert_err(
		    opened(c, (struct bytes){text, n}, LOGIN, 0), ERR_NOT_AUTHENTICATED);
	(void)snprintf(longer, sizeof longer, "%sA", text);
	assert_err(opened(c, bytes_of(longer), LOGIN, 0), ERR_NOT_AUTHENTICATED);
	(void)snprintf(longer, sizeof longer, "%s=", text);
	assert_err(opened(c, bytes_of(longer), LOGIN, 0), ERR_NOT_AUTHENTICATED);
	assert_int_equal(opened(c, t, LOGIN, 0), ERR_OK);
}

static void
no_two_are_alike(void **state)
{
	struct catalogue *c = *state;
	char a[TOKEN_TEXT_SIZE], b[TOKEN_TEXT_SIZE];

	(void)given(c, TOKEN_LOGIN, a);
	(void)given(c, TOKEN_LOGIN, b);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CATALOGUE_TEST(what_was_given_counts_until_its_end),
	    CATALOGUE_TEST(one_kind_is_not_another),
	    CATALOGUE_TEST(no_other_text_counts),
	    CATALOGUE_TEST(no_two_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
