/* SPDX-License-Identifier: Apache-2.0 */
#include "service/remote/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

#define SCHEME "https://"

enum { HTTPS_PORT = 443, PORT_MAX = 65535, NAME_MAX_SIZE = 253, LABEL_MAX = 63 };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/* Would a resolver read this label as the end of an address? */
static bool
is_number(struct bytes label)
{
	if (bytes_starts(label, BYTES("0x")))
		return true;
	for (size_t i = 0; i < label.n; i++)
		if (!is_digit(label.p[i]))
			return false;
	return true;
}

/* Labels with dots between them; the last one in *last. */
static bool
is_name(struct bytes host, struct bytes *last)
{
	for (;;) {
		size_t dot = bytes_find(host, '.');

		if (dot == 0 || dot > LABEL_MAX)
			return false;
		for (size_t i = 0; i < dot; i++)
			if (!is_name_char(host.p[i]))
				return false;
		*last = (struct bytes){host.p, dot};
		if (dot == host.n)
			return true;
		host = bytes_skip(host, dot + 1);
	}
}

static bool
take_name(struct bytes text, struct peer *out)
{
	struct bytes last;
	struct in_addr address;

	if (text.n > 0 && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0 || text.n > NAME_MAX_SIZE)
		return false;
	for (size_t i = 0; i < text.n; i++)
		out->host[i] = bytes_lower(text.p[i]);
	out->host[text.n] = '\0';
	if (!is_name((struct bytes){out->host, text.n}, &last))
		return false;
	return !is_number(last) || inet_pton(AF_INET, out->host, &address) == 1;
}

static bool
take_v6(struct bytes text, struct peer *out)
{
	char name[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (text.n >= sizeof name || bytes_find(text, '\0') < text.n)
		return false;
	(void)memcpy(name, text.p, text.n);
	name[text.n] = '\0';
	out->is_v6 = true;
	return inet_pton(AF_INET6, name, &address) == 1 &&
	       inet_ntop(AF_INET6, &address, out->host, sizeof out->host) != NULL;
}

/* What is behind the host: nothing, or ":port". */
static bool
take_port(struct bytes rest, struct peer *out)
{
	uint64_t port = HTTPS_PORT;

	if (rest.n > 0 && (rest.p[0] != ':' || !bytes_u64(bytes_skip(rest, 1), &port) ||
			      port == 0 || port > PORT_MAX))
		return false;
	out->port = (uint16_t)port;
	return true;
}

bool
peer_parse(struct bytes text, struct peer *out)
{
	struct peer peer = {.is_v6 = false};
	size_t end;

	if (text.n > 0 && text.p[0] == '[') {
		text = bytes_skip(text, 1);
		end = bytes_find(text, ']');
		if (end == text.n || !take_v6((struct bytes){text.p, end}, &peer) ||
		    !take_port(bytes_skip(text, end + 1), &peer))
			return false;
	} else {
		end = bytes_find(text, ':');
		if (!take_name((struct bytes){text.p, end}, &peer) ||
		    !take_port(bytes_skip(text, end), &peer))
			return false;
	}
	*out = peer;
	return true;
}

bool
peer_equal(const struct peer *a, const struct peer *b)
{
	return a->port == b->port && a->is_v6 == b->is_v6 &&
	       strcmp(a->host, b->host) == 0;
}

void
peer_show(const struct peer *peer, struct str *to)
{
	str_addf(to, peer->is_v6 ? "[%s]:%u" : "%s:%u", peer->host, peer->port);
}

/* Where the authority ends: at the path or the query. */
static size_t
authority_end(struct bytes rest)
{
	size_t slash = bytes_find(rest, '/'), mark = bytes_find(rest, '?');

	return slash < mark ? slash : mark;
}

static bool
is_plain(struct bytes url)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '#' ||
		    url.p[i] == '\\')
			return false;
	return true;
}

enum err
endpoint_parse(
    struct bytes url, size_t bytes_max, struct endpoint *out, struct errinfo *why)
{
	const size_t scheme = sizeof SCHEME - 1;
	struct endpoint endpoint;
	struct bytes rest;
	size_t end;

	if (url.n > bytes_max)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "an endpoint is longer than %zu bytes", bytes_max);
	if (!is_plain(url))
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "an endpoint has a character that does not belong in it");
	if (url.n < scheme || !bytes_caseeq((struct bytes){url.p, scheme}, BYTES(SCHEME)))
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "an endpoint is not an https URL");
	rest = bytes_skip(url, scheme);
	end = authority_end(rest);
	if (bytes_find((struct bytes){rest.p, end}, '@') < end)
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "an endpoint names a user");
	if (!peer_parse((struct bytes){rest.p, end}, &endpoint.peer))
		return errinfo_set(
		    why, ERR_INVALID_ARGUMENT, "an endpoint has no plain host and port");
	endpoint.target = bytes_skip(rest, end);
	*out = endpoint;
	return ERR_OK;
}

void
endpoint_show(const struct endpoint *endpoint, struct str *to)
{
	str_adds(to, SCHEME);
	peer_show(&endpoint->peer, to);
	if (endpoint->target.n == 0 || endpoint->target.p[0] != '/')
		str_addc(to, '/');
	str_add(to, endpoint->target);
}
