/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_words - how tokens and links to share are asked for and spoken of: their ids in hex,
 * and the parameters they have in common. Thread: the call's loop.
 */
#ifndef QUARTET_OP_TOKEN_WORDS_H
#define QUARTET_OP_TOKEN_WORDS_H

#include "service/op/op.h"

enum { TOKEN_ID_DIGITS = 16 };

void token_id_show(uint64_t id, char out[TOKEN_ID_DIGITS + 1]);
bool token_id_is(struct bytes text, uint64_t id);
/* ERR_NOT_FOUND: no id at all. */
enum err token_id_read(
    struct op_call *call, struct bytes text, uint64_t *out) ERR_CHECKED;

/* The parameter `days`, when it has none `usual`, at most `most`. ERR_INVALID_ARGUMENT. */
enum err token_read_days(
    struct op_call *call, uint64_t usual, uint64_t most, uint64_t *out) ERR_CHECKED;

/* A path as a token keeps it, in the arena. ERR_INVALID_ARGUMENT: it is too long. */
enum err token_write_path(
    struct op_call *call, struct path path, struct bytes *out) ERR_CHECKED;

/* The parameter `label`, or "". ERR_INVALID_ARGUMENT: it is not UTF-8. */
enum err token_read_label(struct op_call *call, struct bytes *out) ERR_CHECKED;

/* Remove a token, or a link with its guests, and answer. */
void token_revoke(struct op_call *call, uint64_t account, uint64_t id);

#endif
