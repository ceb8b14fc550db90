/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op - what an operation may see of a request, and how it answers.
 *
 * An operation is one row of route.def: a `check` that decides from the head alone
 * whether the request may go on, and a `run` that does it. Between the two the body is
 * accepted, so a client that waits for "100 Continue", or sends gigabytes, is refused
 * before it sends them.
 *
 *   check ─► op_pass ─► (body arrives) ─► run ─► op_finish
 *      └───────────► op_fail, op_finish ◄───────┘
 *
 * Each ends with exactly one of op_pass (check only), op_finish or op_fail, now or later
 * on the same loop, and touches the call no more after that. The connection, the request
 * struct and HTTP's way of writing things down are out of sight.
 *
 * Memory: everything in the arena lives until the answer is out. `state` is the
 * operation's own; what it holds besides arena memory is released in the row's `release`,
 * which runs once after the answer is out or broken off.
 */
#ifndef QUARTET_OP_OP_H
#define QUARTET_OP_OP_H

#include "auth/caller.h"
#include "auth/preauth.h"
#include "conf/settings.h"
#include "replication/mirror.h"
#include "service/core/arena.h"
#include "service/core/str.h"
#include "service/core/stream.h"
#include "service/remote/address.h"
#include "service/vosuri.h"
#include "storage/nodes.h"
#include "storage/path.h"

struct gms_remote;
struct issuer;
struct letters;
struct openid;
struct jobs;
struct finder;
struct passwords;
struct remote;
struct traffic;

/* See service_mode.h. */
enum service_mode { MODE_READ_WRITE, MODE_READ_ONLY, MODE_OFFLINE };

/* What the service is called; made once at start. */
struct space {
	struct vosuri_names names;
	struct bytes authority; /* "example.org" */
	struct bytes group_authority; /* "example.org/gms" */
	/* Of certificates; NULL: none are issued. A reload puts another one here, which
	 * frees this one not before the loop's next turn: it is not kept for later. */
	_Atomic(struct issuer *) issuer;
	const struct path *allocation_parents;
	size_t n_allocation_parents;
	struct preauth_key preauth_keys[2]; /* the first one signs */
	size_t n_preauth_keys;
	const struct address_range *metrics_ranges; /* of metrics_readers */
	size_t n_metrics_ranges;
	int64_t started_ms;
	_Atomic bool is_stopping;
	_Atomic bool is_stalled; /* service/watchdog.h */
	_Atomic int mode; /* enum service_mode */
	_Atomic uint64_t registrations; /* op_register.c's own */
	struct quota_holds *quota_holds;
};

/* One per loop. */
struct op_env {
	const struct settings *settings;
	struct space *space;
	struct loop *loop;
	struct store *store;
	struct store_reader *reader; /* NULL: nobody may wait for the metadata now */
	struct mirror *mirror;
	struct pool *pool;
	struct worker_pool *workers;
	struct jobs *jobs;
	struct remote *remote; /* where jobs run, if it is on; else NULL */
	struct traffic *traffic; /* of all loops; NULL where jobs run */
	struct passwords *passwords; /* NULL where jobs run */
	struct letters *letters; /* NULL where none are sent, and where jobs run */
	struct finder *finder; /* of shapes on the sky; NULL where jobs run */
	struct openid *openid; /* NULL where it is off, and where jobs run */
	struct gms_remote *gms; /* NULL where all groups are our own */
};

/* A query or form parameter, decoded. Names compare without case (DALI 1.1). */
struct op_param {
	struct bytes name, value;
};

struct op_header {
	struct bytes name, value;
};

struct op_reply {
	int status; /* 0: none yet */
	struct str fields; /* complete header lines with CRLF */
	struct bytes text; /* the body, when there is no source */
	struct source *source;
	uint64_t
	    length; /* of the source, or of what HEAD is told; UINT64_MAX: not known */
	bool no_body;
};

struct op_call;

/* May it be asked for by who came by a link to share? */
enum op_guests {
	GUESTS_NEVER,
	GUESTS_MAY,
	GUESTS_AUDITED, /* and each time is a line in the audit log */
};

struct op {
	const char *name;
	const char
	    *audit; /* what its changes are in the audit log; NULL: nothing there */
	enum op_guests guests;
	bool groups; /* it asks what groups the caller is in */
	void (*check)(struct op_call *call); /* NULL: op_pass */
	void (*run)(struct op_call *call);
	void (*release)(struct op_call *call); /* NULL: nothing to release */
};

/* How the body of a request is taken. */
enum op_body {
	OP_BODY_NONE, /* not looked at */
	OP_BODY_TEXT, /* collected into call->body, up to the route's limit */
	OP_BODY_STREAM, /* pulled by `run` through op_open_body */
};

struct op_call {
	/* For the operation. */
	struct op_env *env;
	const struct op *op;
	struct arena *arena;
	struct caller *caller;
	bool is_get, is_head, is_put, is_post, is_delete;
	struct bytes url_path; /* whole and raw: "/vault/nodes/a%20b" */
	struct bytes rest; /* raw, behind the route's prefix: "/a%20b" */
	struct bytes base_url; /* "https://localhost:8443/vault" as the client calls us */
	struct bytes root_url; /* the same without "/vault", and without a link */
	struct bytes link; /* below /share/LINK: its id in hex; .p NULL: elsewhere */
	struct bytes query; /* raw; .p NULL: none */
	const struct op_param *params;
	size_t n_params;
	struct bytes request_id;
	struct bytes peer;
	bool preauthorised; /* by a token in the URL: `grant` says for what */
	struct preauth_grant grant;
	struct path preauth_path; /* what the token was made for */
	const struct op_header *headers;
	size_t n_headers;
	bool has_body;
	uint64_t body_length; /* MIRROR_LENGTH_UNKNOWN when chunked */
	struct bytes body; /* OP_BODY_TEXT, in `run` */

	/* From the operation. */
	struct op_reply reply;
	struct errinfo why;
	void *state;
	unsigned copies; /* for the access log: of a file read or written */
	struct bytes run_id; /* for the access log: what the client calls its job */
	bool bad_bearer; /* it came with a bearer token that is not valid */
	const char *audit; /* what happens, for the audit log; NULL: not for it */
	struct bytes
	    audit_subject; /* about whom, if not the caller; .p NULL: nobody else */

	/* The request layer's. */
	void (*passed)(struct op_call *call);
	void (*finished)(struct op_call *call, enum err err);
	struct source *(*open_body)(struct op_call *call);
};

/* The head is in order: accept the body, then run. */
static inline void
op_pass(struct op_call *call)
{
	call->passed(call);
}

/* call->reply is complete. */
static inline void
op_finish(struct op_call *call)
{
	call->finished(call, ERR_OK);
}

/* Answer with a fault; call->why has the text (filled in from `err` if it has none). */
static inline void
op_fail(struct op_call *call, enum err err)
{
	call->finished(call, err);
}

/* The body of an OP_BODY_STREAM request; in `run`, once. */
static inline struct source *
op_open_body(struct op_call *call)
{
	return call->open_body(call);
}

/* A request header's value, .p NULL when it is absent. */
struct bytes op_header(const struct op_call *call, const char *name);

/* A cookie's value, .p NULL when it was not sent. `name` ends in "=". */
struct bytes op_cookie(const struct op_call *call, const char *name);

/* The first parameter of that name, .p NULL without one; and how often it is there. */
struct bytes op_param(const struct op_call *call, const char *name);
size_t op_param_count(const struct op_call *call, const char *name);

/*
 * ERR_INVALID_ARGUMENT for one of these names, NULL at their end, that is there more than
 * once, in the query and the form together (DALI 1.1 2.3.1).
 */
enum err op_params_once(struct op_call *call, const char *const names[]) ERR_CHECKED;

/* Is the body a form, whose fields are parameters, and no document? */
bool op_has_form(const struct op_call *call);

/* Take apart "a=b&c=d" into parameters; ERR_INVALID_ARGUMENT for broken escapes. */
enum err op_parse_params(struct arena *a, struct bytes text, const struct op_param **out,
    size_t *n_out, struct errinfo *why) ERR_CHECKED;

/* Answers */

void op_reply_status(struct op_call *call, int status);
void op_reply_field(struct op_call *call, const char *name, struct bytes value);
/* `type` is the exact Content-Type; the text is borrowed until the answer is out. */
void op_reply_text(struct op_call *call, int status, const char *type, struct bytes text);
/* The same from a str, which is copied into the arena and released. */
enum err op_reply_str(
    struct op_call *call, int status, const char *type, struct str *text) ERR_CHECKED;
/* And finish, or fail. */
void op_finish_str(struct op_call *call, int status, const char *type, struct str *text);
/* Finish with 303 to an absolute URL. */
void op_see_other(struct op_call *call, struct bytes url);

#endif
