/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in through an outside provider (OpenID Connect Core 3.1, RFC 7636), for the web
 * page. GET /account/openid?next= sends the browser there, with what has to match when it
 * comes back to /account/openid/callback: state, nonce and PKCE verifier, which a cookie of
 * the browser's own keeps meanwhile. There it gets a session, as by a password, and goes to
 * `next`.
 */
#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/log.h"
#include "service/op/openid_account.h"
#include "service/op/ops.h"
#include "service/op/sign_in.h"

#define COOKIE       "__Host-quartet-openid"
#define COOKIE_RULES "; Path=/; Secure; HttpOnly; SameSite=Lax"

enum { URL_MAX = 16 * 1024, NEXT_MAX = 2048, COOKIE_LIFE_S = 600, RAW_SIZE = 32 };

struct state {
	struct op_call *call;
	struct openid_ask ask;
	struct sign_in sign_in;
	struct bytes next; /* where the browser goes in the end */
};

static struct bytes
callback_url(struct op_call *call)
{
	return arena_format(
	    call->arena, "%.*s/account/openid/callback", BYTES_ARG(call->root_url));
}

/* Only to addresses of the page itself, with nothing that ends a header or a text. */
static bool
is_own_address(struct bytes next)
{
	bool known = bytes_is(next, "/") || bytes_starts(next, BYTES("/browse")) ||
		     bytes_starts(next, BYTES("/page/"));

	for (size_t i = 0; i < next.n; i++)
		if (next.p[i] <= ' ' || next.p[i] > '~' ||
		    bytes_find(BYTES("\"'<>&;\\"), next.p[i]) < sizeof("\"'<>&;\\") - 1)
			return false;
	return known && next.n <= NEXT_MAX;
}

/* Begin */

static void
random_text(char out[OPENID_SECRET_SIZE])
{
	uint8_t raw[RAW_SIZE];

	random_bytes(raw, sizeof raw);
	base64url_encode(raw, sizeof raw, out);
}

static void
add_field(struct str *url, const char *name, struct bytes value)
{
	str_addf(url, "&%s=", name);
	pct_encode(url, value, "");
}

static enum err
write_place(struct state *s, const char *state, const char *nonce, const char *verifier,
    struct str *url)
{
	struct op_call *call = s->call;
	char challenge[BASE64_ROOM(SHA256_SIZE)];
	uint8_t hash[SHA256_SIZE];

	if (!sha256_of(verifier, strlen(verifier), hash))
		return ERR_NO_MEMORY;
	base64url_encode(hash, sizeof hash, challenge);
	str_adds(url, s->ask.place);
	str_addc(url,
	    bytes_find(bytes_of(s->ask.place), '?') < strlen(s->ask.place) ? '&' : '?');
	str_adds(url, "response_type=code&code_challenge_method=S256");
	add_field(url, "client_id", bytes_of(call->env->settings->openid_client_id));
	add_field(url, "redirect_uri", callback_url(call));
	add_field(url, "scope", BYTES("openid profile"));
	add_field(url, "state", bytes_of(state));
	add_field(url, "nonce", bytes_of(nonce));
	add_field(url, "code_challenge", bytes_of(challenge));
	return str_failed(url) ? ERR_NO_MEMORY : ERR_OK;
}

static void
place_known(struct openid_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, ask);
	struct op_call *call = s->call;
	char state[OPENID_SECRET_SIZE], nonce[OPENID_SECRET_SIZE],
	    verifier[OPENID_SECRET_SIZE];
	struct bytes place = {NULL, 0};
	struct str url;

	if (err != ERR_OK) {
		call->why = ask->why;
		op_fail(call, err);
		return;
	}
	random_text(state);
	random_text(nonce);
	random_text(verifier);
	str_init(&url, URL_MAX);
	err = write_place(s, state, nonce, verifier, &url);
	if (err == ERR_OK)
		place = arena_copy(call->arena, str_bytes(&url));
	str_release(&url);
	if (place.p == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	/* `next` is last: it is the only one of its letters. */
	op_reply_field(call, "Set-Cookie",
	    arena_format(call->arena, COOKIE "=%s.%s.%s.%.*s" COOKIE_RULES "; Max-Age=%d",
		state, nonce, verifier, BYTES_ARG(s->next), (int)COOKIE_LIFE_S));
	op_see_other(call, place);
}

static void
run_begin(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	struct bytes next = op_param(call, "next");

	if (s == NULL || call->env->openid == NULL) {
		op_fail(call, s == NULL ? ERR_NO_MEMORY : ERR_NOT_FOUND);
		return;
	}
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	s->call = call;
	s->next = is_own_address(next) ? next : BYTES("/");
	s->ask = (struct openid_ask){
	    .verb = OPENID_PLACE, .loop = call->env->loop, .done = place_known};
	openid_ask(call->env->openid, &s->ask);
}

const struct op op_openid_begin = {.name = "openid-begin", .run = run_begin};

/* Back again */

/* To the sign-in page, which says in words what happened; the log has the reason. */
static void
send_back(struct op_call *call, enum err err)
{
	const char *word = err == ERR_BUSY ? "away" : "refused";

	log_info("request %.*s: signing in by OpenID failed: %s",
	    BYTES_ARG(call->request_id), errinfo_text(&call->why));
	call->audit_subject = arena_format(call->arena, "%s by OpenID", word);
	op_see_other(call, arena_format(call->arena, "%.*s/page/signin?openid=%s",
			       BYTES_ARG(call->root_url), word));
}

/*
 * By a page that goes on by itself: a browser that is redirected on its way back from
 * another site would not send the cookie yet (SameSite=Strict).
 */
static void
go_on(struct op_call *call, struct bytes next)
{
	op_reply_field(call, "Content-Security-Policy", BYTES("default-src 'none'"));
	op_reply_text(call, 200, "text/html; charset=utf-8",
	    arena_format(call->arena,
		"<!DOCTYPE html><title>Quartet</title>"
		"<meta http-equiv=\"refresh\" content=\"0;url=%.*s\">",
		BYTES_ARG(next)));
	op_finish(call);
}

static void
signed_in(struct sign_in *sign_in, enum err err)
{
	struct state *s = container_of(sign_in, struct state, sign_in);
	struct op_call *call = s->call;

	if (err == ERR_OK)
		err = caller_from_account(call->caller, &sign_in->account, &call->why);
	if (err != ERR_OK) {
		send_back(call, err);
		return;
	}
	sign_in_set_cookie(sign_in);
	go_on(call, s->next);
}

static void
code_known(struct openid_ask *ask, enum err err)
{
	struct state *s = container_of(ask, struct state, ask);
	struct op_call *call = s->call;

	if (err != ERR_OK)
		call->why = ask->why;
	else
		err = openid_find_account(call, &ask->claims, &s->sign_in.account);
	if (err != ERR_OK) {
		send_back(call, err);
		return;
	}
	s->sign_in.call = call;
	s->sign_in.kind = TOKEN_SESSION;
	s->sign_in.life_ms = call->env->settings->session_life;
	s->sign_in.done = signed_in;
	sign_in_account(&s->sign_in);
}

/* The part of a text before the next dot, terminated; the rest stays. NULL: none. */
static const char *
take_part(struct op_call *call, struct bytes *text)
{
	struct bytes part = {text->p, bytes_find(*text, '.')};

	if (part.n == text->n || part.n >= OPENID_SECRET_SIZE)
		return NULL;
	*text = bytes_skip(*text, part.n + 1);
	return arena_format(call->arena, "%.*s", BYTES_ARG(part)).p;
}

/* What this browser began with, if it is what comes back. */
static enum err
match(struct state *s)
{
	struct op_call *call = s->call;
	struct bytes text = op_cookie(call, COOKIE "=");
	const char *state = NULL;

	if (text.p != NULL)
		state = take_part(call, &text);
	if (state != NULL)
		s->ask.nonce = take_part(call, &text);
	if (s->ask.nonce != NULL)
		s->ask.verifier = take_part(call, &text);
	s->next = is_own_address(text) ? text : BYTES("/");
	s->ask.text = op_param(call, "code");
	s->ask.redirect = callback_url(call).p;
	if (s->ask.verifier == NULL || !bytes_is(op_param(call, "state"), state))
		return errinfo_set(&call->why, ERR_NOT_AUTHENTICATED,
		    "this browser did not begin it, or too long ago");
	if (s->ask.text.p == NULL)
		return errinfo_set(
		    &call->why, ERR_NOT_AUTHENTICATED, "the provider gives no code");
	return s->ask.redirect == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void
run_callback(struct op_call *call)
{
	struct state *s = arena_new(call->arena, struct state);
	enum err e;

	if (s == NULL || call->env->openid == NULL) {
		op_fail(call, s == NULL ? ERR_NO_MEMORY : ERR_NOT_FOUND);
		return;
	}
	s->call = call;
	call->audit = "sign-in";
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	op_reply_field(call, "Set-Cookie", BYTES(COOKIE "=" COOKIE_RULES "; Max-Age=0"));
	s->ask.verb = OPENID_CODE;
	s->ask.loop = call->env->loop;
	s->ask.done = code_known;
	e = match(s);
	if (e == ERR_OK)
		openid_ask(call->env->openid, &s->ask);
	else
		send_back(call, e);
}

const struct op op_openid_callback = {.name = "openid-callback", .run = run_callback};
