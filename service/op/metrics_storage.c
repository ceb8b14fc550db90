/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "replication/census.h"
#include "replication/gc.h"
#include "replication/repair.h"
#include "replication/scrub.h"
#include "replication/small.h"
#include "replication/sweep.h"
#include "service/core/clock.h"
#include "service/op/metrics_families.h"

enum { NUMBER_SIZE = 16 };

/* One location in numbers, each a family of the table below. */
struct figures {
	uint64_t free_bytes, size_bytes;
	uint64_t inflight, stuck, probes, strangers, sweep_stopped;
	uint64_t scrub_oldest_s, scrub_errors, scrub_bytes;
};

static const struct {
	const char *name;
	enum metrics_kind kind;
	size_t at;
	const char *help;
} rows[] = {
    {"quartet_location_free_bytes", METRICS_GAUGE, offsetof(struct figures, free_bytes),
	"Free space of the location's file system when it was last seen."},
    {"quartet_location_size_bytes", METRICS_GAUGE, offsetof(struct figures, size_bytes),
	"Size of the location's file system when it was last seen."},
    {"quartet_location_inflight", METRICS_GAUGE, offsetof(struct figures, inflight),
	"Calls the location has not answered yet."},
    {"quartet_location_stuck", METRICS_GAUGE, offsetof(struct figures, stuck),
	"Of them, those past io_deadline."},
    {"quartet_location_probes_total", METRICS_COUNTER, offsetof(struct figures, probes),
	"Probes that came back."},
    {"quartet_location_strangers", METRICS_GAUGE, offsetof(struct figures, strangers),
	"Files the start-up sweep found there and left, since they are none of ours."},
    {"quartet_location_sweep_stopped", METRICS_GAUGE,
	offsetof(struct figures, sweep_stopped),
	"1 where the start-up sweep found more unknown files than sweep_limit."},
    {"quartet_scrub_oldest_seconds", METRICS_GAUGE,
	offsetof(struct figures, scrub_oldest_s),
	"Age of the copy there that was not read whole for longest."},
    {"quartet_scrub_errors_total", METRICS_COUNTER,
	offsetof(struct figures, scrub_errors),
	"Bad and missing copies that scrubbing found there."},
    {"quartet_scrub_bytes_total", METRICS_COUNTER, offsetof(struct figures, scrub_bytes),
	"Bytes that scrubbing read there."},
};

/* As people count them. */
static const char *
number_of(unsigned location, char to[NUMBER_SIZE])
{
	(void)snprintf(to, NUMBER_SIZE, "%u", location + 1);
	return to;
}

static void
take_figures(struct mirror *m, unsigned i, struct figures *out)
{
	struct health_facts health;
	struct sweep_facts sweep;
	struct scrub_facts scrub;
	int64_t oldest_ms;

	scrub_facts(m->scrub, i, &scrub);
	oldest_ms = scrub.oldest_ms[SCRUB_DEEP];
	health_facts(m->health, i, &health);
	sweep_facts(m->sweep, i, &sweep);
	*out = (struct figures){
	    .free_bytes = health.free_bytes,
	    .size_bytes = health.total_bytes,
	    .inflight = m->location[i]->out,
	    .stuck = health.stuck,
	    .probes = health.probes,
	    .strangers = sweep.strangers,
	    .sweep_stopped = sweep.state == SWEEP_STOPPED,
	    .scrub_oldest_s = oldest_ms > clock_wall_ms()
				  ? 0
				  : (uint64_t)(clock_wall_ms() - oldest_ms) / 1000,
	    .scrub_errors = scrub.errors,
	    .scrub_bytes = scrub.read_bytes,
	};
}

static void
write_figures(struct metrics *m, struct mirror *mirror)
{
	struct figures figures[LOCATIONS_MAX];
	char number[NUMBER_SIZE];

	for (unsigned i = 0; i < mirror->n; i++)
		take_figures(mirror, i, &figures[i]);
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		metrics_family(m, rows[r].name, rows[r].kind, rows[r].help);
		for (unsigned i = 0; i < mirror->n; i++) {
			uint64_t value;

			(void)memcpy(
			    &value, (const char *)&figures[i] + rows[r].at, sizeof value);
			metrics_count(
			    m, METRICS_LABELS({"loc", number_of(i, number)}), value);
		}
	}
}

static void
write_inodes(struct metrics *m, struct mirror *mirror)
{
	struct health_facts h;
	char number[NUMBER_SIZE];

	metrics_family(m, "quartet_location_free_inodes", METRICS_GAUGE,
	    "Files that can still be made there; +Inf where nothing limits them.");
	for (unsigned i = 0; i < mirror->n; i++) {
		health_facts(mirror->health, i, &h);
		metrics_real(m, METRICS_LABELS({"loc", number_of(i, number)}),
		    h.free_inodes == UINT64_MAX ? (double)INFINITY
						: (double)h.free_inodes);
	}
}

static void
write_states(struct metrics *m, struct mirror *mirror)
{
	char number[NUMBER_SIZE];

	metrics_family(m, "quartet_location_info", METRICS_GAUGE,
	    "Where the location lies and how its files are read and written.");
	for (unsigned i = 0; i < mirror->n; i++)
		metrics_count(m,
		    METRICS_LABELS({"loc", number_of(i, number)},
			{"path", mirror->location[i]->name},
			{"engine", mirror_engine(mirror, i)}),
		    1);
	metrics_family(m, "quartet_location_state", METRICS_GAUGE,
	    "1 for the state the location is in, 0 for the others.");
	for (unsigned i = 0; i < mirror->n; i++) {
		enum location_state now = health_state(mirror->health, i);

		for (int state = 0; state < STATES; state++)
			metrics_count(m,
			    METRICS_LABELS({"loc", number_of(i, number)},
				{"state",
				    location_state_name((enum location_state)state)}),
			    (int)now == state);
	}
}

static void
write_errors_of(
    struct metrics *m, const char *number, const struct location_counts *counts)
{
	for (int op = 0; op < LOCATION_OPS; op++)
		for (int sys = 0; sys < LOCATION_ERRNOS; sys++) {
			uint64_t n = metric_read(&counts->errors[op][sys]);
			const char *name = sys == 0 ? "none" : strerrorname_np(sys);

			if (n == 0 || name == NULL)
				continue;
			metrics_count(m,
			    METRICS_LABELS({"loc", number},
				{"op", location_op_name((enum location_op)op)},
				{"errno", name}),
			    n);
		}
}

static void
write_calls(struct metrics *m, const struct mirror *mirror)
{
	char number[NUMBER_SIZE];

	metrics_family(m, "quartet_location_errors_total", METRICS_COUNTER,
	    "Calls of the location that failed; errno none: without one, as when it is "
	    "not there.");
	for (unsigned i = 0; i < mirror->n; i++)
		write_errors_of(m, number_of(i, number), &mirror->location[i]->counts);
	metrics_family(m, "quartet_location_latency_seconds", METRICS_HISTOGRAM,
	    "Time a call of the location took, its waiting for others included.");
	for (unsigned i = 0; i < mirror->n; i++)
		for (int op = 0; op < LOCATION_OPS; op++)
			metrics_distribution(m,
			    METRICS_LABELS({"loc", number_of(i, number)},
				{"op", location_op_name((enum location_op)op)}),
			    &mirror->location[i]->counts.took_us[op], metric_times_us,
			    1e6);
}

static void
write_scrub_of(
    struct metrics *m, struct mirror *mirror, enum scrub_kind kind, const char *kind_name)
{
	struct scrub_facts facts;
	char number[NUMBER_SIZE];

	for (unsigned i = 0; i < mirror->n; i++) {
		scrub_facts(mirror->scrub, i, &facts);
		(void)number_of(i, number);
		for (int state = 0; state < SCRUB_STATES; state++)
			metrics_count(m,
			    METRICS_LABELS({"loc", number}, {"kind", kind_name},
				{"state", scrub_state_name((enum scrub_state)state)}),
			    (int)facts.pass[kind].state == state);
	}
}

static void
write_scrub(struct metrics *m, struct mirror *mirror)
{
	metrics_family(m, "quartet_scrub_state", METRICS_GAUGE,
	    "1 for what the checking of copies is doing, 0 for the others.");
	write_scrub_of(m, mirror, SCRUB_SHALLOW, "shallow");
	write_scrub_of(m, mirror, SCRUB_DEEP, "deep");
}

void
metrics_of_locations(struct metrics *m, const struct op_call *call)
{
	struct mirror *mirror = call->env->mirror;
	location_map writable = health_writable(mirror->health, mirror->write_quorum);

	write_states(m, mirror);
	write_figures(m, mirror);
	write_inodes(m, mirror);
	write_calls(m, mirror);
	write_scrub(m, mirror);
	metrics_family(m, "quartet_write_quorum", METRICS_GAUGE,
	    "Copies that must be durable before an upload is acknowledged.");
	metrics_count(m, NULL, mirror->write_quorum);
	metrics_family(m, "quartet_locations_writable", METRICS_GAUGE,
	    "Locations that take new files now.");
	metrics_count(m, NULL, (uint64_t)__builtin_popcount(writable));
}

/* One number for each location. */
static void
write_each(struct metrics *m, const struct mirror *mirror, const uint64_t *values)
{
	char number[NUMBER_SIZE];

	for (unsigned i = 0; i < mirror->n; i++)
		metrics_count(
		    m, METRICS_LABELS({"loc", number_of(i, number)}), values[i]);
}

static void
write_due(struct metrics *m, struct mirror *mirror)
{
	struct census_facts census;
	char copies[NUMBER_SIZE];

	census_facts(mirror->census, &census);
	metrics_family(m, "quartet_blobs_underreplicated", METRICS_GAUGE,
	    "Files that lack a copy, by the number of good ones they have.");
	for (unsigned i = 0; i < mirror->n; i++) {
		(void)snprintf(copies, sizeof copies, "%u", i);
		metrics_count(m, METRICS_LABELS({"copies", copies}), census.lacking[i]);
	}
	metrics_family(m, "quartet_repair_queue", METRICS_GAUGE,
	    "Copies that are missing at the location.");
	write_each(m, mirror, census.repairs);
	metrics_family(m, "quartet_gc_queue", METRICS_GAUGE,
	    "Files that are to be unlinked at the location.");
	write_each(m, mirror, census.removals);
}

static void
write_repairs(struct metrics *m, const struct mirror *mirror)
{
	struct repair_facts facts;
	char number[NUMBER_SIZE];

	metrics_family(m, "quartet_repair_copies_total", METRICS_COUNTER,
	    "Missing copies that were made, and attempts that failed.");
	for (unsigned i = 0; i < mirror->n; i++) {
		(void)number_of(i, number);
		repair_facts(mirror->repair, i, &facts);
		metrics_count(
		    m, METRICS_LABELS({"loc", number}, {"result", "made"}), facts.made);
		metrics_count(m, METRICS_LABELS({"loc", number}, {"result", "failed"}),
		    facts.failed);
	}
	metrics_family(m, "quartet_repair_bytes_total", METRICS_COUNTER,
	    "Bytes of the files that were copied again.");
	metrics_count(m, NULL, mirror->bytes_repaired);
	metrics_family(m, "quartet_work_held", METRICS_GAUGE,
	    "1 for work that the operator has stopped.");
	metrics_count(
	    m, METRICS_LABELS({"work", "repair"}), repair_is_held(mirror->repair));
	metrics_count(m, METRICS_LABELS({"work", "gc"}), gc_is_held(mirror->gc));
}

void
metrics_of_copies(
    struct metrics *m, const struct op_call *call, const struct store_facts *store)
{
	struct mirror *mirror = call->env->mirror;
	struct small_facts small;

	write_due(m, mirror);
	write_repairs(m, mirror);
	metrics_family(
	    m, "quartet_blobs_lost", METRICS_GAUGE, "Files without any good copy.");
	metrics_count(m, NULL, store->blobs_lost);
	metrics_family(m, "quartet_put_quorum_failures_total", METRICS_COUNTER,
	    "Uploads that did not reach their number of copies.");
	metrics_count(m, NULL, mirror->quorum_failures);
	metrics_family(m, "quartet_put_bytes_total", METRICS_COUNTER,
	    "Bytes of files that were stored, each counted once.");
	metrics_count(m, NULL, mirror->bytes_stored);
	metrics_family(m, "quartet_read_bytes_total", METRICS_COUNTER,
	    "Verified bytes of files that were read.");
	metrics_count(m, NULL, mirror->bytes_read);
	metrics_family(m, "quartet_reads_lost_total", METRICS_COUNTER,
	    "Reads that no location could serve.");
	metrics_count(m, NULL, mirror->reads_lost);
	metrics_family(m, "quartet_hedged_reads_total", METRICS_COUNTER,
	    "Reads asked of a second location because the first was late.");
	metrics_count(m, NULL, mirror->hedges.begun);
	small_facts(mirror->small, &small);
	metrics_family(m, "quartet_small_files", METRICS_GAUGE,
	    "Small files in the journals that are not moved to the locations yet.");
	metrics_count(m, NULL, small.files);
	metrics_family(m, "quartet_small_bytes", METRICS_GAUGE, "Bytes of them.");
	metrics_count(m, NULL, small.bytes);
	metrics_family(m, "quartet_small_moved_total", METRICS_COUNTER,
	    "Small files moved from the journals to the locations.");
	metrics_count(m, NULL, small.moved);
	metrics_family(m, "quartet_bad_blocks_total", METRICS_COUNTER,
	    "Copies found damaged by a reader.");
	metrics_count(m, NULL, mirror->bad_blocks);
}

void
metrics_of_catalogue(
    struct metrics *m, const struct op_call *call, const struct store_facts *store)
{
	const struct store_counts *counts = store_counts(call->env->store);

	metrics_family(m, "quartet_nodes", METRICS_GAUGE, "Nodes of the space.");
	metrics_count(m, NULL, store->nodes);
	metrics_family(m, "quartet_blobs", METRICS_GAUGE,
	    "Contents of files; copies of nodes share one.");
	metrics_count(m, NULL, store->blobs);
	metrics_family(m, "quartet_meta_commit_seconds", METRICS_HISTOGRAM,
	    "Time to apply a batch of metadata changes and make it durable.");
	metrics_distribution(m, NULL, &counts->commit_us, metric_times_us, 1e6);
	metrics_family(m, "quartet_meta_batch_size", METRICS_HISTOGRAM,
	    "Metadata changes in one batch.");
	metrics_distribution(m, NULL, &counts->batch, metric_sizes, 1);
	metrics_family(m, "quartet_meta_commit_failures_total", METRICS_COUNTER,
	    "Batches of metadata changes that could not be made durable.");
	metrics_count(m, NULL, metric_read(&counts->failures));
	metrics_family(
	    m, "quartet_meta_map_bytes", METRICS_GAUGE, "What the metadata may grow to.");
	metrics_count(m, NULL, store->map_bytes);
	metrics_family(m, "quartet_meta_map_used_ratio", METRICS_GAUGE,
	    "Share of it that was ever used.");
	metrics_real(m, NULL, (double)store->used_bytes / (double)store->map_bytes);
	metrics_family(m, "quartet_meta_oldest_reader_seconds", METRICS_GAUGE,
	    "How long the oldest read transaction has been open.");
	metrics_real(m, NULL, (double)store->oldest_reader_us / 1e6);
}
