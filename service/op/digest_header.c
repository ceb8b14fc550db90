/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/digest_header.h"

#include "service/core/encode.h"

enum { SUM_MAX = 64 };

static enum err
malformed(struct bytes item, struct errinfo *why)
{
	return errinfo_set(why, ERR_INVALID_ARGUMENT,
	    "Digest: '%.*s' is not a checksum in base64", BYTES_ARG(item));
}

/* ":...:" -> "..." */
static bool
take_colons(struct bytes *value)
{
	if (value->n < 2 || value->p[0] != ':' || value->p[value->n - 1] != ':')
		return false;
	*value = (struct bytes){value->p + 1, value->n - 2};
	return true;
}

/* A sum that is claimed twice must be the same. */
static enum err
claim(struct bytes item, struct bytes value, uint8_t *sum, size_t n, bool *given,
    struct errinfo *why)
{
	uint8_t claimed[SHA256_SIZE];

	if (!base64_decode(value, claimed, n))
		return malformed(item, why);
	if (*given && memcmp(sum, claimed, n) != 0)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "Digest: two different checksums are claimed");
	(void)memcpy(sum, claimed, n);
	*given = true;
	return ERR_OK;
}

/* Of those that are not compared: is it one at all? */
static enum err
check_form(struct bytes item, struct bytes name, struct bytes value, struct errinfo *why)
{
	static const struct {
		const char *name;
		size_t n;
	} known[] = {{"sha-1", 20}, {"sha", 20}, {"sha-384", 48}, {"sha-512", SUM_MAX}};
	uint8_t sum[SUM_MAX];

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (bytes_caseeq(name, bytes_of(known[i].name)) &&
		    !base64_decode(value, sum, known[i].n))
			return malformed(item, why);
	return ERR_OK;
}

static enum err
add_one(
    struct bytes item, bool is_structured, struct digest_claims *out, struct errinfo *why)
{
	size_t equals = bytes_find(item, '=');
	struct bytes name = {item.p, equals}, value;

	if (equals == 0 || equals + 1 >= item.n)
		return malformed(item, why);
	value = bytes_skip(item, equals + 1);
	if (is_structured && !take_colons(&value))
		return malformed(item, why);
	if (bytes_caseeq(name, BYTES("md5")))
		return claim(item, value, out->md5, MD5_SIZE, &out->md5_given, why);
	if (bytes_caseeq(name, BYTES("sha-256")))
		return claim(
		    item, value, out->sha256, SHA256_SIZE, &out->sha256_given, why);
	return check_form(item, name, value, why);
}

enum err
digest_header_add(struct bytes value, bool is_structured, struct digest_claims *out,
    struct errinfo *why)
{
	struct bytes item;
	enum err e = ERR_OK;

	while (e == ERR_OK && bytes_token(&value, ",", &item))
		e = add_one(bytes_trim(item), is_structured, out, why);
	return e;
}

enum err
digest_header_parse(struct op_call *call, struct digest_claims *out)
{
	static const struct {
		const char *name;
		bool is_structured;
	} headers[] = {
	    {"digest", false}, {"repr-digest", true}, {"content-digest", true}};
	enum err e = ERR_OK;

	*out = (struct digest_claims){.md5_given = false};
	for (size_t i = 0; i < sizeof headers / sizeof headers[0] && e == ERR_OK; i++)
		e = digest_header_add(op_header(call, headers[i].name),
		    headers[i].is_structured, out, &call->why);
	return e;
}
