/* SPDX-License-Identifier: Apache-2.0 */
#include "service/request.h"
#include "service/op/service_mode.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/audit.h"
#include "service/authenticate.h"
#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/core/log.h"
#include "service/op/form_data.h"
#include "service/op/group_ask.h"
#include "service/op/ops.h"
#include "service/op/traffic.h"
#include "service/primed.h"
#include "service/reply.h"

enum {
	REQUEST_MAGIC = 0x52455121,
	KEPT_MAX = 64,
	ID_SIZE = 24,
	SHOWN_MAX = 4096, /* of a path, in the access log */
	METHOD_SHOWN_MAX = 32,
};

enum step { STEP_NEXT, STEP_WAIT, STEP_FAIL };

enum phase {
	ROUTE_IT,
	AUTHENTICATE,
	KNOW_GROUPS,
	AUTHORIZE,
	ACCEPT,
	OPERATE,
	PRIME,
	RESPOND,
	OVER
};

struct request {
	uint32_t magic;
	struct request *next; /* while kept */
	struct request_loop *loop;
	struct conn *conn;
	enum route_door door;
	const struct route *route;
	struct bytes rest;
	struct arena arena;
	struct caller caller;
	struct op_call call;
	struct primed primed; /* the answer's source, when there is one */
	struct authenticate authenticate;
	struct group_ask groups;
	char id[ID_SIZE];
	uint64_t started_us;

	enum phase phase;
	bool running; /* the runner is on the stack */
	bool signalled; /* what a step waits for has come, as `signal` */
	enum step signal;
	enum err err;
	bool accepted; /* the body was asked for */
	bool op_began; /* the operation has seen the call */
	unsigned methods; /* there are, for a 405 */
};

static void run(struct request *r);

/* What a step waits for has come. */
static void
resume(struct request *r, enum step signal)
{
	MAGIC_CHECK(r, REQUEST_MAGIC);
	CHECK(!r->signalled);
	r->signalled = true;
	r->signal = signal;
	if (!r->running)
		run(r);
}

/* What the operation says */

static struct request *
of_call(struct op_call *call)
{
	return container_of(call, struct request, call);
}

static void
op_passed(struct op_call *call)
{
	struct request *r = of_call(call);

	CHECK(r->phase == AUTHORIZE);
	resume(r, STEP_NEXT);
}

static void
op_finished(struct op_call *call, enum err err)
{
	struct request *r = of_call(call);

	CHECK(r->phase == AUTHORIZE || r->phase == OPERATE);
	r->err = err;
	if (err == ERR_OK)
		CHECK(call->reply.status != 0);
	r->phase = OPERATE; /* nothing between here and the answer */
	resume(r, err == ERR_OK ? STEP_NEXT : STEP_FAIL);
}

static struct source *
op_body_source(struct op_call *call)
{
	return conn_body(of_call(call)->conn);
}

/* Steps */

static enum step
fail(struct request *r, enum err err)
{
	r->err = err;
	return STEP_FAIL;
}

static bool
stands_in(const struct request *r)
{
	return r->loop->env.reader == NULL;
}

static void
allow_field(struct request *r)
{
	static const struct {
		enum method method;
		const char *name;
	} names[] = {{METHOD_GET, "GET"}, {METHOD_HEAD, "HEAD"}, {METHOD_PUT, "PUT"},
	    {METHOD_POST, "POST"}, {METHOD_DELETE, "DELETE"}};
	struct str list;

	str_init(&list, 64);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (r->methods & names[i].method)
			str_addf(&list, "%s%s", list.n == 0 ? "" : ", ", names[i].name);
	op_reply_field(&r->call, "Allow", str_bytes(&list));
	str_release(&list);
}

/* The client asks for everything below the link, and is told of it there. */
static enum err
name_us_below_link(struct request *r)
{
	struct op_call *call = &r->call;

	call->base_url = arena_format(&r->arena, "%.*s/share/%.*s/vault",
	    BYTES_ARG(call->root_url), BYTES_ARG(call->link));
	return call->base_url.p == NULL
		   ? errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a request")
		   : ERR_OK;
}

static enum step
route_it(struct request *r)
{
	const struct http_head *head = conn_head(r->conn);
	struct op_call *call = &r->call;
	struct bytes path = head->path;
	enum err e = ERR_OK;

	if (r->door == ROUTE_PUBLIC && route_below_link(&path, &call->link))
		e = name_us_below_link(r);
	if (e == ERR_OK)
		e = route_find(
		    r->door, head->method, path, &r->route, &r->rest, &r->methods);
	if (e == ERR_METHOD) {
		allow_field(r);
		return fail(r, errinfo_set(&call->why, e, "unsupported: HTTP %.*s",
				   BYTES_ARG(head->method_name)));
	}
	if (e != ERR_OK)
		return fail(r, errinfo_set(&call->why, e,
				   "nothing is at %.*s; the space is below /vault/",
				   BYTES_ARG(head->path)));
	call->op = r->route->op;
	call->rest = r->rest;
	if (stands_in(r) && call->op != &op_availability && call->op != &op_admin_health)
		return fail(
		    r, errinfo_set(&call->why, ERR_STALLED, "%s", err_text(ERR_STALLED)));
	e = op_parse_params(
	    &r->arena, head->query, &call->params, &call->n_params, &call->why);
	return e == ERR_OK ? STEP_NEXT : fail(r, e);
}

static void
authenticated(struct authenticate *a, enum err err)
{
	struct request *r = container_of(a, struct request, authenticate);

	r->err = err;
	resume(r, err == ERR_OK ? STEP_NEXT : STEP_FAIL);
}

static enum step
authenticate(struct request *r)
{
	if (stands_in(r))
		return STEP_NEXT;
	r->authenticate = (struct authenticate){
	    .conn = r->conn,
	    .trust = r->loop->trust,
	    .door = r->door,
	    .caller = &r->caller,
	    .call = &r->call,
	    .done = authenticated,
	};
	authenticate_caller(&r->authenticate);
	return STEP_WAIT;
}

static void
groups_known(struct group_ask *ask)
{
	resume(container_of(ask, struct request, groups), STEP_NEXT);
}

static enum step
know_groups(struct request *r)
{
	if (stands_in(r) || !r->call.op->groups)
		return STEP_NEXT;
	r->groups = (struct group_ask){
	    .env = &r->loop->env,
	    .arena = &r->arena,
	    .caller = &r->caller,
	    .known = groups_known,
	};
	return group_ask(&r->groups) ? STEP_NEXT : STEP_WAIT;
}

static enum step
authorize(struct request *r)
{
	if (r->door == ROUTE_PUBLIC && service_mode_check(&r->call) != ERR_OK) {
		op_fail(&r->call, ERR_OFFLINE);
		return STEP_WAIT;
	}
	if (r->caller.token_kind == TOKEN_GUEST) {
		if (r->call.op->guests == GUESTS_NEVER)
			return fail(r, errinfo_set(&r->call.why, ERR_DENIED,
					   "a link to share is not good for that"));
		if (r->call.op->guests == GUESTS_AUDITED && !r->call.is_head)
			r->call.audit = "share";
	}
	r->op_began = true;
	if (!r->call.is_get && !r->call.is_head && r->call.audit == NULL)
		r->call.audit = r->call.op->audit;
	if (r->call.op->check == NULL)
		return STEP_NEXT;
	r->call.op->check(&r->call);
	return STEP_WAIT;
}

static enum err
parse_form(
    struct request *r, struct bytes text, const struct op_param **fields, size_t *n)
{
	struct op_call *call = &r->call;
	struct bytes type = op_header(call, "content-type");

	return form_data_is(type)
		   ? form_data_parse(&r->arena, type, text, fields, n, &call->why)
		   : op_parse_params(&r->arena, bytes_trim(text), fields, n, &call->why);
}

/* A form's fields are parameters behind those of the query. */
static enum err
add_form(struct request *r, struct bytes text)
{
	struct op_call *call = &r->call;
	const struct op_param *fields;
	struct op_param *all;
	size_t n;
	enum err e = parse_form(r, text, &fields, &n);

	if (e != ERR_OK || n == 0)
		return e;
	all = arena_array(&r->arena, struct op_param, call->n_params + n);
	if (all == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	for (size_t i = 0; i < call->n_params; i++)
		all[i] = call->params[i];
	for (size_t i = 0; i < n; i++)
		all[call->n_params + i] = fields[i];
	call->params = all;
	call->n_params += n;
	return ERR_OK;
}

static void
collected(void *arg, enum err err, struct bytes text)
{
	struct request *r = arg;

	if (err == ERR_OK && op_has_form(&r->call))
		err = add_form(r, text);
	else if (err == ERR_TOO_LARGE)
		(void)errinfo_set(&r->call.why, err, "limit: %zu",
		    route_limit(r->route, r->loop->env.settings));
	r->call.body = text;
	r->err = err;
	resume(r, err == ERR_OK ? STEP_NEXT : STEP_FAIL);
}

static enum step
accept_body(struct request *r)
{
	r->accepted = true;
	if (r->route->body != OP_BODY_TEXT)
		return STEP_NEXT;
	conn_collect(r->conn, route_limit(r->route, r->loop->env.settings), collected, r);
	return STEP_WAIT;
}

static enum step
operate(struct request *r)
{
	r->call.op->run(&r->call);
	return STEP_WAIT;
}

static void
first_bytes_there(void *arg, enum err err)
{
	struct request *r = arg;

	r->err = err;
	if (err != ERR_OK)
		r->call.why = r->primed.base.why;
	resume(r, err == ERR_OK ? STEP_NEXT : STEP_FAIL);
}

/* What cannot even begin to be read is refused with a status. */
static enum step
prime(struct request *r)
{
	struct op_reply *reply = &r->call.reply;
	struct source *inner = reply->source;

	if (inner == NULL || r->call.is_head)
		return STEP_NEXT;
	reply->source = &r->primed.base;
	primed_begin(&r->primed, inner, first_bytes_there, r);
	return STEP_WAIT;
}

/* Is the client sending, or has it sent, a body it would repeat? */
static bool
body_begun(const struct request *r)
{
	const struct http_head *head = conn_head(r->conn);

	return head->method == METHOD_PUT && conn_has_body(r->conn) &&
	       (r->accepted || !head->expect_continue);
}

/* All there is to sign in with (standards AU-5). */
static void
challenge(struct op_call *call)
{
	op_reply_field(call, "WWW-Authenticate", BYTES("ivoa_x509"));
	op_reply_field(call, "WWW-Authenticate",
	    arena_format(call->arena,
		"ivoa_bearer standard_id=\"ivo://ivoa.net/sso#tls-with-password\", "
		"access_url=\"%.*s/gms/login\"",
		BYTES_ARG(call->root_url)));
	if (call->bad_bearer)
		op_reply_field(
		    call, "WWW-Authenticate", BYTES("Bearer error=\"invalid_token\""));
	/* A browser would ask for a password by itself, beside the page's own form. */
	if (op_header(call, "sec-fetch-mode").p == NULL)
		op_reply_field(
		    call, "WWW-Authenticate", BYTES("Basic realm=\"quartet\""));
}

static void
common_fields(struct request *r)
{
	struct op_call *call = &r->call;

	op_reply_field(call, "X-Request-Id", bytes_of(r->id));
	if (r->door != ROUTE_PUBLIC || call->preauthorised)
		return;
	if (r->caller.is_anonymous)
		challenge(call);
	else
		op_reply_field(call, "X-VO-Authenticated", r->caller.name);
}

/* Is it for the operator to know of? The client's doing is in the access log. */
static bool
is_ours(enum err err)
{
	return err_http_status(err) >= 500 && err != ERR_CANCELLED && err != ERR_CODING &&
	       err != ERR_HTTP_VERSION &&
	       err != ERR_GROUPS /* service/gms says so once */;
}

static enum step
respond(struct request *r)
{
	struct op_call *call = &r->call;
	struct conn_reply reply;

	if (r->err != ERR_OK) {
		if (call->reply.source != NULL)
			source_close(call->reply.source);
		reply_fault(call, r->err, body_begun(r));
		if (is_ours(r->err))
			log_warning("request %s failed: %s: %s", r->id, err_fault(r->err),
			    errinfo_text(&call->why));
	}
	common_fields(r);
	reply = (struct conn_reply){
	    .status = call->reply.status,
	    .fields = str_bytes(&call->reply.fields),
	    .text = call->reply.text,
	    .source = call->reply.source,
	    .length = call->reply.length,
	    .no_body = call->reply.no_body,
	};
	r->phase = OVER;
	conn_reply(r->conn, &reply); /* may already be the end of the request */
	return STEP_WAIT;
}

static enum step (*const steps[])(struct request *r) = {
    [ROUTE_IT] = route_it,
    [AUTHENTICATE] = authenticate,
    [KNOW_GROUPS] = know_groups,
    [AUTHORIZE] = authorize,
    [ACCEPT] = accept_body,
    [OPERATE] = operate,
    [PRIME] = prime,
    [RESPOND] = respond,
};

static void
run(struct request *r)
{
	bool last;

	r->running = true;
	check_context(r->id);
	do {
		enum step result;

		if (r->signalled) { /* the step before is over */
			r->signalled = false;
			result = r->signal;
		} else {
			last = r->phase == RESPOND;
			result = steps[r->phase](r);
			if (last)
				break; /* the request may be gone */
			if (result == STEP_WAIT && !r->signalled) {
				r->running = false;
				break;
			}
			if (result == STEP_WAIT)
				continue;
		}
		r->phase = result == STEP_FAIL ? RESPOND : r->phase + 1;
	} while (true);
	check_context("");
}

/* Begin and end */

static struct request *
take_request(struct request_loop *rl)
{
	struct request *r = rl->free;

	if (r != NULL) {
		rl->free = r->next;
		rl->n_free--;
		return r;
	}
	r = calloc(1, sizeof *r);
	CHECK(r != NULL); /* a connection has just got more */
	arena_init(&r->arena, rl->env.settings->request_memory);
	str_init(&r->call.reply.fields, 64 * 1024);
	return r;
}

static void
free_request(struct request *r)
{
	arena_release(&r->arena);
	str_release(&r->call.reply.fields);
	free(r);
}

static void
put_back(struct request *r)
{
	struct request_loop *rl = r->loop;

	arena_clear(&r->arena);
	r->magic = 0;
	if (rl->n_free == KEPT_MAX) {
		free_request(r);
		return;
	}
	r->next = rl->free;
	rl->free = r;
	rl->n_free++;
}

void
request_loop_release(struct request_loop *rl)
{
	struct request *next;

	for (struct request *r = rl->free; r != NULL; r = next) {
		next = r->next;
		free_request(r);
	}
	rl->free = NULL;
	rl->n_free = 0;
}

/* By what name the client calls us, if it is one of ours; the first of ours otherwise. */
static struct bytes
host_of(const struct request *r)
{
	const struct settings_list *hosts = &r->loop->env.settings->hosts;
	struct bytes asked = http_header(conn_head(r->conn), "host");

	for (size_t i = 0; i < hosts->n; i++)
		if (bytes_caseeq(asked, bytes_of(hosts->items[i])))
			return bytes_of(hosts->items[i]);
	return bytes_of(hosts->items[0]);
}

static void
name_us(struct request *r)
{
	struct bytes host = host_of(r);
	const char *scheme = conn_is_tls(r->conn) ? "https" : "http";

	r->call.base_url =
	    arena_format(&r->arena, "%s://%.*s/vault", scheme, BYTES_ARG(host));
	r->call.root_url = r->call.base_url;
	if (r->call.base_url.p != NULL)
		r->call.root_url.n -= sizeof("/vault") - 1;
}

static enum err
copy_head(struct request *r)
{
	const struct http_head *head = conn_head(r->conn);
	struct op_call *call = &r->call;
	struct op_header *headers =
	    arena_array(&r->arena, struct op_header, head->n_headers + 1);

	name_us(r);
	if (headers == NULL || call->base_url.p == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "no memory for a request");
	for (size_t i = 0; i < head->n_headers; i++)
		headers[i] =
		    (struct op_header){head->header[i].name, head->header[i].value};
	call->headers = headers;
	call->n_headers = head->n_headers;
	call->is_head = head->method == METHOD_HEAD;
	call->is_get = head->method == METHOD_GET;
	call->is_put = head->method == METHOD_PUT;
	call->is_post = head->method == METHOD_POST;
	call->is_delete = head->method == METHOD_DELETE;
	call->url_path = head->path;
	call->query = head->query;
	call->has_body = conn_has_body(r->conn);
	call->body_length = head->chunked ? MIRROR_LENGTH_UNKNOWN : head->length;
	return ERR_OK;
}

static void
begin(struct request_loop *rl, struct conn *conn, enum route_door door, enum err err,
    const struct errinfo *why)
{
	struct request *r = take_request(rl);
	struct str fields = r->call.reply.fields;
	struct arena arena = r->arena;

	*r = (struct request){
	    .magic = REQUEST_MAGIC, .loop = rl, .conn = conn, .door = door};
	r->arena = arena;
	r->started_us = clock_mono_us();
	(void)snprintf(r->id, sizeof r->id, "%08llx-%02x-%06llx",
	    (unsigned long long)(rl->env.space->started_ms / 1000) & 0xffffffff,
	    rl->index, (unsigned long long)++rl->counter & 0xffffff);
	caller_init(&r->caller, &r->arena, rl->env.reader, rl->env.settings,
	    rl->env.space->group_authority);
	str_clear(&fields);
	r->call = (struct op_call){
	    .env = &rl->env,
	    .arena = &r->arena,
	    .caller = &r->caller,
	    .request_id = bytes_of(r->id),
	    .peer = bytes_of(conn_peer(conn)),
	    .reply = {.fields = fields},
	    .passed = op_passed,
	    .finished = op_finished,
	    .open_body = op_body_source,
	};
	if (err == ERR_OK) {
		err = copy_head(r);
	} else {
		r->call.why = *why;
	}
	r->err = err;
	r->phase = err == ERR_OK ? ROUTE_IT : RESPOND;
	conn_set_request(conn, r);
	run(r);
}

static void
begin_public(void *arg, struct conn *conn, enum err err, const struct errinfo *why)
{
	begin(arg, conn, ROUTE_PUBLIC, err, why);
}

static void
begin_admin(void *arg, struct conn *conn, enum err err, const struct errinfo *why)
{
	begin(arg, conn, ROUTE_ADMIN, err, why);
}

/* The part of a pre-authorised URL that nobody may read, escaped or not. */
static bool
is_secret(struct request *r, struct bytes part)
{
	struct bytes mark = BYTES("preauth:"), plain;

	if (bytes_starts(part, mark))
		return true;
	return bytes_find(part, '%') < part.n &&
	       pct_decode(&r->arena, part, false, &plain) && bytes_starts(plain, mark);
}

/* A path as it may be logged: no secrets, and no longer than fits a line. */
static struct bytes
shown_path(struct request *r, struct bytes path)
{
	struct str shown;
	struct bytes kept;

	str_init(&shown, 2 * 65536);
	while (path.n > 0 && shown.n < SHOWN_MAX) {
		struct bytes part = {path.p, bytes_find(path, '/')};

		str_add(&shown, is_secret(r, part) ? BYTES("preauth:...") : part);
		path = bytes_skip(path, part.n);
		if (path.n > 0) {
			str_addc(&shown, '/');
			path = bytes_skip(path, 1);
		}
	}
	if (shown.n > SHOWN_MAX)
		shown.n = SHOWN_MAX;
	kept = arena_copy(&r->arena, str_bytes(&shown));
	str_release(&shown);
	return kept.p == NULL ? BYTES("?") : kept;
}

static void
log_request(struct request *r, uint64_t us, uint64_t sent, bool broken)
{
	const struct http_head *head = conn_head(r->conn);
	struct bytes method = head->method_name, path = shown_path(r, head->path);
	struct str line;

	if (method.n > METHOD_SHOWN_MAX)
		method.n = METHOD_SHOWN_MAX;
	str_init(&line, 32 * 1024);
	str_addf(&line, "id=%s peer=%s", r->id, conn_peer(r->conn));
	log_quote(&line, "user", r->caller.name);
	log_quote(&line, "method", method);
	log_quote(&line, "path", path);
	str_addf(&line, " status=%d in=%llu out=%llu ms=%llu.%03llu",
	    r->call.reply.status, (unsigned long long)conn_received(r->conn),
	    (unsigned long long)sent, (unsigned long long)us / 1000,
	    (unsigned long long)us % 1000);
	if (r->call.copies > 0)
		str_addf(&line, " copies=%u", r->call.copies);
	if (r->call.run_id.p != NULL)
		log_quote(&line, "run", r->call.run_id);
	if (r->call.preauthorised)
		str_adds(&line, " preauth=yes");
	if (broken)
		str_adds(&line, " broken=yes");
	if (!str_failed(&line))
		log_access(str_bytes(&line));
	str_release(&line);
	audit_request(&r->call, conn_peer(r->conn), method, path);
}

static void
over(void *arg, struct conn *conn, uint64_t sent, bool broken)
{
	struct request *r = conn_request(conn);
	uint64_t us = clock_mono_us() - r->started_us;

	(void)arg;
	MAGIC_CHECK(r, REQUEST_MAGIC);
	CHECK(r->phase == OVER);
	if (r->op_began && r->call.op->release != NULL)
		r->call.op->release(&r->call);
	traffic_count(r->loop->env.traffic, r->route == NULL ? NULL : r->route->op,
	    r->call.reply.status, us);
	if (r->door == ROUTE_PUBLIC)
		log_request(r, us, sent, broken);
	conn_set_request(conn, NULL);
	put_back(r);
}

const struct conn_handler request_public_handler = {
    .request = begin_public, .over = over};
const struct conn_handler request_admin_handler = {.request = begin_admin, .over = over};
