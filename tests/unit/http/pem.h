/* SPDX-License-Identifier: Apache-2.0 */
/* pem - keys and self-signed certificates of a test's own, in files. */
#ifndef QUARTET_TESTS_UNIT_HTTP_PEM_H
#define QUARTET_TESTS_UNIT_HTTP_PEM_H

#include "tests/support/folder.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct pem {
	EVP_PKEY *key;
	X509 *x509;
};

/* Valid for `days` from now; negative: expired so long ago. */
static inline struct pem
pem_make(const char *name, int days)
{
	struct pem p = {.key = EVP_EC_gen("P-256"), .x509 = X509_new()};
	X509_NAME *subject;

	assert_true(p.key != NULL && p.x509 != NULL);
	subject = X509_get_subject_name(p.x509);
	assert_int_equal(X509_set_version(p.x509, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(p.x509), 1), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
			     (const unsigned char *)name, -1, -1, 0),
	    1);
	assert_int_equal(X509_set_issuer_name(p.x509, subject), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(p.x509), -86400L * 1000));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(p.x509), 86400L * days));
	assert_int_equal(X509_set_pubkey(p.x509, p.key), 1);
	assert_true(X509_sign(p.x509, p.key, EVP_sha256()) > 0);
	return p;
}

static inline void
pem_free(struct pem *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->x509);
}

/* DIR/NAME.pem and DIR/NAME.key; with a password the key is encrypted. */
static inline void
pem_write(const struct pem *p, const char *dir, const char *name, const char *password)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s.pem", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, p->x509), 1);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(path, sizeof path, "%s/%s.key", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(
	    PEM_write_PrivateKey(f, p->key, password == NULL ? NULL : EVP_aes_256_cbc(),
		(const unsigned char *)password,
		password == NULL ? 0 : (int)strlen(password), NULL, NULL),
	    1);
	assert_int_equal(fclose(f), 0);
}

#endif
