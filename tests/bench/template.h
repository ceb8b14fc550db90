/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template - text with a number in it: every "{n}" becomes the number of the request.
 *
 * Order: template_parse once -> template_render any number of times.
 * Memory: the parts point into the text given, which must outlive the template.
 */
#ifndef QUARTET_BENCH_TEMPLATE_H
#define QUARTET_BENCH_TEMPLATE_H

#include <stdbool.h>

#include "service/core/bytes.h"
#include "service/core/str.h"

enum { TEMPLATE_PARTS = 8 };

struct template
{
	struct bytes part[TEMPLATE_PARTS]; /* the number goes between two of them */
	size_t n;
};

/* False: more than TEMPLATE_PARTS - 1 places for the number. */
bool template_parse(struct bytes text, struct template *out);
void template_render(const struct template *t, uint64_t number, struct str *to);

#endif
