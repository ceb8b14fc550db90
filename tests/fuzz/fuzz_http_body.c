/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a chunked body, once whole and once in parts (the first byte says how
 * large): both must give the same bytes, the same end and the same verdict.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoded {
	char *body;
	size_t n, used;
	bool ended;
	enum err err;
};

static void
begin(struct http_parse *parse)
{
	static const struct http_limits limits = {.head_max = 8192, .target_max = 1024};
	struct bytes text =
	    BYTES("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	struct http_head head;
	struct errinfo why;
	struct arena arena;

	arena_init(&arena, 1 << 16);
	CHECK(http_parse_head(parse, text, &limits, &arena, &head, &why) == ERR_OK);
	CHECK(head.chunked);
	arena_release(&arena);
}

static struct decoded
decode(struct http_parse *parse, const uint8_t *data, size_t size, size_t step)
{
	struct decoded d = {.body = malloc(size + 1)};
	struct errinfo why;

	CHECK(d.body != NULL);
	begin(parse);
	while (d.used < size && !d.ended && d.err == ERR_OK) {
		size_t n = step < size - d.used ? step : size - d.used, used, out;
		char *part = malloc(n);

		CHECK(part != NULL);
		(void)memcpy(part, data + d.used, n);
		d.err = http_parse_chunks(parse, part, n, &used, &out, &d.ended, &why);
		if (d.err == ERR_OK) {
			CHECK(out <= used && used <= n && (d.ended || used == n));
			(void)memcpy(d.body + d.n, part, out);
			d.n += out;
			d.used += used;
		}
		free(part);
	}
	return d;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parse *parse;
	struct decoded whole, parts;
	size_t step;

	if (size < 2)
		return 0;
	step = (size_t)data[0] % 32 + 1;
	parse = http_parse_new();
	CHECK(parse != NULL);
	whole = decode(parse, data + 1, size - 1, size);
	parts = decode(parse, data + 1, size - 1, step);
	CHECK(whole.err == parts.err && whole.ended == parts.ended);
	if (whole.err == ERR_OK) {
		CHECK(whole.n == parts.n && whole.used == parts.used);
		CHECK(memcmp(whole.body, parts.body, whole.n) == 0);
	}
	free(whole.body);
	free(parts.body);
	http_parse_free(parse);
	return 0;
}
