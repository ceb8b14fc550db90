/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One upload after its caller was told (storage 2.2, S8). Each copy is brought to rest:
 *
 *                     committed                        abandoned
 *   calls under way   wait                             wait
 *   DURABLE, counted  -                                remove the file
 *   DURABLE, late     count it; blob gone: remove      remove the file
 *   has a file        abandon it                       abandon it
 *
 * When the metadata's commit failed and may have taken effect, finished files stay as
 * they are, counted or not, and the id stays open: the next start looks.
 *
 * What cannot be removed now is left to the removal queue, and what is only begun to the
 * start-up sweep. When all copies rest, the id is closed and the put freed. If a finished
 * file stays that the store could not be told of, the id stays open, so that the sweep
 * after the next start looks that far back.
 */
#include "replication/mirror_put.h"

#include <stdlib.h>
#include <string.h>

#include "replication/small.h"
#include "service/core/check.h"
#include "service/core/kill_point.h"

enum { WATCH_MS = 250 };

/* One request of a copy that outlives its calls. */
struct last_act {
	struct mirror_put *put;
	struct copy *copy;
	struct location_victim victim;
	struct location_remove remove;
	struct blob_copied copied;
	struct blob_discard discard;
};

static struct last_act *
new_act(struct mirror_put *put, struct copy *copy)
{
	struct last_act *act = calloc(1, sizeof *act);

	CHECK(act != NULL); /* a few hundred bytes */
	act->put = put;
	act->copy = copy;
	put->out++;
	return act;
}

static void
act_over(struct last_act *act)
{
	struct mirror_put *put = act->put;

	free(act);
	put->out--;
	mirror_put_settle(put);
}

static void
discarded(struct change *change)
{
	struct last_act *act = container_of(change, struct last_act, discard.change);

	act->put->leaves_file |= change->err != ERR_OK;
	act_over(act);
}

/* Leave the finished file to the removal queue. */
static void
discard(struct last_act *act)
{
	act->discard = (struct blob_discard){
	    .change = {.loop = act->put->loop, .done = discarded},
	    .id = act->put->id,
	    .location = act->copy->location->index,
	};
	(void)memcpy(act->discard.md5, act->put->blob.md5, MD5_SIZE);
	blob_discard(act->put->m->store, &act->discard);
}

static void
removed(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct last_act *act = container_of(remove, struct last_act, remove);

	if (call->err == ERR_OK)
		act_over(act);
	else
		discard(act);
}

static void
remove_file(struct last_act *act)
{
	act->victim.id = act->put->id;
	(void)memcpy(act->victim.md5, act->put->blob.md5, MD5_SIZE);
	act->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = act->put->loop, .done = removed},
	    .victim = &act->victim,
	    .n = 1,
	};
	location_submit(act->copy->location, &act->remove.call);
}

static void
counted(struct change *change)
{
	struct last_act *act = container_of(change, struct last_act, copied.change);

	if (change->err == ERR_NOT_FOUND) { /* replaced or deleted meanwhile */
		remove_file(act);
		return;
	}
	act->put->leaves_file |= change->err != ERR_OK;
	act_over(act);
}

static void
count_late(struct last_act *act)
{
	kill_point("s8");
	act->copied = (struct blob_copied){
	    .change = {.loop = act->put->loop, .done = counted},
	    .id = act->put->id,
	    .location = act->copy->location->index,
	};
	blob_copied(act->put->m->store, &act->copied);
}

static void
settle_copy(struct mirror_put *put, struct copy *copy)
{
	bool kept = put->phase == PUT_COMMITTED && put->blob.id != 0;

	if (copy->first != NULL)
		return;
	if (copy->left) {
		copy->left = false;
		discard(new_act(put, copy));
		return;
	}
	if (copy->state == COPY_DURABLE) {
		if (copy->settling)
			return;
		copy->settling = true;
		if (put->phase == PUT_LEFT)
			return;
		if (!kept)
			remove_file(new_act(put, copy));
		else if (!(put->blob.have >> copy->location->index & 1))
			count_late(new_act(put, copy));
		return;
	}
	if (copy->file != NULL && !copy->settling) {
		struct put_call *call = mirror_put_call(put, copy, NULL, 0, 0);

		copy->settling = true;
		copy->state = COPY_FAILED;
		call->put.abandon = true;
		mirror_put_send(call);
	}
}

void
mirror_put_settle(struct mirror_put *put)
{
	for (unsigned i = 0; i < put->m->n; i++)
		settle_copy(put, &put->copy[i]);
	if (put->out > 0 || put->digesting || put->waiting_for_id)
		return;
	mirror_put_free(put);
}

/* The metadata name it, or may: it closes the id when it has moved the bytes. */
static void
pass_on_held(struct mirror_put *put)
{
	if (put->held == NULL)
		return;
	small_committed(put->m->small, put->held);
	put->held = NULL;
	put->is_others = true;
}

/* The caller has done with a put that was filled. */
static void
settle_as(struct mirror_put *put, enum put_phase phase)
{
	MAGIC_CHECK(put, PUT_MAGIC);
	CHECK(put->phase == PUT_DONE);
	pass_on_held(put);
	put->phase = phase;
	loop_timer_set(put->timer, WATCH_MS);
	mirror_put_dismiss(put);
	mirror_put_settle(put);
}

void
mirror_put_commit(struct mirror_put *put)
{
	settle_as(put, PUT_COMMITTED);
}

void
mirror_put_leave(struct mirror_put *put)
{
	MAGIC_CHECK(put, PUT_MAGIC);
	put->leaves_file = put->blob.id != 0;
	settle_as(put, PUT_LEFT);
}

void
mirror_put_own_id(struct mirror_put *put)
{
	put->is_others = false;
}

void
mirror_put_abandon(struct mirror_put *put)
{
	MAGIC_CHECK(put, PUT_MAGIC);
	CHECK(put->phase < PUT_COMMITTED);
	put->phase = PUT_ABANDONED;
	put->done = NULL;
	if (put->held != NULL)
		small_dropped(put->m->small, put->held);
	put->held = NULL;
	loop_timer_set(put->timer, WATCH_MS);
	if (put->body != NULL)
		source_close(put->body);
	put->body = NULL;
	mirror_put_dismiss(put);
	mirror_put_settle(put);
}
