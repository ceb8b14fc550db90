/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /admin/health - the state of the whole in one document (storage 2.9): a status for
 * a monitoring system, one line for people, and the figures behind it.
 *
 *   2 CRITICAL  fewer than W locations writable; a file without a good copy, or with one
 *               for too long; the metadata map nearly full, or the metadata silent; a
 *               start-up sweep or a scrub that stopped and asks; too few journals, so
 *               that changes are refused
 *   1 WARNING   any location not online, or nearly full; copies missing for too long; a
 *               copy that nobody looked at for too long; changed metadata that were
 *               not copied for too long; repair or removal stopped, or
 *               not read-write, by the operator's order
 *   0 OK        that copies are missing is noted all the same
 *
 * What is too long or nearly full is a setting, health_*.
 */
#include "replication/census.h"
#include "replication/gc.h"
#include "replication/meta_copy.h"
#include "replication/repair.h"
#include "replication/scrub.h"
#include "replication/small.h"
#include "replication/sweep.h"
#include "service/core/clock.h"
#include "service/core/isotime.h"
#include "service/op/op_admin_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/service_mode.h"

struct report {
	struct op_call *call;
	int code;
	json_t *notes;
};

static void __attribute__((format(printf, 3, 4)))
note(struct report *r, int code, const char *fmt, ...)
{
	char text[ERRINFO_TEXT_SIZE + 128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (code > r->code)
		r->code = code;
	(void)json_array_append_new(r->notes, op_json_text(bytes_of(text)));
}

static const char *
sweep_name(enum sweep_state state)
{
	static const char *const names[] = {"waiting", "running", "done", "stopped"};

	return names[state];
}

/* How the checking of copies stands at a location: the age of the oldest check. */
static json_t *
scrub_object(struct report *r, unsigned i)
{
	struct mirror *m = r->call->env->mirror;
	const char *name = m->location[i]->name;
	struct scrub_facts f;
	int64_t oldest, age_s = 0;

	scrub_facts(m->scrub, i, &f);
	oldest = f.oldest_ms[SCRUB_DEEP];
	if (oldest != INT64_MAX)
		age_s = (clock_wall_ms() - oldest) / 1000;
	if (age_s * 1000 > (int64_t)r->call->env->settings->health_scrub_late)
		note(r, 1, "location %u (%s) has copies that were not read for %lld days",
		    i + 1, name, (long long)(age_s / 86400));
	for (unsigned k = 0; k < SCRUB_KINDS; k++)
		if (f.pass[k].state == SCRUB_STOPPED)
			note(r, 2,
			    "location %u (%s): checking copies stopped, too many are bad",
			    i + 1, name);
	return json_pack("{s:s,s:s,s:I,s:I,s:I}", "deep",
	    scrub_state_name(f.pass[SCRUB_DEEP].state), "shallow",
	    scrub_state_name(f.pass[SCRUB_SHALLOW].state), "oldest_seconds",
	    (json_int_t)age_s, "bad", (json_int_t)f.pass[SCRUB_DEEP].bad, "missing",
	    (json_int_t)(f.pass[SCRUB_DEEP].missing + f.pass[SCRUB_SHALLOW].missing));
}

static bool
is_nearly_full(const struct report *r, const struct health_facts *h)
{
	uint64_t percent = r->call->env->settings->health_free_percent;

	return h->total_bytes > 0 && h->free_bytes < h->total_bytes / 100 * percent;
}

static json_t *
location_object(struct report *r, unsigned i)
{
	struct mirror *m = r->call->env->mirror;
	struct census_facts missing;
	struct health_facts h;
	struct sweep_facts s;
	char since[ISOTIME_SIZE];

	health_facts(m->health, i, &h);
	sweep_facts(m->sweep, i, &s);
	census_facts(m->census, &missing);
	isotime_format(h.since_ms, since);
	if (h.state != STATE_ONLINE)
		note(r, 1, "location %u (%s) is %s: %s", i + 1, m->location[i]->name,
		    location_state_name(h.state), h.reason);
	else if (is_nearly_full(r, &h))
		note(r, 1, "location %u (%s) has less than %llu %% free", i + 1,
		    m->location[i]->name,
		    (unsigned long long)r->call->env->settings->health_free_percent);
	if (s.state == SWEEP_STOPPED)
		note(r, 2,
		    "location %u (%s) holds many files the catalogue does not know",
		    i + 1, m->location[i]->name);
	return json_pack(
	    "{s:i,s:o,s:s,s:o,s:s,s:s,s:I,s:I,s:I,s:I,s:i,s:i,s:I,s:s,s:I,s:I,s:o,s:I}",
	    "number", (int)i + 1, "path", op_json_text(bytes_of(m->location[i]->name)),
	    "state", location_state_name(h.state), "reason",
	    op_json_text(bytes_of(h.reason)), "since", since, "engine",
	    mirror_engine(m, i), "free_bytes", (json_int_t)h.free_bytes, "total_bytes",
	    (json_int_t)h.total_bytes, "errors", (json_int_t)h.errors, "probes",
	    (json_int_t)h.probes, "stuck", (int)h.stuck, "reads", (int)h.reads, "read_us",
	    (json_int_t)h.read_us, "sweep", sweep_name(s.state), "swept",
	    (json_int_t)s.removed, "strangers", (json_int_t)s.strangers, "scrub",
	    scrub_object(r, i), "missing", (json_int_t)missing.repairs[i]);
}

static json_t *
locations_array(struct report *r)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < r->call->env->mirror->n; i++)
		(void)json_array_append_new(array, location_object(r, i));
	return array;
}

static json_t *
store_object(struct report *r)
{
	const struct op_env *env = r->call->env;
	uint64_t map_percent = env->settings->health_map_percent;
	struct store_facts f = {.nodes = 0};
	struct errinfo why;

	if (env->space->is_stalled || env->reader == NULL) {
		note(r, 2, "the metadata store does not answer");
		return json_null();
	}
	if (store_facts(env->reader, &f, &why) != ERR_OK) {
		note(r, 2, "the metadata store cannot be read: %s", errinfo_text(&why));
		return json_null();
	}
	if (f.keep_unknown_below > 0)
		note(r, 1,
		    "changes were lost with the metadata: files that nobody knows are "
		    "kept (quartet restore --release-unknown)");
	if (f.used_bytes > f.map_bytes / 100 * map_percent)
		note(r, 2, "the metadata fill more than %llu %% of meta_map_size",
		    (unsigned long long)map_percent);
	if (f.repairs_due > 0)
		note(r, 0, "%llu copies of files are missing",
		    (unsigned long long)f.repairs_due);
	if (f.blobs_lost > 0)
		note(r, 2, "files without a good copy: %llu",
		    (unsigned long long)f.blobs_lost);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "nodes", (json_int_t)f.nodes,
	    "blobs", (json_int_t)f.blobs, "blobs_lost", (json_int_t)f.blobs_lost,
	    "repairs_due", (json_int_t)f.repairs_due, "removals_due",
	    (json_int_t)f.removals_due, "used_bytes", (json_int_t)f.used_bytes,
	    "map_bytes", (json_int_t)f.map_bytes);
}

/* How long there have been files with so many good copies or fewer; 0: there are none. */
static uint64_t
lacking_ms(const struct census_facts *f, unsigned copies)
{
	uint64_t since_ms = f->lacking_since_ms[copies];

	return since_ms == 0 ? 0 : clock_mono_ms() - since_ms + 1;
}

/* The files that lack copies, and for how long there have been some. */
static json_t *
lacking_object(struct report *r)
{
	const struct settings *s = r->call->env->settings;
	unsigned n = r->call->env->mirror->n;
	struct census_facts f;
	json_t *lacking = json_array();
	uint64_t any_ms, single_ms = 0;

	census_facts(r->call->env->mirror->census, &f);
	any_ms = lacking_ms(&f, n - 1);
	if (n > 1)
		single_ms = lacking_ms(&f, 1);
	if (single_ms > s->health_single_late && f.lacking[1] > 0)
		note(r, 2, "files with one good copy for %llu min: %llu",
		    (unsigned long long)single_ms / 60000,
		    (unsigned long long)f.lacking[1]);
	if (any_ms > s->health_missing_late)
		note(r, 1, "copies have been missing for %llu min",
		    (unsigned long long)any_ms / 60000);
	for (unsigned copies = 0; copies < n; copies++)
		(void)json_array_append_new(
		    lacking, json_integer((json_int_t)f.lacking[copies]));
	return json_pack("{s:o,s:I,s:I}", "by_copies", lacking, "any_ms",
	    (json_int_t)any_ms, "single_ms", (json_int_t)single_ms);
}

static json_t *
mirror_object(struct report *r)
{
	const struct op_env *env = r->call->env;
	struct mirror *m = env->mirror;
	struct pool_stats pool = pool_stats(env->pool);
	struct small_facts small;

	if ((unsigned)__builtin_popcount(health_writable(m->health, m->write_quorum)) <
	    m->write_quorum)
		note(r, 2, "fewer than %u locations can be written to", m->write_quorum);
	small_facts(m->small, &small);
	return json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:I,s:I}",
	    "write_quorum", (int)m->write_quorum, "reads_lost", (json_int_t)m->reads_lost,
	    "quorum_failures", (json_int_t)m->quorum_failures, "bad_blocks",
	    (json_int_t)m->bad_blocks, "bytes_stored", (json_int_t)m->bytes_stored,
	    "bytes_read", (json_int_t)m->bytes_read, "buffer_used",
	    (json_int_t)pool.used_bytes, "buffer_limit", (json_int_t)pool.limit_bytes,
	    "buffer_disowned", (json_int_t)pool.disowned_bytes, "transfers",
	    (int)pool.transfers, "small_files", (json_int_t)small.files, "small_bytes",
	    (json_int_t)small.bytes);
}

/* The journal of the metadata, and the copies it begins from. */
static json_t *
journal_object(struct report *r)
{
	const struct mirror *m = r->call->env->mirror;
	struct journal_facts journal;
	struct meta_copy_facts copy;
	int64_t age_ms;

	journal_mirror_facts(m->journal, &journal);
	meta_copy_facts(m->meta_copy, &copy);
	age_ms = clock_wall_ms() - copy.looked_ms;
	if (journal.live < journal.copies)
		note(r, 2,
		    "changes are refused: %u locations take the journal, %u are "
		    "needed",
		    journal.live, journal.copies);
	if (journal.at.seq != copy.seq &&
	    age_ms > (int64_t)r->call->env->settings->health_copy_late)
		note(r, 1, "the metadata were not copied for %lld h",
		    (long long)age_ms / 3600000);
	return json_pack("{s:I,s:I,s:i,s:i,s:I,s:I,s:I}", "term",
	    (json_int_t)journal.at.term, "seq", (json_int_t)journal.at.seq, "live",
	    (int)journal.live, "copies", (int)journal.copies, "given_up",
	    (json_int_t)journal.given_up, "copied_seq", (json_int_t)copy.seq, "copied_ms",
	    (json_int_t)copy.made_ms);
}

static void
note_mode(struct report *r)
{
	struct bytes reason = service_mode_reason(r->call);
	enum service_mode mode = (enum service_mode)r->call->env->space->mode;

	if (mode != MODE_READ_WRITE)
		note(r, 1, "the service is %s by order%s%.*s", service_mode_name(mode),
		    reason.n > 0 ? ": " : "", BYTES_ARG(reason));
}

static void
note_stopped(struct report *r)
{
	const struct mirror *m = r->call->env->mirror;

	if (repair_is_held(m->repair))
		note(r, 1, "missing copies are not made, by order (quartet repair)");
	if (gc_is_held(m->gc))
		note(r, 1, "deleted bytes are not removed, by order (quartet gc)");
}

static void
run_health(struct op_call *call)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	struct report r = {.call = call, .notes = json_array()};
	json_t *locations = locations_array(&r), *store = store_object(&r);
	json_t *mirror = mirror_object(&r), *lacking = lacking_object(&r);
	json_t *journal = journal_object(&r);

	note_mode(&r);
	note_stopped(&r);
	op_reply_json(call, 200,
	    json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "code", r.code, "status",
		words[r.code], "notes", r.notes, "locations", locations, "store", store,
		"mirror", mirror, "lacking", lacking, "journal", journal, "version",
		QUARTET_VERSION));
}

/* At the socket also while nobody can be authenticated. */
const struct op op_admin_health = {.name = "admin-health", .run = run_health};
const struct op op_public_health = {
    .name = "public-health", .check = admin_check, .run = run_health};
