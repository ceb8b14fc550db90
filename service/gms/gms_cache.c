/* SPDX-License-Identifier: Apache-2.0 */
#include "service/gms/gms_cache.h"

#include <stdlib.h>
#include <string.h>

#include "service/core/check.h"
#include "service/core/digest.h"

struct gms_cache {
	size_t max, n, n_chains;
	uint64_t seed; /* so that nobody chooses names that all fall together */
	struct gms_entry *newest, *oldest;
	struct gms_entry *chain[];
};

struct gms_cache *
gms_cache_new(size_t max)
{
	struct gms_cache *c = calloc(1, sizeof *c + max * sizeof(struct gms_entry *));

	if (c == NULL)
		return NULL;
	c->max = max;
	c->n_chains = max;
	random_bytes(&c->seed, sizeof c->seed);
	return c;
}

static void
free_entry(struct gms_entry *e)
{
	free(e->block);
	free(e);
}

void
gms_cache_free(struct gms_cache *c)
{
	struct gms_entry *older;

	for (struct gms_entry *e = c == NULL ? NULL : c->newest; e != NULL; e = older) {
		older = e->older;
		free_entry(e);
	}
	free(c);
}

size_t
gms_cache_count(const struct gms_cache *c)
{
	return c->n;
}

/* FNV-1a. */
static uint64_t
hash_of(const struct gms_cache *c, struct bytes key)
{
	uint64_t h = 0xcbf29ce484222325 ^ c->seed;

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (uint8_t)key.p[i]) * 0x100000001b3;
	return h;
}

static struct gms_entry **
chain_of(struct gms_cache *c, uint64_t hash)
{
	return &c->chain[hash % c->n_chains];
}

static void
unlink_age(struct gms_cache *c, struct gms_entry *e)
{
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		c->newest = e->older;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		c->oldest = e->newer;
}

static void
make_newest(struct gms_cache *c, struct gms_entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	if (c->newest != NULL)
		c->newest->newer = e;
	else
		c->oldest = e;
	c->newest = e;
}

struct gms_entry *
gms_cache_find(struct gms_cache *c, struct bytes key)
{
	uint64_t hash = hash_of(c, key);
	struct gms_entry *e = *chain_of(c, hash);

	while (e != NULL &&
	       !(e->hash == hash && bytes_eq((struct bytes){e->key, e->key_n}, key)))
		e = e->chain;
	if (e != NULL && e != c->newest) {
		unlink_age(c, e);
		make_newest(c, e);
	}
	return e;
}

static void
forget(struct gms_cache *c, struct gms_entry *e)
{
	struct gms_entry **at = chain_of(c, e->hash);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_age(c, e);
	free_entry(e);
	c->n--;
}

static bool
make_room(struct gms_cache *c)
{
	struct gms_entry *e = c->oldest;

	if (c->n < c->max)
		return true;
	while (e != NULL && e->is_asked)
		e = e->newer;
	if (e != NULL)
		forget(c, e);
	return e != NULL;
}

struct gms_entry *
gms_cache_add(struct gms_cache *c, struct bytes key)
{
	struct gms_entry *e, **chain;

	if (!make_room(c))
		return NULL;
	e = calloc(1, sizeof *e + key.n);
	if (e == NULL)
		return NULL;
	e->hash = hash_of(c, key);
	e->key_n = key.n;
	(void)memcpy(e->key, key.p, key.n);
	chain = chain_of(c, e->hash);
	e->chain = *chain;
	*chain = e;
	make_newest(c, e);
	c->n++;
	return e;
}

static size_t
size_of(const struct gms_names *names)
{
	size_t size = names->n * sizeof(struct bytes);

	for (size_t i = 0; i < names->n; i++)
		size += names->name[i].n;
	return size;
}

/* The list first, then the texts, in `block`. */
static void
lay_out(void *block, const struct gms_names *names, struct gms_names *out)
{
	struct bytes *list = block;
	char *text = (char *)(list + names->n);

	for (size_t i = 0; i < names->n; i++) {
		list[i] = (struct bytes){text, names->name[i].n};
		(void)memcpy(text, names->name[i].p, names->name[i].n);
		text += names->name[i].n;
	}
	*out = (struct gms_names){list, names->n};
}

enum err
gms_cache_keep(struct gms_entry *e, const struct gms_names *names)
{
	void *block = names->n == 0 ? NULL : malloc(size_of(names));

	free(e->block);
	e->block = block;
	e->names = (struct gms_names){.n = 0};
	if (names->n == 0)
		return ERR_OK;
	if (block == NULL)
		return ERR_NO_MEMORY;
	lay_out(block, names, &e->names);
	return ERR_OK;
}

enum err
gms_names_copy(struct arena *a, const struct gms_names *names, struct gms_names *out)
{
	void *block;

	*out = (struct gms_names){.n = 0};
	if (names->n == 0)
		return ERR_OK;
	block = arena_alloc(a, size_of(names));
	if (block == NULL)
		return ERR_NO_MEMORY;
	lay_out(block, names, out);
	return ERR_OK;
}
