/* SPDX-License-Identifier: Apache-2.0 */
/* tls_private - what tls.c and transport.c share. */
#ifndef QUARTET_HTTP_TLS_PRIVATE_H
#define QUARTET_HTTP_TLS_PRIVATE_H

#include <openssl/ssl.h>

struct tls_context {
	SSL_CTX *ctx;
	_Atomic unsigned refs;
};

#endif
