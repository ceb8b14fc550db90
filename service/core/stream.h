/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - how bytes flow through the house: always pulled by whoever needs them next.
 *
 * Two small interfaces keep the parts apart. A `source` gives bytes in order: a request
 * body is one, and so is every answer body (file, listing, cutout). A `reader` gives
 * verified ranges of a stored file in any order. Back pressure is nothing but not asking.
 * All calls and callbacks of one object stay on one loop.
 */
#ifndef QUARTET_CORE_STREAM_H
#define QUARTET_CORE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "service/core/err.h"
#include "service/core/pool.h"

/* Some bytes of a piece. Whoever holds a slice holds one reference to its piece. */
struct slice {
	struct piece *piece;
	size_t offset, n;
};

static inline const uint8_t *
slice_data(const struct slice *s)
{
	return s->piece->data + s->offset;
}

/*
 * source - bytes in order.
 *
 * source_next answers
 *   NEXT_SLICE   *out holds the next bytes (at least one) and one reference passes over;
 *   NEXT_END     there are no more;
 *   NEXT_LATER   nothing yet: the source calls `ready` once, from the loop and never
 *                before source_next returned; then ask again;
 *   NEXT_FAILED  source->why says what broke; only source_close is legal then.
 * source_close ends it at any time and frees it; `ready` is not called any more.
 */
enum next { NEXT_SLICE, NEXT_END, NEXT_LATER, NEXT_FAILED };

struct source;

struct source_ops {
	enum next (*next)(struct source *s, struct slice *out);
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	/* Set by the consumer before it asks first. */
	void (*ready)(void *arg);
	void *arg;
	struct errinfo why;
};

static inline enum next
source_next(struct source *s, struct slice *out)
{
	return s->ops->next(s, out);
}

static inline void
source_close(struct source *s)
{
	s->ops->close(s);
}

/*
 * reader - verified ranges of one stored file.
 *
 * reader_read fills every range of `v` or fails as a whole; each byte was checked against
 * its checksum before it was copied. `v` and the memory it names are borrowed until
 * `done`, which is never called before reader_read returned. Ranges must lie inside
 * size_bytes and be no larger than READER_MAX together; one read at a time.
 * reader_close frees the reader at any time; `done` is not called any more.
 */
enum { READER_MAX = 1024 * 1024 };

struct range {
	uint64_t offset;
	size_t size;
	void *to;
};

struct reader;

typedef void reader_done_fn(void *arg, enum err err);

struct reader_ops {
	void (*read)(struct reader *r, const struct range *v, size_t n,
	    reader_done_fn *done, void *arg);
	void (*close)(struct reader *r);
};

struct reader {
	const struct reader_ops *ops;
	uint64_t size_bytes;
	struct errinfo why; /* of the last failed read */
};

static inline void
reader_read(
    struct reader *r, const struct range *v, size_t n, reader_done_fn *done, void *arg)
{
	r->ops->read(r, v, n, done, arg);
}

static inline void
reader_close(struct reader *r)
{
	r->ops->close(r);
}

#endif
