/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests and the checksum table of one upload, chunk after chunk.
 *
 *   line of chunks ──► first: on a worker (a short one: at once) ──► released, next
 *
 * One chunk is with a worker at a time, for a digest has an order. While it is, nothing
 * else touches the digests; whoever gives the upload up leaves that chunk alone.
 */
#include "replication/mirror_put.h"

#include <stdlib.h>

#include "service/core/check.h"

enum { INLINE_DIGEST_MAX = 16 * 1024 /* shorter than a trip to a worker */ };

void
mirror_put_release_chunk(struct mirror_put *put, struct chunk *chunk)
{
	CHECK(chunk->owed > 0);
	if (--chunk->owed > 0)
		return;
	put->in_flight -= chunk->n;
	piece_unref(chunk->piece);
	free(chunk);
}

void
mirror_put_digest_chunk(struct mirror_put *put, const struct chunk *chunk)
{
	md5_add(put->md5, chunk->piece->data, chunk->n);
	if (put->whole != NULL)
		md5_add(put->whole, chunk->piece->data, chunk->n);
	if (put->sha256 != NULL)
		sha256_add(put->sha256, chunk->piece->data, chunk->n);
	put->crc32c = crc32c(put->crc32c, chunk->piece->data, chunk->n);
	if (!blob_table_add(put->table, chunk->piece->data, chunk->n))
		put->digest_failed = true;
}

static void
digest_work(struct worker_job *job)
{
	struct mirror_put *put = container_of(job, struct mirror_put, digest_job);

	mirror_put_digest_chunk(put, put->digest_first);
}

static void
digested(struct mirror_put *put)
{
	struct chunk *chunk = put->digest_first;

	put->digest_first = chunk->next;
	if (put->digest_first == NULL)
		put->digest_last = &put->digest_first;
	mirror_put_release_chunk(put, chunk);
}

static void
digest_done(struct loop_job *job)
{
	struct worker_job *worker = container_of(job, struct worker_job, done);
	struct mirror_put *put = container_of(worker, struct mirror_put, digest_job);

	put->digesting = false;
	digested(put);
	if (put->phase == PUT_FILLING)
		mirror_put_digest_start(put);
	mirror_put_advance(put);
}

void
mirror_put_digest_start(struct mirror_put *put)
{
	while (!put->digesting && put->digest_first != NULL) {
		if (put->digest_first->n <= INLINE_DIGEST_MAX) {
			mirror_put_digest_chunk(put, put->digest_first);
			digested(put);
			continue;
		}
		put->digesting = true;
		put->digest_job = (struct worker_job){
		    .work = digest_work, .loop = put->loop, .done = {.run = digest_done}};
		worker_submit(put->m->workers, &put->digest_job);
	}
}

void
mirror_put_digest_drop(struct mirror_put *put)
{
	struct chunk **from =
	    put->digesting ? &put->digest_first->next : &put->digest_first;
	struct chunk *next;

	for (struct chunk *c = *from; c != NULL; c = next) {
		next = c->next;
		mirror_put_release_chunk(put, c);
	}
	*from = NULL;
	put->digest_last = from;
	if (put->only != NULL)
		mirror_put_release_chunk(put, put->only);
	put->only = NULL;
}
