/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/scrub_lane.h"

enum { AGAIN_MS = 1000 };

static void
went_well(struct scrub_lane *lane, const struct blob *blob)
{
	struct scrub_pass *pass = &lane->pass[SCRUB_DEEP];

	pass->at = blob->id;
	pass->files++;
	pass->bytes += blob_layout(blob->length).file_size;
	lane->next++;
	scrub_next(lane);
}

static void
is_bad(struct scrub_lane *lane, const struct blob *blob, bool is_there)
{
	if (scrub_lost(lane, SCRUB_DEEP, blob, is_there))
		went_well(lane, blob);
	else
		scrub_halt(lane, SCRUB_DEEP, "bad copies");
}

/* It may be the location, or this file: a disk has lost a sector. */
static void
is_unreadable(struct scrub_lane *lane, const struct blob *blob, enum err err,
    const struct errinfo *why)
{
	bool again = lane->unreadable == blob->id;

	if (err == ERR_NO_MEMORY || err == ERR_LOCATION_DOWN) {
		scrub_rest(lane, AGAIN_MS);
		return;
	}
	health_failed(lane->scrub->m->health, lane->index, why->sys, errinfo_text(why));
	lane->unreadable = blob->id;
	if (again)
		is_bad(lane, blob, true);
	else
		scrub_rest(lane, AGAIN_MS);
}

static void
checked(void *arg, enum err err, const struct errinfo *why)
{
	struct scrub_lane *lane = arg;
	const struct blob *blob = &lane->batch[lane->next];

	lane->check = NULL;
	if (scrub_is_void(lane))
		scrub_rest(lane, 0);
	else if (err == ERR_OK)
		went_well(lane, blob);
	else if (err == ERR_DAMAGED || err == ERR_NOT_FOUND)
		is_bad(lane, blob, err == ERR_DAMAGED);
	else
		is_unreadable(lane, blob, err, why);
}

/* The next copy there should be; false: the pass has come to its end, or cannot see on. */
static bool
find_next(struct scrub_lane *lane, bool *ended_out)
{
	struct scrub_pass *pass = &lane->pass[SCRUB_DEEP];

	for (;;) {
		while (lane->next < lane->n &&
		       !(lane->batch[lane->next].have >> lane->index & 1))
			lane->next++;
		if (lane->next < lane->n)
			return true;
		if (lane->n > 0)
			pass->at = lane->batch[lane->n - 1].id;
		lane->next = 0;
		if (blob_list(lane->scrub->reader, pass->at, lane->batch, SCRUB_BATCH,
			&lane->n, NULL) != ERR_OK) {
			lane->n = 0;
			*ended_out = false;
			return false;
		}
		if (lane->n == 0) {
			*ended_out = true;
			return false;
		}
	}
}

void
scrub_deep_step(struct scrub_lane *lane)
{
	struct copy_check_spec spec = {
	    .m = lane->scrub->m,
	    .loop = lane->scrub->loop,
	    .location = lane->index,
	    .hold = scrub_hold,
	    .done = checked,
	    .arg = lane,
	};
	bool ended;

	if (!find_next(lane, &ended)) {
		if (ended)
			scrub_through(lane, SCRUB_DEEP);
		else
			scrub_rest(lane, AGAIN_MS);
		return;
	}
	spec.blob = lane->batch[lane->next];
	lane->check = copy_check_new(&spec);
	if (lane->check == NULL)
		scrub_rest(lane, AGAIN_MS);
}
