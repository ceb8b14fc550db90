/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "service/remote/address.h"

static struct sockaddr_storage
address_of(const char *text)
{
	struct sockaddr_storage out = {.ss_family = AF_INET};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		(void)memcpy(&out, &v4, sizeof v4);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		(void)memcpy(&out, &v6, sizeof v6);
	else
		fail_msg("%s is no address", text);
	return out;
}

static bool
allowed(const char *text, const struct address_range *opened, size_t n)
{
	struct sockaddr_storage a = address_of(text);

	return address_allowed((const struct sockaddr *)&a, opened, n);
}

static void
public_addresses_are_allowed(void **state)
{
	static const char *const rows[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255",
	    "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
	    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
	    "223.255.255.255", "2001:200::1", "2001:dc0::1", "2606:4700::1111",
	    "2a00:1450::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	    "2002:808:808::1"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!allowed(rows[i], NULL, 0))
			fail_msg("%s is refused", rows[i]);
}

static void
others_are_refused(void **state)
{
	static const char *const rows[] = {"0.0.0.0", "0.1.2.3", "10.0.0.0",
	    "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
	    "127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.0",
	    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1",
	    "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1",
	    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	    /* IPv6 of every kind that is not unicast of the internet */
	    "::", "::1", "::8.8.8.8", "100::1", "1fff:ffff::", "4000::1", "5f00::1",
	    "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
	    "2001::1", "2001:10::1", "2001:1ff::1", "2001:db8::1", "3fff::1",
	    "3fff:fff::1",
	    /* IPv4 inside */
	    "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:0.0.0.0", "64:ff9b::7f00:1",
	    "64:ff9b::192.168.1.1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::1",
	    "2002:a00:1::1", "2002:c0a8:101::1", "::ffff:0:8.8.8.8"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (allowed(rows[i], NULL, 0))
			fail_msg("%s is allowed", rows[i]);
}

static void
what_is_no_internet_address_is_refused(void **state)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct address_range all;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_true(address_range_parse(BYTES("::/0"), &all));
	assert_false(address_allowed((const struct sockaddr *)&local, &all, 1));
	address_show((const struct sockaddr *)&local, text);
	assert_string_equal(text, "of family 1");
}

static void
opened_ranges_are_allowed_and_nothing_beside_them(void **state)
{
	static const struct {
		const char *range, *in, *out;
	} rows[] = {
	    {"127.0.0.1", "127.0.0.1", "127.0.0.2"},
	    {"10.1.2.0/24", "10.1.2.255", "10.1.3.0"},
	    {"10.128.0.0/9", "10.255.0.1", "10.127.255.255"},
	    {"10.1.2.0/24", "::ffff:10.1.2.3", "::ffff:10.1.3.3"},
	    {"0.0.0.0/0", "127.0.0.1", "::1"},
	    {"::1", "::1", "::2"},
	    {"fd00::/8", "fd12::1", "fc12::1"},
	    {"fd00:1:2::/47", "fd00:1:3::1", "fd00:1:4::1"},
	    {"::ffff:10.1.2.3", "10.1.2.3", "10.1.2.4"},
	    {"127.0.0.0/8", "127.9.9.9", "64:ff9b::7f00:1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address_range range;

		assert_true(address_range_parse(bytes_of(rows[i].range), &range));
		if (!allowed(rows[i].in, &range, 1))
			fail_msg("%s does not open %s", rows[i].range, rows[i].in);
		if (allowed(rows[i].out, &range, 1))
			fail_msg("%s opens %s", rows[i].range, rows[i].out);
	}
}

static void
what_is_no_range_is_refused(void **state)
{
	static const char *const rows[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
	    "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8", "10.0.0/8", "10", "::/129",
	    "fd00::1/8", "localhost", "10.0.0.0 /8", "fe80::1%eth0", "[::1]", "1.2.3.4.5",
	    "010.0.0.1", "0x7f000001",
	    "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address_range range;

		if (address_range_parse(bytes_of(rows[i]), &range))
			fail_msg("\"%s\" is a range", rows[i]);
	}
}

static void
an_address_is_in_its_range_and_others_are_not(void **state)
{
	static const struct {
		const char *range, *address;
		bool has;
	} rows[] = {
	    {"10.1.0.0/16", "10.1.2.3", true},
	    {"10.1.0.0/16", "::ffff:10.1.2.3", true},
	    {"10.1.0.0/16", "10.2.2.3", false},
	    {"127.0.0.1", "127.0.0.1", true},
	    {"127.0.0.1", "127.0.0.2", false},
	    {"fd00::/8", "fd12::1", true},
	    {"fd00::/8", "fe80::1", false},
	    {"0.0.0.0/0", "1.2.3.4", true},
	    {"0.0.0.0/0", "::1", false},
	    {"0.0.0.0/0", "local", false},
	    {"::/0", "local", false},
	    {"::/0", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct address_range range;

		assert_true(address_range_parse(bytes_of(rows[i].range), &range));
		if (address_range_has(&range, bytes_of(rows[i].address)) != rows[i].has)
			fail_msg("%s in %s", rows[i].address, rows[i].range);
	}
}

static void
addresses_are_shown_plainly(void **state)
{
	static const char *const rows[][2] = {{"127.0.0.1", "127.0.0.1"},
	    {"::ffff:127.0.0.1", "127.0.0.1"}, {"fd00:0:0::1", "fd00::1"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockaddr_storage a = address_of(rows[i][0]);
		char text[ADDRESS_TEXT_SIZE];

		address_show((const struct sockaddr *)&a, text);
		assert_string_equal(text, rows[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(public_addresses_are_allowed),
	    cmocka_unit_test(others_are_refused),
	    cmocka_unit_test(what_is_no_internet_address_is_refused),
	    cmocka_unit_test(opened_ranges_are_allowed_and_nothing_beside_them),
	    cmocka_unit_test(what_is_no_range_is_refused),
	    cmocka_unit_test(an_address_is_in_its_range_and_others_are_not),
	    cmocka_unit_test(addresses_are_shown_plainly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
