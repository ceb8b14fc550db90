/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - what the server and a process of quartet-fits say to each other over a socket,
 * both of one build, on one machine: one request, one reply, again and again.
 *
 * Whoever changes one of the structs changes its magic number: the program may be newer than
 * the server that runs. A request is followed by its values (double), then by its cards of 80 bytes.
 */
#ifndef QUARTET_FITS_WORKER_H
#define QUARTET_FITS_WORKER_H

#include <stdint.h>

#include "fits/header.h"
#include "fits/shape.h"

enum {
	WORKER_REQUEST_MAGIC = 0x51534b59,
	WORKER_REPLY_MAGIC = 0x594b5351,
	WORKER_CARDS_MAX = 20000, /* about coordinates, of one HDU */
	WORKER_TEXT_SIZE = 120,
};

enum worker_answer {
	WORKER_FOUND,
	WORKER_NO_OVERLAP,
	WORKER_NO_SKY, /* no axes of the sky, or none that can be used */
	WORKER_UNSUPPORTED, /* the text says what */
	WORKER_NO_MEMORY,
};

struct worker_request {
	uint32_t magic;
	uint32_t seconds; /* of the processor, for this request */
	uint32_t naxis;
	uint32_t shape; /* enum shape_kind */
	uint32_t n_values, n_cards;
	uint64_t axis[AXES_MAX]; /* sizes */
};

struct worker_reply {
	uint32_t magic;
	uint32_t answer;
	uint32_t axis[2]; /* from 0: the two of the sky */
	uint64_t first[2], last[2]; /* pixels of those, from 1 */
	char text[WORKER_TEXT_SIZE];
};

#endif
