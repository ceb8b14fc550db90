/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/cutout_reply.h"

#include "fits/cutout.h"
#include "service/core/check.h"
#include "service/core/encode.h"
#include "service/core/isotime.h"
#include "service/op/file.h"
#include "service/op/range.h"

struct state {
	struct op_call *call;
	const struct node *node;
	struct cutout *cutout;
};

static const char *const not_done[] = {"BAND", "TIME", "POL"};
static const char *const shapes[] = {
    [CUTOUT_CIRCLE] = "CIRCLE", [CUTOUT_POLYGON] = "POLYGON", [CUTOUT_POS] = "POS"};

enum {
	N_NOT_DONE = sizeof not_done / sizeof not_done[0],
	N_SHAPES = sizeof shapes / sizeof shapes[0],
};

/* `view=header` is what clients said before there was SODA. */
static bool
is_meta(const struct op_call *call)
{
	return bytes_is(op_param(call, "META"), "true") ||
	       bytes_is(op_param(call, "view"), "header");
}

bool
cutout_asked(const struct op_call *call)
{
	for (size_t i = 0; i < N_NOT_DONE; i++)
		if (op_param(call, not_done[i]).p != NULL)
			return true;
	for (size_t i = 0; i < N_SHAPES; i++)
		if (op_param(call, shapes[i]).p != NULL)
			return true;
	return op_param(call, "SUB").p != NULL || op_param(call, "cutout").p != NULL ||
	       is_meta(call);
}

/*
 * `cutout` once took shapes too: "CIRCLE ICRS 10 20 0.1", "CIRCLE=10 20 0.1". The text
 * without the word, .p NULL if it is no such one.
 */
static struct bytes
old_shape(struct bytes value, const char *shape)
{
	static const struct bytes frame = {"ICRS ", 5}, none = {NULL, 0};
	struct bytes word = {value.p, strlen(shape)};

	if (value.n <= word.n || !bytes_caseeq(word, bytes_of(shape)) ||
	    (value.p[word.n] != ' ' && value.p[word.n] != '='))
		return none;
	value = bytes_trim(bytes_skip(value, word.n + 1));
	word = (struct bytes){value.p, frame.n};
	return value.n > frame.n && bytes_caseeq(word, frame) ? bytes_skip(value, frame.n)
							      : value;
}

/* The parameter, of those not done, that the query holds in any spelling; or NULL. */
static const char *
find_not_done(const struct op_call *call)
{
	for (size_t i = 0; i < N_NOT_DONE; i++)
		if (op_param(call, not_done[i]).p != NULL ||
		    old_shape(op_param(call, "cutout"), not_done[i]).p != NULL)
			return not_done[i];
	return NULL;
}

/* The shapes that the query holds: one at most. */
struct asked_shape {
	enum cutout_shape parameter;
	struct bytes value; /* .p NULL: none */
};

static enum err
take_shape(struct op_call *call, struct asked_shape *s, enum cutout_shape parameter,
    struct bytes value)
{
	if (s->value.p == NULL) {
		*s = (struct asked_shape){parameter, value};
		return ERR_OK;
	}
	if (s->parameter == parameter)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "More than one %s provided.", shapes[parameter]);
	return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
	    "Conflicting SODA parameters found: [%s, %s]", shapes[s->parameter],
	    shapes[parameter]);
}

/* From one parameter of the query. */
static enum err
read_parameter(
    struct op_call *call, const struct op_param *p, struct asked_shape *s, bool *is_sub)
{
	bool is_old = bytes_caseeq(p->name, BYTES("cutout"));

	*is_sub = is_old || bytes_caseeq(p->name, BYTES("SUB"));
	for (size_t i = 0; i < N_SHAPES; i++) {
		struct bytes old = {NULL, 0};

		if (bytes_caseeq(p->name, bytes_of(shapes[i])))
			return take_shape(call, s, (enum cutout_shape)i, p->value);
		if (is_old)
			old = old_shape(p->value, shapes[i]);
		if (old.p != NULL) {
			*is_sub = false;
			return take_shape(call, s, (enum cutout_shape)i, old);
		}
	}
	return ERR_OK;
}

/* META goes before SUB, and SUB before shapes (server-contract 8.1). */
static enum err
parse(struct op_call *call, const struct cutout_limits *limits, struct cutout_ask **out)
{
	struct bytes *sub = arena_array(call->arena, struct bytes, call->n_params);
	const char *later = find_not_done(call);
	struct asked_shape shape = {.value = {NULL, 0}};
	size_t n = 0;

	if (sub == NULL)
		return errinfo_set(&call->why, ERR_NO_MEMORY, "too many parameters");
	if (later != NULL)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "%s is not supported here yet: only SUB (pixels), CIRCLE, POLYGON, "
		    "POS (the sky) and META",
		    later);
	for (size_t i = 0; i < call->n_params; i++) {
		bool is_sub;
		enum err e = read_parameter(call, &call->params[i], &shape, &is_sub);

		if (e != ERR_OK)
			return e;
		if (is_sub)
			sub[n++] = call->params[i].value;
	}
	if (shape.value.p != NULL && n == 0 && !is_meta(call))
		return cutout_parse_shape(
		    call->arena, shape.parameter, shape.value, limits, out, &call->why);
	return cutout_parse(call->arena, sub, n, is_meta(call), limits, out, &call->why);
}

/* The tag of this part of these bytes. */
static struct bytes
etag_of(struct op_call *call, const struct node *node, const char *canonical)
{
	uint8_t sum[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];
	struct md5 *md5 = md5_new();

	if (md5 == NULL)
		return (struct bytes){NULL, 0};
	md5_add(md5, node->md5, MD5_SIZE);
	md5_add(md5, canonical, strlen(canonical));
	md5_end(md5, sum);
	md5_free(md5);
	hex_encode(sum, sizeof sum, hex);
	return arena_format(call->arena, "\"%s\"", hex);
}

static void
reply(struct state *s)
{
	struct op_call *call = s->call;
	const struct cutout_facts *facts = cutout_facts(s->cutout);
	struct validators v = {.modified_ms = s->node->content_ms};
	char date[ISOTIME_SIZE];

	v.etag = etag_of(call, s->node, facts->canonical);
	if (v.etag.p != NULL)
		op_reply_field(call, "ETag", v.etag);
	if (range_not_modified(
		op_header(call, "if-none-match"), (struct bytes){NULL, 0}, &v)) {
		op_reply_status(call, 304);
		call->reply.no_body = true;
		op_finish(call);
		return;
	}
	httptime_format(s->node->content_ms, date);
	op_reply_status(call, 200);
	op_reply_field(call, "Content-Type", bytes_of(facts->content_type));
	op_reply_field(call, "Last-Modified", bytes_of(date));
	file_reply_name(call, bytes_of(facts->file_name));
	/* A client must not resume with a Range that lost the cutout (fits-cutouts 0.4).
	 */
	op_reply_field(call, "Accept-Ranges", BYTES("none"));
	file_reply_sandbox(call);
	call->reply.length = facts->length_bytes;
	if (!call->is_head) {
		call->reply.source = cutout_source(s->cutout);
		s->cutout = NULL; /* the source's now */
		file_moved(call);
	}
	op_finish(call);
}

static void
opened(void *arg, enum err err)
{
	struct state *s = arg;

	if (err == ERR_OK) {
		reply(s);
		return;
	}
	s->call->why = *cutout_why(s->cutout);
	op_fail(s->call, err);
}

void
cutout_reply(struct op_call *call, const struct node *node, const struct blob *blob)
{
	const struct settings *settings = call->env->settings;
	struct cutout_limits limits = {
	    .header_max = settings->cutout_header_max,
	    .hdus_max = settings->cutout_hdus_max,
	    .sections_max = settings->cutout_sections_max,
	    .output_max = settings->cutout_output_max,
	    .points_max = settings->cutout_points_max,
	};
	struct state *s = arena_new(call->arena, struct state);
	struct cutout_ask *ask = NULL;
	struct reader *reader;
	enum err e = s == NULL ? ERR_NO_MEMORY : parse(call, &limits, &ask);

	if (e == ERR_OK && blob->id == 0)
		e = errinfo_set(&call->why, ERR_NOT_FITS, "the file is empty");
	if (e == ERR_OK)
		e = mirror_reader(
		    call->env->mirror, call->env->loop, blob, &reader, &call->why);
	if (e != ERR_OK) {
		op_fail(call, e);
		return;
	}
	s->call = call;
	s->node = node;
	call->state = s;
	call->copies = mirror_copies(call->env->mirror, blob);
	s->cutout = cutout_open(call->env->loop, call->env->pool, call->env->finder,
	    reader, ask, node->name, &limits, opened, s, &call->why);
	if (s->cutout == NULL)
		op_fail(call, ERR_NO_MEMORY);
}

void
cutout_release(struct op_call *call)
{
	struct state *s = call->state;

	if (s != NULL)
		cutout_close(s->cutout);
}
