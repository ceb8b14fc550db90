/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_call - a call to a location about the catalogue's files, waited for, but not for
 * ever: one that does not come back in time is left to its location, with its memory.
 *
 * Internal to replication; for threads that have nothing else to do. Errors as of the
 * call; ERR_TIMEOUT: it did not come back.
 */
#ifndef QUARTET_REPLICATION_META_CALL_H
#define QUARTET_REPLICATION_META_CALL_H

#include <pthread.h>

#include "storage/location.h"

struct meta_call;

/* With `room` bytes of memory. NULL: no memory. */
struct meta_call *meta_call_new(struct location *location, size_t room);
void meta_call_free(struct meta_call *call);
uint8_t *meta_call_memory(struct meta_call *call);

/*
 * Write `n` bytes of its memory to the file at `offset`; the file is made anew for offset
 * 0. With `publish` it is made durable under that name. Takes the call.
 */
enum err meta_call_write(struct meta_call *call, const char *name, uint64_t offset,
    size_t n, const char *publish, uint64_t deadline_ms, struct errinfo *why) ERR_CHECKED;

enum err meta_call_remove(struct location *location, const char *name,
    uint64_t deadline_ms, struct errinfo *why) ERR_CHECKED;
/* *found_out (malloc'd) is the caller's. */
enum err meta_call_list(struct location *location, uint64_t deadline_ms,
    struct location_meta_found **found_out, size_t *n_out,
    struct errinfo *why) ERR_CHECKED;

/* A condition with a clock that does not jump, and a wait for a flag of at most `ms`;
 * returns the flag. */
void meta_call_cond_init(pthread_cond_t *cond);
bool meta_call_sleep(
    pthread_mutex_t *lock, pthread_cond_t *cond, const bool *flag, uint64_t ms);

#endif
