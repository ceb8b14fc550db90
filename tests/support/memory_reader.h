/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_reader - a reader (core/stream.h) over bytes in memory, for tests.
 *
 * It keeps the reader's contract to the letter, `done` from the loop and never before the
 * call returned, and holds its user to the other half: one read at a time, ranges inside
 * the file, no more than READER_MAX together. It counts what is read, and fails from a
 * chosen read on. The memory is borrowed.
 */
#ifndef QUARTET_TESTS_MEMORY_READER_H
#define QUARTET_TESTS_MEMORY_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/loop.h"
#include "service/core/stream.h"

struct memory_reads {
	uint64_t calls, ranges, bytes;
	uint64_t fail_from; /* call number, counted from 1; 0: never */
	uint8_t *page_seen; /* one for each 4 KiB of the file, or NULL */
	unsigned open; /* readers not closed */
};

struct memory_reader {
	struct reader reader;
	struct loop *loop;
	const uint8_t *data;
	struct memory_reads *reads;
	struct loop_job job;
	const struct range *v;
	size_t n;
	reader_done_fn *done;
	void *arg;
	bool busy, closed;
};

static inline void
memory_reader_count(struct memory_reader *m, const struct range *r)
{
	m->reads->bytes += r->size;
	m->reads->ranges++;
	if (m->reads->page_seen == NULL)
		return;
	for (uint64_t p = r->offset / 4096; p <= (r->offset + r->size - 1) / 4096; p++)
		m->reads->page_seen[p] = 1;
}

static inline void
memory_reader_run(struct loop_job *job)
{
	struct memory_reader *m = container_of(job, struct memory_reader, job);
	enum err e = ERR_OK;

	m->busy = false;
	if (m->closed) {
		free(m);
		return;
	}
	if (m->reads->fail_from != 0 && m->reads->calls >= m->reads->fail_from)
		e = errinfo_set(&m->reader.why, ERR_IO, "the test's reader fails");
	for (size_t i = 0; i < m->n && e == ERR_OK; i++) {
		memory_reader_count(m, &m->v[i]);
		(void)memcpy(m->v[i].to, m->data + m->v[i].offset, m->v[i].size);
	}
	m->done(m->arg, e);
}

static inline void
memory_reader_read(
    struct reader *r, const struct range *v, size_t n, reader_done_fn *done, void *arg)
{
	struct memory_reader *m = container_of(r, struct memory_reader, reader);
	uint64_t total = 0;

	CHECK(!m->busy && !m->closed && n > 0);
	for (size_t i = 0; i < n; i++) {
		CHECK(v[i].size > 0 && v[i].to != NULL);
		CHECK(v[i].offset <= r->size_bytes);
		CHECK(v[i].size <= r->size_bytes - v[i].offset);
		total += v[i].size;
	}
	CHECK(total <= READER_MAX);
	m->reads->calls++;
	m->v = v;
	m->n = n;
	m->done = done;
	m->arg = arg;
	m->busy = true;
	loop_post(m->loop, &m->job);
}

static inline void
memory_reader_close(struct reader *r)
{
	struct memory_reader *m = container_of(r, struct memory_reader, reader);

	CHECK(!m->closed);
	m->closed = true;
	m->reads->open--;
	if (!m->busy)
		free(m);
}

/* NULL without memory. */
static inline struct reader *
memory_reader_new(
    struct loop *loop, const void *data, uint64_t size, struct memory_reads *reads)
{
	static const struct reader_ops ops = {memory_reader_read, memory_reader_close};
	struct memory_reader *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	*m = (struct memory_reader){.reader = {.ops = &ops, .size_bytes = size},
	    .loop = loop,
	    .data = data,
	    .reads = reads,
	    .job.run = memory_reader_run};
	reads->open++;
	return &m->reader;
}

#endif
