/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/kill_point.h"

#ifdef QUARTET_KILL_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Atomic unsigned passed;

/* Is `wanted` NAME or NAME:N with this name? */
static bool
names(const char *wanted, const char *name, unsigned *n_out)
{
	size_t n = strlen(name);

	if (strncmp(wanted, name, n) != 0 || (wanted[n] != '\0' && wanted[n] != ':'))
		return false;
	*n_out = wanted[n] == '\0' ? 1 : (unsigned)strtoul(wanted + n + 1, NULL, 10);
	return true;
}

void
kill_point(const char *name)
{
	const char *wanted = getenv("QUARTET_KILL_AT");
	unsigned n;

	if (wanted != NULL && names(wanted, name, &n) && ++passed == n)
		(void)raise(SIGKILL);
}

#endif
