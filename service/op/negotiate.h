/* SPDX-License-Identifier: Apache-2.0 */
/*
 * negotiate - where the bytes of a transfer go: from what a client offers to the URLs it
 * gets (VOSpace 2.1 3.6; client-contract 6.3).
 *
 * Nothing is created and nothing reserved: a pushed file appears with its first bytes
 * (architecture D55). Links are followed, also at the end.
 */
#ifndef QUARTET_OP_NEGOTIATE_H
#define QUARTET_OP_NEGOTIATE_H

#include "service/op/target.h"
#include "service/xml/transfer_xml.h"

enum negotiate_direction {
	NEGOTIATE_PULL, /* pullFromVoSpace */
	NEGOTIATE_PUSH, /* pushToVoSpace */
	NEGOTIATE_MOVE, /* a vos URI: move or copy */
	NEGOTIATE_OTHER, /* what is not offered, or nonsense */
};

enum negotiate_direction negotiate_direction(struct bytes direction);

struct negotiation {
	bool push;
	bool anonymous; /* asked for, and always to be had */
	unsigned methods; /* security methods asked for and to be had, a bit each */
	struct op_target target;
	struct bytes cutout; /* to be cut from what is pulled; .p NULL: nothing */
	bool header; /* only the FITS headers of it */
	bool unpack; /* an archive is pushed, and the target its container (unpack.h) */
};

/*
 * May and can the caller have this transfer? Everything that would refuse the bytes later
 * is refused here, so that the client hears a reason.
 */
enum err negotiate_check(struct op_call *call, const struct transfer_doc *doc,
    struct negotiation *out) ERR_CHECKED;

/*
 * What the client says about the length of the bytes that come in; 1 where it does not, so
 * that a full quota is noticed even so.
 */
uint64_t negotiate_announced_length(const struct transfer_doc *doc);

/* Does this protocol do without a credential? */
bool negotiate_is_anonymous(const struct transfer_protocol *p);

/* The first URL, which needs no credential; `job` as file_preauth_url has it. */
enum err negotiate_url(struct op_call *call, const struct negotiation *n, uint64_t job,
    struct bytes *out) ERR_CHECKED;

/* The document with an endpoint for everything that can be had, best first. */
enum err negotiate_answer(struct op_call *call, const struct transfer_doc *doc,
    const struct negotiation *n, uint64_t job, struct transfer_doc *out) ERR_CHECKED;

/* The same for a refusal: without endpoints. */
struct transfer_doc negotiate_refusal(const struct transfer_doc *doc);

/*
 * Must a refusal be told by the status of the details, since the client looks at no job?
 * It is told by what it asks: nothing but URLs that need no credential (D29).
 */
bool negotiate_by_status(const struct transfer_doc *doc);

#endif
