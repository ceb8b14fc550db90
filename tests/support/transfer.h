/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer - uploads and reads for tests of the mirror, over a rig.
 *
 * The bytes of a file follow from a seed, so that every copy, and every byte read back,
 * can be told right from wrong without keeping it. A body keeps the contract of a source
 * to the letter and holds its consumer to the other half: nobody asks again before
 * `ready`.
 *
 * Order of an upload: set rig, seed, length (and what differs from the plain case), then
 * upload_run -> upload_commit | upload_abandon. With `then` it is upload_start alone, and
 * `then` is called with the outcome in err. An upload must stay until the rig is quiet.
 * A reading goes the same way: reading_run, or reading_start with `then`.
 */
#ifndef QUARTET_TESTS_TRANSFER_H
#define QUARTET_TESTS_TRANSFER_H

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/support/rig.h"

static inline uint8_t
body_byte(uint64_t seed, uint64_t i)
{
	return (uint8_t)(seed * 31 + i * 7 + (i >> 12) * 13 + (i >> 20) * 3);
}

static inline void
body_fill(uint64_t seed, uint64_t from, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = body_byte(seed, from + i);
}

/* The offset of the first byte that is not the file's, or n. */
static inline size_t
body_differs(uint64_t seed, uint64_t from, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != body_byte(seed, from + i))
			return i;
	return n;
}

/* Bodies */

struct body {
	struct source base;
	struct rig *rig;
	uint64_t seed, at, length;
	size_t slice; /* bytes given at a time; 0: as many as the piece holds */
	bool breaks; /* fail instead of ending */
	bool pauses; /* say "later" before each slice */
	bool paused; /* said it before this one */
	bool owes_ready; /* "later" was said and `ready` not called yet */
	bool closed;
	struct pool_waiter waiter;
};

static inline void
body_ready(struct loop_job *job)
{
	struct pool_waiter *w = container_of(job, struct pool_waiter, job);
	struct body *b = container_of(w, struct body, waiter);

	b->owes_ready = false;
	if (!b->closed)
		b->base.ready(b->base.arg);
}

static inline enum next
body_wait_for_piece(struct body *b)
{
	b->owes_ready = true;
	b->waiter.wants = PIECE_SMALL;
	pool_wait(b->rig->pool, &b->waiter);
	return NEXT_LATER;
}

static inline enum next
body_next(struct source *base, struct slice *out)
{
	struct body *b = container_of(base, struct body, base);
	uint64_t left = b->length - b->at;
	struct piece *piece = NULL;
	size_t n;

	assert_false(b->owes_ready);
	assert_false(b->closed);
	if (left == 0 && !b->breaks)
		return NEXT_END;
	if (left == 0) {
		(void)errinfo_set(&base->why, ERR_CANCELLED, "the client went away");
		return NEXT_FAILED;
	}
	if (b->pauses && !b->paused) {
		b->paused = b->owes_ready = true;
		loop_post(b->rig->loop, &b->waiter.job);
		return NEXT_LATER;
	}
	if (left > PIECE_SMALL_SIZE)
		piece = pool_take(b->rig->pool, PIECE_LARGE);
	if (piece == NULL)
		piece = pool_take(b->rig->pool, PIECE_SMALL);
	if (piece == NULL)
		return body_wait_for_piece(b);
	b->paused = false;
	n = b->slice != 0 && b->slice < piece->size ? b->slice : piece->size;
	n = left < n ? (size_t)left : n;
	body_fill(b->seed, b->at, piece->data, n);
	b->at += n;
	*out = (struct slice){piece, 0, n};
	return NEXT_SLICE;
}

static inline void
body_close(struct source *base)
{
	struct body *b = container_of(base, struct body, base);

	assert_false(b->closed);
	b->closed = true;
	if (b->waiter.queued)
		(void)pool_unwait(b->rig->pool, &b->waiter);
}

static inline void
body_init(struct body *b, struct rig *rig)
{
	static const struct source_ops ops = {body_next, body_close};

	b->base = (struct source){.ops = &ops};
	b->rig = rig;
	b->waiter = (struct pool_waiter){.job = {.run = body_ready}, .loop = rig->loop};
}

/* Uploads */

struct upload {
	struct rig *rig;
	uint64_t seed, length;
	uint64_t announced; /* 0: the length; or MIRROR_LENGTH_UNKNOWN, or a lie */
	uint64_t limit; /* 0: far away */
	bool md5_given;
	uint8_t md5[MD5_SIZE];
	struct body body; /* slice, breaks and pauses are the test's to set */
	void (*then)(struct upload *u);

	struct mirror_put *put; /* NULL: not begun, or given back */
	struct blob blob; /* after ERR_OK */
	enum err err;
	struct errinfo why;
	bool opened, done;
	uint64_t began_ms, took_ms;
	struct nodes_put_file node;
};

static inline void
upload_over(struct upload *u, enum err err)
{
	u->err = err;
	if (u->put != NULL)
		u->why = *mirror_put_why(u->put);
	if (err == ERR_OK)
		u->blob = *mirror_put_blob(u->put);
	u->took_ms = clock_mono_ms() - u->began_ms;
	u->done = true;
	if (u->then != NULL)
		u->then(u);
	else
		rig_wake(u->rig);
}

static inline void
upload_filled(void *arg, enum err err)
{
	struct upload *u = arg;

	assert_true(u->body.closed);
	upload_over(u, err);
}

static inline void
upload_opened(void *arg, enum err err)
{
	struct upload *u = arg;

	u->opened = err == ERR_OK;
	if (err != ERR_OK)
		upload_over(u, err);
	else
		mirror_put_fill(u->put, &u->body.base, upload_filled, u);
}

static inline void
upload_start(struct upload *u)
{
	struct mirror_put_spec spec = {
	    .length = u->announced == 0 ? u->length : u->announced,
	    .limit = u->limit == 0 ? 1ULL << 40 : u->limit,
	    .md5_given = u->md5_given,
	    .path = BYTES("/home/x"),
	};
	enum err e;

	(void)memcpy(spec.md5, u->md5, MD5_SIZE);
	body_init(&u->body, u->rig);
	u->body.seed = u->seed;
	u->body.length = u->length;
	u->began_ms = clock_mono_ms();
	e = mirror_put_new(u->rig->mirror, u->rig->loop, &spec, &u->put, &u->why);
	if (e != ERR_OK)
		upload_over(u, e);
	else
		mirror_put_open(u->put, upload_opened, u);
}

/* The outcome of the whole. */
static inline enum err
upload_run(struct upload *u)
{
	upload_start(u);
	rig_wait_flag(u->rig, &u->done);
	return u->err;
}

static inline void
upload_abandon(struct upload *u)
{
	if (u->put != NULL)
		mirror_put_abandon(u->put);
	u->put = NULL;
}

/* What its metadata commit is; `name` is borrowed. */
static inline void
upload_name(struct upload *u, const char *name)
{
	u->node = (struct nodes_put_file){
	    .change = rig_change(u->rig),
	    .parent_id = NODE_ROOT_ID,
	    .name = bytes_of(name),
	    .owner = 1,
	    .blob = u->blob,
	};
}

/* The metadata first, then the mirror, as the server does it. */
static inline void
upload_commit(struct upload *u, const char *name)
{
	upload_name(u, name);
	nodes_put_file(u->rig->store, &u->node);
	assert_ok(rig_wait_change(u->rig, &u->node.change), &u->node.change.why);
	mirror_put_commit(u->put);
	u->put = NULL;
}

/* A committed file in one call. */
static inline struct blob
upload_file(struct rig *rig, const char *name, uint64_t seed, uint64_t length)
{
	struct upload u = {.rig = rig, .seed = seed, .length = length};

	if (upload_run(&u) != ERR_OK)
		fail_msg("upload of %s: %s", name, errinfo_text(&u.why));
	upload_commit(&u, name);
	return u.blob;
}

/* The node of an upload is deleted; its blob goes to the removal queue. */
static inline void
upload_delete(struct upload *u)
{
	struct nodes_delete r = {.change = rig_change(u->rig), .id = u->node.node_id_out};

	nodes_delete(u->rig->store, &r);
	assert_ok(rig_wait_change(u->rig, &r.change), &r.change.why);
}

/* What the catalogue says now. */
static inline struct blob
blob_now(struct rig *rig, uint64_t id)
{
	struct blob blob;

	assert_ok(blob_get(rig->reader, id, &blob, &rig->why), &rig->why);
	return blob;
}

/* Reads */

struct reading {
	struct rig *rig;
	struct blob blob;
	uint64_t seed, first, n; /* n 0: from first to the end */
	void (*then)(struct reading *r);

	struct source *source; /* NULL: not open */
	uint64_t at;
	enum err err;
	struct errinfo why;
	bool done, later;
	uint64_t began_ms, took_ms;
};

static inline void
reading_over(struct reading *r, enum err err)
{
	if (r->source != NULL)
		source_close(r->source);
	r->source = NULL;
	r->err = err;
	r->took_ms = clock_mono_ms() - r->began_ms;
	r->done = true;
	if (r->then != NULL)
		r->then(r);
	else
		rig_wake(r->rig);
}

/* One slice; false when there is none now. */
static inline bool
reading_step(struct reading *r)
{
	struct slice slice;
	size_t wrong;

	switch (source_next(r->source, &slice)) {
	case NEXT_SLICE:
		break;
	case NEXT_LATER:
		r->later = true;
		return false;
	case NEXT_END:
		assert_int_equal(r->at, r->first + r->n);
		reading_over(r, ERR_OK);
		return false;
	case NEXT_FAILED:
		r->why = r->source->why;
		reading_over(r, r->why.code);
		return false;
	}
	wrong = body_differs(r->seed, r->at, slice_data(&slice), slice.n);
	if (wrong != slice.n)
		fail_msg("wrong byte at %llu", (unsigned long long)(r->at + wrong));
	r->at += slice.n;
	piece_unref(slice.piece);
	return true;
}

static inline void
reading_ready(void *arg)
{
	struct reading *r = arg;

	r->later = false;
	while (reading_step(r))
		continue;
}

/* Opens the source, and asks for nothing. */
static inline enum err
reading_open(struct reading *r)
{
	enum err e;

	if (r->n == 0)
		r->n = r->blob.length - r->first;
	r->at = r->first;
	r->began_ms = clock_mono_ms();
	e = mirror_source(
	    r->rig->mirror, r->rig->loop, &r->blob, r->first, r->n, &r->source, &r->why);
	if (e != ERR_OK)
		return e;
	r->source->ready = reading_ready;
	r->source->arg = r;
	return ERR_OK;
}

static inline void
reading_start(struct reading *r)
{
	enum err e = reading_open(r);

	if (e != ERR_OK)
		reading_over(r, e);
	else
		reading_ready(r);
}

static inline enum err
reading_run(struct reading *r)
{
	reading_start(r);
	rig_wait_flag(r->rig, &r->done);
	return r->err;
}

/* The whole file, through the mirror, is what was sent. */
static inline void
check_reads_back(struct rig *rig, const struct blob *blob, uint64_t seed)
{
	struct reading r = {.rig = rig, .blob = *blob, .seed = seed};

	if (reading_run(&r) != ERR_OK)
		fail_msg("read: %s", errinfo_text(&r.why));
}

/* Copies, looked at without the help of the mirror */

static inline bool
copy_blocks_ok(const uint8_t *p, const struct blob_layout *l, uint64_t id)
{
	for (uint64_t block = 0; block < l->blocks; block++) {
		uint64_t page = block / BLOB_PAGE_ENTRIES, at = block * l->block_size;
		size_t n = l->length - at < l->block_size ? (size_t)(l->length - at)
							  : (size_t)l->block_size;
		const uint8_t *table = p + l->data_size + page * BLOB_PAGE;

		if (!blob_page_ok(table, id, page) ||
		    crc32c(0, p + at, n) != blob_page_entry(table, block))
			return false;
	}
	return true;
}

static inline bool
copy_trailer_ok(const uint8_t *p, const struct blob_layout *l, const struct blob *blob)
{
	struct blob_trailer t;

	return blob_trailer_read(p + l->file_size - BLOB_PAGE, &t, NULL) == ERR_OK &&
	       t.id == blob->id && t.length == blob->length &&
	       memcmp(t.md5, blob->md5, MD5_SIZE) == 0;
}

/* Is the file at `path` a whole copy of this blob, holding the bytes of `seed`? */
static inline bool
copy_file_is_whole(const char *path, const struct blob *blob, uint64_t seed)
{
	struct blob_layout l = blob_layout(blob->length);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t md5[MD5_SIZE], *p;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 && (uint64_t)st.st_size == l.file_size;
	p = ok ? mmap(NULL, l.file_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	(void)close(fd);
	if (p == MAP_FAILED)
		return false;
	ok = copy_trailer_ok(p, &l, blob) && copy_blocks_ok(p, &l, blob->id) &&
	     md5_of(p, blob->length, md5) && memcmp(md5, blob->md5, MD5_SIZE) == 0 &&
	     body_differs(seed, 0, p, blob->length) == blob->length;
	(void)munmap(p, l.file_size);
	return ok;
}

static inline bool
copy_is_whole(
    const struct rig *rig, unsigned location, const struct blob *blob, uint64_t seed)
{
	char path[160];

	rig_copy_path(rig, location, blob->id, blob->md5, path);
	return copy_file_is_whole(path, blob, seed);
}

/* Whole copies lie at the locations of `blob->have` and nothing of it at the others. */
static inline void
check_copies(const struct rig *rig, const struct blob *blob, uint64_t seed)
{
	for (unsigned i = 0; i < rig->mirror->n; i++) {
		bool has = blob->have >> i & 1;

		if (has && !copy_is_whole(rig, i, blob, seed))
			fail_msg("location %u lacks a good copy", i + 1);
		if (!has && rig_has_copy(rig, i, blob))
			fail_msg("location %u has a copy nobody knows", i + 1);
	}
}

/* Nothing but what is finished lies anywhere. */
static inline void
check_tmp_is_empty(const struct rig *rig)
{
	for (unsigned i = 0; i < rig->settings.locations.n; i++)
		assert_int_equal(rig_files(rig, i, "tmp"), 0);
}

#endif
