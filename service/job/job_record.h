/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_record - a job as bytes for the store, and back.
 *
 * Layout: version (1), list, phase, owner, times, limits, counts, id, then parts of tag
 * (1), length (4), content; a part nobody knows is skipped. Numbers are little-endian.
 * The store guards records against damage; here any bytes are safe to decode.
 * Thread: any.
 */
#ifndef QUARTET_JOB_JOB_RECORD_H
#define QUARTET_JOB_JOB_RECORD_H

#include "service/core/arena.h"
#include "service/core/str.h"
#include "service/job/job.h"

/* Appends; fails as str does. */
void job_record_encode(const struct job *job, struct str *out);

/* Text is borrowed from `record`, lists are made in the arena. ERR_DAMAGED,
 * ERR_NO_MEMORY. */
enum err job_record_decode(struct arena *a, uint64_t number, struct bytes record,
    struct job *out, struct errinfo *why) ERR_CHECKED;

#endif
