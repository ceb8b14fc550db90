/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_mode - what the service does at all, as the operator says (server-contract 2.1):
 *
 *   read-write  everything
 *   read-only   nothing of the tree is changed, no byte is stored; reads go on, and what
 *               is under way ends
 *   offline     only what a client must know about the service itself
 *
 * Kept in the store, so that a restart changes nothing. Thread: any.
 */
#ifndef QUARTET_OP_SERVICE_MODE_H
#define QUARTET_OP_SERVICE_MODE_H

#include "service/op/op.h"

/* "read-only"; and back. False: no mode. */
const char *service_mode_name(enum service_mode mode);
bool service_mode_parse(struct bytes text, enum service_mode *out);

/* ERR_OFFLINE; registry, capabilities and availability are answered always. */
enum err service_mode_check(struct op_call *call) ERR_CHECKED;
/* May the tree be changed? ERR_READ_ONLY, ERR_OFFLINE. */
enum err service_mode_check_change(struct op_call *call) ERR_CHECKED;

/* Why it is not read-write, as the operator wrote it; .n 0: he did not. */
struct bytes service_mode_reason(struct op_call *call);

/* As it was left; once at start. */
enum err service_mode_load(
    struct space *space, struct store_reader *reader, struct errinfo *why) ERR_CHECKED;

#endif
