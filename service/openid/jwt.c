/* SPDX-License-Identifier: Apache-2.0 */
#include "service/openid/jwt.h"

#include <cjose/cjose.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, LEEWAY_S = 30 };

struct jwt_keys {
	size_t n;
	cjose_jwk_t *key[KEYS_MAX];
};

static enum err
refuse(struct errinfo *why, const char *text)
{
	return errinfo_set(why, ERR_NOT_AUTHENTICATED, "the token %s", text);
}

/* Keys */

static void
add_key(struct jwt_keys *keys, const json_t *object)
{
	const char *use = json_string_value(json_object_get(object, "use"));
	cjose_jwk_t *key;
	cjose_err err;
	char *text;

	if (keys->n == KEYS_MAX || (use != NULL && strcmp(use, "sig") != 0))
		return;
	text = json_dumps(object, JSON_COMPACT);
	key = text == NULL ? NULL : cjose_jwk_import(text, strlen(text), &err);
	free(text);
	if (key == NULL)
		return;
	if (cjose_jwk_get_kty(key, &err) == CJOSE_JWK_KTY_OCT)
		(void)cjose_jwk_release(key); /* a secret, and no longer one */
	else
		keys->key[keys->n++] = key;
}

enum err
jwt_keys_parse(struct bytes json, struct jwt_keys **out, struct errinfo *why)
{
	json_t *document = json_loadb(json.p, json.n, 0, NULL);
	const json_t *list = json_object_get(document, "keys");
	struct jwt_keys *keys;

	if (!json_is_array(list)) {
		json_decref(document);
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "that is no set of keys");
	}
	keys = calloc(1, sizeof *keys);
	for (size_t i = 0; keys != NULL && i < json_array_size(list); i++)
		add_key(keys, json_array_get(list, i));
	json_decref(document);
	*out = keys;
	return keys == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for keys")
			    : ERR_OK;
}

void
jwt_keys_free(struct jwt_keys *keys)
{
	for (size_t i = 0; keys != NULL && i < keys->n; i++)
		(void)cjose_jwk_release(keys->key[i]);
	free(keys);
}

/* Signatures */

static bool
key_makes(const cjose_jwk_t *key, const char *alg)
{
	cjose_err err;
	bool is_rsa = cjose_jwk_get_kty(key, &err) == CJOSE_JWK_KTY_RSA;
	static const char *const rsa[] = {
	    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
	static const char *const ec[] = {"ES256", "ES384", "ES512"};

	for (size_t i = 0; is_rsa && i < sizeof rsa / sizeof rsa[0]; i++)
		if (strcmp(alg, rsa[i]) == 0)
			return true;
	for (size_t i = 0; !is_rsa && i < sizeof ec / sizeof ec[0]; i++)
		if (strcmp(alg, ec[i]) == 0)
			return true;
	return false;
}

/* Of a key that the token may mean: of its name, if it has one. */
static bool
is_meant(const cjose_jwk_t *key, const char *kid)
{
	cjose_err err;
	const char *own = cjose_jwk_get_kid(key, &err);

	return kid == NULL || (own != NULL && strcmp(own, kid) == 0);
}

static enum err
check_signature(const struct jwt_keys *keys, cjose_jws_t *jws, struct errinfo *why)
{
	cjose_header_t *header = cjose_jws_get_protected(jws);
	const char *alg, *kid;
	bool named = false;
	cjose_err err;
	char *critical;

	critical = cjose_header_get_raw(header, "crit", &err);
	if (critical != NULL) {
		cjose_get_dealloc()(critical);
		return refuse(why, "has extensions that nobody here understands");
	}
	alg = cjose_header_get(header, CJOSE_HDR_ALG, &err);
	kid = cjose_header_get(header, CJOSE_HDR_KID, &err);
	for (size_t i = 0; alg != NULL && i < keys->n; i++) {
		if (!is_meant(keys->key[i], kid))
			continue;
		named = true;
		if (key_makes(keys->key[i], alg) &&
		    cjose_jws_verify(jws, keys->key[i], &err))
			return ERR_OK;
	}
	return named || alg == NULL
		   ? refuse(why, "is not signed by the provider")
		   : errinfo_set(why, ERR_NOT_FOUND, "the token's key is not known");
}

/* Claims */

/* `aud` is a text or a list of texts. */
static bool
is_for(const json_t *claims, const char *audience)
{
	const json_t *aud = json_object_get(claims, "aud");

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), audience) == 0;
	for (size_t i = 0; i < json_array_size(aud); i++) {
		const char *one = json_string_value(json_array_get(aud, i));

		if (one != NULL && strcmp(one, audience) == 0)
			return true;
	}
	return false;
}

static bool
says(const json_t *claims, const char *name, const char *wanted)
{
	const char *value = json_string_value(json_object_get(claims, name));

	return value != NULL && strcmp(value, wanted) == 0;
}

/* Seconds as the token has them; `missing` without. */
static double
seconds(const json_t *claims, const char *name, double missing)
{
	const json_t *value = json_object_get(claims, name);

	return json_is_number(value) ? json_number_value(value) : missing;
}

static enum err
check_claims(const json_t *claims, const struct jwt_wish *wish, struct jwt_claims *out,
    struct errinfo *why)
{
	double now = (double)wish->now_ms / 1000, issued = seconds(claims, "iat", 0);
	const char *name = json_string_value(json_object_get(claims, wish->claim));

	if (!says(claims, "iss", wish->issuer))
		return refuse(why, "is of another issuer");
	if (!is_for(claims, wish->audience))
		return refuse(why, "is not for this service");
	if (seconds(claims, "exp", 0) <= now - LEEWAY_S)
		return refuse(why, "has expired");
	if (seconds(claims, "nbf", 0) > now + LEEWAY_S || issued > now + LEEWAY_S)
		return refuse(why, "is not valid yet");
	if (wish->nonce != NULL && !says(claims, "nonce", wish->nonce))
		return refuse(why, "answers another question");
	if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof out->name)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the token does not say who it is of (%s)", wish->claim);
	(void)memcpy(out->name, name, strlen(name) + 1);
	out->issued_ms = (int64_t)(issued * 1000);
	return ERR_OK;
}

enum err
jwt_open(const struct jwt_keys *keys, struct bytes text, const struct jwt_wish *wish,
    struct jwt_claims *out, struct errinfo *why)
{
	cjose_jws_t *jws;
	cjose_err err;
	uint8_t *plain;
	size_t n;
	json_t *claims;
	enum err e;

	if (text.n == 0 || text.n > JWT_TEXT_MAX)
		return refuse(why, "is malformed");
	jws = cjose_jws_import(text.p, text.n, &err);
	if (jws == NULL)
		return refuse(why, "is malformed");
	e = check_signature(keys, jws, why);
	if (e == ERR_OK && !cjose_jws_get_plaintext(jws, &plain, &n, &err))
		e = refuse(why, "is malformed");
	if (e == ERR_OK) {
		claims = json_loadb((const char *)plain, n, JSON_REJECT_DUPLICATES, NULL);
		e = json_is_object(claims) ? check_claims(claims, wish, out, why)
					   : refuse(why, "is malformed");
		json_decref(claims);
	}
	cjose_jws_release(jws);
	return e;
}
