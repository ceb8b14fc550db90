/* SPDX-License-Identifier: Apache-2.0 */
#include "service/http/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/loop.h"
#include "service/http/tls.h"
#include "service/http/tls_private.h"

enum { TLS_WRITE_MAX = 64 * 1024, CHAIN_MAX = 32 };

struct transport {
	int fd;
	SSL *ssl; /* NULL: plain */
	bool broken;
	char error[120];
};

struct transport *
transport_new(int fd, struct tls_context *tls)
{
	struct transport *t = calloc(1, sizeof *t);

	if (t == NULL) {
		(void)close(fd);
		return NULL;
	}
	t->fd = fd;
	if (tls == NULL)
		return t;
	t->ssl = SSL_new(tls->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		transport_free(t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

void
transport_free(struct transport *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	(void)close(t->fd);
	free(t);
}

static enum transport_result
sys_result(struct transport *t, ssize_t n, unsigned wanted, unsigned *want)
{
	if (n > 0)
		return TRANSPORT_DONE;
	if (n == 0)
		return TRANSPORT_END;
	if (errno == EAGAIN || errno == EINTR) {
		*want = wanted;
		return TRANSPORT_AGAIN;
	}
	(void)snprintf(t->error, sizeof t->error, "errno %d", errno);
	t->broken = true;
	return TRANSPORT_BROKEN;
}

static enum transport_result
ssl_result(struct transport *t, int result, unsigned *want)
{
	unsigned long code;

	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_NONE:
		return TRANSPORT_DONE;
	case SSL_ERROR_WANT_READ:
		*want = LOOP_READ;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*want = LOOP_WRITE;
		return TRANSPORT_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return TRANSPORT_END;
	default:
		code = ERR_get_error();
		if (code != 0)
			ERR_error_string_n(code, t->error, sizeof t->error);
		else
			(void)snprintf(
			    t->error, sizeof t->error, "TLS connection broken");
		ERR_clear_error();
		t->broken = true;
		return TRANSPORT_BROKEN;
	}
}

enum transport_result
transport_handshake(struct transport *t, unsigned *want)
{
	if (t->ssl == NULL)
		return TRANSPORT_DONE;
	ERR_clear_error();
	return ssl_result(t, SSL_do_handshake(t->ssl), want);
}

enum transport_result
transport_read(struct transport *t, void *to, size_t room, size_t *n_out, unsigned *want)
{
	ssize_t n;

	if (t->ssl != NULL) {
		ERR_clear_error();
		return ssl_result(t, SSL_read_ex(t->ssl, to, room, n_out), want);
	}
	n = recv(t->fd, to, room, 0);
	*n_out = n > 0 ? (size_t)n : 0;
	return sys_result(t, n, LOOP_READ, want);
}

enum transport_result
transport_write(
    struct transport *t, const struct iovec *v, int n, size_t *n_out, unsigned *want)
{
	ssize_t sent;

	if (t->ssl != NULL) {
		size_t part = v[0].iov_len < TLS_WRITE_MAX ? v[0].iov_len : TLS_WRITE_MAX;

		ERR_clear_error();
		return ssl_result(
		    t, SSL_write_ex(t->ssl, v[0].iov_base, part, n_out), want);
	}
	sent = sendmsg(t->fd,
	    &(struct msghdr){
		.msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n},
	    MSG_NOSIGNAL);
	*n_out = sent > 0 ? (size_t)sent : 0;
	return sys_result(t, sent, LOOP_WRITE, want);
}

enum transport_result
transport_close(struct transport *t, unsigned *want)
{
	if (t->ssl != NULL && !t->broken && SSL_is_init_finished(t->ssl)) {
		int result;

		ERR_clear_error();
		result = SSL_shutdown(t->ssl); /* 0: the peer's is still to come */
		if (result < 0 && ssl_result(t, result, want) == TRANSPORT_AGAIN)
			return TRANSPORT_AGAIN;
		ERR_clear_error();
	}
	(void)shutdown(t->fd, SHUT_WR);
	return TRANSPORT_DONE;
}

const char *
transport_error(const struct transport *t)
{
	return t->error;
}

static enum err
copy_der(X509 *cert, struct arena *a, struct bytes *out, struct errinfo *why)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);

	if (n <= 0)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a certificate");
	*out = arena_copy(a, (struct bytes){(const char *)der, (size_t)n});
	OPENSSL_free(der);
	return out->p == NULL
		   ? errinfo_set(why, ERR_NO_MEMORY, "the certificates are too large")
		   : ERR_OK;
}

enum err
transport_peer_chain(const struct transport *t, struct arena *a, struct bytes **der_out,
    size_t *n_out, struct errinfo *why)
{
	X509 *leaf = t->ssl == NULL ? NULL : SSL_get0_peer_certificate(t->ssl);
	STACK_OF(X509) *rest = t->ssl == NULL ? NULL : SSL_get_peer_cert_chain(t->ssl);
	int n_rest = rest == NULL ? 0 : sk_X509_num(rest);
	enum err e;

	*n_out = 0;
	*der_out = NULL;
	if (leaf == NULL)
		return ERR_OK;
	if (n_rest > CHAIN_MAX)
		n_rest = CHAIN_MAX;
	*der_out = arena_array(a, struct bytes, (size_t)n_rest + 1);
	if (*der_out == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a certificate");
	e = copy_der(leaf, a, &(*der_out)[(*n_out)++], why);
	/* On the server's side the chain does not contain the leaf. */
	for (int i = 0; i < n_rest && e == ERR_OK; i++)
		e = copy_der(sk_X509_value(rest, i), a, &(*der_out)[(*n_out)++], why);
	return e;
}
