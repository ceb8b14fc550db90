/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/bench/tool.h"

/* The error OpenSSL saw first, and the end of the program. */
static _Noreturn void
die_tls(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_peek_error(), text, sizeof text);
	tool_die("%s: %s", what, text);
}

static struct wire_tls *
tls_new(const char *certificate, const char *ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		die_tls("TLS");
	if (certificate != NULL &&
	    (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, certificate, SSL_FILETYPE_PEM) != 1))
		die_tls(certificate);
	if (ca != NULL) {
		if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
			die_tls(ca);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	SSL_CTX_set_mode(
	    ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	return (struct wire_tls *)ctx;
}

/* Split the URL; the port is part of it always, here nobody uses the default ones. */
static bool
parse_url(struct wire_server *s, const char *url, char port[6], bool *tls)
{
	struct bytes rest = bytes_of(url), host;
	size_t slash, colon;

	*tls = bytes_starts(rest, BYTES("https://"));
	if (!*tls && !bytes_starts(rest, BYTES("http://")))
		return false;
	rest = bytes_skip(rest, *tls ? sizeof "https://" - 1 : sizeof "http://" - 1);
	slash = bytes_find(rest, '/');
	host = (struct bytes){rest.p, slash};
	s->target = slash < rest.n ? bytes_skip(rest, slash) : BYTES("/");
	colon = bytes_find(host, ':');
	if (colon == 0 || colon + 1 >= host.n || host.n - colon > 6 ||
	    host.n >= sizeof s->authority)
		return false;
	(void)snprintf(s->authority, sizeof s->authority, "%.*s", BYTES_ARG(host));
	(void)snprintf(s->host, sizeof s->host, "%.*s", (int)colon, host.p);
	(void)snprintf(port, 6, "%.*s", BYTES_ARG(bytes_skip(host, colon + 1)));
	return true;
}

static void
limit_fd(int fd, unsigned seconds)
{
	struct timeval limit = {.tv_sec = (time_t)seconds};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
		tool_die_sys("setsockopt");
}

static int
connect_to(const struct sockaddr *address, socklen_t n)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		tool_die_sys("socket");
	limit_fd(fd, WIRE_SETUP_S);
	if (connect(fd, address, n) != 0) {
		int sys = errno;

		(void)close(fd);
		errno = sys;
		return -1;
	}
	/* Without it a request in two writes would wait for the peer's delayed ACK. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* Remember the first address of the name that accepts a connection. */
static void
choose_address(struct wire_server *s, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
	int bad = getaddrinfo(s->host, port, &hints, &all), fd = -1;

	if (bad != 0)
		tool_die("%s: %s", s->authority, gai_strerror(bad));
	for (struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next) {
		fd = connect_to(a->ai_addr, a->ai_addrlen);
		if (fd >= 0) {
			memcpy(&s->address, a->ai_addr, a->ai_addrlen);
			s->address_n = a->ai_addrlen;
		}
	}
	if (fd < 0)
		tool_die_sys("cannot connect to %s", s->authority);
	s->spare = fd;
	freeaddrinfo(all);
}

void
wire_server_init(
    struct wire_server *s, const char *url, const char *certificate, const char *ca)
{
	char port[6];
	bool tls;

	*s = (struct wire_server){0};
	if (!parse_url(s, url, port, &tls))
		tool_die("'%s' is not like http://host:port/path", url);
	/* A server that closes early is counted, it does not end the program. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		tool_die_sys("signal");
	choose_address(s, port);
	if (tls)
		s->tls = tls_new(certificate, ca);
}

void
wire_server_release(struct wire_server *s)
{
	SSL_CTX_free((SSL_CTX *)s->tls);
	s->tls = NULL;
	if (s->spare >= 0)
		(void)close(s->spare);
	s->spare = -1;
}

void
wire_limit(const struct wire *w, unsigned seconds)
{
	limit_fd(w->fd, seconds);
}

/* Which name the server's certificate must have; RFC 6066 3: no address in the SNI. */
static bool
name_server(SSL *ssl, struct wire_server *s)
{
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), s->host) == 1)
		return true;
	return SSL_set_tlsext_host_name(ssl, s->host) == 1 &&
	       SSL_set1_host(ssl, s->host) == 1;
}

static SSL *
handshake(struct wire_server *s, int fd)
{
	SSL *ssl = SSL_new((SSL_CTX *)s->tls);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || !name_server(ssl, s))
		die_tls("TLS");
	ERR_clear_error();
	if (SSL_connect(ssl) != 1)
		die_tls("TLS handshake");
	return ssl;
}

void
wire_open(struct wire *w, struct wire_server *s, bool nonblocking)
{
	const struct sockaddr *address = (const struct sockaddr *)&s->address;

	*w = (struct wire){.fd = s->spare};
	s->spare = -1;
	if (w->fd < 0)
		w->fd = connect_to(address, s->address_n);
	if (w->fd < 0)
		tool_die_sys("cannot connect to %s", s->authority);
	if (s->tls != NULL)
		w->ssl = handshake(s, w->fd);
	if (nonblocking && fcntl(w->fd, F_SETFL, O_NONBLOCK) != 0)
		tool_die_sys("fcntl");
}

void
wire_close(struct wire *w)
{
	if (w->ssl != NULL) {
		(void)SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
		/* What a broken connection left behind must not be read as the next
		 * one's. */
		ERR_clear_error();
	}
	(void)close(w->fd);
	*w = (struct wire){.fd = -1};
}

/* The outcome of a call that moved `n` bytes; a blocking socket's time-out is broken. */
static ssize_t
plain_outcome(const struct wire *w, ssize_t n)
{
	int flags;

	if (n >= 0)
		return n;
	if (errno != EAGAIN && errno != EINTR)
		return WIRE_BROKEN;
	flags = fcntl(w->fd, F_GETFL);
	return flags >= 0 && (flags & O_NONBLOCK) != 0 ? WIRE_LATER : WIRE_BROKEN;
}

static ssize_t
tls_outcome(const struct wire *w, int moved)
{
	switch (SSL_get_error(w->ssl, moved)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return plain_outcome(w, -1);
	case SSL_ERROR_ZERO_RETURN:
		return WIRE_END;
	default:
		ERR_clear_error();
		return WIRE_BROKEN;
	}
}

ssize_t
wire_read(struct wire *w, void *p, size_t n)
{
	size_t got;
	int done;

	if (w->ssl == NULL)
		return plain_outcome(w, recv(w->fd, p, n, 0));
	done = SSL_read_ex(w->ssl, p, n, &got);
	return done == 1 ? (ssize_t)got : tls_outcome(w, done);
}

ssize_t
wire_write(struct wire *w, const void *p, size_t n)
{
	size_t sent;
	int done;

	if (w->ssl == NULL)
		return plain_outcome(w, send(w->fd, p, n, 0));
	done = SSL_write_ex(w->ssl, p, n, &sent);
	return done == 1 ? (ssize_t)sent : tls_outcome(w, done);
}

void
wire_kind(const struct wire *w, char *out, size_t room)
{
	if (w->ssl == NULL)
		(void)snprintf(out, room, "plain");
	else
		(void)snprintf(
		    out, room, "%s %s", SSL_get_version(w->ssl), SSL_get_cipher(w->ssl));
}
