/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relocate - moveNode and copyNode (VOSpace 2.1 6.2; server-contract 6.6): a node with
 * everything below it goes, or goes also, to another place of the tree, in one change of
 * the catalogue. No byte of a file is touched.
 *
 * A destination that is a container takes the node in under its own name; one that is not
 * there is the node's new place and name (".auto": the server chooses the name). Nothing
 * is ever overwritten.
 *
 * A copy belongs to who makes it and has everything its original has but lock and quota.
 * What the caller may not read refuses the copy as a whole.
 */
#ifndef QUARTET_OP_RELOCATE_H
#define QUARTET_OP_RELOCATE_H

#include "service/op/job_call.h"
#include "service/xml/transfer_xml.h"

/*
 * Do what a document with a vos URI as its direction asks for: keepBytes tells a copy
 * from a move. Ends the run, now or later; `jc` and `doc` stay until then.
 */
void relocate(struct job_run *run, struct job_call *jc, const struct transfer_doc *doc);

#endif
