/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the head of a request, given whole and found byte by byte; what is
 * accepted is held to what parse.h promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/http/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct bytes part, struct bytes text)
{
	CHECK(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

static void
check_head(const struct http_head *h, struct bytes text)
{
	CHECK(h->path.n > 0 && h->path.p[0] == '/');
	CHECK(!(h->chunked && h->length_given));
	CHECK(h->minor == 1 || (h->minor == 0 && !h->chunked && !h->expect_continue));
	CHECK(h->minor == 0 || http_header(h, "host").p != NULL);
	check_inside(h->path, text);
	check_inside(h->query, text);
	check_inside(h->method_name, text);
	for (size_t i = 0; i < h->n_headers; i++) {
		check_inside(h->header[i].name, text);
		check_inside(h->header[i].value, text);
		CHECK(h->header[i].name.n > 0);
		for (size_t k = 0; k < h->header[i].value.n; k++)
			CHECK(h->header[i].value.p[k] != '\0' &&
			      h->header[i].value.p[k] != '\r' &&
			      h->header[i].value.p[k] != '\n');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_limits limits = {.head_max = 8192, .target_max = 1024};
	struct http_parse *parse = http_parse_new();
	char *text = malloc(size + 1); /* exactly, so that reading on is seen */
	size_t scanned = 0, whole = 0, end;
	struct http_head head;
	struct errinfo why;
	struct arena arena;

	CHECK(parse != NULL && text != NULL);
	if (size > 0)
		(void)memcpy(text, data, size);
	arena_init(&arena, 1 << 20);
	end = http_head_end((struct bytes){text, size}, &whole);
	for (size_t n = 1; n <= size && n <= 512; n++) {
		size_t found = http_head_end((struct bytes){text, n}, &scanned);

		CHECK(found == 0 || found == end);
		if (found != 0)
			break;
	}
	if (end > 0) {
		struct bytes front = {text, end};

		if (http_parse_head(parse, front, &limits, &arena, &head, &why) == ERR_OK)
			check_head(&head, front);
		else
			CHECK(why.text[0] != '\0');
	}
	arena_release(&arena);
	http_parse_free(parse);
	free(text);
	return 0;
}
