/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/core/loop.h"
#include "service/http/tls.h"
#include "service/http/transport.h"

enum { LARGE = 4 << 20 };

static char dir[64];
static struct tls_context *tls;
static struct pem server_pem;

/* A transport and what is at the other end: a socket, and TLS over it. */
static struct {
	struct transport *t;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
} at;

static int
set_up(void **state)
{
	char paths[2][128];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	folder_make(dir);
	server_pem = pem_make("server", 10);
	pem_write(&server_pem, dir, "server", NULL);
	(void)snprintf(paths[0], sizeof paths[0], "%s/server.pem", dir);
	(void)snprintf(paths[1], sizeof paths[1], "%s/server.key", dir);
	return tls_context_new(paths[0], paths[1], &tls, NULL) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	tls_context_unref(tls);
	pem_free(&server_pem);
	folder_remove(dir);
	return 0;
}

static void
connect_plain(struct tls_context *context)
{
	int pair[2];

	(void)memset(&at, 0, sizeof at);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	at.t = transport_new(pair[0], context);
	assert_non_null(at.t);
	at.fd = pair[1];
}

/* TLS with this certificate of the client's (NULL: none). */
static void
connect_tls(const struct pem *pem)
{
	connect_plain(tls);
	at.ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(at.ctx);
	if (pem != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(at.ctx, pem->x509), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(at.ctx, pem->key), 1);
	}
	at.ssl = SSL_new(at.ctx);
	assert_non_null(at.ssl);
	assert_int_equal(SSL_set_fd(at.ssl, at.fd), 1);
	SSL_set_connect_state(at.ssl);
}

/* Both ends in turn until both are done, or one has failed. */
static enum transport_result
shake_hands(void)
{
	enum transport_result r = TRANSPORT_AGAIN;
	bool done = false;
	unsigned want;

	for (int i = 0; i < 100 && (r == TRANSPORT_AGAIN || !done); i++) {
		if (!done)
			done = SSL_do_handshake(at.ssl) == 1;
		if (r == TRANSPORT_AGAIN)
			r = transport_handshake(at.t, &want);
		if (r == TRANSPORT_BROKEN)
			return r;
	}
	ERR_clear_error();
	return r;
}

static void
disconnect(void)
{
	SSL_free(at.ssl);
	SSL_CTX_free(at.ctx);
	transport_free(at.t);
	(void)close(at.fd);
}

static enum transport_result
write_text(const char *text, size_t *n, unsigned *want)
{
	struct iovec v = {(void *)(uintptr_t)text, strlen(text)};

	return transport_write(at.t, &v, 1, n, want);
}

static void
plain_bytes_go_both_ways(void **state)
{
	char one[] = "hello ", two[] = "world";
	struct iovec v[2] = {{one, 6}, {two, 5}};
	unsigned want = 0;
	char text[16];
	size_t n;

	(void)state;
	connect_plain(NULL);
	assert_int_equal(transport_handshake(at.t, &want), TRANSPORT_DONE);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_AGAIN);
	assert_int_equal(want, LOOP_READ);
	assert_int_equal(write(at.fd, "abc", 3), 3);
	assert_int_equal(transport_read(at.t, text, 2, &n, &want), TRANSPORT_DONE);
	assert_int_equal(n, 2);
	assert_int_equal(transport_read(at.t, text, 2, &n, &want), TRANSPORT_DONE);
	assert_int_equal(n, 1);
	assert_int_equal(transport_write(at.t, v, 2, &n, &want), TRANSPORT_DONE);
	assert_int_equal(n, 11);
	assert_int_equal(read(at.fd, text, sizeof text), 11);
	assert_memory_equal(text, "hello world", 11);
	assert_int_equal(transport_close(at.t, &want), TRANSPORT_DONE);
	assert_int_equal(read(at.fd, text, sizeof text), 0);
	assert_int_equal(shutdown(at.fd, SHUT_WR), 0);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_END);
	disconnect();
}

static void
a_full_socket_says_what_it_waits_for(void **state)
{
	enum transport_result r;
	unsigned want = 0;
	size_t n;

	(void)state;
	connect_plain(NULL);
	do
		r = write_text("0123456789abcdef", &n, &want);
	while (r == TRANSPORT_DONE);
	assert_int_equal(r, TRANSPORT_AGAIN);
	assert_int_equal(want, LOOP_WRITE);
	disconnect();
}

static void
a_peer_that_is_gone_is_an_error_not_a_signal(void **state)
{
	unsigned want;
	size_t n;

	(void)state;
	(void)signal(SIGPIPE, SIG_DFL); /* plain sockets do not depend on it */
	connect_plain(NULL);
	(void)close(at.fd);
	at.fd = -1;
	assert_int_equal(write_text("x", &n, &want), TRANSPORT_BROKEN);
	assert_true(transport_error(at.t)[0] != '\0');
	disconnect();
	(void)signal(SIGPIPE, SIG_IGN);
}

static size_t
chain_length(struct arena *a, struct bytes *leaf_out)
{
	struct errinfo why;
	struct bytes *der;
	size_t n;

	assert_ok(transport_peer_chain(at.t, a, &der, &n, &why), &why);
	*leaf_out = n > 0 ? der[0] : (struct bytes){NULL, 0};
	return n;
}

/* No certificate breaks a handshake: neither a missing one nor one nobody would believe.
 */
static void
any_client_certificate_is_let_in_and_shown(void **state)
{
	struct pem good = pem_make("good", 10), expired = pem_make("expired", -1);
	const struct pem *const clients[] = {NULL, &good, &expired};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct arena arena;
		struct bytes leaf;

		arena_init(&arena, 1 << 20);
		connect_tls(clients[i]);
		assert_int_equal(shake_hands(), TRANSPORT_DONE);
		assert_int_equal(chain_length(&arena, &leaf), clients[i] != NULL);
		if (clients[i] != NULL) {
			unsigned char *der = NULL;
			int n = i2d_X509(clients[i]->x509, &der);

			assert_true(
			    bytes_eq(leaf, (struct bytes){(const char *)der, (size_t)n}));
			OPENSSL_free(der);
		}
		disconnect();
		arena_release(&arena);
	}
	pem_free(&good);
	pem_free(&expired);
}

static void
old_protocols_are_refused(void **state)
{
	(void)state;
	connect_tls(NULL);
	SSL_set_security_level(at.ssl, 0);
	assert_int_equal(SSL_set_min_proto_version(at.ssl, TLS1_VERSION), 1);
	assert_int_equal(SSL_set_max_proto_version(at.ssl, TLS1_1_VERSION), 1);
	assert_int_equal(shake_hands(), TRANSPORT_BROKEN);
	assert_true(transport_error(at.t)[0] != '\0');
	disconnect();
}

static void
sessions_are_not_resumed(void **state)
{
	SSL_SESSION *session;
	char text[8];
	unsigned want;
	size_t n;

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		connect_tls(NULL);
		(void)SSL_set_max_proto_version(at.ssl, version);
		assert_int_equal(shake_hands(), TRANSPORT_DONE);
		assert_int_equal(write_text("x", &n, &want), TRANSPORT_DONE);
		assert_int_equal(SSL_read_ex(at.ssl, text, sizeof text, &n), 1);
		session = SSL_get1_session(at.ssl);
		disconnect();
		connect_tls(NULL);
		(void)SSL_set_max_proto_version(at.ssl, version);
		if (session != NULL && SSL_SESSION_is_resumable(session))
			(void)SSL_set_session(at.ssl, session);
		assert_int_equal(shake_hands(), TRANSPORT_DONE);
		assert_false(SSL_session_reused(at.ssl));
		SSL_SESSION_free(session);
		disconnect();
	}
}

/* Write all while the peer reads in small steps; every byte must be the right one. */
static void
a_slow_peer_gets_every_byte(void **state)
{
	uint8_t *data = malloc(LARGE), *got = malloc(LARGE);
	size_t at_out = 0, at_in = 0, waits = 0, n;
	unsigned want;

	(void)state;
	assert_true(data != NULL && got != NULL);
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	while (at_in < LARGE) {
		struct iovec v = {data + at_out, LARGE - at_out};

		if (at_out < LARGE) {
			enum transport_result r = transport_write(at.t, &v, 1, &n, &want);

			if (r == TRANSPORT_DONE) {
				at_out += n;
				continue;
			}
			assert_int_equal(r, TRANSPORT_AGAIN);
			assert_int_equal(want, LOOP_WRITE);
			waits++;
		}
		for (int i = 0; i < 3; i++)
			if (SSL_read_ex(at.ssl, got + at_in, LARGE - at_in, &n) == 1)
				at_in += n;
	}
	assert_true(waits > 10);
	assert_memory_equal(data, got, LARGE);
	disconnect();
	free(data);
	free(got);
}

static void
bytes_that_wait_inside_tls_are_read_without_the_socket(void **state)
{
	char text[101] = {0}, sent[100];
	unsigned want = 0;
	size_t n, have = 0;

	(void)state;
	(void)memset(sent, 'x', sizeof sent);
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	assert_int_equal(SSL_write_ex(at.ssl, sent, sizeof sent, &n), 1);
	while (have < sizeof sent) {
		assert_int_equal(
		    transport_read(at.t, text + have, 7, &n, &want), TRANSPORT_DONE);
		have += n;
	}
	assert_int_equal(transport_read(at.t, text, 7, &n, &want), TRANSPORT_AGAIN);
	assert_int_equal(want, LOOP_READ);
	disconnect();
}

static void
closing_says_so_and_still_reads(void **state)
{
	char text[8];
	unsigned want;
	size_t n;

	(void)state;
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	assert_int_equal(transport_close(at.t, &want), TRANSPORT_DONE);
	assert_int_equal(SSL_read(at.ssl, text, sizeof text), 0);
	assert_int_equal(SSL_get_error(at.ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(SSL_write_ex(at.ssl, "late", 4, &n), 1);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_DONE);
	assert_int_equal(n, 4);
	assert_int_equal(SSL_shutdown(at.ssl), 1);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_END);
	disconnect();
}

static void
closing_waits_for_a_full_socket(void **state)
{
	static char block[16384], got[16384];
	struct iovec v = {block, sizeof block};
	unsigned want = 0;
	size_t n;

	(void)state;
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	while (transport_write(at.t, &v, 1, &n, &want) == TRANSPORT_DONE)
		continue;
	while (SSL_read_ex(at.ssl, got, sizeof got, &n) == 1)
		continue;
	/* The record that was under way goes first, by the same call. */
	while (transport_write(at.t, &v, 1, &n, &want) == TRANSPORT_AGAIN)
		continue;
	assert_int_equal(transport_close(at.t, &want), TRANSPORT_DONE);
	while (SSL_read_ex(at.ssl, got, sizeof got, &n) == 1)
		continue;
	assert_int_equal(SSL_get_error(at.ssl, 0), SSL_ERROR_ZERO_RETURN);
	disconnect();
}

static void
an_end_without_a_word_is_an_end(void **state)
{
	unsigned want;
	char text[8];
	size_t n;

	(void)state;
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	assert_int_equal(shutdown(at.fd, SHUT_WR), 0);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_END);
	disconnect();
}

static void
noise_breaks_it_with_a_reason(void **state)
{
	static const char record[] = "\x17\x03\x03\x00\x1c this is no record at all...";
	unsigned want;
	char text[8];
	size_t n;

	(void)state;
	connect_plain(tls);
	assert_int_equal(write(at.fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(transport_handshake(at.t, &want), TRANSPORT_BROKEN);
	assert_true(transport_error(at.t)[0] != '\0');
	disconnect();
	connect_tls(NULL);
	assert_int_equal(shake_hands(), TRANSPORT_DONE);
	assert_int_equal(write(at.fd, record, sizeof record - 1), sizeof record - 1);
	assert_int_equal(
	    transport_read(at.t, text, sizeof text, &n, &want), TRANSPORT_BROKEN);
	/* Nothing more is said over a broken connection. */
	assert_int_equal(transport_close(at.t, &want), TRANSPORT_DONE);
	disconnect();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_bytes_go_both_ways),
	    cmocka_unit_test(a_full_socket_says_what_it_waits_for),
	    cmocka_unit_test(a_peer_that_is_gone_is_an_error_not_a_signal),
	    cmocka_unit_test(any_client_certificate_is_let_in_and_shown),
	    cmocka_unit_test(old_protocols_are_refused),
	    cmocka_unit_test(sessions_are_not_resumed),
	    cmocka_unit_test(a_slow_peer_gets_every_byte),
	    cmocka_unit_test(bytes_that_wait_inside_tls_are_read_without_the_socket),
	    cmocka_unit_test(closing_says_so_and_still_reads),
	    cmocka_unit_test(closing_waits_for_a_full_socket),
	    cmocka_unit_test(an_end_without_a_word_is_an_end),
	    cmocka_unit_test(noise_breaks_it_with_a_reason),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
