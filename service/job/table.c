/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job/table.h"

#include <stdlib.h>

#include "service/core/digest.h"

static struct job_entry **
bucket_of(const struct job_table *t, uint64_t number)
{
	struct job_table *table = (struct job_table *)(uintptr_t)t;

	return &table->bucket[number % JOB_BUCKETS];
}

static struct job_owner **
owners_of(const struct job_table *t, uint64_t id, struct bytes key)
{
	struct job_table *table = (struct job_table *)(uintptr_t)t;
	uint64_t hash = id + (key.n > 0 ? crc32c(0, key.p, key.n) : 0);

	return &table->owners[hash % JOB_OWNER_BUCKETS];
}

struct job_owner *
job_table_owner(const struct job_table *t, uint64_t id, struct bytes key)
{
	struct job_owner *o = *owners_of(t, id, key);

	while (o != NULL && !(o->id == id && bytes_eq(o->key, key)))
		o = o->next;
	return o;
}

static struct job_owner *
make_owner(struct job_table *t, uint64_t id, struct bytes key)
{
	struct job_owner **bucket = owners_of(t, id, key);
	struct job_owner *o = calloc(1, sizeof *o);
	char *copy = NULL;

	if (o != NULL && key.n > 0) {
		copy = malloc(key.n);
		if (copy == NULL) {
			free(o);
			return NULL;
		}
		(void)memcpy(copy, key.p, key.n);
	}
	if (o == NULL)
		return NULL;
	o->id = id;
	o->key = (struct bytes){copy, key.n};
	o->next = *bucket;
	*bucket = o;
	return o;
}

static void
drop_owner(struct job_table *t, struct job_owner *owner)
{
	struct job_owner **at = owners_of(t, owner->id, owner->key);

	while (*at != owner)
		at = &(*at)->next;
	*at = owner->next;
	free((void *)(uintptr_t)owner->key.p);
	free(owner);
}

struct job_entry *
job_table_add(struct job_table *t, const struct job *job)
{
	struct job_entry **bucket = bucket_of(t, job->number);
	struct job_entry *e = calloc(1, sizeof *e);
	struct job_owner *owner = job_table_owner(t, job->owner, job->owner_key);

	if (e != NULL && owner == NULL)
		owner = make_owner(t, job->owner, job->owner_key);
	if (e == NULL || owner == NULL) {
		free(e);
		return NULL;
	}
	e->number = job->number;
	e->list = job->list;
	e->phase = job->phase;
	t->in_phase[e->phase]++;
	e->created_ms = job->created_ms;
	e->started_ms = job->started_ms;
	e->destruction_ms = job->destruction_ms;
	e->overrun_ms = job_overrun(job);
	e->owner = owner;
	e->older = owner->newest;
	*(owner->newest != NULL ? &owner->newest->newer : &owner->oldest) = e;
	owner->newest = e;
	owner->n++;
	e->next = *bucket;
	*bucket = e;
	t->n++;
	return e;
}

struct job_entry *
job_table_find(const struct job_table *t, uint64_t number)
{
	struct job_entry *e = *bucket_of(t, number);

	while (e != NULL && e->number != number)
		e = e->next;
	return e;
}

void
job_table_set_phase(struct job_table *t, struct job_entry *e, enum job_phase phase)
{
	t->in_phase[e->phase]--;
	e->phase = phase;
	t->in_phase[phase]++;
}

void
job_table_remove(struct job_table *t, struct job_entry *e)
{
	struct job_entry **at = bucket_of(t, e->number);
	struct job_owner *owner = e->owner;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	*(e->older != NULL ? &e->older->newer : &owner->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &owner->newest) = e->older;
	e->owner = NULL;
	t->n--;
	t->in_phase[e->phase]--;
	if (--owner->n == 0)
		drop_owner(t, owner);
}

void
job_entry_free(struct job_entry *e)
{
	if (e == NULL)
		return;
	if (e->put_record != e->record.p)
		free((void *)(uintptr_t)e->put_record);
	free((void *)(uintptr_t)e->record.p);
	free(e);
}

void
job_table_release(struct job_table *t)
{
	for (size_t i = 0; i < JOB_BUCKETS; i++)
		while (t->bucket[i] != NULL) {
			struct job_entry *e = t->bucket[i];

			job_table_remove(t, e);
			job_entry_free(e);
		}
}
