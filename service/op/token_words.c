/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/token_words.h"

#include <stdio.h>

#include "service/core/check.h"
#include "service/core/encode.h"
#include "storage/tokens.h"

void
token_id_show(uint64_t id, char out[TOKEN_ID_DIGITS + 1])
{
	(void)snprintf(out, TOKEN_ID_DIGITS + 1, "%016llx", (unsigned long long)id);
}

bool
token_id_is(struct bytes text, uint64_t id)
{
	char shown[TOKEN_ID_DIGITS + 1];

	token_id_show(id, shown);
	return bytes_is(text, shown);
}

enum err
token_id_read(struct op_call *call, struct bytes text, uint64_t *out)
{
	uint8_t raw[TOKEN_ID_DIGITS / 2];

	*out = 0;
	if (text.n == TOKEN_ID_DIGITS && hex_decode(text, raw, sizeof raw))
		for (size_t i = 0; i < sizeof raw; i++)
			*out = *out << 8 | raw[i];
	return *out != 0 ? ERR_OK
			 : errinfo_set(&call->why, ERR_NOT_FOUND, "no such token");
}

enum err
token_read_days(struct op_call *call, uint64_t usual, uint64_t most, uint64_t *out)
{
	struct bytes text = op_param(call, "days");

	*out = usual < most ? usual : most;
	if (text.p == NULL)
		return ERR_OK;
	if (!bytes_u64(text, out) || *out == 0 || *out > most)
		return errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
		    "days: '%.*s' is not a number from 1 to %llu", BYTES_ARG(text),
		    (unsigned long long)most);
	return ERR_OK;
}

enum err
token_write_path(struct op_call *call, struct path path, struct bytes *out)
{
	struct str text;

	str_init(&text, TOKEN_PATH_MAX);
	path_encode(&text, path);
	*out = str_failed(&text) ? (struct bytes){NULL, 0}
				 : arena_copy(call->arena, str_bytes(&text));
	str_release(&text);
	return out->p == NULL ? errinfo_set(&call->why, ERR_INVALID_ARGUMENT,
				    "path: longer than %d bytes", TOKEN_PATH_MAX)
			      : ERR_OK;
}

enum err
token_read_label(struct op_call *call, struct bytes *out)
{
	*out = op_param(call, "label");
	if (out->p == NULL)
		*out = BYTES("");
	return utf8_valid(*out)
		   ? ERR_OK
		   : errinfo_set(&call->why, ERR_INVALID_ARGUMENT, "label: not UTF-8");
}

struct revoking {
	struct op_call *call;
	struct tokens_remove remove;
};

static void
revoked(struct change *change)
{
	struct tokens_remove *remove = container_of(change, struct tokens_remove, change);
	struct op_call *call = container_of(remove, struct revoking, remove)->call;

	if (change->err != ERR_OK) {
		call->why = change->why;
		op_fail(call, change->err);
		return;
	}
	op_reply_status(call, 204);
	op_finish(call);
}

void
token_revoke(struct op_call *call, uint64_t account, uint64_t id)
{
	struct revoking *r = arena_new(call->arena, struct revoking);

	if (r == NULL) {
		op_fail(call, ERR_NO_MEMORY);
		return;
	}
	r->call = call;
	r->remove = (struct tokens_remove){
	    .change = {.loop = call->env->loop, .done = revoked},
	    .account = account,
	    .id = id,
	};
	tokens_remove(call->env->store, &r->remove);
}
