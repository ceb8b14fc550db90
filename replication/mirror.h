/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror - one write becomes four copies, one read comes from the best of them.
 *
 * A `struct mirror` joins the locations, their health, the ids and the pins. Uploads and
 * reads belong to one loop each; any number of loops use one mirror.
 *
 * Writing (storage 2.2, S0 to S8):
 *   mirror_put_new -> mirror_put_open -> mirror_put_fill -> metadata commit by the caller
 *   -> mirror_put_commit, or mirror_put_abandon at any point instead.
 * When mirror_put_fill reports ERR_OK the bytes are durable at blob.have, at least W
 * locations; or the blob is a small one, whose bytes the metadata commit makes durable at
 * as many (small.h). mirror_put_commit then sees to the locations that are late;
 * everything else is removed again without a trace.
 *
 * Reading: every byte is checked against its block's CRC before it is handed out; when a
 * location fails, is too slow, or has bad bytes, the next one is asked, and the catalogue
 * learns of it. A blob that is read is pinned: it is not removed meanwhile.
 */
#ifndef QUARTET_REPLICATION_MIRROR_H
#define QUARTET_REPLICATION_MIRROR_H

#include "conf/settings.h"
#include "replication/blob_ids.h"
#include "replication/health.h"
#include "replication/hedge.h"
#include "replication/pins.h"
#include "service/core/stream.h"
#include "service/core/worker.h"

struct census;
struct gc;
struct journal_mirror;
struct meta_copy;
struct repair;
struct roll;
struct scrub;
struct small;
struct sweep;

struct mirror {
	struct location *location[LOCATIONS_MAX];
	unsigned n;
	unsigned write_quorum;
	struct health *health;
	struct roll *roll;
	struct sweep *sweep;
	struct gc *gc;
	struct repair *repair;
	struct small *small;
	/* The owner's of the mirror, for who asks how they are; NULL: none. */
	struct journal_mirror *journal;
	struct meta_copy *meta_copy;
	struct scrub *scrub;
	struct census *census;
	struct blob_ids *ids;
	struct pins *pins;
	struct store *store;
	struct pool *pool;
	struct worker_pool *workers;
	struct loop *loop; /* of the background work */
	_Atomic bool stopping; /* copies are no more made or checked */
	uint8_t store_uuid[STORE_UUID_SIZE];
	uint64_t straggler_wait_ms, slow_backlog_bytes, slow_time_ms;
	uint64_t io_deadline_ms, read_deadline_ms;
	struct hedges hedges;
	char engine_note[ERRINFO_TEXT_SIZE];
	_Atomic unsigned work; /* uploads and reads, and what they left behind */
	/* For metrics and health. */
	_Atomic uint64_t reads_lost, quorum_failures, bytes_stored, bytes_read,
	    bad_blocks, bytes_repaired;
};

/*
 * Open all locations of the settings (quickly: each on its own thread, which then probes)
 * and what belongs to them. Background work runs on `loop`, which must not run yet.
 * Order: mirror_new -> mirror_start -> ... -> mirror_stop on the loop's thread, no upload
 * or read being under way -> mirror_quiet there -> the loop ends -> mirror_free.
 */
struct mirror_config {
	const struct settings *settings;
	struct store *store;
	struct pool *pool;
	struct worker_pool *workers;
	struct loop *loop;
	void (*state_changed)(
	    void *arg, unsigned location, enum location_state state, const char *reason);
	void *arg;
};

enum err mirror_new(const struct mirror_config *config, struct mirror **out,
    struct errinfo *why) ERR_CHECKED;
void mirror_start(struct mirror *m);
/* Ahead of that, while uploads and reads still end: copies are no more made or checked. */
void mirror_stop_repairs(struct mirror *m);
void mirror_stop(struct mirror *m);
/* True when no upload or read is left, not even one that settles. Any thread. */
bool mirror_idle(const struct mirror *m);
/* True when no background work is out any more either. On the loop's thread. */
bool mirror_quiet(const struct mirror *m);
/* False: a location hangs; its thread and what it holds are left to the process's end. */
bool mirror_free(struct mirror *m, uint64_t wait_ms);

/* Why io_uring was not taken, "" if it was; and the engine of a location. */
const char *mirror_engine_note(const struct mirror *m);
const char *mirror_engine(const struct mirror *m, unsigned location);

/* Writing */

#define MIRROR_LENGTH_UNKNOWN UINT64_MAX

struct mirror_put_spec {
	uint64_t length; /* as announced, or MIRROR_LENGTH_UNKNOWN */
	uint64_t limit; /* more bytes than this are refused with ERR_TOO_LARGE */
	bool md5_given; /* the client's claim, to be compared */
	uint8_t md5[MD5_SIZE];
	bool sha256_given; /* likewise; computed only then */
	uint8_t sha256[SHA256_SIZE];
	/* A further part of something: the state of the MD5 of what came before. */
	bool continues;
	uint8_t md5_before[MD5_STATE_SIZE];
	uint64_t node_id; /* 0: a new node */
	struct bytes path; /* for the trailer; copied */
	bool
	    is_part; /* of something, and no file: however small, it goes to the locations */
	/* Not 0: of a small file that is moved to the locations (small.h). The id stays the
	 * caller's until mirror_put_own_id. */
	uint64_t id;
};

struct mirror_put;

typedef void mirror_put_done_fn(void *arg, enum err err);

/*
 * ERR_QUORUM or ERR_NO_SPACE: fewer than W locations can be written to; ERR_BUSY: too
 * many transfers. Nothing has been written then.
 */
enum err mirror_put_new(struct mirror *m, struct loop *loop,
    const struct mirror_put_spec *spec, struct mirror_put **out,
    struct errinfo *why) ERR_CHECKED;

/*
 * Take an id and begin the files; before the body is asked for. `done`, here and below,
 * may be called before the function returns: call it last.
 */
void mirror_put_open(struct mirror_put *put, mirror_put_done_fn *done, void *arg);

/*
 * Pull `body` to its end and make it durable. Slices begin at their piece's start and,
 * but for the last, hold a multiple of PIECE_ALIGN bytes; the room behind the last one's
 * bytes is overwritten. `body` is closed before `done`.
 * ERR_PRECONDITION (length or checksum is not what was claimed), ERR_TOO_LARGE, the body's own
 * failure, ERR_QUORUM, ERR_NO_SPACE.
 */
void mirror_put_fill(
    struct mirror_put *put, struct source *body, mirror_put_done_fn *done, void *arg);

/* After ERR_OK from fill: what to put into the node. An empty body has id 0. */
const struct blob *mirror_put_blob(const struct mirror_put *put);
/* The state of the MD5 of it, and of what it continues. */
void mirror_put_md5_state(const struct mirror_put *put, uint8_t state[MD5_STATE_SIZE]);
/* The CRC32C of it alone. */
uint32_t mirror_put_crc32c(const struct mirror_put *put);
/* What went wrong, after another code. */
const struct errinfo *mirror_put_why(const struct mirror_put *put);

/* The metadata names the blob: settle what is late. Frees the put when all has. */
void mirror_put_commit(struct mirror_put *put);
/*
 * The metadata may name the blob (struct change's outcome_open): its files stay, and are
 * swept by the next start if it turns out that nothing names them. Frees the put likewise.
 */
void mirror_put_leave(struct mirror_put *put);
/* The id it was given is closed with it from now on: before commit, or abandon. */
void mirror_put_own_id(struct mirror_put *put);
/* Give it up at any time; no `done` is called any more. Frees the put when all is clean.
 */
void mirror_put_abandon(struct mirror_put *put);

/* Reading */

/* At how many locations the bytes of a blob are, one way or the other. */
unsigned mirror_copies(const struct mirror *m, const struct blob *blob);

/*
 * The bytes [first, first + n) of a blob, in order; n > 0. The pin is the source's until
 * it is closed. ERR_BUSY: too many transfers.
 */
enum err mirror_source(struct mirror *m, struct loop *loop, const struct blob *blob,
    uint64_t first, uint64_t n, struct source **out, struct errinfo *why) ERR_CHECKED;
/*
 * What the next source_next begins may wait for mirror_wake, which is owed soon: of many
 * files that are begun one after the other each location is woken once.
 */
void mirror_source_quietly(struct source *source);
void mirror_wake(struct mirror *m);

/* Verified ranges of a blob, see core/stream.h. */
enum err mirror_reader(struct mirror *m, struct loop *loop, const struct blob *blob,
    struct reader **out, struct errinfo *why) ERR_CHECKED;

#endif
