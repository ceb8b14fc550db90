/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First line: a Content-Type; the rest: a body. Every value lies inside the body, and
 * behind the one before it.
 */
#include <stdint.h>

#include "service/core/check.h"
#include "service/op/form_data.h"
#include "service/op/op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes all = {(const char *)data, size}, type = {all.p, 0}, body;
	const struct op_param *params;
	const char *from;
	struct arena a;
	size_t n;

	type.n = bytes_find(all, '\n');
	body = bytes_skip(all, type.n < all.n ? type.n + 1 : type.n);
	from = body.p;
	arena_init(&a, 16 << 20);
	(void)form_data_is(type);
	if (form_data_parse(&a, type, body, &params, &n, NULL) == ERR_OK)
		for (size_t i = 0; i < n; i++) {
			CHECK(params[i].name.p != NULL && params[i].value.p > from);
			CHECK(params[i].value.n <=
			      (size_t)(body.p + body.n - params[i].value.p));
			from = params[i].value.p + params[i].value.n;
		}
	arena_release(&a);
	return 0;
}
