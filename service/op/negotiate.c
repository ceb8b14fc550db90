/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/negotiate.h"

#include "auth/basic.h"
#include "service/core/encode.h"
#include "service/op/file.h"
#include "service/op/package.h"
#include "service/op/unpack.h"
#include "service/op/views.h"

#define CORE       "ivo://ivoa.net/vospace/core#"
#define CADC_VIEW  "ivo://cadc.nrc.ca/vospace/view#"
#define BY_NOTHING "ivo://ivoa.net/sso#anon"

/* The credentials we take. A client gets back the name it used. */
static const struct method {
	struct bytes uri;
	bool is_header; /* sent with every request, so by TLS or on this machine only */
} methods[] = {
    {{"ivo://ivoa.net/sso#tls-with-certificate", 39}, false},
    {{"ivo://ivoa.net/sso#BasicAA", 26}, true},
    {{"http://www.w3.org/Protocols/HTTP/1.0/spec/html#BasicAA", 54}, true},
    {{"ivo://ivoa.net/sso#token", 24}, true},
    {{"vos://cadc.nrc.ca~vospace/CADC/std/Auth#token-1.0", 49}, true},
    {{"ivo://ivoa.net/sso#cookie", 25}, true},
};

enum {
	URL_MAX = 256 * 1024,
	N_METHODS = sizeof methods / sizeof methods[0],
	ENDPOINTS_MAX = 2 + N_METHODS,
};

enum negotiate_direction
negotiate_direction(struct bytes direction)
{
	static const struct bytes vos = {"vos://", 6};

	if (bytes_caseeq(direction, BYTES("pullFromVoSpace")))
		return NEGOTIATE_PULL;
	if (bytes_caseeq(direction, BYTES("pushToVoSpace")))
		return NEGOTIATE_PUSH;
	if (direction.n > vos.n && bytes_caseeq((struct bytes){direction.p, vos.n}, vos))
		return NEGOTIATE_MOVE;
	return NEGOTIATE_OTHER;
}

bool
negotiate_is_anonymous(const struct transfer_protocol *p)
{
	for (size_t i = 0; i < p->n_security_methods; i++)
		if (bytes_caseeq(p->security_methods[i], BYTES(BY_NOTHING)))
			return true;
	return p->n_security_methods == 0;
}

static bool
is_by(const struct transfer_protocol *p, const struct method *m)
{
	for (size_t i = 0; i < p->n_security_methods; i++)
		if (bytes_caseeq(p->security_methods[i], m->uri))
			return true;
	return false;
}

bool
negotiate_by_status(const struct transfer_doc *doc)
{
	for (size_t i = 0; i < doc->n_protocols; i++)
		if (!negotiate_is_anonymous(&doc->protocols[i]))
			return false;
	return doc->n_protocols > 0;
}

static bool
is_tls(const struct op_call *call)
{
	return bytes_starts(call->base_url, BYTES("https:"));
}

/* Would the credential be taken on the door the request came in by? */
static bool
is_taken(const struct op_call *call, const struct method *m)
{
	return is_tls(call) || (m->is_header && basic_peer_is_local(call->peer));
}

/* The one protocol we serve on the door the request came in by. */
static struct bytes
protocol_of(const struct op_call *call, bool push)
{
	if (is_tls(call))
		return push ? BYTES(CORE "httpsput") : BYTES(CORE "httpsget");
	return push ? BYTES(CORE "httpput") : BYTES(CORE "httpget");
}

/* There are clients that name the protocol of the other direction: it is the same door. */
static bool
is_ours(const struct op_call *call, struct bytes uri)
{
	return bytes_caseeq(uri, protocol_of(call, true)) ||
	       bytes_caseeq(uri, protocol_of(call, false));
}

static enum err
check_protocols(
    struct op_call *call, const struct transfer_doc *doc, struct negotiation *n)
{
	struct bytes ours = protocol_of(call, n->push);

	for (size_t i = 0; i < doc->n_protocols; i++) {
		const struct transfer_protocol *p = &doc->protocols[i];

		if (!is_ours(call, p->uri))
			continue;
		n->anonymous |= negotiate_is_anonymous(p);
		for (unsigned m = 0; m < N_METHODS; m++)
			if (is_by(p, &methods[m]) && is_taken(call, &methods[m]))
				n->methods |= 1U << m;
	}
	return n->anonymous || n->methods != 0
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_PROTOCOL_NOT_SUPPORTED,
			 "requested transfer specs not supported: ask for %.*s",
			 BYTES_ARG(ours));
}

static enum err
check_view(struct op_call *call, const struct transfer_doc *doc, struct negotiation *n)
{
	struct bytes view = doc->view.uri;

	if (view.p == NULL)
		return ERR_OK;
	n->unpack = package_is_pushed(doc);
	if (n->unpack)
		return package_check_pushed(call, doc);
	if (bytes_is(view, CADC_VIEW "header"))
		n->header = true;
	else if (bytes_is(view, CADC_VIEW "cutout") && doc->view.params.n == 1)
		n->cutout = doc->view.params.v[0].value;
	else if (bytes_is(view, CADC_VIEW "cutout"))
		return errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED,
		    "%.*s needs one param: what is to be cut out", BYTES_ARG(view));
	if (views_allowed(view, n->push))
		return ERR_OK;
	return errinfo_set(&call->why, ERR_VIEW_NOT_SUPPORTED, "%.*s", BYTES_ARG(view));
}

uint64_t
negotiate_announced_length(const struct transfer_doc *doc)
{
	uint64_t length;

	for (size_t i = 0; i < doc->params.n; i++)
		if (bytes_is(doc->params.v[i].uri, CORE "length") &&
		    bytes_u64(bytes_trim(doc->params.v[i].value), &length))
			return length;
	return 1;
}

static enum err
check_push(struct op_call *call, const struct transfer_doc *doc, struct path path,
    struct op_target *target)
{
	enum err e = ERR_OK;

	if (bytes_is(path_name(path), NAME_AUTO))
		e = op_settle_name(call, &path);
	if (e == ERR_OK)
		e = op_resolve(call, path, OP_LEAF_FOLLOW, target);
	if (e == ERR_NODE_NOT_FOUND)
		return op_fail_uri(call, ERR_CONTAINER_NOT_FOUND, path);
	if (e == ERR_OK)
		e = file_may_write(call, target);
	if (e == ERR_OK)
		e = file_check_quota(call, target, negotiate_announced_length(doc));
	return e;
}

static enum err
check_pull(struct op_call *call, struct path path, struct op_target *target)
{
	enum err e = op_resolve_existing(call, path, OP_LEAF_FOLLOW, target);

	if (e == ERR_OK)
		e = op_authorize(call, ACL_READ, target);
	if (e == ERR_OK && !node_type_has_bytes(op_leaf(target)->type))
		e = errinfo_set(
		    &call->why, ERR_INVALID_ARGUMENT, "target is not a data node");
	return e;
}

/* There is such a thing elsewhere, or it is nonsense. */
static enum err
not_offered(struct bytes direction)
{
	static const char *const known[] = {"pullToVoSpace", "pushFromVoSpace",
	    "ivo://cadc.nrc.ca/vospace#biDirectional"};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (bytes_caseeq(direction, bytes_of(known[i])))
			return ERR_OPERATION_NOT_SUPPORTED;
	return ERR_INVALID_ARGUMENT;
}

enum err
negotiate_check(
    struct op_call *call, const struct transfer_doc *doc, struct negotiation *out)
{
	enum negotiate_direction direction = negotiate_direction(doc->direction);
	struct path path;
	enum err e;

	*out = (struct negotiation){.push = direction == NEGOTIATE_PUSH};
	if (direction != NEGOTIATE_PUSH && direction != NEGOTIATE_PULL)
		return errinfo_set(&call->why, not_offered(doc->direction),
		    "the direction '%.*s' is not offered here",
		    BYTES_ARG(doc->direction));
	if (doc->n_targets != 1)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "one target is needed, not %zu", doc->n_targets);
	e = op_parse_uri(call, doc->targets[0], &path);
	if (e == ERR_OK)
		e = check_view(call, doc, out);
	if (e == ERR_OK && out->unpack)
		e = unpack_target(call, path, &out->target);
	else if (e == ERR_OK)
		e = out->push ? check_push(call, doc, path, &out->target)
			      : check_pull(call, path, &out->target);
	return e == ERR_OK ? check_protocols(call, doc, out) : e;
}

static enum err
with_cutout(struct op_call *call, const struct negotiation *n, struct bytes *url)
{
	struct str s;

	if (n->cutout.p == NULL && !n->header)
		return ERR_OK;
	str_init(&s, URL_MAX);
	str_add(&s, *url);
	if (n->header) {
		str_adds(&s, "?META=true");
	} else {
		str_adds(&s, "?cutout=");
		pct_encode(&s, n->cutout, "");
	}
	*url = str_failed(&s) ? (struct bytes){NULL, 0}
			      : arena_copy(call->arena, str_bytes(&s));
	str_release(&s);
	return url->p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a URL")
		   : ERR_OK;
}

enum err
negotiate_url(
    struct op_call *call, const struct negotiation *n, uint64_t job, struct bytes *out)
{
	enum err e = file_preauth_url(call, &n->target, n->push, job, out);

	return e == ERR_OK ? with_cutout(call, n, out) : e;
}

/* Where the bytes are for whoever brings a credential, or needs none. */
static enum err
plain_url(
    struct op_call *call, const struct negotiation *n, uint64_t job, struct bytes *out)
{
	struct str s;

	/* Only the token says which job an archive is for. */
	if (n->unpack)
		return negotiate_url(call, n, job, out);
	str_init(&s, URL_MAX);
	str_add(&s, call->base_url);
	str_adds(&s, "/files");
	path_encode(&s, n->target.path);
	*out = str_failed(&s) ? (struct bytes){NULL, 0}
			      : arena_copy(call->arena, str_bytes(&s));
	str_release(&s);
	if (out->p == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a URL");
	return with_cutout(call, n, out);
}

struct transfer_doc
negotiate_refusal(const struct transfer_doc *doc)
{
	struct transfer_doc out = *doc;

	out.protocols = NULL;
	out.n_protocols = 0;
	out.keep_bytes = true;
	return out;
}

enum err
negotiate_answer(struct op_call *call, const struct transfer_doc *doc,
    const struct negotiation *n, uint64_t job, struct transfer_doc *out)
{
	struct transfer_protocol *p =
	    arena_array(call->arena, struct transfer_protocol, ENDPOINTS_MAX);
	struct bytes protocol = protocol_of(call, n->push), plain;
	enum err e = ERR_OK;

	*out = negotiate_refusal(doc);
	if (p == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for endpoints");
	out->protocols = p;
	if (n->anonymous) {
		p[out->n_protocols].uri = protocol;
		e = negotiate_url(call, n, job, &p[out->n_protocols++].endpoint);
	}
	if (e == ERR_OK)
		e = plain_url(call, n, job, &plain);
	for (unsigned m = 0; m < N_METHODS; m++)
		if ((n->methods & 1U << m) != 0)
			p[out->n_protocols++] =
			    (struct transfer_protocol){.uri = protocol,
				.endpoint = plain,
				.security_methods = &methods[m].uri,
				.n_security_methods = 1};
	if (n->anonymous && !n->push)
		p[out->n_protocols++] =
		    (struct transfer_protocol){.uri = protocol, .endpoint = plain};
	return e;
}
