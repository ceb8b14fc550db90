/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - many requests of one kind over a fixed number of kept-alive connections.
 *
 * Each connection has one request under way; when its answer is complete the next one
 * follows at once. It ends after `requests` requests, or no new one begins after
 * `duration_s`, whichever comes first; then what is under way is finished. One thread,
 * one epoll, one send and one receive for a small request: on a small machine the
 * generator must not be what is measured.
 * Memory: `plan` is borrowed until load_run returns.
 * Fails: an answer with another status than expected, a broken connection or an answer
 * that is not HTTP are counted and the first is described; a hundred of them, or no
 * answer for `stall_s`, end the run early.
 */
#ifndef QUARTET_BENCH_LOAD_H
#define QUARTET_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/core/bytes.h"
#include "tests/bench/template.h"
#include "tests/bench/tool.h"
#include "tests/bench/wire.h"

enum { LOAD_STATUSES = 8, LOAD_SECONDS = 3600, LOAD_ERRORS_MAX = 100 };

struct load_plan {
	struct wire_server *server;
	const char *method;
	struct template target;
	struct bytes headers; /* whole lines, each with CRLF */
	bool has_body;
	struct template body;
	uint64_t size; /* the body is padded to this */
	unsigned connections;
	uint64_t first; /* number of the first request */
	uint64_t requests;
	double duration_s;
	unsigned stall_s;
	unsigned expect[LOAD_STATUSES]; /* 0 ends the list */
};

struct load_result {
	uint64_t requests; /* answered as expected */
	uint64_t errors, reconnects;
	uint64_t bytes_in, bytes_out; /* bodies */
	double seconds; /* first request to last answer */
	double cpu_s; /* of this program */
	struct latency latency;
	uint32_t per_second[LOAD_SECONDS];
	char kind[96]; /* wire_kind of the first connection */
	char first_error[320];
};

void load_run(const struct load_plan *plan, struct load_result *out);

#endif
