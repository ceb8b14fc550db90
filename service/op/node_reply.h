/* SPDX-License-Identifier: Apache-2.0 */
/* node_reply - the document of one node, without children: as an answer, and as sent. */
#ifndef QUARTET_OP_NODE_REPLY_H
#define QUARTET_OP_NODE_REPLY_H

#include "service/op/props.h"
#include "service/op/target.h"
#include "service/xml/node_form.h"

/* The document in the body of a request, within the settings' limits. */
enum err node_parse(struct op_call *call, struct node_doc *out) ERR_CHECKED;

/*
 * The form the client wants: the parameter `Accept`, else the header if it names one of
 * the forms and no other. ERR_INVALID_ARGUMENT: a parameter that names neither.
 */
enum err node_form_wanted(struct op_call *call, const struct node_form **out) ERR_CHECKED;

/* Finish the call with `status` and the document of the target's last node. */
void node_reply(struct op_call *call, int status, const struct op_target *target,
    enum props_detail detail);

/* The same for a node just changed: it is read again first. `path` is where it is. */
void node_reply_fresh(struct op_call *call, int status, struct path path, uint64_t id);

#endif
