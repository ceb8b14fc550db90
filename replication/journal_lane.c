/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/journal_lane.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/clock.h"
#include "service/core/log.h"

void
journal_lane_init(
    struct journal_lane *lane, struct journal_lanes *all, struct location *location)
{
	*lane = (struct journal_lane){
	    .all = all, .location = location, .index = location->index};
	/* One frame larger than the limit must fit: of a single huge batch. */
	str_init(&lane->backlog, SIZE_MAX);
	str_init(&lane->flight, SIZE_MAX);
}

void
journal_lane_release(struct journal_lane *lane)
{
	CHECK(!lane->out);
	str_release(&lane->backlog);
	str_release(&lane->flight);
}

static void came_back(struct location_call *call);

static void
submit(struct journal_lane *lane, struct location_meta_write write)
{
	lane->write = write;
	lane->write.call =
	    (struct location_call){.verb = LOCATION_META_WRITE, .done = came_back};
	lane->out = true;
	lane->begun_ms = clock_mono_ms();
	location_submit(lane->location, &lane->write.call);
}

/* Each file begins with the term it is of, so that it can be judged without the others. */
static void
begin_file(struct journal_lane *lane)
{
	struct journal_header h = {
	    .kind = JOURNAL_BEGIN,
	    .term = lane->all->term,
	    .seq = lane->all->term_after,
	};
	uint8_t header[JOURNAL_HEADER_SIZE];

	(void)memcpy(h.store, lane->all->store, sizeof h.store);
	journal_header_encode(&h, header);
	str_add(&lane->backlog, (struct bytes){(const char *)header, sizeof header});
	journal_name(lane->all->term, lane->seq_before, lane->next_name);
	lane->is_full = false;
	lane->is_new = true;
}

static void
go(struct journal_lane *lane)
{
	struct str done = lane->flight;
	bool first = lane->is_new;

	if (lane->out || lane->backlog.n == 0)
		return;
	lane->flight = lane->backlog;
	lane->backlog = done;
	str_clear(&lane->backlog);
	if (first) {
		lane->is_new = false;
		(void)memcpy(lane->name, lane->next_name, sizeof lane->name);
		lane->offset = 0;
	}
	lane->flight_first = lane->backlog_first;
	lane->flight_last = lane->backlog_last;
	lane->is_full = lane->offset + lane->flight.n > lane->all->file_bytes;
	submit(lane, (struct location_meta_write){
			 .begin = first,
			 .name = lane->name,
			 .from = lane->flight.p,
			 .n = lane->flight.n,
			 .offset = lane->offset,
			 .sync = true,
		     });
}

static void
stop(struct journal_lane *lane)
{
	lane->live = false;
	lane->failures++;
	lane->left_ms = clock_mono_ms();
	str_clear(&lane->backlog);
}

void
journal_lane_leave(struct journal_lane *lane)
{
	stop(lane);
	if (lane->out && lane->perhaps < lane->flight_last)
		lane->perhaps = lane->flight_last;
}

static void
failed(struct journal_lane *lane)
{
	const struct location_call *call = &lane->write.call;
	/* A frame of which a part is missing is none; of several the first may be whole. */
	bool nothing = !lane->write.written && lane->flight_first == lane->flight_last;

	if (!nothing && lane->perhaps < lane->flight_last)
		lane->perhaps = lane->flight_last;
	if (!lane->live)
		return;
	log_warning("location %u takes no more of the journal: %s", lane->index + 1,
	    errinfo_text(&call->why));
	if (call->err != ERR_LOCATION_DOWN)
		health_failed(lane->all->health, lane->index, call->why.sys,
		    errinfo_text(&call->why));
	stop(lane);
}

/* On the location's thread. */
static void
came_back(struct location_call *call)
{
	struct location_meta_write *write =
	    container_of(call, struct location_meta_write, call);
	struct journal_lane *lane = container_of(write, struct journal_lane, write);
	struct journal_lanes *all = lane->all;
	bool was_stuck = lane->stuck;

	(void)pthread_mutex_lock(&all->lock);
	lane->out = lane->stuck = false;
	if (call->err == ERR_OK) {
		lane->durable = lane->flight_last;
		lane->failures = 0;
		lane->offset += write->n;
	} else {
		failed(lane);
	}
	if (lane->live)
		go(lane);
	(void)pthread_cond_broadcast(&all->changed);
	(void)pthread_mutex_unlock(&all->lock);
	if (was_stuck)
		health_stuck(all->health, lane->index, -1);
}

void
journal_lane_join(struct journal_lane *lane)
{
	CHECK(!lane->live && !lane->out);
	lane->live = true;
	lane->is_full = true; /* whatever there is, is left alone */
}

void
journal_lane_add(
    struct journal_lane *lane, struct bytes frame, uint64_t number, uint64_t seq_before)
{
	CHECK(lane->live);
	if (lane->backlog.n > 0 && lane->backlog.n + frame.n > lane->all->backlog_bytes) {
		log_warning("location %u is too slow for the journal", lane->index + 1);
		journal_lane_leave(lane);
		return;
	}
	if (lane->backlog.n == 0) {
		lane->seq_before = seq_before;
		lane->backlog_first = number;
	}
	if (lane->backlog.n == 0 && lane->is_full)
		begin_file(lane);
	str_add(&lane->backlog, frame);
	lane->backlog_last = number;
	if (str_failed(&lane->backlog)) {
		log_error("no memory for the journal of location %u", lane->index + 1);
		journal_lane_leave(lane);
		return;
	}
	go(lane);
}

void
journal_lane_watch(struct journal_lane *lane)
{
	if (!lane->out || lane->stuck ||
	    clock_mono_ms() - lane->begun_ms < lane->all->deadline_ms)
		return;
	lane->stuck = true;
	if (lane->live) {
		log_warning("location %u takes no more of the journal: it hangs",
		    lane->index + 1);
		journal_lane_leave(lane);
	}
	health_stuck(lane->all->health, lane->index, +1);
}
