/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL verifies the chain: signatures, authorities, path lengths, names and nesting of
 * proxies, purpose. What it leaves open is judged here on the chain it verified: what
 * kind of proxies these are, who the end entity is, and the common window of validity.
 *
 * Dates are checked and the answer is then overruled (time_does_not_count), rather than
 * not checked: so among several certificates of one authority the one now valid is taken.
 */
#include "auth/x509.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "auth/dn.h"
#include "service/core/check.h"
#include "service/core/isotime.h"

#define TRUST_MAGIC 0x7c0a9e51u

enum { OID_SIZE = 128 };

/* Level 2 of OpenSSL's scale: RSA from 2048 bits, elliptic curves from 224, no SHA-1. */
enum { STRENGTH_LEVEL = 2 };

struct x509_trust {
	uint32_t magic;
	X509_STORE *store;
	uint64_t id;
};

static enum err
no_memory(struct errinfo *why)
{
	return errinfo_set(why, ERR_NO_MEMORY, "no memory for a certificate");
}

/* OpenSSL lets such certificates pass unless told to be strict in everything. */
static bool
has_invalid_extensions(X509 *cert)
{
	return (X509_get_extension_flags(cert) & EXFLAG_INVALID) != 0;
}

static enum err
add_authorities(X509_STORE *store, BIO *in, const char *path, struct errinfo *why)
{
	char password[] = ""; /* without one OpenSSL asks for it at the terminal */
	unsigned n = 0;
	X509 *cert;

	while ((cert = PEM_read_bio_X509(in, NULL, NULL, password)) != NULL) {
		bool authority = X509_check_ca(cert) != 0;
		bool added = authority && !has_invalid_extensions(cert) &&
			     X509_STORE_add_cert(store, cert) == 1;

		X509_free(cert);
		n++;
		if (!authority)
			return errinfo_set(why, ERR_CONFIG,
			    "%s: certificate %u is not that of an authority", path, n);
		if (!added)
			return errinfo_set(why, ERR_CONFIG,
			    "%s: certificate %u cannot be used", path, n);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return errinfo_set(
		    why, ERR_CONFIG, "%s: certificate %u cannot be read", path, n + 1);
	if (n == 0)
		return errinfo_set(why, ERR_CONFIG, "%s holds no certificate", path);
	return ERR_OK;
}

/* OpenSSL's verify callback. */
static int
time_does_not_count(int ok, X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx);

	if (error == X509_V_ERR_CERT_HAS_EXPIRED ||
	    error == X509_V_ERR_CERT_NOT_YET_VALID)
		return 1;
	return ok;
}

static X509_STORE *
new_store(void)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *rules;

	if (store == NULL)
		return NULL;
	rules = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_depth(rules, X509_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(rules, STRENGTH_LEVEL);
	X509_STORE_set_verify_cb(store, time_does_not_count);
	if (X509_VERIFY_PARAM_set_flags(
		rules, X509_V_FLAG_ALLOW_PROXY_CERTS | X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}

/* Loaded so far. */
static _Atomic uint64_t trusts;

uint64_t
x509_trust_id(const struct x509_trust *trust)
{
	return trust == NULL ? 0 : trust->id;
}

enum err
x509_trust_add(struct x509_trust *trust, const char *pem_path, struct errinfo *why)
{
	FILE *f = fopen(pem_path, "re");
	BIO *in;
	enum err e;

	if (f == NULL)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot open %s", pem_path);
	(void)ERR_set_mark();
	in = BIO_new_fp(f, BIO_NOCLOSE);
	e = in == NULL ? no_memory(why)
		       : add_authorities(trust->store, in, pem_path, why);
	(void)BIO_free(in);
	(void)ERR_pop_to_mark();
	(void)fclose(f); /* read only: nothing to lose */
	return e;
}

enum err
x509_trust_load(const char *pem_path, struct x509_trust **out, struct errinfo *why)
{
	struct x509_trust *trust = calloc(1, sizeof *trust);
	enum err e;

	if (trust == NULL)
		return no_memory(why);
	trust->magic = TRUST_MAGIC;
	trust->id = ++trusts;
	trust->store = new_store();
	e = trust->store == NULL ? no_memory(why) : x509_trust_add(trust, pem_path, why);
	if (e == ERR_OK)
		*out = trust;
	else
		x509_trust_free(trust);
	return e;
}

void
x509_trust_free(struct x509_trust *trust)
{
	if (trust == NULL)
		return;
	MAGIC_CHECK(trust, TRUST_MAGIC);
	trust->magic = 0;
	X509_STORE_free(trust->store);
	free(trust);
}

/* "TYPE=value" as RFC 2253 has it, the type as an OID. */
static bool
write_entry(BIO *to, const X509_NAME_ENTRY *entry)
{
	char oid[OID_SIZE];
	int n = OBJ_obj2txt(oid, sizeof oid, X509_NAME_ENTRY_get_object(entry), 1);

	return n > 0 && n < (int)sizeof oid && BIO_printf(to, "%s=", oid) > 0 &&
	       ASN1_STRING_print_ex(to, X509_NAME_ENTRY_get_data(entry),
		   ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL |
		       ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_DUMP_UNKNOWN |
		       ASN1_STRFLGS_DUMP_DER) >= 0;
}

/* The canonical text of `name`, by way of dn_parse: it has the rules for names. */
static enum err
name_text(
    struct arena *a, const X509_NAME *name, struct bytes *text_out, struct errinfo *why)
{
	BIO *text = BIO_new(BIO_s_mem());
	bool written = text != NULL;
	int set = -1; /* entries of one set are one RDN */
	struct dn dn;
	char *p;
	long n;
	enum err e;

	for (int i = X509_NAME_entry_count(name) - 1; i >= 0 && written; i--) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);

		if (set != -1)
			written = BIO_puts(text,
				      X509_NAME_ENTRY_set(entry) == set ? "+" : ",") > 0;
		set = X509_NAME_ENTRY_set(entry);
		written = written && write_entry(text, entry);
	}
	if (!written) {
		(void)BIO_free(text);
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "the distinguished name cannot be written as text");
	}
	n = BIO_get_mem_data(text, &p);
	e = dn_parse(a, (struct bytes){p, (size_t)n}, &dn, why);
	(void)BIO_free(text);
	if (e != ERR_OK)
		return e;
	*text_out = dn_canonical(a, &dn);
	return text_out->p == NULL ? no_memory(why) : ERR_OK;
}

/* The same for messages, which do without. */
static struct bytes
name_shown(struct arena *a, const X509_NAME *name)
{
	struct bytes text = {NULL, 0};

	if (name_text(a, name, &text, NULL) != ERR_OK)
		return BYTES("(an unreadable name)");
	return text;
}

static X509 *
cert_of(struct bytes der)
{
	const unsigned char *at = (const unsigned char *)der.p, *end = at + der.n;
	X509 *cert = d2i_X509(NULL, &at, (long)der.n);

	if (cert != NULL && at != end) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static enum err
read_cert(struct bytes der, size_t number, STACK_OF(X509) * certs, struct errinfo *why)
{
	X509 *cert = cert_of(der);

	if (cert == NULL)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "client certificate %zu cannot be read", number);
	if (has_invalid_extensions(cert)) {
		X509_free(cert);
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "client certificate %zu has invalid extensions", number);
	}
	if (sk_X509_push(certs, cert) <= 0) {
		X509_free(cert);
		return no_memory(why);
	}
	return ERR_OK;
}

static enum err
read_certs(const struct bytes *der, size_t n, STACK_OF(X509) * certs, struct errinfo *why)
{
	enum err e = ERR_OK;

	if (n == 0)
		return errinfo_set(
		    why, ERR_NOT_AUTHENTICATED, "no client certificate was sent");
	if (n > X509_CHAIN_MAX)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the client sent %zu certificates, the limit is %d", n,
		    X509_CHAIN_MAX);
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = read_cert(der[i], i + 1, certs, why);
	return e;
}

/* True for proxies as Globus made them before RFC 3820. */
static bool
is_legacy_proxy(const X509 *cert)
{
	static const char draft_oid[] = "1.3.6.1.4.1.3536.1.222";
	const X509_NAME *subject = X509_get_subject_name(cert);
	int entries = X509_NAME_entry_count(subject);
	const X509_NAME_ENTRY *last = X509_NAME_get_entry(subject, entries - 1);
	char oid[OID_SIZE];
	struct bytes cn;

	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		X509_EXTENSION *extension = X509_get_ext(cert, i);

		(void)OBJ_obj2txt(
		    oid, sizeof oid, X509_EXTENSION_get_object(extension), 1);
		if (bytes_is(bytes_of(oid), draft_oid))
			return true;
	}
	if (entries != X509_NAME_entry_count(X509_get_issuer_name(cert)) + 1 ||
	    OBJ_obj2nid(X509_NAME_ENTRY_get_object(last)) != NID_commonName ||
	    X509_get_ext_by_NID(cert, NID_proxyCertInfo, -1) >= 0)
		return false;
	cn.p = (const char *)ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(last));
	cn.n = (size_t)ASN1_STRING_length(X509_NAME_ENTRY_get_data(last));
	return bytes_is(cn, "proxy") || bytes_is(cn, "limited proxy");
}

/* Say why OpenSSL did not verify the chain. */
static enum err
refuse(X509_STORE_CTX *ctx, struct arena *a, const STACK_OF(X509) * sent,
    struct errinfo *why)
{
	int error = X509_STORE_CTX_get_error(ctx);
	const X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	const char *reason = X509_verify_cert_error_string(error);
	struct bytes name;

	if (error == X509_V_ERR_OUT_OF_MEM)
		return no_memory(why);
	for (int i = 0; i < sk_X509_num(sent); i++)
		if (is_legacy_proxy(sk_X509_value(sent, i)))
			return errinfo_set(why, ERR_NOT_AUTHENTICATED,
			    "proxy certificates older than RFC 3820 are not accepted");
	if (error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
		return errinfo_set(
		    why, ERR_NOT_AUTHENTICATED, "self-signed client certificate");
	if (cert == NULL)
		return errinfo_set(
		    why, ERR_NOT_AUTHENTICATED, "client certificate: %s", reason);
	if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	    error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	    error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN) {
		name = name_shown(a, X509_get_issuer_name(cert));
		return errinfo_set(why, ERR_NOT_AUTHENTICATED, "unknown authority %.*s",
		    BYTES_ARG(name));
	}
	name = name_shown(a, X509_get_subject_name(cert));
	return errinfo_set(why, ERR_NOT_AUTHENTICATED, "client certificate %.*s: %s",
	    BYTES_ARG(name), reason);
}

/* Take the policy of a proxy (RFC 3820 3.8.1) into account. */
static enum err
judge_policy(const X509 *proxy, struct x509_identity *id, struct errinfo *why)
{
	static const char inherit_all[] = "1.3.6.1.5.5.7.21.1";
	static const char independent[] = "1.3.6.1.5.5.7.21.2";
	static const char limited[] = "1.3.6.1.4.1.3536.1.1.1.9";
	PROXY_CERT_INFO_EXTENSION *info =
	    X509_get_ext_d2i(proxy, NID_proxyCertInfo, NULL, NULL);
	char text[OID_SIZE];
	struct bytes oid;

	if (info == NULL)
		return no_memory(why); /* it could be read while verifying */
	(void)OBJ_obj2txt(text, sizeof text, info->proxyPolicy->policyLanguage, 1);
	PROXY_CERT_INFO_EXTENSION_free(info);
	oid = bytes_of(text);
	id->proxy = true;
	if (bytes_is(oid, limited))
		id->limited = true;
	else if (bytes_is(oid, independent))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "an independent proxy certificate does not stand for its user");
	else if (!bytes_is(oid, inherit_all))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the proxy certificate has the unknown policy %s", text);
	return ERR_OK;
}

static bool
ms_of(const ASN1_TIME *time, int64_t *ms_out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ms_out = (int64_t)timegm(&tm) * 1000;
	return true;
}

static enum err
narrow_window(const X509 *cert, struct x509_identity *id, struct errinfo *why)
{
	int64_t from, to;

	if (!ms_of(X509_get0_notBefore(cert), &from) ||
	    !ms_of(X509_get0_notAfter(cert), &to))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the dates of the client certificate cannot be read");
	if (from > id->not_before_ms)
		id->not_before_ms = from;
	if (to < id->not_after_ms)
		id->not_after_ms = to;
	return ERR_OK;
}

/* Proxies, leaf first: take in their policies. Returns how many there are in *n_out. */
static enum err
judge_proxies(const STACK_OF(X509) * chain, struct x509_identity *id, int *n_out,
    struct errinfo *why)
{
	int i;

	for (i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		enum err e;

		if ((X509_get_extension_flags(cert) & EXFLAG_PROXY) == 0)
			break;
		e = judge_policy(cert, id, why);
		if (e != ERR_OK)
			return e;
	}
	*n_out = i;
	return ERR_OK;
}

/*
 * The path lengths of the authorities above the end entity, number `user` of the chain
 * (RFC 5280 4.2.1.9). OpenSSL 3.0 adds to what is allowed the depth that a proxy allows
 * to proxies, a number its user has chosen.
 */
static enum err
judge_depth(const STACK_OF(X509) * chain, int user, struct errinfo *why)
{
	long authorities = 0; /* in between, those not counted that issued themselves */

	for (int i = user + 1; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		long limit = X509_get_pathlen(cert);

		if (limit >= 0 && authorities > limit)
			return errinfo_set(why, ERR_NOT_AUTHENTICATED,
			    "client certificate: path length of an authority exceeded");
		if ((X509_get_extension_flags(cert) & EXFLAG_SI) == 0)
			authorities++;
	}
	return ERR_OK;
}

/* Fill `id` but for the name; *user_out becomes the end entity's certificate. */
static enum err
judge_chain(const STACK_OF(X509) * chain, struct x509_identity *id, X509 **user_out,
    struct errinfo *why)
{
	int user;
	enum err e;

	*id =
	    (struct x509_identity){.not_before_ms = INT64_MIN, .not_after_ms = INT64_MAX};
	e = judge_proxies(chain, id, &user, why);
	if (e == ERR_OK)
		e = judge_depth(chain, user, why);
	for (int i = 0; i < sk_X509_num(chain) && e == ERR_OK; i++)
		e = narrow_window(sk_X509_value(chain, i), id, why);
	if (e != ERR_OK)
		return e;
	*user_out = sk_X509_value(chain, user);
	if (*user_out == NULL || X509_check_ca(*user_out) != 0)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the certificate of an authority does not stand for a user");
	return ERR_OK;
}

static enum err
identify_verified(
    X509_STORE_CTX *ctx, struct arena *a, struct x509_identity *out, struct errinfo *why)
{
	struct errinfo detail;
	struct x509_identity id;
	X509 *user;
	enum err e = judge_chain(X509_STORE_CTX_get0_chain(ctx), &id, &user, why);

	if (e != ERR_OK)
		return e;
	e = name_text(a, X509_get_subject_name(user), &id.dn, &detail);
	if (e == ERR_NO_MEMORY)
		return no_memory(why);
	if (e != ERR_OK)
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "subject of the client certificate: %s", errinfo_text(&detail));
	if (!ms_of(X509_get0_notBefore(user), &id.certified_ms))
		return errinfo_set(why, ERR_NOT_AUTHENTICATED,
		    "the dates of the client certificate cannot be read");
	*out = id;
	return ERR_OK;
}

static enum err
identify(const struct x509_trust *trust, struct arena *a, STACK_OF(X509) * sent,
    struct x509_identity *out, struct errinfo *why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum err e;

	if (ctx == NULL ||
	    X509_STORE_CTX_init(ctx, trust->store, sk_X509_value(sent, 0), sent) != 1)
		e = no_memory(why);
	else if (X509_verify_cert(ctx) != 1)
		e = refuse(ctx, a, sent, why);
	else
		e = identify_verified(ctx, a, out, why);
	X509_STORE_CTX_free(ctx);
	return e;
}

enum err
x509_identify(const struct x509_trust *trust, struct arena *a, const struct bytes *der,
    size_t n, struct x509_identity *out, struct errinfo *why)
{
	STACK_OF(X509) * sent;
	enum err e;

	MAGIC_CHECK(trust, TRUST_MAGIC);
	/* The TLS layer on this thread must not find our errors in OpenSSL's queue. */
	(void)ERR_set_mark();
	sent = sk_X509_new_null();
	e = sent == NULL ? no_memory(why) : read_certs(der, n, sent, why);
	if (e == ERR_OK)
		e = identify(trust, a, sent, out, why);
	sk_X509_pop_free(sent, X509_free);
	(void)ERR_pop_to_mark();
	return e;
}

struct bytes
x509_expired_text(struct arena *a, const struct x509_identity *id)
{
	char when[ISOTIME_SIZE];

	isotime_format(id->not_after_ms, when);
	return arena_format(
	    a, "your certificate expired on %.19s; run: cadc-get-cert", when);
}

struct bytes
x509_early_text(struct arena *a, const struct x509_identity *id)
{
	char when[ISOTIME_SIZE];

	isotime_format(id->not_before_ms, when);
	return arena_format(a, "your certificate is not valid before %.19s", when);
}
