/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user writes as an endpoint, and an operator as a host. Whatever is accepted is
 * put together as one plain URL, which means the same when it is read again.
 */
#include "service/core/check.h"
#include "service/remote/endpoint.h"

enum { URL_MAX = 16 * 1024, ROOM = 2 * URL_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_url(struct bytes text)
{
	struct endpoint endpoint, again;
	struct str url;

	if (endpoint_parse(text, URL_MAX, &endpoint, NULL) != ERR_OK)
		return;
	str_init(&url, ROOM);
	endpoint_show(&endpoint, &url);
	CHECK(!str_failed(&url) && bytes_starts(str_bytes(&url), BYTES("https://")));
	for (size_t i = 0; i < url.n; i++)
		CHECK(url.p[i] > ' ' && url.p[i] <= '~');
	CHECK(endpoint_parse(str_bytes(&url), ROOM, &again, NULL) == ERR_OK);
	CHECK(peer_equal(&endpoint.peer, &again.peer));
	str_release(&url);
}

static void
check_peer(struct bytes text)
{
	struct peer peer, again;
	struct str shown;

	if (!peer_parse(text, &peer))
		return;
	str_init(&shown, ROOM);
	peer_show(&peer, &shown);
	CHECK(peer_parse(str_bytes(&shown), &again) && peer_equal(&peer, &again));
	str_release(&shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = {(const char *)data, size};

	check_url(text);
	check_peer(text);
	return 0;
}
