/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a FITS file: every HDU is scanned, and each image is cut in the middle,
 * flipped and stepped, its header rewritten, its pixels read; every other HDU is copied.
 * What comes out must be a FITS file with the length that was promised.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fits/batch.h"
#include "fits/plan.h"
#include "fits/scan.h"
#include "service/core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	HEADER_MAX = 64 * 1024,
	HDUS_MAX = 50,
	OUTPUT_MAX = 256 * 1024,
	ARENA_MAX = 4 * 1024 * 1024,
};

static uint8_t out[OUTPUT_MAX], scratch[BATCH_SCRATCH_MIN];
static struct batch batch;

/* The next HDU of `data`; false at the end or an error. */
static bool
next_hdu(struct scan *scan, const uint8_t *data, struct hdu *hdu)
{
	enum scan_result r;
	struct errinfo why;

	while ((r = scan_next(scan, hdu, &why)) == SCAN_READ) {
		(void)memcpy(scan_room(scan), data + scan->want_at, scan->want_n);
		scan_fed(scan);
	}
	return r == SCAN_HDU;
}

static void
read_plan(const struct plan *plan, const uint8_t *data, size_t size)
{
	struct batch_place place = {0};
	size_t filled = 0;

	while (place.part < plan->n_parts) {
		size_t n = batch_fill(&batch, plan, &place, out + filled,
		    OUTPUT_MAX - filled, scratch, sizeof scratch);

		CHECK(n > 0);
		for (size_t i = 0; i < batch.n_ranges; i++) {
			const struct range *r = &batch.range[i];

			CHECK(r->offset <= size && r->size <= size - r->offset);
			(void)memcpy(r->to, data + r->offset, r->size);
		}
		batch_settle(&batch);
		filled += n;
	}
	CHECK(filled == plan->length && filled % FITS_BLOCK == 0);
}

/* What we write we can read, from one HDU to the next up to the end. */
static void
check_result(size_t size)
{
	struct scan scan;
	struct hdu hdu;

	CHECK(scan_init(&scan, size, (uint64_t)4 * HEADER_MAX, HDUS_MAX, NULL) == ERR_OK);
	CHECK(next_hdu(&scan, out, &hdu));
	while (next_hdu(&scan, out, &hdu))
		CHECK(hdu.index > 0);
	CHECK(hdu_end(&hdu) == size);
	scan_release(&scan);
}

static void
cut(const struct pick *primary, struct pick *pick, const char *text, const uint8_t *data,
    size_t size)
{
	/* Any HDU will do as a companion of itself. */
	struct plan_input in = {.primary = primary,
	    .pick = pick,
	    .n_picks = 1,
	    .companion = pick,
	    .n_companions = 1,
	    .file_bytes = size,
	    .output_max = OUTPUT_MAX};
	struct section section;
	struct arena arena;
	struct plan plan;

	arena_init(&arena, ARENA_MAX);
	CHECK(section_parse(&arena, bytes_of(text), &section, NULL) == ERR_OK);
	pick->section = &section;
	if (plan_cutout(&arena, &in, &plan, NULL) == ERR_OK) {
		read_plan(&plan, data, size);
		check_result((size_t)plan.length);
	}
	arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sections[] = {
	    "[0]", "[2:9,2:9]", "[-*:3,-*:2]", "[*:2,5:1]"};
	struct pick primary = {0}, pick;
	struct arena arena;
	struct scan scan;
	struct hdu hdu;

	arena_init(&arena, ARENA_MAX);
	CHECK(scan_init(&scan, size, HEADER_MAX, HDUS_MAX, NULL) == ERR_OK);
	while (next_hdu(&scan, data, &hdu)) {
		pick = (struct pick){.hdu = hdu, .cards = str_bytes(&scan.cards)};
		if (hdu.index == 0) {
			primary = pick;
			primary.cards = arena_copy(&arena, pick.cards);
			CHECK(primary.cards.p != NULL);
		}
		for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
			cut(&primary, &pick, sections[i], data, size);
	}
	scan_release(&scan);
	arena_release(&arena);
	return 0;
}
