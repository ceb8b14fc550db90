/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_sync - fdatasync as a test wants it: how many more calls succeed before all fail
 * with EIO. Included by one file of a program, it stands before the C library's.
 */
#ifndef QUARTET_TESTS_FAKE_SYNC_H
#define QUARTET_TESTS_FAKE_SYNC_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

static atomic_int syncs_left = INT32_MAX;

int
fdatasync(int fd)
{
	static int (*next)(int);

	if (atomic_fetch_sub(&syncs_left, 1) <= 0) {
		errno = EIO;
		return -1;
	}
	if (next == NULL)
		next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return next(fd);
}

#endif
