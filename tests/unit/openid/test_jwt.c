/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of others: signed by one of these keys, for us, now, or worth nothing. */
#include "service/openid/jwt.h"

#include <cjose/cjose.h>
#include <stdlib.h>

#include "service/core/str.h"
#include "tests/support/check.h"

enum { KEY_BITS = 2048, NOW_S = 1000000 };

struct fixture {
	cjose_jwk_t *key, *other; /* `key` is in the set, as "k1" */
	struct jwt_keys *keys;
	struct errinfo why;
};

static const uint8_t exponent[] = {1, 0, 1};

static struct jwt_keys *
parse(const char *json)
{
	struct jwt_keys *keys;
	struct errinfo why;

	assert_ok(jwt_keys_parse(bytes_of(json), &keys, &why), &why);
	return keys;
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct str set;
	cjose_err err;
	char *one;

	f->key = cjose_jwk_create_RSA_random(KEY_BITS, exponent, sizeof exponent, &err);
	f->other = cjose_jwk_create_RSA_random(KEY_BITS, exponent, sizeof exponent, &err);
	assert_true(f->key != NULL && f->other != NULL);
	assert_true(cjose_jwk_set_kid(f->key, "k1", 2, &err));
	one = cjose_jwk_to_json(f->key, false, &err);
	str_init(&set, 1 << 16);
	str_addf(&set,
	    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"new\"},%s]}", one);
	cjose_get_dealloc()(one);
	f->keys = parse(set.p);
	str_release(&set);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	jwt_keys_free(f->keys);
	(void)cjose_jwk_release(f->key);
	(void)cjose_jwk_release(f->other);
	free(f);
	return 0;
}

/* A token by that key; `kid` NULL: it names none. */
static struct str
sign(const cjose_jwk_t *key, const char *alg, const char *kid, const char *claims)
{
	cjose_err err;
	cjose_header_t *header = cjose_header_new(&err);
	const char *text;
	cjose_jws_t *jws;
	struct str out;

	assert_true(cjose_header_set(header, CJOSE_HDR_ALG, alg, &err));
	if (kid != NULL)
		assert_true(cjose_header_set(header, CJOSE_HDR_KID, kid, &err));
	jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), &err);
	assert_non_null(jws);
	assert_true(cjose_jws_export(jws, &text, &err));
	str_init(&out, 1 << 16);
	str_adds(&out, text);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return out;
}

static enum err
open_text(struct fixture *f, struct bytes text, const char *nonce, struct jwt_claims *out)
{
	struct jwt_wish wish = {
	    .issuer = "https://idp.example",
	    .audience = "us",
	    .nonce = nonce,
	    .claim = "name",
	    .now_ms = NOW_S * INT64_C(1000),
	};

	return jwt_open(f->keys, text, &wish, out, &f->why);
}

static enum err
open_signed(struct fixture *f, const cjose_jwk_t *key, const char *alg, const char *kid,
    const char *claims, const char *nonce)
{
	struct str text = sign(key, alg, kid, claims);
	struct jwt_claims out;
	enum err e = open_text(f, str_bytes(&text), nonce, &out);

	str_release(&text);
	return e;
}

#define GOOD                                                                             \
	"{\"iss\":\"https://idp.example\",\"aud\":[\"them\",\"us\"],\"exp\":1000600,"    \
	"\"iat\":999999,\"nonce\":\"n\",\"name\":\"alice\"}"

static void
one_that_is_in_order_says_whose_it_is(void **state)
{
	struct fixture *f = *state;
	static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256"};
	struct jwt_claims out;
	struct str text;

	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
		text = sign(f->key, algs[i], i % 2 == 0 ? "k1" : NULL, GOOD);
		assert_ok(open_text(f, str_bytes(&text), "n", &out), &f->why);
		assert_string_equal(out.name, "alice");
		assert_int_equal(out.issued_ms, 999999000);
		str_release(&text);
	}
}

static void
another_key_does_not_count(void **state)
{
	struct fixture *f = *state;

	assert_err(
	    open_signed(f, f->other, "RS256", "k1", GOOD, NULL), ERR_NOT_AUTHENTICATED);
	assert_err(
	    open_signed(f, f->other, "RS256", NULL, GOOD, NULL), ERR_NOT_AUTHENTICATED);
	assert_err(open_signed(f, f->key, "RS256", "k2", GOOD, NULL), ERR_NOT_FOUND);
}

/* What everybody knows, or nothing at all, as the secret of a signature. */
static void
the_key_decides_the_algorithm(void **state)
{
	struct fixture *f = *state;
	static const uint8_t known[] = "what everybody knows";
	cjose_err err;
	cjose_jwk_t *secret = cjose_jwk_create_oct_spec(known, sizeof known, &err);
	struct jwt_claims out;

	assert_non_null(secret);
	assert_err(
	    open_signed(f, secret, "HS256", "k1", GOOD, NULL), ERR_NOT_AUTHENTICATED);
	(void)cjose_jwk_release(secret);
	/* {"alg":"none"} . {} . */
	assert_err(open_text(f, BYTES("eyJhbGciOiJub25lIn0.e30."), NULL, &out),
	    ERR_NOT_AUTHENTICATED);
}

static void
claims_that_do_not_fit_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = {
	    "[]",
	    "{}",
	    "{\"iss\":\"https://idp.example/"
	    "\",\"aud\":\"us\",\"exp\":1000600,\"name\":\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"use\",\"exp\":1000600,\"name\":\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":{\"us\":1},\"exp\":1000600,\"name\":\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":999970,\"name\":\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":\"1000600\",\"name\":\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":1000600,\"nbf\":1000031,\"name\":"
	    "\"a\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":1000600,\"iat\":1000031,\"name\":"
	    "\"a\"}",
	    "{\"iss\":\"https://idp.example\",\"aud\":\"us\",\"exp\":1000600}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":1000600,\"name\":\"\"}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":1000600,\"name\":[\"a\"]}",
	    "{\"iss\":\"https://"
	    "idp.example\",\"aud\":\"us\",\"exp\":1000600,\"name\":\"a\",\"name\":\"b\"}",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_err(open_signed(f, f->key, "RS256", "k1", wrong[i], NULL),
		    ERR_NOT_AUTHENTICATED);
	assert_err(
	    open_signed(f, f->key, "RS256", "k1", GOOD, "m"), ERR_NOT_AUTHENTICATED);
}

static void
what_is_no_token_is_malformed(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = {"", ".", "..", "a.b.c", "e30.e30", "e30.e30.",
	    "....", "e30.e30.e30.e30", "eyJhbGciOiJSUzI1NiJ9..",
	    "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"};
	struct jwt_claims out;
	struct str text;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_err(
		    open_text(f, bytes_of(wrong[i]), NULL, &out), ERR_NOT_AUTHENTICATED);
	text = sign(f->key, "RS256", "k1", GOOD);
	for (size_t n = 0; n < text.n; n += 7)
		assert_err(open_text(f, (struct bytes){text.p, n}, NULL, &out),
		    ERR_NOT_AUTHENTICATED);
	str_release(&text);
}

static void
what_is_no_set_of_keys_is_refused(void **state)
{
	struct jwt_keys *keys;
	struct errinfo why;

	(void)state;
	assert_err(jwt_keys_parse(BYTES("{}"), &keys, &why), ERR_INVALID_ARGUMENT);
	assert_err(jwt_keys_parse(BYTES("x"), &keys, &why), ERR_INVALID_ARGUMENT);
	assert_err(
	    jwt_keys_parse(BYTES("{\"keys\":7}"), &keys, &why), ERR_INVALID_ARGUMENT);
	keys = parse("{\"keys\":[]}");
	jwt_keys_free(keys);
	jwt_keys_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_is_in_order_says_whose_it_is),
	    cmocka_unit_test(another_key_does_not_count),
	    cmocka_unit_test(the_key_decides_the_algorithm),
	    cmocka_unit_test(claims_that_do_not_fit_are_refused),
	    cmocka_unit_test(what_is_no_token_is_malformed),
	    cmocka_unit_test(what_is_no_set_of_keys_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
