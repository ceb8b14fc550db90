/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finder - where a shape on the sky lies in images: asks processes of quartet-fits, which
 * alone read coordinates (fits/worker.h).
 *
 * Promise: what a header does to its reader happens in another process. One that crashes is
 * replaced, and asked once more; one that does not answer in time is ended. Either way it
 * is an error of that request alone.
 *
 * Order: finder_new -> (finder_job_new -> finder_job_add* -> finder_start -> `done` ->
 * finder_job_box* -> finder_job_close)* -> finder_free, while the loops still run: what was
 * closed under way is freed there. A job may be closed at any time; `done` is not called
 * any more then.
 * Memory: a job copies what it is given, the cards that matter of each header.
 * Thread: finder_start from any, one job on one loop.
 * Fails with: ERR_INVALID_ARGUMENT (what is not supported), ERR_FITS_DAMAGED (a crash, no
 * answer in time), ERR_BUSY (too many wait), ERR_INTERNAL (no program), ERR_NO_MEMORY.
 */
#ifndef QUARTET_FITS_FINDER_H
#define QUARTET_FITS_FINDER_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/header.h"
#include "fits/shape.h"
#include "service/core/loop.h"

struct finder_config {
	const char *program; /* copied */
	unsigned workers; /* processes at most; they are started when needed */
	uint64_t time_ms; /* for all images of one request */
	uint64_t memory_bytes; /* address space of one */
};

struct finder;

enum err finder_new(const struct finder_config *config, struct finder **out,
    struct errinfo *why) ERR_CHECKED;
void finder_free(struct finder *finder); /* NULL is fine */

/* In pixels of two axes of the image, which count from 0; pixels from 1. */
struct finder_box {
	unsigned axis[2];
	uint64_t first[2], last[2];
};

struct finder_job;
typedef void finder_done_fn(void *arg, enum err err);

/* NULL: no memory. */
struct finder_job *finder_job_new(const struct shape *shape);
/* An image to look at; `cards` is its header. */
enum err finder_job_add(struct finder_job *job, const struct hdu *hdu, struct bytes cards,
    struct errinfo *why) ERR_CHECKED;
void finder_start(struct finder *finder, struct finder_job *job, struct loop *loop,
    finder_done_fn *done, void *arg);
const struct errinfo *finder_job_why(const struct finder_job *job);
/* Of the image that was added as number i, from 0. False: it has no part of the shape. */
bool finder_job_box(const struct finder_job *job, size_t i, struct finder_box *out);
void finder_job_close(struct finder_job *job); /* NULL is fine */

#endif
