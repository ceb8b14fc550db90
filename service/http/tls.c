/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts and the TLS half of transport; with transport.c the only files that see
 * OpenSSL's ssl.h.
 */
#include "service/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "service/http/tls_private.h"

static enum err
fail(struct errinfo *why, const char *what, const char *path)
{
	char reason[160] = "unknown reason";
	unsigned long code = ERR_get_error();

	if (code != 0)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return errinfo_set(why, ERR_CONFIG, "%s %s: %s", what, path, reason);
}

/* Every certificate is let in; auth/x509 says later what it is worth. */
static int
accept_any(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 1;
}

/* Nobody is asked at a terminal; "" fails with a reason where it is not the password. */
static int
no_password(char *to, int room, int writing, void *arg)
{
	(void)to;
	(void)room;
	(void)writing;
	(void)arg;
	return 0;
}

static void
configure(SSL_CTX *ctx)
{
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
		SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	SSL_CTX_set_verify_depth(ctx, 20);
}

enum err
tls_context_new(const char *certificate_path, const char *key_path,
    struct tls_context **out, struct errinfo *why)
{
	struct tls_context *tls = calloc(1, sizeof *tls);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum err e;

	if (tls == NULL || ctx == NULL) {
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for TLS");
		goto fail;
	}
	configure(ctx);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_path) != 1) {
		e = fail(why, "cannot use the certificate", certificate_path);
		goto fail;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1) {
		e = fail(why, "cannot use the key", key_path);
		goto fail;
	}
	if (SSL_CTX_check_private_key(ctx) != 1) {
		e = fail(why, "the key does not belong to the certificate:", key_path);
		goto fail;
	}
	tls->ctx = ctx;
	tls->refs = 1;
	*out = tls;
	return ERR_OK;
fail:
	SSL_CTX_free(ctx);
	free(tls);
	return e;
}

void
tls_context_ref(struct tls_context *tls)
{
	tls->refs++;
}

void
tls_context_unref(struct tls_context *tls)
{
	if (tls == NULL || --tls->refs > 0)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}
