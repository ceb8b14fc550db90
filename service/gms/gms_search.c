/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gms/gms_search.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service/core/clock.h"
#include "service/core/str.h"

enum {
	STATUS_OK = 200,
	STATUS_BAD = 400,
	STATUS_NOT_FOUND = 404,
	URL_MAX = 32 * 1024,
	TOKEN_MAX = 16 * 1024,
};

struct gms_line {
	const struct settings *settings;
	const _Atomic bool *stop;
	CURL *curl;
	struct curl_slist *headers;
	struct str url, text;
	char token[TOKEN_MAX];
};

struct gms_line *
gms_line_new(const struct settings *settings, const _Atomic bool *stop)
{
	struct gms_line *line = calloc(1, sizeof *line);

	if (line == NULL)
		return NULL;
	line->settings = settings;
	line->stop = stop;
	str_init(&line->url, URL_MAX);
	str_init(&line->text, (size_t)settings->gms_answer_max);
	line->curl = curl_easy_init();
	line->headers = curl_slist_append(NULL, "Accept: text/plain, text/xml");
	if (line->curl == NULL || line->headers == NULL) {
		gms_line_free(line);
		return NULL;
	}
	return line;
}

void
gms_line_free(struct gms_line *line)
{
	if (line == NULL)
		return;
	curl_easy_cleanup(line->curl);
	curl_slist_free_all(line->headers);
	str_release(&line->url);
	str_release(&line->text);
	explicit_bzero(line->token, sizeof line->token);
	free(line);
}

static size_t
on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct str *out = arg;

	str_add(out, (struct bytes){p, size * n});
	return str_failed(out) ? 0 : size * n;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct gms_line *line = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return *line->stop; /* 1 breaks it off */
}

/* Each time anew: tokens do not last, and whoever renews one replaces the file. */
static enum err
read_token(struct gms_line *line, struct errinfo *why)
{
	const char *name = line->settings->gms_token;
	FILE *f = fopen(name, "re");
	size_t n;

	if (f == NULL)
		return errinfo_sys(
		    why, ERR_BUSY, errno, "gms_token: %s cannot be read", name);
	n = fread(line->token, 1, sizeof line->token - 1, f);
	(void)fclose(f); /* read only: nothing to lose */
	while (n > 0 && (line->token[n - 1] == '\n' || line->token[n - 1] == '\r'))
		n--;
	line->token[n] = '\0';
	return n > 0 ? ERR_OK
		     : errinfo_set(why, ERR_BUSY, "gms_token: %s is empty", name);
}

static enum err
write_url(struct gms_line *line, struct bytes id, struct errinfo *why)
{
	const struct settings *s = line->settings;
	char *text = curl_easy_escape(line->curl, id.p, (int)id.n);

	str_clear(&line->url);
	str_addf(&line->url, "%s%cROLE=member&IDTYPE=%s&ID=%s", s->gms_url,
	    strchr(s->gms_url, '?') == NULL ? '?' : '&', s->gms_id,
	    text == NULL ? "" : text);
	if (text == NULL || str_failed(&line->url)) {
		curl_free(text);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to ask for groups");
	}
	curl_free(text);
	return ERR_OK;
}

static void
set_up(struct gms_line *line)
{
	const struct settings *s = line->settings;
	CURL *curl = line->curl;

	curl_easy_reset(curl); /* its connections stay */
	(void)curl_easy_setopt(curl, CURLOPT_URL, line->url.p);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* A name server that does not answer shall not hold this thread beyond the time. */
	(void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)s->gms_timeout);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &line->text);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, line);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, line->headers);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "quartetd");
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO, s->gms_ca);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* and no other ones */
	if (s->gms_certificate[0] != '\0') {
		(void)curl_easy_setopt(curl, CURLOPT_SSLCERT, s->gms_certificate);
		(void)curl_easy_setopt(curl, CURLOPT_SSLKEY,
		    s->gms_key[0] != '\0' ? s->gms_key : s->gms_certificate);
	}
	if (s->gms_token[0] != '\0') {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		(void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, line->token);
	}
}

/* Only to make it shorter: what is over already says nothing but "do not keep me". */
static uint64_t
life_of(CURL *curl)
{
	struct curl_header *header;
	int64_t until_s, now_s = clock_wall_ms() / 1000;

	if (curl_easy_header(curl, "Expires", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return UINT64_MAX;
	until_s = curl_getdate(header->value, NULL);
	return until_s > now_s ? (uint64_t)(until_s - now_s) * 1000 : UINT64_MAX;
}

/* Somebody it does not know is in no group; a wrong address must not mean the same. */
static bool
is_unknown_user(long status, struct bytes type)
{
	return status == STATUS_NOT_FOUND &&
	       bytes_caseeq(bytes_trim((struct bytes){type.p, bytes_find(type, ';')}),
		   BYTES("text/plain"));
}

static enum err
judge(struct gms_line *line, struct arena *a, struct gms_names *out,
    uint64_t *life_ms_out, struct errinfo *why)
{
	const char *type_text = NULL;
	struct bytes type;
	long status = 0;
	enum err e;

	(void)curl_easy_getinfo(line->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(line->curl, CURLINFO_CONTENT_TYPE, &type_text);
	type = bytes_of(type_text == NULL ? "" : type_text);
	*out = (struct gms_names){.n = 0};
	*life_ms_out = life_of(line->curl);
	if (is_unknown_user(status, type))
		return ERR_OK;
	if (status == STATUS_BAD)
		return errinfo_set(why, ERR_DENIED, "it answers with status %ld", status);
	if (status != STATUS_OK)
		return errinfo_set(why, ERR_BUSY, "it answers with status %ld", status);
	e = gms_answer_parse(a, line->settings, type, str_bytes(&line->text), out, why);
	if (e == ERR_INVALID_ARGUMENT || e == ERR_TOO_LARGE)
		why->code = e = ERR_BUSY;
	return e;
}

enum err
gms_search(struct gms_line *line, struct arena *a, struct bytes id, struct gms_names *out,
    uint64_t *life_ms_out, struct errinfo *why)
{
	enum err e = write_url(line, id, why);
	CURLcode code;

	if (e == ERR_OK && line->settings->gms_token[0] != '\0')
		e = read_token(line, why);
	if (e != ERR_OK)
		return e;
	str_clear(&line->text);
	set_up(line);
	code = curl_easy_perform(line->curl);
	if (code != CURLE_OK)
		return errinfo_set(why, ERR_BUSY, "%s",
		    code == CURLE_WRITE_ERROR ? "its answer is larger than gms_answer_max"
					      : curl_easy_strerror(code));
	return judge(line, a, out, life_ms_out, why);
}
