/* SPDX-License-Identifier: Apache-2.0 */
/* exchange - one request to a peer, and its answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/encode.h"
#include "service/remote/remote_private.h"

enum {
	HEAD_ARENA = 256 * 1024,
	URL_MAX = 128 * 1024,
	SLOW_PIECE_MS = 500,
	STATUS_OK = 200,
	STATUS_FINAL = 200, /* below it another answer follows */
	STATUS_NO_SUCCESS = 300,
};

static const struct {
	const char *name;
	enum remote_field field;
} fields[] = {
    {"content-type", REMOTE_TYPE},
    {"content-encoding", REMOTE_ENCODING},
    {"digest", REMOTE_DIGEST},
    {"repr-digest", REMOTE_REPR_DIGEST},
    {"content-digest", REMOTE_CONTENT_DIGEST},
    {"content-md5", REMOTE_CONTENT_MD5},
};

/* The connection */

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct remote_exchange *x = arg;
	const struct remote *r = x->remote;
	char text[ADDRESS_TEXT_SIZE];

	if (purpose == CURLSOCKTYPE_IPCXN &&
	    address_allowed(&address->addr, r->opened, r->n_opened)) {
		x->tried = true;
		return socket(
		    address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	}
	address_show(&address->addr, text);
	(void)errinfo_set(
	    &x->refused, ERR_TRANSFER_FAILED, "the address %s is not a public one", text);
	return CURL_SOCKET_BAD;
}

/* The answer's head */

/* Whatever the peer writes, a fault is one line of plain characters. */
static void
make_plain(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = ' ';
}

/* 0 makes curl end the exchange. */
static size_t
end_now(struct remote_exchange *x, const char *text)
{
	(void)errinfo_set(&x->why, ERR_TRANSFER_FAILED, "%s", text);
	return 0;
}

/* The blank line: `size` to go on, 0 to end. What a peer has to say besides is not read. */
static size_t
judge(struct remote_exchange *x, size_t size)
{
	long status = 0;

	(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < STATUS_FINAL)
		return size;
	if (x->is_coded)
		x->head.length = REMOTE_LENGTH_UNKNOWN;
	if (!x->is_put && status == STATUS_OK) {
		x->judged = true;
		return size;
	}
	if (!x->is_put || status >= STATUS_NO_SUCCESS) {
		(void)errinfo_set(
		    &x->why, ERR_TRANSFER_FAILED, "it answered with status %ld", status);
		return 0;
	}
	if (x->sent < x->length)
		return end_now(x, "it answered before it had everything");
	x->judged = true;
	return 0;
}

static bool
take_length(struct remote_exchange *x, struct bytes value)
{
	uint64_t length;

	if (!bytes_u64(value, &length) || length == REMOTE_LENGTH_UNKNOWN ||
	    (x->head.length != REMOTE_LENGTH_UNKNOWN && x->head.length != length))
		return false;
	x->head.length = length;
	return true;
}

static bool
take_field(struct remote_exchange *x, struct bytes name, struct bytes value)
{
	if (bytes_caseeq(name, BYTES("content-length")))
		return take_length(x, value);
	if (bytes_caseeq(name, BYTES("transfer-encoding")))
		x->is_coded = true;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		struct bytes *to = &x->head.field[fields[i].field];

		if (to->p == NULL && bytes_caseeq(name, bytes_of(fields[i].name))) {
			*to = arena_copy(&x->arena, value);
			return to->p != NULL;
		}
	}
	return true;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct remote_exchange *x = arg;
	struct bytes line = bytes_trim((struct bytes){p, size * n});
	size_t colon;

	if (x->judged) /* a trailer */
		return size * n;
	x->head_bytes += size * n;
	if (x->head_bytes > x->remote->config.settings->head_max)
		return end_now(x, "its answer's head is too large");
	if (line.n == 0)
		return judge(x, size * n);
	colon = bytes_find(line, ':');
	if (bytes_starts(line, BYTES("HTTP/"))) { /* again after a 100 Continue */
		x->head = (struct remote_head){.length = REMOTE_LENGTH_UNKNOWN};
		x->is_coded = false;
	} else if (colon < line.n && !take_field(x, (struct bytes){line.p, colon},
					 bytes_trim(bytes_skip(line, colon + 1)))) {
		return end_now(x, "its answer's head is damaged");
	}
	return size * n;
}

/* The answer's body, into pieces */

static void
piece_back(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct remote_exchange *x = container_of(w, struct remote_exchange, waiter);

	x->waits = false;
	if (x->dropped) {
		free(x);
		return;
	}
	x->resume = true;
	remote_kick(x->remote);
}

/* Large ones for a peer that fills them soon. */
static bool
take_piece(struct remote_exchange *x)
{
	struct pool *pool = x->remote->config.pool;
	bool large = !x->is_slow && x->received >= PIECE_SMALL_SIZE;

	x->filled = 0;
	x->piece = large ? pool_take(pool, PIECE_LARGE) : NULL;
	if (x->piece == NULL)
		x->piece = pool_take(pool, PIECE_SMALL);
	x->piece_since_ms = clock_mono_ms();
	if (x->piece == NULL && !x->waits) {
		x->waits = true;
		x->waiter = (struct pool_waiter){
		    .job = {.run = piece_back}, .loop = x->remote->config.loop};
		pool_wait(pool, &x->waiter);
	}
	return x->piece != NULL;
}

static bool
has_room(struct remote_exchange *x)
{
	if (!x->pulled)
		return false;
	if (x->piece != NULL)
		return x->filled < x->piece->size;
	return take_piece(x);
}

/*
 * Curl brings the same bytes again after a pause: what was taken of them is skipped then.
 */
static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct remote_exchange *x = arg;
	size_t total = size * n, at = x->skip < total ? x->skip : total;

	while (at < total) {
		size_t part = total - at;

		if (!has_room(x)) {
			x->skip = at;
			x->paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		if (part > x->piece->size - x->filled)
			part = x->piece->size - x->filled;
		(void)memcpy(x->piece->data + x->filled, p + at, part);
		x->filled += part;
		x->received += part;
		at += part;
	}
	x->skip = 0;
	return total;
}

static bool
can_give(const struct remote_exchange *x)
{
	return x->ended || (x->piece != NULL && x->filled == x->piece->size);
}

static void
resume_soon(struct remote_exchange *x)
{
	if (!x->paused)
		return;
	x->resume = true;
	remote_kick(x->remote);
}

static enum next
body_next(struct source *s, struct slice *out)
{
	struct remote_exchange *x = container_of(s, struct remote_exchange, source);

	x->pulled = true;
	if (x->ended && x->why.code != ERR_OK) {
		s->why = x->why;
		return NEXT_FAILED;
	}
	if (!can_give(x)) {
		x->wanted = true;
		resume_soon(x);
		return NEXT_LATER;
	}
	if (x->piece == NULL || x->filled == 0)
		return NEXT_END;
	*out = (struct slice){.piece = x->piece, .n = x->filled};
	x->is_slow = clock_mono_ms() - x->piece_since_ms > SLOW_PIECE_MS;
	x->piece = NULL;
	resume_soon(x);
	return NEXT_SLICE;
}

static void
body_close(struct source *s)
{
	remote_drop(container_of(s, struct remote_exchange, source));
}

static const struct source_ops body_ops = {.next = body_next, .close = body_close};

/* What is sent */

static void
body_ready(void *arg)
{
	struct remote_exchange *x = arg;

	x->resume = true;
	remote_kick(x->remote);
}

static size_t
on_read(char *to, size_t size, size_t n, void *arg)
{
	struct remote_exchange *x = arg;
	size_t part = size * n;

	if (x->body == NULL)
		return 0;
	if (x->slice.n == 0) {
		switch (source_next(x->body, &x->slice)) {
		case NEXT_SLICE:
			break;
		case NEXT_END:
			return 0;
		case NEXT_LATER:
			x->paused = true;
			return CURL_READFUNC_PAUSE;
		case NEXT_FAILED:
			x->why = x->body->why;
			return CURL_READFUNC_ABORT;
		}
	}
	if (part > x->slice.n)
		part = x->slice.n;
	(void)memcpy(to, slice_data(&x->slice), part);
	x->slice.offset += part;
	x->slice.n -= part;
	x->sent += part;
	if (x->slice.n == 0)
		piece_unref(x->slice.piece);
	return part;
}

/* For remote.c */

bool
exchange_has_news(const struct remote_exchange *x)
{
	return x->told ? x->wanted && can_give(x) : x->judged || x->ended;
}

void
exchange_deliver(struct remote_exchange *x)
{
	if (!x->told) {
		x->told = true;
		x->answered(x->arg, x->judged ? ERR_OK : x->why.code);
	} else {
		x->wanted = false;
		x->source.ready(x->source.arg);
	}
}

void
exchange_resume(struct remote_exchange *x)
{
	if (!x->resume)
		return;
	x->resume = false;
	if (x->ended || !x->paused)
		return;
	x->paused = false;
	(void)curl_easy_pause(x->easy, CURLPAUSE_CONT);
}

void
exchange_end(struct remote_exchange *x, CURLcode code)
{
	MAGIC_CHECK(x, EXCHANGE_MAGIC);
	x->ended = true;
	if (code == CURLE_OK && x->judged)
		return;
	if (x->is_put && x->judged) /* ended by us, since all was said */
		return;
	if (x->why.code != ERR_OK)
		return;
	make_plain(x->error);
	if (!x->tried && x->refused.code != ERR_OK)
		x->why = x->refused;
	else
		(void)errinfo_set(&x->why, ERR_TRANSFER_FAILED, "%s",
		    x->error[0] != '\0' ? x->error : curl_easy_strerror(code));
}

/* Asking */

static bool
is_listed(const struct remote *r, const struct peer *peer)
{
	for (size_t i = 0; i < r->n_peers; i++)
		if (peer_equal(&r->peers[i], peer))
			return true;
	return false;
}

#define SET(x, option, value)                                                            \
	(curl_easy_setopt((x)->easy, CURLOPT_##option, (value)) == CURLE_OK)

/* What holds for every exchange: whom we believe, and what is not done. */
static bool
set_rules(struct remote_exchange *x, const struct remote *r)
{
	struct curl_blob ca = {
	    .data = r->ca.p, .len = r->ca.n, .flags = CURL_BLOB_NOCOPY};

	return SET(x, PROTOCOLS_STR, "https") && SET(x, FOLLOWLOCATION, 0L) &&
	       SET(x, PROXY, "") && SET(x, NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(x, DISALLOW_USERNAME_IN_URL, 1L) && SET(x, HTTP09_ALLOWED, 0L) &&
	       SET(x, HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(x, SSL_VERIFYPEER, 1L) && SET(x, SSL_VERIFYHOST, 2L) &&
	       SET(x, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(x, CAINFO_BLOB, &ca) && SET(x, CAINFO, NULL) && SET(x, CAPATH, NULL) &&
	       SET(x, SSL_SESSIONID_CACHE, 0L) && SET(x, FRESH_CONNECT, 1L) &&
	       SET(x, FORBID_REUSE, 1L) && SET(x, OPENSOCKETFUNCTION, open_socket) &&
	       SET(x, OPENSOCKETDATA, x) && SET(x, NOSIGNAL, 1L) &&
	       /* A name server that does not answer holds up a thread, not this one. */
	       SET(x, QUICK_EXIT, 1L) && SET(x, DNS_CACHE_TIMEOUT, 0L) &&
	       SET(x, USERAGENT, "quartet/" QUARTET_VERSION);
}

static bool
set_limits(
    struct remote_exchange *x, const struct settings *s, const struct remote_request *q)
{
	uint64_t stall_s = (s->stall_timeout + 999) / 1000;

	return SET(x, CONNECTTIMEOUT_MS, (long)s->remote_connect_timeout) &&
	       SET(x, TIMEOUT_MS, (long)q->time_ms) &&
	       SET(x, LOW_SPEED_LIMIT, (long)(s->min_rate > 0 ? s->min_rate : 1)) &&
	       SET(x, LOW_SPEED_TIME, (long)stall_s);
}

static bool
set_callbacks(struct remote_exchange *x)
{
	return SET(x, PRIVATE, x) && SET(x, ERRORBUFFER, x->error) &&
	       SET(x, HEADERFUNCTION, on_header) && SET(x, HEADERDATA, x) &&
	       SET(x, WRITEFUNCTION, on_body) && SET(x, WRITEDATA, x) &&
	       SET(x, READFUNCTION, on_read) && SET(x, READDATA, x);
}

static bool
add_header(struct remote_exchange *x, const char *name, struct bytes value)
{
	struct bytes line = arena_format(&x->arena, "%s: %.*s", name, BYTES_ARG(value));
	struct curl_slist *longer;

	if (line.p == NULL)
		return false;
	/* Nothing in a value can begin another header. */
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ')
			return true;
	longer = curl_slist_append(x->headers, line.p);
	if (longer != NULL)
		x->headers = longer;
	return longer != NULL;
}

static bool
set_what(struct remote_exchange *x, const struct remote_request *q)
{
	char digest[4 + BASE64_ROOM(MD5_SIZE)] = "md5=";
	bool good = true;

	if (!q->is_put)
		return add_header(x, "Accept-Encoding", BYTES("identity")) &&
		       SET(x, HTTPHEADER, x->headers);
	base64_encode(q->md5, MD5_SIZE, digest + 4);
	if (q->md5_given)
		good = add_header(x, "Digest", bytes_of(digest));
	if (good && q->type.p != NULL)
		good = add_header(x, "Content-Type", q->type);
	if (good && q->encoding.p != NULL)
		good = add_header(x, "Content-Encoding", q->encoding);
	return good && SET(x, HTTPHEADER, x->headers) && SET(x, UPLOAD, 1L) &&
	       SET(x, INFILESIZE_LARGE, (curl_off_t)q->length);
}

static bool
set_url(struct remote_exchange *x, const struct endpoint *endpoint)
{
	struct str url;
	bool good;

	str_init(&url, URL_MAX);
	endpoint_show(endpoint, &url);
	good = !str_failed(&url) && SET(x, URL, url.p) && SET(x, PATH_AS_IS, 1L);
	str_release(&url);
	return good;
}

static struct remote_exchange *
exchange_new(struct remote *r, const struct remote_request *q)
{
	struct remote_exchange *x = calloc(1, sizeof *x);

	if (x == NULL) {
		if (q->body != NULL)
			source_close(q->body);
		return NULL;
	}
	x->magic = EXCHANGE_MAGIC;
	x->remote = r;
	x->answered = q->answered;
	x->arg = q->arg;
	x->is_put = q->is_put;
	x->head.length = REMOTE_LENGTH_UNKNOWN;
	x->source.ops = &body_ops;
	x->body = q->body;
	x->length = q->length;
	if (x->body != NULL) {
		x->body->ready = body_ready;
		x->body->arg = x;
	}
	arena_init(&x->arena, HEAD_ARENA);
	x->next = r->exchanges;
	x->at = &r->exchanges;
	if (x->next != NULL)
		x->next->at = &x->next;
	r->exchanges = x;
	return x;
}

static bool
begin(struct remote_exchange *x, const struct remote_request *q)
{
	struct remote *r = x->remote;

	x->easy = curl_easy_init();
	return x->easy != NULL && set_rules(x, r) &&
	       set_limits(x, r->config.settings, q) && set_callbacks(x) &&
	       set_what(x, q) && set_url(x, q->endpoint) &&
	       curl_multi_add_handle(r->multi, x->easy) == CURLM_OK;
}

enum err
remote_ask(struct remote *r, const struct remote_request *q, struct remote_exchange **out,
    struct errinfo *why)
{
	struct remote_exchange *x;

	MAGIC_CHECK(r, REMOTE_MAGIC);
	if (!is_listed(r, &q->endpoint->peer)) {
		if (q->body != NULL)
			source_close(q->body);
		return errinfo_set(why, ERR_TRANSFER_FAILED,
		    "the host is none of those this service may use");
	}
	x = exchange_new(r, q);
	if (x == NULL || !begin(x, q)) {
		remote_drop(x);
		return errinfo_set(why, ERR_NO_MEMORY, "an exchange cannot be begun");
	}
	*out = x;
	return ERR_OK;
}

const struct errinfo *
remote_why(const struct remote_exchange *x)
{
	return &x->why;
}

const struct remote_head *
remote_head(const struct remote_exchange *x)
{
	return &x->head;
}

struct source *
remote_body(struct remote_exchange *x)
{
	CHECK(x->told && !x->is_put);
	return &x->source;
}

void
remote_drop(struct remote_exchange *x)
{
	if (x == NULL)
		return;
	MAGIC_CHECK(x, EXCHANGE_MAGIC);
	x->magic = 0;
	*x->at = x->next;
	if (x->next != NULL)
		x->next->at = x->at;
	if (x->easy != NULL) {
		(void)curl_multi_remove_handle(x->remote->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->headers);
	if (x->slice.n > 0)
		piece_unref(x->slice.piece);
	if (x->body != NULL)
		source_close(x->body);
	piece_unref(x->piece);
	arena_release(&x->arena);
	x->dropped = true;
	if (!x->waits || pool_unwait(x->remote->config.pool, &x->waiter))
		free(x);
}
