/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no library of ours may do: this one stands on core and calls conf above it. The
 * build of house-upward-program has to fail because of it.
 */
#include "conf/settings.h"

void call_upwards(struct settings *s);

void
call_upwards(struct settings *s)
{
	settings_release(s);
}
