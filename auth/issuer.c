/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/issuer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/dn.h"
#include "service/core/encode.h"

enum { VERSION_3 = 2 };

struct issuer {
	X509 *certificate;
	EVP_PKEY *key;
};

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for a certificate");
}

/* Loading */

static enum err
load_certificate(const char *path, X509 **out, struct errinfo *why)
{
	char password[] = ""; /* without one OpenSSL asks for it at the terminal */
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot open %s", path);
	*out = PEM_read_X509(f, NULL, NULL, password);
	(void)fclose(f);
	if (*out == NULL)
		return errinfo_set(why, ERR_CONFIG, "%s holds no certificate", path);
	if (X509_check_ca(*out) == 0)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: the certificate is not that of an authority", path);
	return ERR_OK;
}

static enum err
load_key(const char *path, EVP_PKEY **out, struct errinfo *why)
{
	char password[] = "";
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot open %s", path);
	*out = PEM_read_PrivateKey(f, NULL, NULL, password);
	(void)fclose(f);
	return *out != NULL ? ERR_OK
			    : errinfo_set(why, ERR_CONFIG,
				  "%s holds no private key without a password", path);
}

enum err
issuer_load(
    const char *certificate, const char *key, struct issuer **out, struct errinfo *why)
{
	struct issuer *issuer = calloc(1, sizeof *issuer);
	enum err e;

	if (issuer == NULL)
		return no_memory(why);
	(void)ERR_set_mark();
	e = load_certificate(certificate, &issuer->certificate, why);
	if (e == ERR_OK)
		e = load_key(key, &issuer->key, why);
	if (e == ERR_OK && X509_check_private_key(issuer->certificate, issuer->key) != 1)
		e = errinfo_set(
		    why, ERR_CONFIG, "%s is not the key of %s", key, certificate);
	(void)ERR_pop_to_mark();
	if (e == ERR_OK)
		*out = issuer;
	else
		issuer_free(issuer);
	return e;
}

void
issuer_free(struct issuer *issuer)
{
	if (issuer == NULL)
		return;
	X509_free(issuer->certificate);
	EVP_PKEY_free(issuer->key);
	free(issuer);
}

/* Making */

/* One attribute; `set` as X509_NAME_add_entry has it: 0 a new RDN, -1 the same one. */
static bool
add_part(X509_NAME *name, const struct dn_part *part, int set)
{
	char oid[DN_TEXT_MAX + 1];
	struct bytes text = dn_type_oid(part->type);
	ASN1_OBJECT *type;
	bool ok;

	if (text.n >= sizeof oid || part->value.n > INT32_MAX)
		return false;
	(void)memcpy(oid, text.p, text.n);
	oid[text.n] = '\0';
	type = OBJ_txt2obj(oid, 1);
	ok = type != NULL &&
	     X509_NAME_add_entry_by_OBJ(name, type, MBSTRING_UTF8,
		 (const unsigned char *)part->value.p, (int)part->value.n, -1, set) == 1;
	ASN1_OBJECT_free(type);
	return ok;
}

/* A certificate has the least specific part first. */
static bool
fill_name(X509_NAME *name, const struct dn *dn)
{
	for (size_t i = dn->n; i-- > 0;)
		for (size_t k = 0; k < dn->rdn[i].n; k++)
			if (!add_part(name, &dn->rdn[i].part[k], k == 0 ? 0 : -1))
				return false;
	return true;
}

static bool
set_serial(X509 *cert, char text[ISSUER_SERIAL_SIZE])
{
	uint8_t bytes[ISSUER_SERIAL_BYTES];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7fu) | 0x40u); /* positive, always as long */
	hex_encode(bytes, sizeof bytes, text);
	number = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = number != NULL &&
	     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return ok;
}

/* From now on; until the authority's own end at most. */
static bool
set_times(X509 *cert, const struct issuer *issuer, uint64_t seconds, int64_t *end_ms)
{
	const ASN1_TIME *last = X509_get0_notAfter(issuer->certificate);
	time_t now = time(NULL), end = now + (time_t)seconds;
	struct tm tm;

	if (X509_cmp_time(last, &end) < 0) {
		if (ASN1_TIME_to_tm(last, &tm) != 1)
			return false;
		end = timegm(&tm);
	}
	*end_ms = (int64_t)end * 1000;
	return ASN1_TIME_set(X509_getm_notBefore(cert), now) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), end) != NULL;
}

static bool
add_extensions(X509 *cert, const struct issuer *issuer)
{
	static const struct {
		int nid;
		const char *value;
	} wanted[] = {
	    {NID_basic_constraints, "critical,CA:FALSE"},
	    {NID_key_usage, "critical,digitalSignature"},
	    {NID_ext_key_usage, "clientAuth"},
	    {NID_subject_key_identifier, "hash"},
	    {NID_authority_key_identifier, "keyid"},
	};
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer->certificate, cert, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		X509_EXTENSION *e;
		bool ok;

		if (wanted[i].nid == NID_authority_key_identifier &&
		    X509_get0_subject_key_id(issuer->certificate) == NULL)
			continue; /* there is nothing it could name */
		e = X509V3_EXT_conf_nid(NULL, &ctx, wanted[i].nid, wanted[i].value);
		ok = e != NULL && X509_add_ext(cert, e, -1) == 1;

		X509_EXTENSION_free(e);
		if (!ok)
			return false;
	}
	return true;
}

static bool
sign(X509 *cert, const struct issuer *issuer)
{
	int kind = EVP_PKEY_get_id(issuer->key);
	const EVP_MD *digest =
	    kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? NULL : EVP_sha256();

	return X509_sign(cert, issuer->key, digest) != 0;
}

static enum err
write_pem(
    struct arena *a, X509 *cert, EVP_PKEY *key, struct bytes *out, struct errinfo *why)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (bio == NULL ||
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(bio, cert) != 1) {
		(void)BIO_free(bio);
		return no_memory(why);
	}
	n = BIO_get_mem_data(bio, &text);
	*out = arena_copy(a, (struct bytes){text, (size_t)n});
	(void)BIO_free(bio);
	return out->p != NULL ? ERR_OK : no_memory(why);
}

enum err
issuer_make(const struct issuer *issuer, struct arena *a, struct bytes dn,
    uint64_t seconds, struct issued *out, struct errinfo *why)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct dn name;
	enum err e = dn_parse(a, dn, &name, why);

	(void)ERR_set_mark();
	if (e == ERR_OK && (cert == NULL || key == NULL))
		e = no_memory(why);
	if (e == ERR_OK && !fill_name(X509_get_subject_name(cert), &name))
		e = errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "'%.*s' cannot be the name in a certificate", BYTES_ARG(dn));
	if (e == ERR_OK &&
	    (X509_set_version(cert, VERSION_3) != 1 || !set_serial(cert, out->serial) ||
		!set_times(cert, issuer, seconds, &out->not_after_ms) ||
		X509_set_issuer_name(cert, X509_get_subject_name(issuer->certificate)) !=
		    1 ||
		X509_set_pubkey(cert, key) != 1 || !add_extensions(cert, issuer) ||
		!sign(cert, issuer)))
		e = errinfo_set(why, ERR_INTERNAL, "a certificate could not be made");
	if (e == ERR_OK)
		e = write_pem(a, cert, key, &out->pem, why);
	(void)ERR_pop_to_mark();
	X509_free(cert);
	EVP_PKEY_free(key);
	return e;
}
