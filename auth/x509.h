/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509 - whom a client certificate stands for.
 *
 * A chain is verified against the trusted authorities; RFC 3820 proxies are part of it.
 * The identity is the subject of the first certificate of the verified chain that is no
 * proxy, as a canonical distinguished name (dn.h). That the client holds the key of the
 * first certificate is for the TLS layer to prove.
 *
 * Time is not judged: a certificate that has expired is identified all the same, and its
 * window returned, so that each request of a long connection can be judged by its own
 * time and a refusal can say what to do.
 *
 * Refused are chains that do not lead to a trusted authority, broken signatures and
 * extensions, keys and digests below 112 bits of strength, certificates for servers only
 * and those of authorities, proxies that are independent, of unknown policy or older than
 * RFC 3820, and chains too long.
 *
 * Order: x509_trust_load -> x509_identify* -> x509_trust_free. Revocation lists are not
 * consulted.
 * Thread: any; the trust store does not change after x509_trust_load.
 * Memory: results are in the arena.
 * Fails with ERR_CONFIG (load), ERR_NOT_AUTHENTICATED with the reason, ERR_NO_MEMORY.
 */
#ifndef QUARTET_AUTH_X509_H
#define QUARTET_AUTH_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/arena.h"
#include "service/core/bytes.h"
#include "service/core/err.h"

enum { X509_CHAIN_MAX = 20 }; /* certificates a client may send */

struct x509_trust;

struct x509_identity {
	struct bytes dn; /* canonical */
	/* When every certificate of the chain is valid; both moments still are. */
	int64_t not_before_ms, not_after_ms;
	int64_t certified_ms; /* when the end entity's own certificate begins */
	bool proxy; /* the client acts by a proxy */
	bool limited; /* and a limited one is among them */
};

/*
 * The authorities in a PEM file: at least one certificate, and none that is not an
 * authority's. An intermediate one is trusted without the root above it.
 */
enum err x509_trust_load(
    const char *pem_path, struct x509_trust **out, struct errinfo *why) ERR_CHECKED;
/* Those of one more file, before anything else. ERR_CONFIG as above. */
enum err x509_trust_add(
    struct x509_trust *trust, const char *pem_path, struct errinfo *why) ERR_CHECKED;
void x509_trust_free(struct x509_trust *trust); /* NULL is fine */
/* A number no other one has had, as an address might have; 0 for NULL. */
uint64_t x509_trust_id(const struct x509_trust *trust);

/* `der`: n certificates as the client sent them, its own first. */
enum err x509_identify(const struct x509_trust *trust, struct arena *a,
    const struct bytes *der, size_t n, struct x509_identity *out,
    struct errinfo *why) ERR_CHECKED;

/*
 * For a refusal after not_after_ms, or before not_before_ms: "your certificate expired on
 * 2026-01-02T03:04:05; run: cadc-get-cert". .p is NULL when there is no memory.
 */
struct bytes x509_expired_text(struct arena *a, const struct x509_identity *id);
struct bytes x509_early_text(struct arena *a, const struct x509_identity *id);

#endif
