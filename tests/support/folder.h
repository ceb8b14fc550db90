/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder - a scratch folder of a test's own, below TMPDIR, removed with all that is in
 * it.
 */
#ifndef QUARTET_TESTS_FOLDER_H
#define QUARTET_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/check.h"

static inline void
folder_make(char dir[64])
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(dir, 64, "%.40s/quartet-XXXXXX", base == NULL ? "/tmp" : base);
	assert_non_null(mkdtemp(dir));
}

static inline int
folder_remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void
folder_remove(const char *dir)
{
	assert_int_equal(nftw(dir, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
