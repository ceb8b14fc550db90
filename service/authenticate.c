/* SPDX-License-Identifier: Apache-2.0 */
#include "service/authenticate.h"

#include <stdlib.h>

#include "service/core/clock.h"
#include "service/op/ops.h"

enum { CHAIN_ARENA = 1024 * 1024 };

/* What the connection's certificate is worth, found out once. */
struct vouched {
	struct arena arena;
	const struct x509_trust *trust; /* a reload changes it */
	bool given;
	enum err err;
	struct errinfo why;
	struct x509_identity identity;
};

static void
free_vouched(void *data)
{
	struct vouched *v = data;

	if (v == NULL)
		return;
	arena_release(&v->arena);
	free(v);
}

static void
look_at_chain(struct conn *conn, struct vouched *v)
{
	struct bytes *der;
	size_t n;

	arena_clear(&v->arena);
	v->given = false;
	v->why = (struct errinfo){.code = ERR_OK};
	v->err = conn_peer_chain(conn, &v->arena, &der, &n, &v->why);
	if (v->err != ERR_OK || n == 0)
		return;
	v->given = true;
	v->err =
	    v->trust == NULL
		? errinfo_set(&v->why, ERR_NOT_AUTHENTICATED,
		      "the server believes no client certificates (client_ca is not set)")
		: x509_identify(v->trust, &v->arena, der, n, &v->identity, &v->why);
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
		v->trust = trust;
		look_at_chain(conn, v);
		conn_set_data(conn, v, free_vouched);
	} else if (v->trust != trust) {
		v->trust = trust;
		look_at_chain(conn, v);
	}
	return v;
}

static void
refuse(struct caller *caller, struct bytes text)
{
	(void)errinfo_set(
	    &caller->refused, ERR_NOT_AUTHENTICATED, "%.*s", BYTES_ARG(text));
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
	e = caller_from_dn(caller, v->identity.dn, &call->why);
	caller->is_limited = v->identity.limited;
	return e;
}

/* "/preauth:TOKEN/path" behind the route of the files. */
static bool
has_token(const struct op_call *call)
{
	return (call->op == &op_file_get || call->op == &op_file_put) &&
	       bytes_starts(call->rest, BYTES("/preauth:"));
}

static enum err
by_token(struct caller *caller, struct op_call *call)
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
	return e == ERR_OK
		   ? caller_from_identity(caller, call->grant.identity, &call->why)
		   : e;
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

enum err
authenticate_caller(struct conn *conn, const struct x509_trust *trust,
    enum route_door door, struct caller *caller, struct op_call *call)
{
	struct bytes authorization = op_header(call, "authorization");
	enum err e;

	if (door == ROUTE_ADMIN) { /* the socket's mode and the peer's uid have decided */
		caller->is_anonymous = false;
		caller->is_admin = true;
		caller->name = BYTES("operator");
		return ERR_OK;
	}
	e = check_origin(call);
	if (e != ERR_OK)
		return e;
	if (has_token(call))
		return by_token(caller, call);
	if (authorization.p != NULL) {
		authorization.n = bytes_find(authorization, ' ');
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
		    "Authorization by '%.*s' is not offered here: use a certificate",
		    BYTES_ARG(authorization));
	}
	return by_certificate(conn, trust, caller, call);
}
