/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/small_table.h"

#include <stdlib.h>

#include "service/core/check.h"

/* Ids come one after the other: their last bits spread them well. */
static struct small_file **
slot_of(struct small_table *t, uint64_t id)
{
	return &t->slot[id % SMALL_SLOTS];
}

void
small_table_add(struct small_table *t, struct small_file *file)
{
	struct small_file **slot = slot_of(t, file->id);

	file->same = *slot;
	*slot = file;
	t->n++;
}

struct small_file *
small_table_find(const struct small_table *t, uint64_t id)
{
	struct small_file *file = t->slot[id % SMALL_SLOTS];

	while (file != NULL && file->id != id)
		file = file->same;
	return file;
}

void
small_table_queue(struct small_table *t, struct small_file *file)
{
	CHECK(!file->is_queued);
	file->is_queued = true;
	file->next = NULL;
	file->prev = t->last;
	if (t->last != NULL)
		t->last->next = file;
	else
		t->first = file;
	t->last = file;
	t->n_queued++;
}

void
small_table_unqueue(struct small_table *t, struct small_file *file)
{
	CHECK(file->is_queued);
	file->is_queued = false;
	t->n_queued--;
	*(file->prev != NULL ? &file->prev->next : &t->first) = file->next;
	*(file->next != NULL ? &file->next->prev : &t->last) = file->prev;
}

struct small_file *
small_table_first(const struct small_table *t)
{
	return t->first;
}

static void
free_file(struct small_file *file)
{
	piece_unref(file->piece);
	free(file);
}

void
small_table_remove(struct small_table *t, struct small_file *file)
{
	struct small_file **at = slot_of(t, file->id);

	if (file->is_queued)
		small_table_unqueue(t, file);
	while (*at != file)
		at = &(*at)->same;
	*at = file->same;
	t->n--;
	free_file(file);
}

void
small_table_release(struct small_table *t)
{
	for (size_t i = 0; i < SMALL_SLOTS; i++)
		while (t->slot[i] != NULL)
			small_table_remove(t, t->slot[i]);
}
