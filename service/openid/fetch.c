/* SPDX-License-Identifier: Apache-2.0 */
#include "service/openid/fetch.h"

#include <curl/curl.h>
#include <string.h>

#include "service/core/bytes.h"

enum { STATUS_OK = 200, STATUS_BAD = 400, STATUS_UNAUTHORIZED = 401 };

bool
fetch_allowed(const char *url)
{
	static const char *const starts[] = {"http://localhost:", "http://localhost/",
	    "http://127.0.0.1:", "http://127.0.0.1/", "http://[::1]:", "http://[::1]/"};

	if (bytes_starts(bytes_of(url), BYTES("https://")))
		return true;
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (bytes_starts(bytes_of(url), bytes_of(starts[i])))
			return true;
	return false;
}

static size_t
on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct str *out = arg;

	str_add(out, (struct bytes){p, size * n});
	return str_failed(out) ? 0 : size * n;
}

static void
set_up(CURL *curl, const struct fetch *f, struct str *out)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, f->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, f->timeout_ms);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "quartetd");
	if (f->ca[0] != '\0')
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, f->ca);
	if (f->form != NULL)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, f->form);
	if (f->user != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		(void)curl_easy_setopt(curl, CURLOPT_USERNAME, f->user);
		(void)curl_easy_setopt(curl, CURLOPT_PASSWORD, f->password);
	}
}

static enum err
judge(const struct fetch *f, CURLcode code, long status, struct errinfo *why)
{
	if (code != CURLE_OK)
		return errinfo_set(why, ERR_BUSY, "%s: %s", f->url,
		    code == CURLE_WRITE_ERROR ? "the answer is too large"
					      : curl_easy_strerror(code));
	if (status == STATUS_OK)
		return ERR_OK;
	if (f->form != NULL && (status == STATUS_BAD || status == STATUS_UNAUTHORIZED))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the OpenID provider refuses (status %ld)", status);
	return errinfo_set(why, ERR_BUSY, "%s answered with status %ld", f->url, status);
}

enum err
fetch_text(const struct fetch *fetch, struct str *out, struct errinfo *why)
{
	CURL *curl = curl_easy_init();
	long status = 0;
	CURLcode code;

	str_clear(out);
	if (curl == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to ask a provider");
	set_up(curl, fetch, out);
	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	return judge(fetch, code, status, why);
}
