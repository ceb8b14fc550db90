/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - certificates made to order for tests, good and bad ones.
 *
 * Order: made* -> ... -> free_certs. Everything made lives until free_certs.
 */
#ifndef QUARTET_TESTS_UNIT_AUTH_CERTS_H
#define QUARTET_TESTS_UNIT_AUTH_CERTS_H

#include "tests/support/check.h"

#include <stdio.h>
#include <time.h>

#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define INHERIT_ALL "critical,language:1.3.6.1.5.5.7.21.1"
#define INDEPENDENT "critical,language:1.3.6.1.5.5.7.21.2"
#define LIMITED     "critical,language:1.3.6.1.4.1.3536.1.1.1.9"
#define UNKNOWN     "critical,language:1.2.3.4"
#define DEPTH(n)    ",pathlen:" #n

#define DAY INT64_C(86400)

struct cert {
	X509 *x509;
	EVP_PKEY *key;
	unsigned char *raw;
	struct bytes der; /* the same */
};

/* What a certificate is made of; what is not said comes from made(). */
struct recipe {
	const char
	    *subject; /* "/O=Grid/CN=Jo"; with `proxy` what is added to the issuer's */
	const struct cert *issuer; /* NULL: self-signed */
	const struct cert *signer; /* whose key signs, if not the issuer's */
	const struct cert *same_key; /* whose key it has, if not one of its own */
	int64_t from, to; /* seconds since 1970 */
	const char *authority; /* basicConstraints */
	const char *proxy; /* proxyCertInfo */
	const char *usage; /* keyUsage */
	const char *purpose; /* extendedKeyUsage */
	const char *names; /* subjectAltName */
	const char *oid; /* an extension of unknown content */
	const EVP_MD *digest;
	EVP_PKEY *key;
};

/* Everything made, freed at the end. */
static struct cert certs[200];
static size_t n_certs;

static void
add_extension(X509 *x509, const struct cert *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	CONF *none = NCONF_new(NULL); /* proxyCertInfo insists on one */
	X509_EXTENSION *extension;

	assert_non_null(none);
	X509V3_set_ctx(&ctx, issuer != NULL ? issuer->x509 : x509, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, none);
	extension = X509V3_EXT_nconf(none, &ctx, name, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
	NCONF_free(none);
}

/* "/O=Grid/CN=Jo": enough for a test. */
static void
add_names(X509_NAME *name, const char *text)
{
	struct bytes rest = bytes_of(text), part;

	while (bytes_token(&rest, "/", &part)) {
		char type[16];
		size_t n = bytes_find(part, '=');

		(void)snprintf(type, sizeof type, "%.*s", (int)n, part.p);
		assert_int_equal(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
				     (const unsigned char *)part.p + n + 1,
				     (int)(part.n - n - 1), -1, 0),
		    1);
	}
}

static void
set_names(X509 *x509, const struct recipe *r)
{
	const X509 *issuer = r->issuer != NULL ? r->issuer->x509 : x509;
	X509_NAME *name = r->proxy != NULL
			      ? X509_NAME_dup(X509_get_subject_name(r->issuer->x509))
			      : X509_NAME_new();

	assert_non_null(name);
	add_names(name, r->subject);
	assert_int_equal(X509_set_subject_name(x509, name), 1);
	X509_NAME_free(name);
	assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(issuer)), 1);
}

static void
set_extensions(X509 *x509, const struct recipe *r)
{
	const char *const extensions[][2] = {
	    {"basicConstraints", r->authority},
	    {"proxyCertInfo", r->proxy},
	    {"keyUsage", r->usage},
	    {"extendedKeyUsage", r->purpose},
	    {"subjectAltName", r->names},
	    {r->oid, r->oid != NULL ? "critical,DER:0500" : NULL},
	    {"subjectKeyIdentifier", "hash"},
	    {"authorityKeyIdentifier", r->issuer != NULL ? "keyid" : NULL},
	};

	for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
		if (extensions[i][1] != NULL)
			add_extension(
			    x509, r->issuer, extensions[i][0], extensions[i][1]);
}

static void
set_der(struct cert *c)
{
	int n;

	OPENSSL_free(c->raw);
	c->raw = NULL;
	n = i2d_X509(c->x509, &c->raw);
	assert_true(n > 0);
	c->der = (struct bytes){(const char *)c->raw, (size_t)n};
}

static struct cert
made(struct recipe r)
{
	static long serial;
	struct cert *c = &certs[n_certs++];
	const struct cert *signer = r.signer != NULL ? r.signer : r.issuer;

	assert_true(n_certs <= sizeof certs / sizeof certs[0]);
	c->x509 = X509_new();
	assert_non_null(c->x509);
	if (r.same_key != NULL)
		r.key = r.same_key->key;
	c->key = r.key != NULL ? r.key : EVP_EC_gen("P-256");
	assert_non_null(c->key);
	if (r.same_key != NULL)
		(void)EVP_PKEY_up_ref(c->key);
	assert_int_equal(X509_set_version(c->x509, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c->x509), ++serial), 1);
	assert_int_equal(X509_set_pubkey(c->x509, c->key), 1);
	if (r.from == 0)
		r.from = time(NULL) - DAY;
	if (r.to == 0)
		r.to = time(NULL) + 30 * DAY;
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c->x509), r.from));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c->x509), r.to));
	set_names(c->x509, &r);
	set_extensions(c->x509, &r);
	assert_true(X509_sign(c->x509, signer != NULL ? signer->key : c->key,
			r.digest != NULL ? r.digest : EVP_sha256()) > 0);
	set_der(c);
	return *c;
}

static struct cert
made_authority(const char *subject, const struct cert *issuer, const char *constraints)
{
	return made((struct recipe){.subject = subject,
	    .issuer = issuer,
	    .authority = constraints,
	    .usage = "critical,keyCertSign,cRLSign"});
}

static struct cert
made_user(const char *subject, const struct cert *issuer)
{
	return made((struct recipe){.subject = subject,
	    .issuer = issuer,
	    .authority = "critical,CA:FALSE",
	    .usage = "critical,digitalSignature",
	    .purpose = "clientAuth"});
}

static struct cert
made_proxy(const struct cert *issuer, const char *info)
{
	return made((struct recipe){.subject = "/CN=4711",
	    .issuer = issuer,
	    .proxy = info,
	    .usage = "critical,digitalSignature"});
}

/* Sign again after a change. */
static struct cert
signed_again(struct cert *c, const struct cert *issuer)
{
	assert_true(X509_sign(c->x509, issuer->key, EVP_sha256()) > 0);
	set_der(c);
	return *c;
}

/* One more name in the subject, of any type and content; `set` as OpenSSL has it. */
static struct cert
made_odd(const struct cert *issuer, const char *name, int type, const char *value, int n,
    int set)
{
	struct cert *odd = &certs[n_certs];
	X509_NAME *subject;

	(void)made_user("/O=Grid/CN=Jo", issuer);
	subject = X509_NAME_dup(X509_get_subject_name(odd->x509));
	assert_non_null(subject);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, name, type,
			     (const unsigned char *)value, n, -1, set),
	    1);
	assert_int_equal(X509_set_subject_name(odd->x509, subject), 1);
	X509_NAME_free(subject);
	return signed_again(odd, issuer);
}

static void
free_certs(void)
{
	for (size_t i = 0; i < n_certs; i++) {
		OPENSSL_free(certs[i].raw);
		X509_free(certs[i].x509);
		EVP_PKEY_free(certs[i].key);
	}
	n_certs = 0;
}

#endif
