/* SPDX-License-Identifier: Apache-2.0 */
#include "service/primed.h"

#include "tests/support/check.h"

/* A source that answers from a script. */
struct script {
	struct source base;
	const enum next *at;
	struct piece *piece;
	bool closed;
};

static struct script *
script_of(struct source *base)
{
	return (struct script *)base;
}

static enum next
script_next(struct source *base, struct slice *out)
{
	struct script *s = script_of(base);
	enum next state = *s->at++;

	if (state == NEXT_SLICE) {
		piece_ref(s->piece);
		*out = (struct slice){.piece = s->piece, .offset = 3, .n = 4};
	}
	if (state == NEXT_FAILED)
		(void)errinfo_set(&base->why, ERR_DAMAGED, "broken");
	return state;
}

static void
script_close(struct source *base)
{
	assert_false(script_of(base)->closed);
	script_of(base)->closed = true;
}

static const struct source_ops script_ops = {script_next, script_close};

static void
note_done(void *arg, enum err err)
{
	int *result = arg;

	assert_int_equal(*result, -1);
	*result = (int)err;
}

static void
count_ready(void *arg)
{
	++*(int *)arg;
}

struct bench {
	struct pool *pool;
	struct script script;
	struct primed primed;
	int done, ready;
	struct slice got;
};

static void
begin(struct bench *b, const enum next *script)
{
	struct errinfo why;

	*b = (struct bench){.done = -1};
	assert_ok(pool_new(4 << 20, &b->pool, &why), &why);
	b->script = (struct script){.base = {.ops = &script_ops}, .at = script};
	b->script.piece = pool_take(b->pool, PIECE_SMALL);
	assert_non_null(b->script.piece);
	primed_begin(&b->primed, &b->script.base, note_done, &b->done);
}

static void
end(struct bench *b)
{
	source_close(&b->primed.base);
	assert_true(b->script.closed);
	piece_unref(b->script.piece);
	assert_int_equal(pool_stats(b->pool).used_bytes, 0);
	pool_free(b->pool);
}

static enum next
ask(struct bench *b)
{
	b->primed.base.ready = count_ready;
	b->primed.base.arg = &b->ready;
	return source_next(&b->primed.base, &b->got);
}

static void
the_first_slice_waits_for_the_consumer(void **state)
{
	static const enum next script[] = {NEXT_SLICE, NEXT_LATER, NEXT_SLICE, NEXT_END};
	struct bench b;

	(void)state;
	begin(&b, script);
	assert_int_equal(b.done, ERR_OK);
	assert_int_equal(ask(&b), NEXT_SLICE);
	assert_int_equal(b.got.n, 4);
	piece_unref(b.got.piece);
	assert_int_equal(ask(&b), NEXT_LATER);
	assert_int_equal(b.ready, 0);
	b.script.base.ready(b.script.base.arg);
	assert_int_equal(b.ready, 1);
	assert_int_equal(ask(&b), NEXT_SLICE);
	piece_unref(b.got.piece);
	assert_int_equal(ask(&b), NEXT_END);
	end(&b);
}

static void
a_failure_before_the_first_byte_is_told(void **state)
{
	static const enum next script[] = {NEXT_LATER, NEXT_FAILED};
	struct bench b;

	(void)state;
	begin(&b, script);
	assert_int_equal(b.done, -1);
	b.script.base.ready(b.script.base.arg);
	assert_int_equal(b.done, ERR_DAMAGED);
	assert_string_equal(errinfo_text(&b.primed.base.why), "broken");
	end(&b);
}

static void
a_failure_later_is_the_sources_own(void **state)
{
	static const enum next script[] = {NEXT_SLICE, NEXT_FAILED};
	struct bench b;

	(void)state;
	begin(&b, script);
	assert_int_equal(ask(&b), NEXT_SLICE);
	piece_unref(b.got.piece);
	assert_int_equal(ask(&b), NEXT_FAILED);
	assert_int_equal(b.primed.base.why.code, ERR_DAMAGED);
	end(&b);
}

static void
an_empty_answer_is_an_answer(void **state)
{
	static const enum next script[] = {NEXT_END};
	struct bench b;

	(void)state;
	begin(&b, script);
	assert_int_equal(b.done, ERR_OK);
	assert_int_equal(ask(&b), NEXT_END);
	end(&b);
}

static void
what_nobody_took_goes_back(void **state)
{
	static const enum next script[] = {NEXT_SLICE};
	static const enum next nothing_yet[] = {NEXT_LATER};
	struct bench b;

	(void)state;
	begin(&b, script);
	end(&b);
	begin(&b, nothing_yet);
	end(&b);
	assert_int_equal(b.done, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_slice_waits_for_the_consumer),
	    cmocka_unit_test(a_failure_before_the_first_byte_is_told),
	    cmocka_unit_test(a_failure_later_is_the_sources_own),
	    cmocka_unit_test(an_empty_answer_is_an_answer),
	    cmocka_unit_test(what_nobody_took_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
