/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill_point - named places where a test lets the process die as kill -9 would.
 *
 * QUARTET_KILL_AT=NAME:N in the environment ends the process with SIGKILL when it passes
 * the point NAME for the N-th time (1 when ":N" is left out). Without it a point costs
 * one comparison; in builds without QUARTET_KILL_POINTS (the release preset) it is
 * nothing. Thread: any.
 *
 *   point   passed when, of a PUT (storage 2.2)               once for each
 *   s1      the temporary file was made                       location
 *   s2      bytes were written to it                          location and piece
 *   s3      it was synced                                     location
 *   s4      it has its final name                             location
 *   s5      the directory was synced                          location
 *   s6      the change is applied, its batch not committed    PUT
 *   s7      the metadata are durable, the answer is not sent  PUT
 *   s8      a late copy is durable and not yet counted        late copy
 *   j1      the journal has the batch, the store has not      batch
 *   gc      files are unlinked, their rows not struck off     location and batch
 *   repair  a missing copy was made and is not yet counted    copy
 */
#ifndef QUARTET_CORE_KILL_POINT_H
#define QUARTET_CORE_KILL_POINT_H

#ifdef QUARTET_KILL_POINTS
void kill_point(const char *name);
#else
static inline void
kill_point(const char *name)
{
	(void)name;
}
#endif

#endif
