/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /cred: the certificate service that cadc-get-cert and getCert ask (IVOA Credential
 * Delegation Protocol's proxy-1.0, client contract 10). Who is known by password gets a
 * certificate to sign in with, for some days.
 */
#include "auth/dn.h"
#include "auth/issuer.h"
#include "service/core/isotime.h"
#include "service/core/log.h"
#include "service/op/ops.h"

enum { DAY_S = 86400 };

struct wish {
	struct op_call *call;
	uint64_t days;
	struct account account;
	struct accounts_dn bind;
};

static enum err
may_have_one(struct op_call *call)
{
	const struct caller *caller = call->caller;
	struct errinfo *why = &call->why;

	if (call->env->space->issuer == NULL)
		return errinfo_set(why, ERR_NOT_FOUND,
		    "certificates are not issued here (user_ca_certificate is not set)");
	if (caller->is_anonymous)
		return caller->refused.code != ERR_OK
			   ? errinfo_set(why, ERR_NOT_AUTHENTICATED, "%s",
				 errinfo_text(&caller->refused))
			   : errinfo_set(why, ERR_NOT_AUTHENTICATED,
				 "a certificate is for those who give their password");
	if (!caller_has_all_rights(caller))
		return errinfo_set(why, ERR_DENIED,
		    "a limited proxy or token is not given a certificate");
	return ERR_OK;
}

static void
check_certificate(struct op_call *call)
{
	enum err e = may_have_one(call);

	call->audit = "certificate";
	if (e == ERR_OK)
		op_pass(call);
	else
		op_fail(call, e);
}

static enum err
read_days(struct op_call *call, uint64_t *out)
{
	const struct settings *s = call->env->settings;
	struct bytes text = op_param(call, "daysValid");
	uint64_t days = 0;

	if (text.p == NULL) {
		*out = s->certificate_days;
		return ERR_OK;
	}
	if (!bytes_u64(text, &days) || days == 0 || days > s->certificate_days_max)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "daysValid must be a number from 1 to %llu",
		    (unsigned long long)s->certificate_days_max);
	*out = days;
	return ERR_OK;
}

static void
answer(struct wish *w, struct bytes dn)
{
	struct op_call *call = w->call;
	struct issued issued;
	char until[ISOTIME_SIZE];
	enum err e = issuer_make(call->env->space->issuer, call->arena, dn,
	    w->days * DAY_S, &issued, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	isotime_format(issued.not_after_ms, until);
	log_info("certificate %s for %.*s (%.*s) until %s, asked for by %.*s",
	    issued.serial, BYTES_ARG(w->account.name), BYTES_ARG(dn), until,
	    BYTES_ARG(call->peer));
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	op_reply_text(call, 200, "application/x-pem-file", issued.pem);
	op_finish(call);
}

static void
bound(struct change *change)
{
	struct accounts_dn *bind = container_of(change, struct accounts_dn, change);
	struct wish *w = container_of(bind, struct wish, bind);

	if (change->err == ERR_OK) {
		answer(w, w->bind.text);
		return;
	}
	w->call->why = change->why;
	op_fail(w->call, change->err);
}

/* An account that was made without a name for certificates gets one (architecture D43). */
static void
bind_first(struct wish *w)
{
	struct op_call *call = w->call;
	struct bytes text = arena_format(call->arena, "CN=%.*s,OU=users,O=%.*s",
	    BYTES_ARG(w->account.name), BYTES_ARG(call->env->space->authority));
	struct dn dn;
	enum err e =
	    text.p == NULL ? ERR_NO_MEMORY : dn_parse(call->arena, text, &dn, &call->why);

	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	w->bind = (struct accounts_dn){
	    .change = {.loop = call->env->loop, .done = bound},
	    .account = w->account.id,
	    .key = dn_key(call->arena, &dn),
	    .text = dn_canonical(call->arena, &dn),
	};
	if (w->bind.key.p == NULL || w->bind.text.p == NULL)
		op_fail(call, ERR_NO_MEMORY);
	else
		accounts_dn(call->env->store, &w->bind);
}

static void
run_certificate(struct op_call *call)
{
	struct wish *w = arena_new(call->arena, struct wish);
	enum err e = w == NULL ? ERR_NO_MEMORY : ERR_OK;

	if (e == ERR_OK)
		e = read_days(call, &w->days);
	if (e == ERR_OK)
		e = accounts_get(call->env->reader, call->arena, call->caller->principal,
		    &w->account, &call->why);
	if (e == ERR_NOT_FOUND)
		e = errinfo_set(&call->why, ERR_DENIED,
		    "a certificate is for those who have an account");
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	w->call = call;
	if (w->account.n_dns == 0)
		bind_first(w);
	else
		answer(w, w->account.dns[0]);
}

const struct op op_certificate = {
    .name = "certificate", .check = check_certificate, .run = run_certificate};
