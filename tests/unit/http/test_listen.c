/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/conn_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "service/http/listen.h"
#include "tests/support/folder.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct listener_config config;
static struct listener *listener;

static void
make_listener(void)
{
	struct errinfo why;

	config.group = &rig.group;
	CHECK(listener_new(&config, &listener, &why) == ERR_OK);
}

static void
free_listener(void)
{
	listener_free(listener);
	listener = NULL;
}

static int
open_fd(const char *address, bool share, char bound[LISTEN_ADDRESS_SIZE])
{
	struct errinfo why;
	int fd;

	assert_ok(listen_open(address, share, &fd, bound, &why), &why);
	return fd;
}

/* The client's end of a connection to "127.0.0.1:PORT". */
static int
dial(const char *bound)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)strtoul(strrchr(bound, ':') + 1, NULL, 10)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void
addresses_are_read(void **state)
{
	static const char *const good[] = {
	    "127.0.0.1:0", "[::1]:0", "*:0", "localhost:0", ":0"};
	static const char *const bad[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http",
	    "127.0.0.1:99999", "[::1]", "[::1:0", "no.such.host.invalid:1",
	    "300.300.300.300:1"};
	char bound[LISTEN_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int fd = open_fd(good[i], false, bound);

		assert_true(strtoul(strrchr(bound, ':') + 1, NULL, 10) > 0);
		(void)close(fd);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct errinfo why;
		int fd = -1;
		enum err e = listen_open(bad[i], false, &fd, bound, &why);

		if (e != ERR_CONFIG)
			fail_msg("'%s' is taken: %s", bad[i], bound);
		if (strstr(why.text, bad[i]) == NULL)
			fail_msg("'%s' is not named: %s", bad[i], why.text);
	}
}

static void
an_address_is_shared_only_where_both_say_so(void **state)
{
	char bound[LISTEN_ADDRESS_SIZE], again[LISTEN_ADDRESS_SIZE];
	struct errinfo why;
	int one = open_fd("127.0.0.1:0", true, bound), two = open_fd(bound, true, again),
	    three;

	(void)state;
	assert_string_equal(bound, again);
	assert_err(listen_open(bound, false, &three, again, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, bound));
	(void)close(one);
	(void)close(two);
}

static char peer[CONN_PEER_SIZE];

static void
look_at_peer(void)
{
	(void)snprintf(peer, sizeof peer, "%s", conn_peer(rig.group.first));
}

static void
clients_are_let_in_by_name(void **state)
{
	char bound[LISTEN_ADDRESS_SIZE];

	(void)state;
	config = (struct listener_config){
	    .fd = open_fd("127.0.0.1:0", false, bound), .connections_max = 10};
	on_loop(make_listener);
	rig.fd = dial(bound);
	say(REQUEST);
	expect_answer(200, "hello");
	assert_int_equal(rig.connections, 1);
	on_loop(look_at_peer);
	assert_string_equal(peer, "127.0.0.1");
	hang_up();
	await(&rig.connections, 0);
	on_loop(free_listener);
	(void)close(config.fd);
}

static void
beyond_the_limit_clients_wait_until_one_leaves(void **state)
{
	char bound[LISTEN_ADDRESS_SIZE];
	int held[3];

	(void)state;
	config = (struct listener_config){
	    .fd = open_fd("127.0.0.1:0", false, bound), .connections_max = 3};
	on_loop(make_listener);
	for (int i = 0; i < 3; i++)
		held[i] = dial(bound);
	await(&rig.connections, 3);
	rig.fd = dial(bound);
	say(REQUEST);
	(void)usleep(150000);
	assert_int_equal(rig.connections, 3);
	assert_int_equal(rig.requests, 0);
	(void)close(held[1]);
	expect_answer(200, "hello");
	assert_int_equal(rig.connections, 3);
	(void)close(held[0]);
	(void)close(held[2]);
	hang_up();
	await(&rig.connections, 0);
	on_loop(free_listener);
	(void)close(config.fd);
}

static void *
shut_down_soon(void *arg)
{
	(void)usleep(200 * 1000);
	assert_int_equal(shutdown(*(int *)arg, SHUT_RDWR), 0);
	return NULL;
}

static void
a_unix_socket_is_its_owners_and_one_servers(void **state)
{
	char dir[64], path[100], other[200];
	struct errinfo why;
	struct stat st;
	int fd, second;
	pthread_t keeper;

	(void)state;
	folder_make(dir);
	(void)snprintf(path, sizeof path, "%s/sock", dir);
	assert_ok(listen_open_unix(path, &fd, &why), &why);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	config =
	    (struct listener_config){.fd = fd, .connections_max = 10, .local_only = true};
	on_loop(make_listener);
	rig.fd = dial_unix(path);
	say(REQUEST);
	expect_answer(200, "hello");
	hang_up();
	/* It is in use. */
	assert_err(listen_open_unix(path, &second, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, path));
	rig.fd = dial_unix(path);
	assert_true(rig.fd >= 0);
	say(REQUEST);
	expect_answer(200, "hello");
	hang_up();
	on_loop(free_listener);
	/* Left behind by a server that is gone, and by one that was only shut down. */
	(void)close(fd);
	assert_int_equal(dial_unix(path), -1);
	assert_ok(listen_open_unix(path, &fd, &why), &why);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	assert_ok(listen_open_unix(path, &second, &why), &why);
	(void)close(fd);
	/* By one that is gone, but for its keeper, who is about to shut it down. */
	assert_int_equal(pthread_create(&keeper, NULL, shut_down_soon, &second), 0);
	assert_ok(listen_open_unix(path, &fd, &why), &why);
	assert_int_equal(pthread_join(keeper, NULL), 0);
	(void)close(fd);
	(void)close(second);
	(void)snprintf(other, sizeof other, "%s/%0100d", dir, 0);
	assert_err(listen_open_unix(other, &fd, &why), ERR_CONFIG);
	(void)snprintf(other, sizeof other, "%s/none/sock", dir);
	assert_err(listen_open_unix(other, &fd, &why), ERR_CONFIG);
	folder_remove(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_up, rig_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read),
	    cmocka_unit_test(an_address_is_shared_only_where_both_say_so),
	    TEST(clients_are_let_in_by_name),
	    TEST(beyond_the_limit_clients_wait_until_one_leaves),
	    TEST(a_unix_socket_is_its_owners_and_one_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
