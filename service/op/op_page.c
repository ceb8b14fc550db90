/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web page (service/ui): the same document at each of its addresses, with who is signed
 * in written into it, and the files it loads, below /ui.
 */
#include <stdlib.h>

#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/op/op_account_private.h"
#include "service/op/op_json_private.h"
#include "service/op/ops.h"
#include "service/op/range.h"
#include "service/ui/ui.h"

enum { PAGE_MAX = 1024 * 1024, ETAG_BYTES = 16 };

/* As JSON inside of HTML: a '<' would end it. */
static void
add_session(struct str *to, struct op_call *call)
{
	json_t *own = account_own(call);
	char *text = own == NULL ? NULL : json_dumps(own, JSON_COMPACT);

	for (const char *p = text; p != NULL && *p != '\0'; p++)
		if (*p == '<')
			str_adds(to, "\\u003c");
		else
			str_addc(to, *p);
	free(text);
	json_decref(own);
}

/* `text` up to the mark; what is behind it stays in *text. */
static struct bytes
take_before(struct bytes *text, struct bytes mark)
{
	struct bytes before = *text;

	for (size_t i = 0; i + mark.n <= text->n; i++)
		if (bytes_starts(bytes_skip(*text, i), mark)) {
			before.n = i;
			*text = bytes_skip(*text, i + mark.n);
			return before;
		}
	*text = (struct bytes){"", 0};
	return before;
}

/*
 * Nothing but our own files, no frame around us, and the one style that is written into the
 * page, by its hash.
 */
static void
add_policy(struct op_call *call)
{
	struct bytes style = ui_style();
	char hash[BASE64_ROOM(SHA256_SIZE)] = "";
	uint8_t raw[SHA256_SIZE];

	if (sha256_of(style.p, style.n, raw))
		base64_encode(raw, sizeof raw, hash);
	op_reply_field(call, "Content-Security-Policy",
	    arena_format(call->arena,
		"default-src 'none'; script-src 'self'; style-src 'sha256-%s'; "
		"connect-src 'self'; img-src 'self' data:; worker-src 'self'; "
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		hash));
	op_reply_field(call, "X-Content-Type-Options", BYTES("nosniff"));
	op_reply_field(call, "Referrer-Policy", BYTES("same-origin"));
	op_reply_field(call, "Cross-Origin-Opener-Policy", BYTES("same-origin"));
}

static void
run_page(struct op_call *call)
{
	struct bytes rest = ui_index();
	struct str page;

	str_init(&page, PAGE_MAX);
	str_add(&page, take_before(&rest, BYTES("@STYLE@")));
	str_add(&page, ui_style());
	str_add(&page, take_before(&rest, BYTES("@SESSION@")));
	add_session(&page, call);
	str_add(&page, rest);
	add_policy(call);
	op_reply_field(call, "Cache-Control", BYTES("no-store"));
	op_finish_str(call, 200, "text/html; charset=utf-8", &page);
}

static void
run_file(struct op_call *call)
{
	char hex[2 * ETAG_BYTES + 1];
	uint8_t raw[SHA256_SIZE];
	struct ui_file file;
	struct validators v;

	if (!ui_find(bytes_skip(call->rest, 1), &file)) {
		op_fail(call, ERR_NOT_FOUND);
		return;
	}
	if (!sha256_of(file.text.p, file.text.n, raw)) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	hex_encode(raw, ETAG_BYTES, hex);
	v = (struct validators){.etag = arena_format(call->arena, "\"%s\"", hex)};
	op_reply_field(call, "ETag", v.etag);
	op_reply_field(call, "Cache-Control", BYTES("no-cache"));
	op_reply_field(call, "X-Content-Type-Options", BYTES("nosniff"));
	if (range_not_modified(
		op_header(call, "if-none-match"), (struct bytes){NULL, 0}, &v)) {
		op_reply_status(call, 304);
		call->reply.no_body = true;
	} else {
		op_reply_text(call, 200, file.type, file.text);
	}
	op_finish(call);
}

const struct op op_page = {.name = "page", .guests = GUESTS_MAY, .run = run_page};
const struct op op_ui = {.name = "ui", .guests = GUESTS_MAY, .run = run_file};
