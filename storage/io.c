/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/io.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "storage/io_fault.h"

static enum err
engine_new(const struct io_config *config, struct io **out, struct errinfo *why)
{
	struct errinfo refused = {.code = ERR_OK};

	if (strcmp(config->engine, "threads") == 0)
		return io_threads_engine_new(config, out, why);
	if (io_uring_engine_new(config, out, &refused) == ERR_OK)
		return ERR_OK;
	if (strcmp(config->engine, "auto") != 0) {
		if (why != NULL)
			*why = refused;
		return refused.code;
	}
	if (why != NULL) {
		*why = refused;
		why->code = ERR_OK;
	}
	return io_threads_engine_new(config, out, NULL);
}

enum err
io_new(const struct io_config *config, struct io **out, struct errinfo *why)
{
	enum err e = engine_new(config, out, why);

	if (e == ERR_OK)
		io_fault_wrap(config, *out);
	return e;
}

/* A write with a sync in two steps. */
struct in_two {
	struct io *io;
	struct io_op op; /* the write, then the sync */
	struct io_op *whole;
};

static void
both_done(struct in_two *t, int64_t result)
{
	struct io_op *whole = t->whole;

	free(t);
	whole->result = result;
	whole->done(whole);
}

static void
second_done(struct io_op *op)
{
	struct in_two *t = container_of(op, struct in_two, op);

	t->whole->sync_failed = op->result < 0;
	both_done(t, op->result < 0 ? op->result : (int64_t)t->whole->n);
}

static void
first_done(struct io_op *op)
{
	struct in_two *t = container_of(op, struct in_two, op);

	if (op->result != (int64_t)op->n) {
		both_done(t, op->result);
		return;
	}
	*op = (struct io_op){.kind = IO_FDATASYNC, .fd = op->fd, .done = second_done};
	io_submit(t->io, op);
}

void
io_submit_in_two(struct io *io, struct io_op *whole)
{
	struct in_two *t = calloc(1, sizeof *t);

	CHECK(t != NULL);
	t->io = io;
	t->whole = whole;
	t->op = *whole;
	t->op.sync = false;
	t->op.done = first_done;
	io->engine->submit(io, &t->op); /* counted as out by the whole one's caller */
}
