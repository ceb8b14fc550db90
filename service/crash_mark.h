/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_mark - a process that dies of a bad page of the metadata leaves a mark beside
 * them, for the next start to look through the store before it is opened (architecture
 * D72): SIGSEGV and SIGBUS are what a damaged page, or one that cannot be read, ends in.
 *
 * Thread: before there are others. Builds with a sanitizer leave the signals to it.
 */
#ifndef QUARTET_CRASH_MARK_H
#define QUARTET_CRASH_MARK_H

#include <stdbool.h>

/* From now on a crash leaves the mark in `dir`. */
void crash_mark_set_up(const char *dir);
bool crash_mark_is_there(const char *dir);
void crash_mark_remove(const char *dir);

#endif
