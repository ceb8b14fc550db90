/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror_put - the inside of one upload, shared by mirror_put.c (until the caller is
 * told), mirror_put_digest.c (its digests) and mirror_settle.c (what follows). Internal to
 * replication.
 */
#ifndef QUARTET_REPLICATION_MIRROR_PUT_H
#define QUARTET_REPLICATION_MIRROR_PUT_H

#include "replication/mirror.h"

enum { PUT_MAGIC = 0x50555421 };

enum put_phase {
	PUT_NEW,
	PUT_OPENING,
	PUT_OPENED,
	PUT_FILLING,
	PUT_FINISHING,
	PUT_DONE, /* the caller was told, good or bad */
	PUT_COMMITTED,
	PUT_LEFT, /* nobody knows which of the two it is */
	PUT_ABANDONED,
};

enum copy_state { COPY_ABSENT, COPY_WRITING, COPY_FINISHING, COPY_DURABLE, COPY_FAILED };

/* A part of the body on its way to the locations. */
struct chunk {
	struct chunk *next; /* behind it in the digest's line */
	struct piece *piece;
	size_t n; /* bytes of the body */
	uint64_t offset; /* in the file */
	unsigned owed; /* writes of live copies, and the digest */
};

struct copy {
	struct location *location;
	enum copy_state state;
	bool full; /* failed, or absent, for lack of space */
	bool hung; /* counted as stuck in health */
	bool settling; /* its last call or change, in mirror_settle.c, was made */
	bool left; /* its file could not be abandoned */
	struct location_file *file;
	struct put_call *first, **last; /* calls under way, oldest first */
	uint64_t backlog_bytes; /* given to it and not yet written */
	uint64_t congested_ms; /* since when that is at the limit; 0: it is not */
};

/* One call to a location; freed when it returns, whatever became of the copy. */
struct put_call {
	struct location_put put;
	struct put_call *next;
	struct mirror_put *owner;
	struct copy *copy;
	struct chunk *chunk; /* NULL: none, or it no longer waits for this call */
	struct piece *piece; /* a reference of its own */
};

struct mirror_put {
	uint32_t magic;
	struct mirror *m;
	struct loop *loop;
	struct mirror_put_spec spec;
	char *path;
	enum put_phase phase;
	bool small;
	unsigned out; /* location calls and metadata changes not yet back */
	struct copy copy[LOCATIONS_MAX];
	uint64_t id; /* 0: not taken yet */
	bool is_others; /* the id: it is not closed with the put */
	struct small_file *held; /* the journal takes the bytes; NULL: the locations do */
	struct blob blob; /* for the caller */
	struct errinfo why;
	mirror_put_done_fn *done;
	void *arg;
	struct loop_timer *timer;
	uint64_t quorum_ms; /* since when there is a quorum that waits for stragglers */
	struct blob_ids_waiter id_waiter;
	bool waiting_for_id;
	bool dismissed; /* no transfer of the pool any more */
	bool leaves_file; /* a file stays that nothing but a sweep finds */

	struct source *body;
	bool body_ended;
	bool body_later; /* it will say when to ask again */
	uint64_t received, in_flight; /* bytes */
	struct chunk *only; /* of a small body */
	struct chunk *digest_first, **digest_last; /* what the digest has not seen */
	bool digesting; /* the first of them is with a worker */
	bool digest_failed;
	struct md5 *md5;
	struct sha256 *sha256; /* NULL: nobody wants it */
	struct md5 *whole; /* of what it continues too; NULL: it continues nothing */
	uint32_t crc32c; /* of what the digests have seen */
	struct blob_table *table;
	struct worker_job digest_job;
};

/* Make one call to a copy's location; fill in what it shall do, then send it. */
struct put_call *mirror_put_call(struct mirror_put *put, struct copy *copy,
    struct piece *piece, size_t n, uint64_t offset);
void mirror_put_send(struct put_call *call);

/* The next step of whatever phase it is in; the put may be gone afterwards. */
void mirror_put_advance(struct mirror_put *put);

/* The same after the end; frees the put when nothing is left to do. */
void mirror_put_settle(struct mirror_put *put);

/* One of those who need a chunk has done with it; the last one frees it. */
void mirror_put_release_chunk(struct mirror_put *put, struct chunk *chunk);

/* mirror_put_digest.c: take a chunk into the digests now; go on with the line of them;
 * forget it, but for the chunk a worker is at. */
void mirror_put_digest_chunk(struct mirror_put *put, const struct chunk *chunk);
void mirror_put_digest_start(struct mirror_put *put);
void mirror_put_digest_drop(struct mirror_put *put);

/* Everything a put owns, once nothing is out. */
void mirror_put_free(struct mirror_put *put);

/*
 * The caller has ended it: drop what waits for the digest, and let another transfer take
 * its place, for what is still out is with a disk and takes nothing from the pool.
 */
void mirror_put_dismiss(struct mirror_put *put);

#endif
