/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include "service/remote/endpoint.h"

enum { URL_MAX = 200 };

static void
peers_are_compared_as_they_are_meant(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
	    {"example.org", "example.org:443"},
	    {"EXAMPLE.org.", "example.org:443"},
	    {"example.org:8443", "example.org:8443"},
	    {"example.org.:8443", "example.org:8443"},
	    {"a-b_c.x1.example", "a-b_c.x1.example:443"},
	    {"xn--bcher-kva.example", "xn--bcher-kva.example:443"},
	    {"localhost:65535", "localhost:65535"},
	    {"192.0.2.1", "192.0.2.1:443"},
	    {"192.0.2.1:8443", "192.0.2.1:8443"},
	    {"1.example", "1.example:443"},
	    {"[::1]", "[::1]:443"},
	    {"[0:0:0:0:0:0:0:1]:8443", "[::1]:8443"},
	    {"[::FFFF:127.0.0.1]", "[::ffff:127.0.0.1]:443"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct peer peer, again;
		struct str text;

		if (!peer_parse(bytes_of(rows[i].text), &peer))
			fail_msg("%s is refused", rows[i].text);
		str_init(&text, URL_MAX);
		peer_show(&peer, &text);
		assert_bytes(str_bytes(&text), rows[i].shown);
		assert_true(peer_parse(str_bytes(&text), &again));
		assert_true(peer_equal(&peer, &again));
		str_release(&text);
	}
}

static void
what_is_no_peer_is_refused(void **state)
{
	static const char *const rows[] = {"", ".", ":443", "a..b", ".a", "a b", "a/b",
	    "a@b", "*.example.org", "a:", "a:0", "a:65536", "a:x", "a:1:2", "a%2eb",
	    "b\xc3\xbc"
	    "cher.example",
	    /* an address, but not as one is written */
	    "127.1", "1", "0x7f000001", "0x7f.1", "2130706433", "0177.0.0.1", "1.2.3.256",
	    "1.2.3.4.5", "a.1", "example.0x1",
	    /* IPv6 */
	    "::1", "[::1", "[]", "[::1]x", "[::1]:", "[1.2.3.4]", "[fe80::1%eth0]",
	    "[example.org]",
	    "a234567890123456789012345678901234567890123456789012345678901234.example"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct peer peer;

		if (peer_parse(bytes_of(rows[i]), &peer))
			fail_msg("\"%s\" is a peer", rows[i]);
	}
}

static void
peers_differ_in_name_and_port(void **state)
{
	static const char *const rows[][2] = {{"a.example", "b.example"},
	    {"a.example", "a.example:8443"}, {"a.example", "a.example.org"},
	    {"[::1]", "[::2]"}, {"127.0.0.1", "[::ffff:127.0.0.1]"},
	    {"localhost", "127.0.0.1"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct peer a, b;

		assert_true(peer_parse(bytes_of(rows[i][0]), &a));
		assert_true(peer_parse(bytes_of(rows[i][1]), &b));
		assert_false(peer_equal(&a, &b));
	}
}

static void
a_url_is_put_together_from_its_parts(void **state)
{
	static const struct {
		const char *url, *shown;
	} rows[] = {
	    {"https://example.org", "https://example.org:443/"},
	    {"HTTPS://Example.ORG./a/b?c=d/e:f@g",
		"https://example.org:443/a/b?c=d/e:f@g"},
	    {"https://example.org?x", "https://example.org:443/?x"},
	    {"https://example.org:8443/../%2e%2e//",
		"https://example.org:8443/../%2e%2e//"},
	    {"https://[::1]:1/", "https://[::1]:1/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct endpoint endpoint;
		struct errinfo why;
		struct str text;

		assert_ok(endpoint_parse(bytes_of(rows[i].url), URL_MAX, &endpoint, &why),
		    &why);
		str_init(&text, URL_MAX);
		endpoint_show(&endpoint, &text);
		assert_bytes(str_bytes(&text), rows[i].shown);
		str_release(&text);
	}
}

static void
what_is_no_plain_https_url_is_refused(void **state)
{
	static const char *const rows[] = {"", "https", "https:", "https:/a", "https://",
	    "https:///a", "http://a/", "ftp://a/", "file:///etc/passwd", "//a/b",
	    " https://a/", "https://a/ b", "https://a/\r\nX: y", "https://a/\tb",
	    "https://a/#b", "https://a\\b/", "https://u@a/", "https://u:p@a/",
	    "https://@a/", "https://a:b@c:443/", "https://a/\x7f", "https://a/\xc3\xa9",
	    "https://a:/", "https://127.1/", "https://a?b#c"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct endpoint endpoint;

		if (endpoint_parse(bytes_of(rows[i]), URL_MAX, &endpoint, NULL) == ERR_OK)
			fail_msg("\"%s\" is accepted", rows[i]);
	}
}

static void
a_url_has_a_limit(void **state)
{
	struct endpoint endpoint;
	const struct bytes url = BYTES("https://example.org/12345");

	(void)state;
	assert_int_equal(endpoint_parse(url, url.n, &endpoint, NULL), ERR_OK);
	assert_err(endpoint_parse(url, url.n - 1, &endpoint, NULL), ERR_INVALID_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(peers_are_compared_as_they_are_meant),
	    cmocka_unit_test(what_is_no_peer_is_refused),
	    cmocka_unit_test(peers_differ_in_name_and_port),
	    cmocka_unit_test(a_url_is_put_together_from_its_parts),
	    cmocka_unit_test(what_is_no_plain_https_url_is_refused),
	    cmocka_unit_test(a_url_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
