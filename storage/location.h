/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location - one place that keeps a copy of every file: what the layers above ask of it.
 *
 * A location does what it is told and reports; it does not decide, retry or log. It has
 * its own thread, so that one that hangs holds up nothing else: callers keep their own
 * deadlines, and a call that was given up stays out, with its memory, until it returns.
 *
 * Order: fill in a call -> location_submit -> `done` on the call's loop, exactly once.
 * Calls of one file go begin -> write* -> finish, each after the one before is done;
 * writes of one file may be out together; after a failure only abandon is legal.
 * Memory: the call and what it names belong to the caller until `done`.
 * Errors: ERR_LOCATION_DOWN (not attached), ERR_NO_SPACE, ERR_NOT_FOUND, ERR_DAMAGED (a
 * file is shorter than asked), ERR_IO; call.why.sys is the errno behind it.
 *
 * Promise: when a put with `finish` is done, the file's bytes and its name survive a
 * power cut at this location; before that no reader can find it under its name.
 */
#ifndef QUARTET_STORAGE_LOCATION_H
#define QUARTET_STORAGE_LOCATION_H

#include <stdbool.h>

#include "service/core/loop.h"
#include "service/core/pool.h"
#include "storage/blob_file.h"
#include "storage/location_counts.h"
#include "storage/store.h"

enum location_verb {
	LOCATION_PUT,
	LOCATION_READ,
	LOCATION_REMOVE,
	LOCATION_LEAF,
	LOCATION_LIST,
	LOCATION_PROBE,
	LOCATION_META_WRITE,
	LOCATION_META_READ,
	LOCATION_META_LIST,
	LOCATION_META_REMOVE,
	LOCATION_FORMAT,
};

struct location;

struct location_call {
	enum location_verb verb;
	struct loop *loop; /* NULL: `done` runs on the location's thread, and is short */
	void (*done)(struct location_call *call);
	bool quiet; /* it need not be begun before location_wake, or another call */
	enum err err;
	struct errinfo why;
	uint64_t submitted_us, finished_us;
	struct queue_item item; /* the location's */
	struct loop_job job;
};

struct location_ops {
	void (*submit)(struct location *location, struct location_call *call);
	void (*wake)(struct location *location);
	bool (*close)(struct location *location, uint64_t wait_ms);
};

struct location {
	const struct location_ops *ops;
	unsigned index;
	const char
	    *_Atomic name; /* its root, for people; stays, though another may come */
	_Atomic unsigned out; /* calls submitted and not answered; for who gives way */
	struct location_counts counts;
};

static inline void
location_submit(struct location *location, struct location_call *call)
{
	location->ops->submit(location, call);
}

/* Begin what was submitted quietly: many calls cost one change of threads then. */
static inline void
location_wake(struct location *location)
{
	location->ops->wake(location);
}

/*
 * End it. False: something is still out after wait_ms; the location is then left behind
 * and must not be used again.
 */
static inline bool
location_close(struct location *location, uint64_t wait_ms)
{
	return location->ops->close(location, wait_ms);
}

/*
 * Write a part of a new file. `begin` makes it and sets `file`; `piece` (may be NULL) has
 * `n` bytes, a multiple of BLOB_PAGE, for `offset`; `finish` makes all durable under the
 * final name and frees `file`; `abandon` (alone) removes every trace and frees `file`. A
 * whole small file is one call with begin and finish. A failed begin leaves no file.
 */
struct location_file;

struct location_put {
	struct location_call call;
	struct location_file *file;
	bool begin, finish, abandon;
	uint64_t id; /* with begin */
	uint8_t md5[MD5_SIZE]; /* with finish */
	const struct piece *piece;
	size_t n;
	uint64_t offset;
};

/*
 * Read ranges of a finished file through the page cache; all or nothing. `scattered`:
 * no read-ahead. `direct`: past the page cache, what is really on the disk; offsets, sizes
 * and memory are multiples of BLOB_PAGE then. `once`: nobody is expected to read of this
 * file again soon. Several reads of a file may be out.
 */
struct location_range {
	uint64_t offset;
	size_t n;
	void *to;
};

enum { LOCATION_RANGES_MAX = 512 };

struct location_read {
	struct location_call call;
	uint64_t id;
	uint8_t md5[MD5_SIZE];
	bool scattered, direct, once;
	const struct location_range *range;
	size_t n;
};

/*
 * Unlink files, durably. `tmp`: unfinished files of these ids instead of finished ones.
 * `quarantine`: move finished ones to bad/, to be looked at; one that lies there already
 * stays instead. A file that is not there
 * counts as removed.
 */
struct location_victim {
	uint64_t id;
	uint8_t md5[MD5_SIZE];
};

struct location_remove {
	struct location_call call;
	bool tmp, quarantine;
	const struct location_victim *victim;
	size_t n;
};

/* Make a leaf directory, durably; one that is there is fine. */
struct location_leaf {
	struct location_call call;
	unsigned leaf;
};

/*
 * The files of a leaf directory, or of the place for unfinished files (`tmp`), with
 * trailer_ok set for those whose trailer can be read and names `store`; with `sizes` their
 * size instead. Blocks the location; for the start-up sweep and scrubbing. `found`
 * (malloc'd) is the caller's afterwards. Names that are none of ours are counted only.
 * With `most`, only so many are looked at, those behind the first `skip` of the directory,
 * so that it does not block for long; `more` says that there are others. What changes
 * between two such calls may be missed or come twice.
 */
struct location_found {
	uint64_t id;
	uint8_t md5[MD5_SIZE];
	bool trailer_ok;
	uint64_t size;
};

struct location_list {
	struct location_call call;
	bool tmp, sizes;
	unsigned leaf;
	size_t skip, most;
	struct location_found *found;
	size_t n, strangers;
	bool more;
};

/*
 * Is it there, is it ours, does it work? Attaches the location when its marker is right,
 * detaches it (ERR_LOCATION_DOWN) when the root or the marker is missing or another's;
 * then writes, syncs, reads back and removes a page. ERR_NO_SPACE, or ERR_IO with EROFS:
 * attached, readable, not writable. Until the first good probe nothing else works.
 * With `look_only` nothing is written. With `is_expected` only the disk with that UUID is ours; `detach` lets everything go
 * that is open there, and is ERR_LOCATION_DOWN.
 */
struct location_probe {
	struct location_call call;
	bool look_only, detach, is_expected;
	uint8_t expected[STORE_UUID_SIZE];
	uint8_t uuid[STORE_UUID_SIZE]; /* out, if attached: of the disk that is there */
	uint64_t free_bytes, total_bytes, free_inodes;
	bool attached;
	struct piece *piece; /* PIECE_SMALL, lent for the page */
};

/*
 * The catalogue's own files, all in one place apart from the users': its journal and its
 * copies (architecture D60, D73).
 *
 * Write: `begin` makes the file `name`, in place of one that is there; without it the
 * file is there. `n` bytes of `from` go to `offset`; `sync` makes them durable, the file's
 * length and after `begin` its name too; `publish` (not NULL) is its name from then on,
 * durably, in place of one that is there. No file stays open behind a call, so that the
 * file system can be unmounted or made read-only between two of them.
 */
enum { LOCATION_META_NAME_SIZE = 48 };

struct location_meta_write {
	struct location_call call;
	const char *name, *publish;
	bool begin, sync;
	bool written; /* out: bytes may be on the disk, whatever failed then */
	const void *from;
	size_t n;
	uint64_t offset;
};

/* Up to `n` bytes; *n_out fewer at the file's end. */
struct location_meta_read {
	struct location_call call;
	const char *name;
	uint64_t offset;
	size_t n, n_out;
	void *to;
};

/* What is there, in no order; blocks the location. `found` (malloc'd) is the caller's. */
struct location_meta_found {
	char name[LOCATION_META_NAME_SIZE];
	uint64_t size;
};

struct location_meta_list {
	struct location_call call;
	struct location_meta_found *found;
	size_t n;
};

/* Durably; one that is not there counts as removed. */
struct location_meta_remove {
	struct location_call call;
	const char *name;
};

/*
 * Make an empty root this location, with a new UUID: a disk that was replaced. With `root`
 * (copied) that is its root from then on. One that was made so before and never used is
 * taken as it is. It is attached by the next probe. Blocks the location. ERR_CONFLICT: it is
 * not empty; ERR_CONFIG: it is not there.
 */
struct location_format {
	struct location_call call;
	const char *root; /* NULL: where it is */
	uint8_t uuid[STORE_UUID_SIZE]; /* out */
};

/* Where that place is below a location's root, for who reads it while no server runs. */
#define LOCATION_META_DIR "meta"

/* A directory of a local file system. */

struct location_dir_config {
	const char *root;
	unsigned index;
	uint8_t store[STORE_UUID_SIZE];
	const char *engine; /* as io_config */
	unsigned depth, threads;
};

/* Starts the thread; touches nothing yet. `why` with ERR_OK: why io_uring was not taken.
 */
enum err location_dir_open(const struct location_dir_config *config,
    struct location **out, struct errinfo *why) ERR_CHECKED;

/*
 * Is `root` location number `index` of that store? Blocks; for who looks at it while no
 * server runs. ERR_LOCATION_DOWN.
 */
enum err location_dir_check(const char *root, unsigned index,
    const uint8_t store[STORE_UUID_SIZE], struct errinfo *why) ERR_CHECKED;

/* The store that `root` is location number `index` of. Likewise. */
enum err location_dir_store(const char *root, unsigned index,
    uint8_t store_out[STORE_UUID_SIZE], struct errinfo *why) ERR_CHECKED;

/* The engine in use: "uring" or "threads". */
const char *location_dir_engine(const struct location *location);

/*
 * Make `root` a location: its folders and its marker. ERR_CONFLICT: it is one already, or
 * is not empty. For the operator's tool; blocks.
 */
enum err location_dir_format(const char *root, unsigned index,
    const uint8_t store[STORE_UUID_SIZE], struct errinfo *why) ERR_CHECKED;

#endif
