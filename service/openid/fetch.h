/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - one request to the provider, which waits for the answer. https only, but for
 * loopback; no redirect is followed; bounded in time and size. Thread: any that may wait.
 */
#ifndef QUARTET_OPENID_FETCH_H
#define QUARTET_OPENID_FETCH_H

#include "service/core/err.h"
#include "service/core/str.h"

struct fetch {
	const char *url;
	const char *form; /* NULL: a GET; else what is posted */
	const char *user, *password; /* Basic; NULL: none */
	const char *ca; /* PEM file; "": the system's */
	long timeout_ms;
};

/*
 * The body of an answer 200, into `out`, whose limit bounds it. ERR_BUSY: the peer does not
 * answer, or not so. With a form, an answer 400 or 401 is ERR_NOT_AUTHENTICATED.
 */
enum err fetch_text(
    const struct fetch *fetch, struct str *out, struct errinfo *why) ERR_CHECKED;

/* May something be fetched from there at all? */
bool fetch_allowed(const char *url);

#endif
