/* SPDX-License-Identifier: Apache-2.0 */
#include "service/primed.h"

#include "service/core/check.h"

static void
look(struct primed *p)
{
	primed_done_fn *done = p->done;

	p->state = source_next(p->inner, &p->first);
	if (p->state == NEXT_LATER)
		return;
	p->done = NULL;
	if (p->state == NEXT_FAILED)
		p->base.why = p->inner->why;
	done(p->arg, p->state == NEXT_FAILED ? p->base.why.code : ERR_OK);
}

static void
inner_ready(void *arg)
{
	struct primed *p = arg;

	if (p->done != NULL)
		look(p);
	else
		p->base.ready(p->base.arg);
}

static enum next
primed_next(struct source *base, struct slice *out)
{
	struct primed *p = container_of(base, struct primed, base);
	enum next state = p->state;

	CHECK(p->done == NULL);
	if (state == NEXT_SLICE) {
		p->state = NEXT_LATER;
		*out = p->first;
		return NEXT_SLICE;
	}
	if (state == NEXT_LATER) {
		state = source_next(p->inner, out);
		if (state == NEXT_FAILED)
			p->base.why = p->inner->why;
	}
	return state;
}

static void
primed_close(struct source *base)
{
	struct primed *p = container_of(base, struct primed, base);

	if (p->state == NEXT_SLICE)
		piece_unref(p->first.piece);
	p->state = NEXT_END;
	source_close(p->inner);
}

static const struct source_ops ops = {.next = primed_next, .close = primed_close};

void
primed_begin(struct primed *p, struct source *inner, primed_done_fn *done, void *arg)
{
	*p = (struct primed){
	    .base = {.ops = &ops},
	    .inner = inner,
	    .state = NEXT_LATER,
	    .done = done,
	    .arg = arg,
	};
	inner->ready = inner_ready;
	inner->arg = p;
	look(p);
}
