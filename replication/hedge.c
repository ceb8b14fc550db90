/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/hedge.h"

enum { ONE = 100, AT_MOST = 10 * ONE, TIMES_USUAL = 3 };

void
hedges_init(struct hedges *h, uint64_t after_ms, unsigned percent)
{
	*h = (struct hedges){.after_ms = after_ms, .percent = percent};
	h->earned = percent == 0 ? 0 : AT_MOST;
}

void
hedges_earn(struct hedges *h)
{
	if (h->earned < AT_MOST) /* all but always full: nothing is written then */
		h->earned += (int32_t)h->percent;
}

uint64_t
hedges_patience_ms(const struct hedges *h, uint64_t usual_us)
{
	uint64_t ms = TIMES_USUAL * usual_us / 1000;

	return ms > h->after_ms ? ms : h->after_ms;
}

bool
hedges_spend(struct hedges *h)
{
	if (h->earned < ONE)
		return false;
	h->earned -= ONE; /* two at once may overdraw it by one, and earn that back */
	h->begun++;
	return true;
}
