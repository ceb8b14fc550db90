/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - the server's side of TLS: its certificate, and the request for the client's.
 *
 * TLS 1.2 or later, no session resumption. A client certificate is requested and never
 * required, and no certificate ever breaks the handshake (architecture D42): what it is
 * worth is decided afterwards, from the chain.
 *
 * A context is immutable and counted by reference; a reload makes a new one for new
 * connections. Thread: any.
 */
#ifndef QUARTET_HTTP_TLS_H
#define QUARTET_HTTP_TLS_H

#include "service/core/err.h"

struct tls_context;

/* From PEM files. ERR_CONFIG names the file and what is wrong with it. */
enum err tls_context_new(const char *certificate_path, const char *key_path,
    struct tls_context **out, struct errinfo *why) ERR_CHECKED;
void tls_context_ref(struct tls_context *tls);
void tls_context_unref(struct tls_context *tls); /* NULL is fine */

#endif
