/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - what must be true whatever a client or a disk does.
 *
 * CHECK(cond) stays on in release builds: a broken invariant of ours ends the process
 * with file, line and the request at hand, since going on could write wrong metadata.
 * Never CHECK anything that input, a disk or the kernel can cause.
 *
 * Long-lived structs begin with `uint32_t magic`; MAGIC_CHECK at each entry point
 * notices a stale or foreign pointer early.
 */
#ifndef QUARTET_CORE_CHECK_H
#define QUARTET_CORE_CHECK_H

#define CHECK(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__, __func__))

#define MAGIC_CHECK(obj, number) CHECK((obj) != NULL && (obj)->magic == (number))

_Noreturn void check_failed(
    const char *cond, const char *file, int line, const char *func);

/* The id of the request this thread works on (borrowed; "" for none), for the report. */
void check_context(const char *request_id);

#endif
