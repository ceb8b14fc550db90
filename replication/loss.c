/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/loss.h"

#include <stdlib.h>
#include <string.h>

struct loss {
	struct blob_lost lost;
	struct location_remove remove;
	struct location_victim victim;
	struct mirror *m;
	bool is_there;
};

static void
loss_free(struct loss *loss)
{
	loss->m->work--;
	free(loss);
}

static void
put_aside(struct location_call *call)
{
	struct location_remove *r = container_of(call, struct location_remove, call);

	loss_free(container_of(r, struct loss, remove));
}

static void
noted(struct change *change)
{
	struct loss *loss = container_of(change, struct loss, lost.change);

	if (change->err != ERR_OK || !loss->is_there) {
		loss_free(loss);
		return;
	}
	loss->remove = (struct location_remove){
	    .call = {.verb = LOCATION_REMOVE, .loop = change->loop, .done = put_aside},
	    .quarantine = true,
	    .victim = &loss->victim,
	    .n = 1,
	};
	location_submit(loss->m->location[loss->lost.location], &loss->remove.call);
}

void
loss_note(struct mirror *m, struct loop *loop, const struct blob *blob, unsigned location,
    bool is_there)
{
	struct loss *loss = calloc(1, sizeof *loss);

	m->bad_blocks += is_there;
	if (loss == NULL)
		return; /* who looks next notices it again */
	*loss = (struct loss){
	    .lost = {.change = {.loop = loop, .done = noted},
		.id = blob->id,
		.location = location},
	    .victim = {.id = blob->id},
	    .m = m,
	    .is_there = is_there,
	};
	(void)memcpy(loss->victim.md5, blob->md5, MD5_SIZE);
	m->work++;
	blob_lost(m->store, &loss->lost);
}
