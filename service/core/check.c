/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/check.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local const char *context = "";

void
check_context(const char *request_id)
{
	context = request_id;
}

void
check_failed(const char *cond, const char *file, int line, const char *func)
{
	(void)fprintf(stderr, "quartet: bug: %s:%d: %s: '%s' does not hold%s%s\n", file,
	    line, func, cond, context[0] != '\0' ? ", request " : "", context);
	abort();
}
