/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/openid_account.h"

#include "auth/dn.h"

enum { DN_MAX = 8192 };

/* As RFC 4514 wants it in a DN. */
static void
add_escaped(struct str *s, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (bytes_find(BYTES(",+\"\\<>;=# "), *p) < sizeof(",+\"\\<>;=# ") - 1)
			str_addc(s, '\\');
		str_addc(s, *p);
	}
}

/* The account with the identity CN=SUB,O=ISSUER. */
static enum err
by_subject(struct op_call *call, const char *subject, struct account *out)
{
	struct identity_facts facts;
	struct bytes key = {NULL, 0};
	struct str text;
	struct dn dn;
	enum err e;

	str_init(&text, DN_MAX);
	str_adds(&text, "CN=");
	add_escaped(&text, subject);
	str_adds(&text, ",O=");
	add_escaped(&text, call->env->settings->openid_issuer);
	e = str_failed(&text)
		? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an identity")
		: dn_parse(call->arena, arena_copy(call->arena, str_bytes(&text)), &dn,
		      &call->why);
	str_release(&text);
	if (e == ERR_OK)
		key = dn_key(call->arena, &dn);
	if (e == ERR_OK && key.p == NULL)
		e = errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for an identity");
	if (e == ERR_OK)
		e = accounts_identity_of_dn(
		    call->env->reader, call->arena, key, &facts, &call->why);
	if (e == ERR_OK && !facts.is_account)
		e = ERR_NOT_FOUND;
	return e == ERR_OK ? accounts_get(call->env->reader, call->arena, facts.principal,
				 out, &call->why)
			   : e;
}

enum err
openid_find_account(
    struct op_call *call, const struct jwt_claims *claims, struct account *out)
{
	const struct settings *s = call->env->settings;
	enum err e = bytes_is(bytes_of(s->openid_claim), "sub")
			 ? by_subject(call, claims->name, out)
			 : accounts_find(call->env->reader, call->arena,
			       bytes_of(claims->name), out, &call->why);

	if (e == ERR_NOT_FOUND || e == ERR_INVALID_ARGUMENT)
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
		    "there is no account here for '%s' of %s", claims->name,
		    s->openid_name);
	if (e == ERR_OK && claims->issued_ms < out->valid_from_ms)
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
		    "what %s said was revoked here since: sign in again", s->openid_name);
	return e;
}
