/* SPDX-License-Identifier: Apache-2.0 */
#include "service/authenticate.h"

#include <stdlib.h>

#include "auth/token.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/op/openid_account.h"
#include "service/op/ops.h"
#include "service/op/sign_in.h"
#include "service/op/token_words.h"

enum { CHAIN_ARENA = 1024 * 1024 };

/*
 * Who asked last on this connection, and what with. It holds as long as the store is the
 * same; then it is looked up again.
 */
struct known {
	struct arena arena; /* of the caller's texts */
	bool valid;
	uint64_t version; /* of the store */
	struct bytes text; /* the token's; .p NULL: by the certificate */
	struct token token;
	struct caller caller;
};

/* What the connection's certificate is worth, found out once. */
struct vouched {
	struct arena arena;
	uint64_t trust_id; /* by whom it was judged: a reload changes them */
	bool given;
	enum err err;
	struct errinfo why;
	struct x509_identity identity;
	struct known known;
};

static void
free_vouched(void *data)
{
	struct vouched *v = data;

	if (v == NULL)
		return;
	arena_release(&v->arena);
	arena_release(&v->known.arena);
	free(v);
}

static void
look_at_chain(struct conn *conn, const struct x509_trust *trust, struct vouched *v)
{
	struct bytes *der;
	size_t n;

	arena_clear(&v->arena);
	v->trust_id = x509_trust_id(trust);
	v->known.valid = false;
	v->given = false;
	v->why = (struct errinfo){.code = ERR_OK};
	v->err = conn_peer_chain(conn, &v->arena, &der, &n, &v->why);
	if (v->err != ERR_OK || n == 0)
		return;
	v->given = true;
	v->err =
	    trust == NULL
		? errinfo_set(&v->why, ERR_NOT_AUTHENTICATED,
		      "the server believes no client certificates (client_ca is not set)")
		: x509_identify(trust, &v->arena, der, n, &v->identity, &v->why);
}

static struct vouched *
vouched_for(struct conn *conn, const struct x509_trust *trust)
{
	struct vouched *v = conn_data(conn);

	if (v == NULL) {
		v = calloc(1, sizeof *v);
		if (v == NULL)
			return NULL;
		arena_init(&v->arena, CHAIN_ARENA);
		arena_init(&v->known.arena, CHAIN_ARENA);
		look_at_chain(conn, trust, v);
		conn_set_data(conn, v, free_vouched);
	} else if (v->trust_id != x509_trust_id(trust)) {
		look_at_chain(conn, trust, v);
	}
	return v;
}

/* Is it the one who asked last? `text` .p NULL: by the certificate. */
static bool
is_known(const struct known *k, struct bytes text, uint64_t version)
{
	if (!k->valid || k->version != version || (k->text.p == NULL) != (text.p == NULL))
		return false;
	return text.p == NULL || bytes_eq(k->text, text);
}

/* A caller that lasts as long as the connection, still nobody. */
static struct caller *
new_known(struct known *k, const struct caller *caller, uint64_t version)
{
	arena_clear(&k->arena);
	k->valid = false;
	k->version = version;
	caller_init(&k->caller, &k->arena, caller->reader, caller->settings,
	    caller->group_authority);
	return &k->caller;
}

/* For this request; what else it needs to know is its own. */
static void
become_known(const struct known *k, struct caller *caller)
{
	struct arena *arena = caller->arena;

	*caller = k->caller;
	caller->arena = arena;
}

static void
refuse(struct caller *caller, struct bytes text)
{
	(void)errinfo_set(
	    &caller->refused, ERR_NOT_AUTHENTICATED, "%.*s", BYTES_ARG(text));
}

static enum err
known_by_certificate(struct vouched *v, const struct caller *caller, struct op_call *call)
{
	uint64_t version = store_version(call->env->store);
	struct known *k = &v->known;
	enum err e;

	if (is_known(k, (struct bytes){NULL, 0}, version))
		return ERR_OK;
	e = caller_from_dn(new_known(k, caller, version), v->identity.dn,
	    v->identity.certified_ms, &call->why);
	k->caller.is_limited = v->identity.limited;
	k->text = (struct bytes){NULL, 0};
	k->valid = e == ERR_OK;
	return e;
}

static enum err
by_certificate(struct conn *conn, const struct x509_trust *trust, struct caller *caller,
    struct op_call *call)
{
	struct vouched *v = vouched_for(conn, trust);
	int64_t now = clock_wall_ms();
	enum err e;

	if (v == NULL)
		return errinfo_set(
		    &call->why, ERR_NO_MEMORY, "no memory for a certificate");
	if (!v->given)
		return ERR_OK;
	if (v->err == ERR_NO_MEMORY) {
		call->why = v->why;
		return v->err;
	}
	if (v->err != ERR_OK) {
		caller->refused = v->why;
		return ERR_OK;
	}
	if (now > v->identity.not_after_ms) {
		refuse(caller, x509_expired_text(call->arena, &v->identity));
		return ERR_OK;
	}
	if (now < v->identity.not_before_ms) {
		refuse(caller, x509_early_text(call->arena, &v->identity));
		return ERR_OK;
	}
	e = known_by_certificate(v, caller, call);
	if (e == ERR_OK)
		become_known(&v->known, caller);
	return e;
}

/* "/preauth:TOKEN/path" behind the route of the files. */
static bool
is_preauthorised(const struct op_call *call)
{
	return (call->op == &op_file_get || call->op == &op_file_put ||
		   call->op == &op_file_post) &&
	       bytes_starts(call->rest, BYTES("/preauth:"));
}

/* What was asked for with a token ends with it. */
static enum err
by_url_of_token(struct caller *caller, struct op_call *call)
{
	struct token token;
	enum err e = tokens_get(call->env->reader, call->arena, call->grant.identity,
	    call->grant.token, &token, &call->why);

	if (e == ERR_NOT_FOUND || (e == ERR_OK && clock_wall_ms() >= token.expires_ms))
		return errinfo_set(&call->why, ERR_DENIED,
		    "the pre-authorised URL was made with a token that has ended");
	return e == ERR_OK ? caller_from_token(caller, &token, &call->why) : e;
}

static enum err
by_url(struct caller *caller, struct op_call *call)
{
	const struct space *space = call->env->space;
	struct bytes text = bytes_skip(call->rest, sizeof("/preauth:") - 1);
	struct bytes token = {text.p, bytes_find(text, '/')};
	enum err e = path_parse(call->arena, bytes_skip(text, token.n),
	    (size_t)call->env->settings->path_depth, &call->preauth_path, &call->why);

	call->preauthorised = true;
	if (e == ERR_OK)
		e = preauth_open(space->preauth_keys, space->n_preauth_keys, token,
		    path_show(call->arena, call->preauth_path), clock_wall_ms(),
		    &call->grant, &call->why);
	if (e != ERR_OK)
		return e;
	return call->grant.token == 0
		   ? caller_from_identity(caller, call->grant.identity, &call->why)
		   : by_url_of_token(caller, call);
}

/* A page of somebody else's made the browser send this (architecture D51). */
static enum err
check_origin(struct op_call *call)
{
	struct bytes site = op_header(call, "sec-fetch-site");
	struct bytes origin = op_header(call, "origin");
	bool foreign;

	if (call->is_get || call->is_head)
		return ERR_OK;
	foreign = (site.p != NULL && !bytes_is(site, "same-origin") &&
		      !bytes_is(site, "none")) ||
		  (origin.p != NULL && !bytes_eq(origin, call->root_url));
	return foreign ? errinfo_set(&call->why, ERR_DENIED,
			     "the request comes from another site")
		       : ERR_OK;
}

/* The right password of an account that may be used. */
static enum err
take_account(struct authenticate *a)
{
	struct errinfo *why = &a->call->why;
	enum err e = caller_from_account(a->caller, &a->account, why);

	if (e == ERR_OK && a->caller->is_anonymous) {
		*why = a->caller->refused;
		return ERR_NOT_AUTHENTICATED;
	}
	return e;
}

static void
password_known(struct password_ask *ask, enum err err)
{
	struct authenticate *a = container_of(ask, struct authenticate, ask);

	if (err == ERR_OK)
		err = take_account(a);
	else if (err == ERR_NOT_AUTHENTICATED) {
		(void)errinfo_set(
		    &a->call->why, err, "the name or the password is wrong");
		a->call->audit = "sign-in";
		a->call->audit_subject = a->basic.name;
	} else if (err == ERR_BUSY)
		(void)errinfo_set(
		    &a->call->why, err, "too many passwords are being checked");
	a->done(a, err);
}

static void
by_password(struct authenticate *a, struct bytes authorization)
{
	struct op_call *call = a->call;
	struct errinfo *why = &call->why;
	enum err e = sign_in_check_way(a->call);

	if (e == ERR_OK)
		e = basic_parse(call->arena, authorization, &a->basic, why);
	if (e == ERR_OK)
		e = accounts_find(
		    call->env->reader, call->arena, a->basic.name, &a->account, NULL);
	if (e == ERR_NOT_FOUND) /* which is nobody else's to know */
		a->account.password = BYTES("");
	else if (e != ERR_OK) {
		a->done(a, e);
		return;
	}
	a->ask = (struct password_ask){
	    .name = a->basic.name,
	    .password = a->basic.password,
	    .stored = a->account.password,
	    .peer = call->peer,
	    .done = password_known,
	};
	passwords_ask(a->call->env->passwords, &a->ask);
}

/* A token of one of these kinds, of an account that may be used. */
static enum err
known_by_token(struct known *k, struct authenticate *a, struct bytes text, unsigned kinds)
{
	struct op_call *call = a->call;
	uint64_t version = store_version(call->env->store);
	int64_t now = clock_wall_ms();
	struct caller *caller;
	enum err e;

	if (is_known(k, text, version) && now < k->token.expires_ms &&
	    (kinds >> k->token.kind & 1) != 0)
		return ERR_OK;
	caller = new_known(k, a->caller, version);
	e = token_open(
	    call->env->reader, &k->arena, text, kinds, now, &k->token, &call->why);
	if (e == ERR_OK)
		e = caller_from_token(caller, &k->token, &call->why);
	if (e == ERR_OK && caller->is_anonymous) {
		call->why = caller->refused;
		return ERR_NOT_AUTHENTICATED;
	}
	k->text = arena_copy(&k->arena, text);
	k->valid = e == ERR_OK && k->text.p != NULL;
	return e;
}

static enum err
take_token(struct authenticate *a, struct bytes text, unsigned kinds)
{
	struct vouched *v = vouched_for(a->conn, a->trust);
	enum err e = sign_in_check_way(a->call);

	if (v == NULL)
		return errinfo_set(&a->call->why, ERR_NO_MEMORY, "no memory for a token");
	if (e == ERR_OK)
		e = known_by_token(&v->known, a, text, kinds);
	if (e == ERR_OK)
		become_known(&v->known, a->caller);
	return e;
}

static enum err
by_bearer(struct authenticate *a, struct bytes text)
{
	enum err e = take_token(a, text, 1U << TOKEN_LOGIN | 1U << TOKEN_PERSONAL);

	a->call->bad_bearer = e == ERR_NOT_AUTHENTICATED;
	if (a->call->bad_bearer)
		a->call->audit = "sign-in";
	return e;
}

/* A dead one makes nobody fail who could do without (architecture D41). */
static enum err
forgive(struct authenticate *a, enum err err)
{
	if (err != ERR_NOT_AUTHENTICATED)
		return err;
	a->caller->refused = a->call->why;
	a->call->why = (struct errinfo){.code = ERR_OK};
	return ERR_OK;
}

static enum err
by_cookie(struct authenticate *a, struct bytes text)
{
	return forgive(a, take_token(a, text, 1U << TOKEN_SESSION));
}

/* Below a link nothing else counts; before it is opened one is nobody. */
static enum err
by_link(struct authenticate *a)
{
	struct bytes text = op_cookie(a->call, GUEST_COOKIE "=");
	struct caller nobody = *a->caller;
	enum err e;

	if (text.p == NULL)
		return ERR_OK;
	e = take_token(a, text, 1U << TOKEN_GUEST);
	if (e == ERR_OK && !token_id_is(a->call->link, a->caller->link)) {
		*a->caller = nobody;
		e = errinfo_set(&a->call->why, ERR_NOT_AUTHENTICATED,
		    "the cookie is of another link");
	}
	return forgive(a, e);
}

struct by_provider {
	struct authenticate *a;
	struct openid_ask ask;
};

static void
provider_known(struct openid_ask *ask, enum err err)
{
	struct authenticate *a = container_of(ask, struct by_provider, ask)->a;
	struct op_call *call = a->call;

	if (err != ERR_OK)
		call->why = ask->why;
	else
		err = openid_find_account(call, &ask->claims, &a->account);
	if (err == ERR_OK)
		err = take_account(a);
	a->caller->by_provider = true;
	call->bad_bearer = err == ERR_NOT_AUTHENTICATED;
	if (call->bad_bearer)
		call->audit = "sign-in";
	a->done(a, err);
}

static void
by_provider(struct authenticate *a, struct bytes text)
{
	struct by_provider *b = arena_new(a->call->arena, struct by_provider);
	enum err e = b == NULL ? ERR_NO_MEMORY : sign_in_check_way(a->call);

	if (e != ERR_OK) {
		a->done(a, e);
		return;
	}
	b->a = a;
	b->ask = (struct openid_ask){
	    .verb = OPENID_BEARER,
	    .loop = a->call->env->loop,
	    .text = text,
	    .done = provider_known,
	};
	openid_ask(a->call->env->openid, &b->ask);
}

static void
by_token(struct authenticate *a, struct bytes text)
{
	if (a->call->env->openid != NULL && openid_is_token(text))
		by_provider(a, text);
	else
		a->done(a, by_bearer(a, text));
}

static void
by_header(struct authenticate *a, struct bytes authorization)
{
	struct bytes scheme = {authorization.p, bytes_find(authorization, ' ')};

	if (basic_is(authorization))
		by_password(a, authorization);
	else if (bytes_caseeq(scheme, BYTES("bearer")))
		by_token(a, bytes_trim(bytes_skip(authorization, scheme.n)));
	else
		a->done(a, errinfo_set(&a->call->why, ERR_NOT_AUTHENTICATED,
			       "Authorization by '%.*s' is not offered here: use a "
			       "certificate, a password or a token",
			       BYTES_ARG(scheme)));
}

void
authenticate_caller(struct authenticate *a)
{
	struct bytes authorization = op_header(a->call, "authorization");
	struct bytes session = op_cookie(a->call, SESSION_COOKIE "=");
	enum err e;

	if (a->door == ROUTE_ADMIN) { /* the socket's mode and the peer's uid decided */
		a->caller->is_anonymous = false;
		a->caller->is_admin = true;
		a->caller->name = BYTES("operator");
		a->done(a, ERR_OK);
		return;
	}
	e = check_origin(a->call);
	if (e != ERR_OK)
		a->done(a, e);
	else if (is_preauthorised(a->call))
		a->done(a, by_url(a->caller, a->call));
	else if (a->call->link.p != NULL)
		a->done(a, by_link(a));
	else if (authorization.p != NULL)
		by_header(a, authorization);
	else if (session.p != NULL)
		a->done(a, by_cookie(a, session));
	else
		a->done(a, by_certificate(a->conn, a->trust, a->caller, a->call));
}
