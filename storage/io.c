/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/io.h"

#include <string.h>

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
