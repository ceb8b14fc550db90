/* SPDX-License-Identifier: Apache-2.0 */
#include "service/openid/openid.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"
#include "service/core/str.h"
#include "service/openid/fetch.h"

enum {
	DOCUMENT_MAX = 1024 * 1024,
	FORM_MAX = 64 * 1024,
	SECRET_MAX = 1024,
	ASKS_MAX = 1000, /* waiting at one time */
};

static const uint64_t keys_last_ms = 24ULL * 3600 * 1000; /* of a provider that is away */

struct openid {
	const struct settings *settings;
	char secret[SECRET_MAX]; /* "": a public client */
	struct worker_pool *thread;
	_Atomic unsigned asks;
	/* Of the thread. */
	struct jwt_keys *keys;
	char place[OPENID_URL_SIZE], token_url[OPENID_URL_SIZE];
	uint64_t fetched_ms, tried_ms; /* monotonic; 0: never */
	struct errinfo away; /* why the last try failed */
};

/* Asking the provider */

static enum err
ask_provider(struct openid *o, const char *url, const char *form, struct str *out,
    struct errinfo *why)
{
	const struct settings *s = o->settings;
	bool by_name = form != NULL && o->secret[0] != '\0';
	struct fetch fetch = {
	    .url = url,
	    .form = form,
	    .user = by_name ? s->openid_client_id : NULL,
	    .password = by_name ? o->secret : NULL,
	    .ca = s->remote_ca,
	    .timeout_ms = (long)s->openid_timeout,
	};

	return fetch_allowed(url) ? fetch_text(&fetch, out, why)
				  : errinfo_set(why, ERR_BUSY,
					"the OpenID provider names an address "
					"that is not https: %s",
					url);
}

static bool
take_url(const json_t *document, const char *name, char out[OPENID_URL_SIZE])
{
	const char *value = json_string_value(json_object_get(document, name));

	if (value == NULL || strlen(value) >= OPENID_URL_SIZE)
		return false;
	(void)memcpy(out, value, strlen(value) + 1);
	return true;
}

/* OpenID Connect Discovery 4: where everything is. */
static enum err
discover(struct openid *o, char keys_url[OPENID_URL_SIZE], struct errinfo *why)
{
	const char *issuer = o->settings->openid_issuer;
	char url[OPENID_URL_SIZE];
	size_t n = strlen(issuer);
	json_t *document;
	struct str text;
	enum err e;

	str_init(&text, DOCUMENT_MAX);
	(void)snprintf(url, sizeof url, "%.*s/.well-known/openid-configuration",
	    (int)(n > 0 && issuer[n - 1] == '/' ? n - 1 : n), issuer);
	e = ask_provider(o, url, NULL, &text, why);
	document = e == ERR_OK ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	if (e == ERR_OK) {
		const char *says = json_string_value(json_object_get(document, "issuer"));

		if (says == NULL || strcmp(says, issuer) != 0)
			e = errinfo_set(why, ERR_BUSY,
			    "%s is not the document of openid_issuer", url);
		else if (!take_url(document, "jwks_uri", keys_url) ||
			 !take_url(document, "authorization_endpoint", o->place) ||
			 !take_url(document, "token_endpoint", o->token_url))
			e = errinfo_set(why, ERR_BUSY,
			    "%s does not say where its endpoints are", url);
	}
	json_decref(document);
	str_release(&text);
	return e;
}

static enum err
fetch_keys(struct openid *o, struct errinfo *why)
{
	char url[OPENID_URL_SIZE];
	struct jwt_keys *keys;
	struct str text;
	enum err e = discover(o, url, why);

	if (e != ERR_OK)
		return e;
	str_init(&text, DOCUMENT_MAX);
	e = ask_provider(o, url, NULL, &text, why);
	if (e == ERR_OK && jwt_keys_parse(str_bytes(&text), &keys, why) != ERR_OK)
		e = errinfo_set(why, ERR_BUSY, "%s is no set of keys", url);
	str_release(&text);
	if (e != ERR_OK)
		return e;
	jwt_keys_free(o->keys);
	o->keys = keys;
	o->fetched_ms = o->tried_ms;
	return ERR_OK;
}

/* Keys that may be used; `anew`: one was asked for that is not among them. */
static enum err
have_keys(struct openid *o, bool anew, struct errinfo *why)
{
	uint64_t now = clock_mono_ms();
	bool fresh =
	    o->keys != NULL && now - o->fetched_ms < o->settings->openid_keys_life;

	if (fresh && !anew)
		return ERR_OK;
	if (o->tried_ms == 0 || now - o->tried_ms >= o->settings->openid_retry) {
		o->tried_ms = now;
		o->away = (struct errinfo){.code = ERR_OK};
		if (fetch_keys(o, &o->away) != ERR_OK)
			log_warning("OpenID: %s", errinfo_text(&o->away));
	}
	if (o->keys != NULL && now - o->fetched_ms < keys_last_ms)
		return ERR_OK;
	return errinfo_set(why, ERR_BUSY, "the OpenID provider cannot be asked: %s",
	    errinfo_text(&o->away));
}

/* Answers */

static enum err
open_token(struct openid *o, struct bytes text, const char *audience, const char *nonce,
    struct jwt_claims *out, struct errinfo *why)
{
	struct jwt_wish wish = {
	    .issuer = o->settings->openid_issuer,
	    .audience = audience,
	    .nonce = nonce,
	    .claim = o->settings->openid_claim,
	    .now_ms = clock_wall_ms(),
	};
	enum err e = have_keys(o, false, why);

	if (e == ERR_OK)
		e = jwt_open(o->keys, text, &wish, out, why);
	if (e != ERR_NOT_FOUND)
		return e;
	e = have_keys(o, true, why);
	if (e == ERR_OK)
		e = jwt_open(o->keys, text, &wish, out, why);
	return e == ERR_NOT_FOUND
		   ? errinfo_set(why, ERR_NOT_AUTHENTICATED,
			 "the token is signed by a key that the provider does not have")
		   : e;
}

static void
add_field(struct str *form, CURL *curl, const char *name, struct bytes value)
{
	char *text = curl_easy_escape(curl, value.p, (int)value.n);

	str_addf(
	    form, "%s%s=%s", form->n == 0 ? "" : "&", name, text == NULL ? "" : text);
	curl_free(text);
}

static enum err
write_form(struct openid *o, const struct openid_ask *ask, struct str *form)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		return ERR_NO_MEMORY;
	add_field(form, curl, "grant_type", BYTES("authorization_code"));
	add_field(form, curl, "code", ask->text);
	add_field(form, curl, "redirect_uri", bytes_of(ask->redirect));
	add_field(form, curl, "code_verifier", bytes_of(ask->verifier));
	if (o->secret[0] == '\0')
		add_field(
		    form, curl, "client_id", bytes_of(o->settings->openid_client_id));
	curl_easy_cleanup(curl);
	return str_failed(form) ? ERR_NO_MEMORY : ERR_OK;
}

/* OpenID Connect Core 3.1.3: the code for an ID token, and who that is of. */
static enum err
redeem(struct openid *o, struct openid_ask *ask)
{
	struct str form, answer;
	const char *token;
	json_t *document = NULL;
	enum err e = have_keys(o, false, &ask->why);

	str_init(&form, FORM_MAX);
	str_init(&answer, DOCUMENT_MAX);
	if (e == ERR_OK)
		e = write_form(o, ask, &form);
	if (e == ERR_OK)
		e = ask_provider(o, o->token_url, form.p, &answer, &ask->why);
	if (e == ERR_OK) {
		document = json_loadb(answer.p, answer.n, 0, NULL);
		token = json_string_value(json_object_get(document, "id_token"));
		e = token == NULL
			? errinfo_set(&ask->why, ERR_NOT_AUTHENTICATED,
			      "the OpenID provider does not say who signed in")
			: open_token(o, bytes_of(token), o->settings->openid_client_id,
			      ask->nonce, &ask->claims, &ask->why);
	}
	json_decref(document);
	str_release(&answer);
	str_release(&form);
	return e;
}

static void
work(struct worker_job *job)
{
	struct openid_ask *ask = container_of(job, struct openid_ask, job);
	struct openid *o = ask->openid;
	const char *audience = o->settings->openid_audience[0] != '\0'
				   ? o->settings->openid_audience
				   : o->settings->openid_client_id;

	switch (ask->verb) {
	case OPENID_BEARER:
		ask->err =
		    open_token(o, ask->text, audience, NULL, &ask->claims, &ask->why);
		break;
	case OPENID_PLACE:
		ask->err = have_keys(o, false, &ask->why);
		(void)memcpy(ask->place, o->place, sizeof ask->place);
		break;
	case OPENID_CODE:
		ask->err = redeem(o, ask);
		break;
	}
}

static void
worked(struct loop_job *job)
{
	struct worker_job *w = container_of(job, struct worker_job, done);
	struct openid_ask *ask = container_of(w, struct openid_ask, job);

	ask->openid->asks--;
	ask->done(ask, ask->err);
}

void
openid_ask(struct openid *o, struct openid_ask *ask)
{
	ask->openid = o;
	ask->why = (struct errinfo){.code = ERR_OK};
	if (o->asks++ >= ASKS_MAX) {
		o->asks--;
		ask->done(ask, errinfo_set(&ask->why, ERR_BUSY,
				   "too many ask the OpenID provider at once"));
		return;
	}
	ask->job =
	    (struct worker_job){.work = work, .loop = ask->loop, .done = {.run = worked}};
	worker_submit(o->thread, &ask->job);
}

bool
openid_is_token(struct bytes text)
{
	return bytes_find(text, '.') < text.n;
}

/* Begin and end */

static enum err
read_secret(struct openid *o, struct errinfo *why)
{
	const char *name = o->settings->openid_client_secret;
	size_t n;
	FILE *f;

	if (name[0] == '\0')
		return ERR_OK;
	f = fopen(name, "re");
	if (f == NULL)
		return errinfo_set(
		    why, ERR_CONFIG, "openid_client_secret: %s cannot be read", name);
	n = fread(o->secret, 1, sizeof o->secret - 1, f);
	(void)fclose(f);
	while (n > 0 && (o->secret[n - 1] == '\n' || o->secret[n - 1] == '\r'))
		n--;
	o->secret[n] = '\0';
	return n > 0 ? ERR_OK
		     : errinfo_set(
			   why, ERR_CONFIG, "openid_client_secret: %s is empty", name);
}

static enum err
check_settings(const struct settings *s, struct errinfo *why)
{
	if (!fetch_allowed(s->openid_issuer) || strlen(s->openid_issuer) > 1024)
		return errinfo_set(why, ERR_CONFIG,
		    "openid_issuer: '%s' is no https address", s->openid_issuer);
	if (s->openid_client_id[0] == '\0')
		return errinfo_set(why, ERR_CONFIG,
		    "openid_client_id: the provider knows this service by it");
	if (s->openid_claim[0] == '\0')
		return errinfo_set(
		    why, ERR_CONFIG, "openid_claim: which one is the user's name");
	return ERR_OK;
}

enum err
openid_new(const struct settings *settings, struct openid **out, struct errinfo *why)
{
	struct openid *o = calloc(1, sizeof *o);
	enum err e = o == NULL ? errinfo_set(why, ERR_NO_MEMORY, "no memory for OpenID")
			       : check_settings(settings, why);

	if (e == ERR_OK && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		e = errinfo_set(why, ERR_INTERNAL, "libcurl does not start");
	if (e == ERR_OK) {
		o->settings = settings;
		e = read_secret(o, why);
	}
	if (e == ERR_OK)
		e = worker_pool_new(1, &o->thread, why);
	if (e != ERR_OK) {
		free(o);
		return e;
	}
	*out = o;
	return ERR_OK;
}

void
openid_free(struct openid *o)
{
	if (o == NULL)
		return;
	worker_pool_free(o->thread);
	jwt_keys_free(o->keys);
	explicit_bzero(o->secret, sizeof o->secret);
	free(o);
}
