/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/pins.h"

#include <pthread.h>
#include <stdlib.h>

#include "service/core/check.h"

enum { BUCKETS = 1024 }; /* a power of two */

struct pin {
	struct pin *next;
	uint64_t id;
	unsigned count;
};

struct pins {
	pthread_mutex_t lock;
	struct pin *bucket[BUCKETS];
};

struct pins *
pins_new(void)
{
	struct pins *pins = calloc(1, sizeof *pins);

	if (pins != NULL)
		CHECK(pthread_mutex_init(&pins->lock, NULL) == 0);
	return pins;
}

void
pins_free(struct pins *pins)
{
	if (pins == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		CHECK(pins->bucket[i] == NULL);
	(void)pthread_mutex_destroy(&pins->lock);
	free(pins);
}

/* Where the pin of `id` is, or would be. Ids ascend, so the low bits spread well. */
static struct pin **
place(struct pins *pins, uint64_t id)
{
	struct pin **at = &pins->bucket[id & (BUCKETS - 1)];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

bool
pins_add(struct pins *pins, uint64_t blob_id)
{
	struct pin **at;
	bool good = true;

	(void)pthread_mutex_lock(&pins->lock);
	at = place(pins, blob_id);
	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		good = *at != NULL;
		if (good)
			(*at)->id = blob_id;
	}
	if (good)
		(*at)->count++;
	(void)pthread_mutex_unlock(&pins->lock);
	return good;
}

void
pins_drop(struct pins *pins, uint64_t blob_id)
{
	struct pin **at, *pin;

	(void)pthread_mutex_lock(&pins->lock);
	at = place(pins, blob_id);
	pin = *at;
	CHECK(pin != NULL);
	if (--pin->count == 0) {
		*at = pin->next;
		free(pin);
	}
	(void)pthread_mutex_unlock(&pins->lock);
}

bool
pins_has(struct pins *pins, uint64_t blob_id)
{
	bool has;

	(void)pthread_mutex_lock(&pins->lock);
	has = *place(pins, blob_id) != NULL;
	(void)pthread_mutex_unlock(&pins->lock);
	return has;
}
