/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per leaf directory:
 *
 *   list sizes ─► lay beside the records ─► verify each suspect ─► next leaf
 *                                                └─ some unknown: list trailers ─► remove ─┘
 *
 * Listing and records are of different moments, so nothing is done about a suspect before
 * its file itself has been looked at, and the record once more.
 */
#include <stdlib.h>
#include <string.h>

#include "replication/repair.h"
#include "replication/scrub_lane.h"

enum {
	AGAIN_MS = 1000,
	LIST_MOST = 64, /* files looked at in one call, which blocks the location */
};

static void next_suspect(struct scrub_lane *lane);

static struct scrub_pass *
pass_of(struct scrub_lane *lane)
{
	return &lane->pass[SCRUB_SHALLOW];
}

void
scrub_shallow_reset(struct scrub_lane *lane)
{
	free(lane->found);
	free(lane->suspect);
	free(lane->victim);
	lane->found = NULL;
	lane->suspect = NULL;
	lane->victim = NULL;
	lane->n_found = lane->skip = 0;
	lane->n_suspects = lane->next_suspect = lane->n_victims = 0;
	lane->some_unknown = false;
}

static void
leaf_done(struct scrub_lane *lane)
{
	scrub_shallow_reset(lane);
	pass_of(lane)->at++;
	scrub_leaf_done(lane);
}

static void
suspect_done(struct scrub_lane *lane)
{
	lane->next_suspect++;
	scrub_next(lane);
}

/* Is somebody of this process at the file, so that it is nobody else's to judge? */
static bool
is_being_made(const struct scrub_lane *lane, uint64_t id)
{
	const struct mirror *m = lane->scrub->m;

	return blob_ids_is_open(m->ids, id) || repair_is_at(m->repair, lane->index, id);
}

/* Removing */

static void
removed(struct location_call *call)
{
	struct location_remove *remove = container_of(call, struct location_remove, call);
	struct scrub_lane *lane = container_of(remove, struct scrub_lane, remove);

	if (scrub_is_void(lane) || call->err != ERR_OK)
		scrub_rest(lane, AGAIN_MS);
	else if (lane->next_suspect == lane->n_suspects)
		leaf_done(lane);
	else
		suspect_done(lane);
}

static void
remove_victims(struct scrub_lane *lane, bool quarantine)
{
	lane->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = lane->scrub->loop, .done = removed},
	    .quarantine = quarantine,
	    .victim = lane->victim,
	    .n = lane->n_victims,
	};
	location_submit(lane->scrub->m->location[lane->index], &lane->remove.call);
}

static void
remove_file(struct scrub_lane *lane, bool quarantine)
{
	lane->victim[0].id = lane->blob.id;
	(void)memcpy(lane->victim[0].md5, lane->blob.md5, MD5_SIZE);
	lane->n_victims = 1;
	remove_victims(lane, quarantine);
}

/* Files that no record names (architecture D64) */

/*
 * Of this process's ids only what nobody is at can be judged: an upload's is open until all
 * its files are settled. Where a disk was away, perhaps replaced, and is back, some of them
 * may lie that were removed from the others long since.
 */
static uint64_t
ids_end(const struct scrub_lane *lane)
{
	const struct scrub *s = lane->scrub;

	return lane->merging ? blob_ids_next(s->m->ids, s->ids_end) : s->ids_end;
}

static bool
is_garbage(const struct scrub_lane *lane, const struct location_found *f)
{
	const struct scrub *s = lane->scrub;
	bool known = true;

	return f->id < ids_end(lane) && f->id >= s->keep_below && f->trailer_ok &&
	       !is_being_made(lane, f->id) && !pins_has(s->m->pins, f->id) &&
	       blob_known(s->reader, f->id, lane->index, &known, NULL) == ERR_OK &&
	       !known;
}

/* A record without this copy: wanted, so verified elsewhere, or none of ours to judge. */
static bool
has_record(const struct scrub_lane *lane, uint64_t id)
{
	struct blob blob;

	return blob_get(lane->scrub->reader, id, &blob, NULL) != ERR_NOT_FOUND;
}

static void
collect_garbage(struct scrub_lane *lane)
{
	for (size_t i = 0; i < lane->list.n && lane->n_victims < lane->n_suspects; i++) {
		const struct location_found *f = &lane->list.found[i];

		if (!is_garbage(lane, f) || has_record(lane, f->id))
			continue;
		lane->victim[lane->n_victims].id = f->id;
		(void)memcpy(lane->victim[lane->n_victims].md5, f->md5, MD5_SIZE);
		lane->n_victims++;
	}
}

static void
judge_garbage(struct scrub_lane *lane)
{
	struct scrub_pass *pass = pass_of(lane);

	if (!pass->confirmed && !pass->report_only &&
	    pass->unknown + lane->n_victims > lane->scrub->unknown_max) {
		scrub_halt(lane, SCRUB_SHALLOW, "files that the catalogue does not know");
		return;
	}
	pass->unknown += lane->n_victims;
	if (lane->n_victims > 0 && !pass->report_only)
		remove_victims(lane, false);
	else
		leaf_done(lane);
}

static void
trailers_listed(struct location_call *call)
{
	struct location_list *list = container_of(call, struct location_list, call);
	struct scrub_lane *lane = container_of(list, struct scrub_lane, list);
	bool ok = !scrub_is_void(lane) && call->err == ERR_OK;

	if (ok)
		collect_garbage(lane);
	free(list->found);
	list->found = NULL;
	if (ok && list->more) {
		lane->skip += LIST_MOST;
		scrub_next(lane);
	} else if (ok) {
		judge_garbage(lane);
	} else {
		lane->skip = 0; /* once more, from the first */
		scrub_rest(lane, AGAIN_MS);
	}
}

/* The next part of the directory. */
static void
start_list(struct scrub_lane *lane, bool sizes, void (*done)(struct location_call *call))
{
	uint64_t pause = scrub_pause(lane, PIECE_SMALL_SIZE); /* about that */

	if (pause > 0) {
		scrub_rest(lane, pause);
		return;
	}
	lane->list = (struct location_list){
	    .call = {.verb = LOCATION_LIST, .loop = lane->scrub->loop, .done = done},
	    .sizes = sizes,
	    .leaf = (unsigned)pass_of(lane)->at,
	    .skip = lane->skip,
	    .most = LIST_MOST,
	};
	location_submit(lane->scrub->m->location[lane->index], &lane->list.call);
}

static void
list_trailers(struct scrub_lane *lane)
{
	if (lane->skip == 0)
		lane->n_victims = 0;
	start_list(lane, false, trailers_listed);
}

/* Suspects */

static void
counted(struct change *change)
{
	struct blob_copied *copied = container_of(change, struct blob_copied, change);
	struct scrub_lane *lane = container_of(copied, struct scrub_lane, copied);

	if (change->err == ERR_OK) {
		pass_of(lane)->found++;
		suspect_done(lane);
	} else if (change->err == ERR_NOT_FOUND && !is_being_made(lane, lane->blob.id)) {
		remove_file(lane, false);
	} else {
		suspect_done(lane); /* the next pass sees it again */
	}
}

/* An uncounted copy is good. */
static void
count_it(struct scrub_lane *lane)
{
	if (pass_of(lane)->report_only) {
		pass_of(lane)->found++;
		suspect_done(lane);
		return;
	}
	lane->copied = (struct blob_copied){
	    .change = {.loop = lane->scrub->loop, .done = counted},
	    .id = lane->blob.id,
	    .location = lane->index,
	};
	blob_copied(lane->scrub->m->store, &lane->copied);
}

/* An uncounted copy is bad: out of the way of the one that repair makes. */
static void
put_it_aside(struct scrub_lane *lane)
{
	struct blob now;

	if (pass_of(lane)->report_only || is_being_made(lane, lane->blob.id) ||
	    blob_get(lane->scrub->reader, lane->blob.id, &now, NULL) != ERR_OK ||
	    (now.have >> lane->index & 1))
		suspect_done(lane);
	else
		remove_file(lane, true);
}

static void
lose_it(struct scrub_lane *lane, bool is_there)
{
	if (scrub_lost(lane, SCRUB_SHALLOW, &lane->blob, is_there))
		suspect_done(lane);
	else
		scrub_halt(lane, SCRUB_SHALLOW, "copies that are bad or gone");
}

/* Its file was looked at: ERR_OK, ERR_DAMAGED or ERR_NOT_FOUND. */
static void
conclude(struct scrub_lane *lane, enum err err)
{
	enum leaf_doubt doubt = lane->suspect[lane->next_suspect].doubt;

	if (doubt == DOUBT_UNCOUNTED && err == ERR_OK)
		count_it(lane);
	else if (doubt == DOUBT_UNCOUNTED && err == ERR_DAMAGED)
		put_it_aside(lane);
	else if (doubt == DOUBT_UNCOUNTED || (doubt == DOUBT_MISSING && err == ERR_OK))
		suspect_done(lane);
	else
		lose_it(lane, err != ERR_NOT_FOUND);
}

static void
verified(void *arg, enum err err, const struct errinfo *why)
{
	struct scrub_lane *lane = arg;

	lane->check = NULL;
	if (scrub_is_void(lane) || err == ERR_LOCATION_DOWN) {
		scrub_rest(lane, AGAIN_MS);
	} else if (err == ERR_OK || err == ERR_DAMAGED || err == ERR_NOT_FOUND) {
		conclude(lane, err);
	} else {
		health_failed(
		    lane->scrub->m->health, lane->index, why->sys, errinfo_text(why));
		suspect_done(lane); /* what cannot be read the deep pass sees to */
	}
}

static void
verify(struct scrub_lane *lane, uint64_t id)
{
	struct copy_check_spec spec = {
	    .m = lane->scrub->m,
	    .loop = lane->scrub->loop,
	    .location = lane->index,
	    .hold = scrub_hold,
	    .done = verified,
	    .arg = lane,
	};

	if (is_being_made(lane, id) ||
	    blob_get(lane->scrub->reader, id, &lane->blob, NULL) != ERR_OK) {
		suspect_done(lane);
		return;
	}
	spec.blob = lane->blob;
	lane->check = copy_check_new(&spec);
	if (lane->check == NULL)
		scrub_rest(lane, AGAIN_MS);
}

static void
next_suspect(struct scrub_lane *lane)
{
	const struct leaf_suspect *s = &lane->suspect[lane->next_suspect];

	if (lane->next_suspect == lane->n_suspects) {
		if (lane->some_unknown)
			list_trailers(lane);
		else
			leaf_done(lane);
		return;
	}
	if (s->doubt == DOUBT_UNKNOWN) {
		lane->some_unknown = true;
		suspect_done(lane);
	} else {
		verify(lane, s->id);
	}
}

/* Leaves */

/* What came is kept beside what is here of the leaf already. */
static bool
gather(struct scrub_lane *lane)
{
	const struct location_list *list = &lane->list;
	size_t n = lane->n_found + list->n;
	struct location_found *all = realloc(lane->found, (n + 1) * sizeof *all);

	if (all == NULL)
		return false;
	if (list->n > 0)
		(void)memcpy(all + lane->n_found, list->found, list->n * sizeof *all);
	lane->found = all;
	lane->n_found = n;
	return true;
}

static bool
compare(struct scrub_lane *lane, const struct blob *blob, size_t n)
{
	lane->suspect = calloc(n + lane->n_found + 1, sizeof *lane->suspect);
	if (lane->suspect == NULL)
		return false;
	lane->n_suspects =
	    leaf_merge(blob, n, lane->found, lane->n_found, lane->index, lane->suspect);
	lane->victim = calloc(lane->n_suspects + 1, sizeof *lane->victim);
	if (lane->victim == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		pass_of(lane)->files += blob[i].have >> lane->index & 1;
	return true;
}

/* The whole leaf is here. */
static bool
find_suspects(struct scrub_lane *lane)
{
	struct store_facts facts;
	struct blob *blob;
	size_t n;
	bool ok;

	if (store_facts(lane->scrub->reader, &facts, NULL) != ERR_OK ||
	    blob_list_leaf(lane->scrub->reader, lane->list.leaf, facts.blob_ids, &blob,
		&n, NULL) != ERR_OK)
		return false;
	ok = compare(lane, blob, n);
	free(blob);
	lane->skip = 0;
	return ok;
}

static void
listed(struct location_call *call)
{
	struct location_list *list = container_of(call, struct location_list, call);
	struct scrub_lane *lane = container_of(list, struct scrub_lane, list);
	bool ok = !scrub_is_void(lane) && call->err == ERR_OK && gather(lane);

	free(list->found);
	list->found = NULL;
	if (ok && list->more) {
		lane->skip += LIST_MOST;
		scrub_next(lane);
	} else if (ok && find_suspects(lane)) {
		next_suspect(lane);
	} else {
		scrub_shallow_reset(lane);
		scrub_rest(lane, AGAIN_MS);
	}
}

void
scrub_shallow_step(struct scrub_lane *lane)
{
	struct store_facts facts;

	if (lane->suspect != NULL)
		next_suspect(lane);
	else if (store_facts(lane->scrub->reader, &facts, NULL) != ERR_OK)
		scrub_rest(lane, AGAIN_MS);
	else if (pass_of(lane)->at >= blob_leaves(facts.blob_ids))
		scrub_through(lane, SCRUB_SHALLOW);
	else
		start_list(lane, true, listed);
}
