/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small files become one at each location (storage/blob_pack.h): their bytes and an
 * index are uploaded as one blob, then the catalogue says where in it each of them is.
 */
#include <stdlib.h>
#include <string.h>

#include "replication/small_inside.h"
#include "service/core/check.h"
#include "service/core/log.h"
#include "storage/blob_pack.h"
#include "storage/blob_small.h"

struct packing {
	struct small *s;
	struct small_file **file;
	struct blob_pack_entry *entry;
	size_t n;
	uint64_t index_at;
	struct str index;
	struct mirror_put *put;
	struct source body;
	size_t next; /* file; n: the index */
	size_t into; /* bytes of it that were given */
	struct blob_pack pack;
};

static void
packing_over(struct packing *p)
{
	struct small *s = p->s;

	s->packing--;
	str_release(&p->index);
	free(p->file);
	free(p->entry);
	free(p);
	small_pump(s);
}

/* They are in the pack, or gone. */
static void
let_go(struct packing *p, bool are_moved)
{
	struct small *s = p->s;

	for (size_t i = 0; i < p->n; i++)
		blob_ids_close(s->m->ids, p->file[i]->id);
	small_lock(s);
	for (size_t i = 0; i < p->n; i++)
		small_forget(s, p->file[i]);
	s->moved += are_moved ? p->n : 0;
	small_unlock(s);
	packing_over(p);
}

static void
try_later(struct packing *p)
{
	struct small *s = p->s;

	small_lock(s);
	for (size_t i = 0; i < p->n; i++)
		small_requeue(s, p->file[i]);
	small_unlock(s);
	packing_over(p);
}

static void
packed(struct change *change)
{
	struct blob_pack *pack = container_of(change, struct blob_pack, change);
	struct packing *p = container_of(pack, struct packing, pack);

	if (change->err == ERR_OK)
		mirror_put_commit(p->put);
	else if (change->outcome_open)
		mirror_put_leave(p->put);
	else
		mirror_put_abandon(p->put);
	if (change->err == ERR_OK || change->err == ERR_NOT_FOUND)
		let_go(p, change->err == ERR_OK);
	else
		try_later(p);
}

static void
failed(struct packing *p)
{
	log_warning("%zu small files wait for the locations: %s", p->n,
	    errinfo_text(mirror_put_why(p->put)));
	mirror_put_abandon(p->put);
	try_later(p);
}

static void
filled(void *arg, enum err err)
{
	struct packing *p = arg;

	if (err != ERR_OK) {
		failed(p);
		return;
	}
	p->pack = (struct blob_pack){
	    .change = {.loop = p->s->loop, .done = packed},
	    .blob = *mirror_put_blob(p->put),
	    .entry = p->entry,
	    .n = p->n,
	};
	blob_pack(p->s->m->store, &p->pack);
}

static void
opened(void *arg, enum err err)
{
	struct packing *p = arg;

	if (err != ERR_OK)
		failed(p);
	else
		mirror_put_fill(p->put, &p->body, filled, p);
}

/* The body: the files one behind the other, and the index */

static struct bytes
part(const struct packing *p)
{
	if (p->next == p->n)
		return str_bytes(&p->index);
	return (struct bytes){
	    (const char *)p->file[p->next]->piece->data, p->file[p->next]->n};
}

static enum next
give_body(struct source *body, struct slice *out)
{
	struct packing *p = container_of(body, struct packing, body);
	struct piece *piece;
	size_t n = 0;

	if (p->next > p->n)
		return NEXT_END;
	piece = pool_take_loose(p->s->m->pool, PIECE_LARGE_SIZE);
	if (piece == NULL) {
		(void)errinfo_set(&body->why, ERR_NO_MEMORY, "no memory for a pack");
		return NEXT_FAILED;
	}
	while (p->next <= p->n && n < piece->size) {
		struct bytes b = part(p);
		size_t some = b.n - p->into;

		if (some > piece->size - n)
			some = piece->size - n;
		(void)memcpy(piece->data + n, b.p + p->into, some);
		n += some;
		p->into += some;
		if (p->into == b.n) {
			p->next++;
			p->into = 0;
		}
	}
	*out = (struct slice){.piece = piece, .n = n};
	return NEXT_SLICE;
}

static void
close_body(struct source *body)
{
	(void)body; /* a part of its packing */
}

static const struct source_ops body_ops = {.next = give_body, .close = close_body};

/* Beginning */

static enum err
add_entry(struct packing *p, size_t i, struct errinfo *why)
{
	struct small_file *file = p->file[i];
	struct blob_small row;
	enum err e = blob_small_decode(file->id,
	    (struct bytes){(const char *)file->piece->data, file->row_n}, &row, why);

	if (e != ERR_OK)
		return e;
	p->entry[i] = (struct blob_pack_entry){
	    .id = file->id,
	    .at = p->index_at,
	    .length = file->n,
	    .node_id = row.node_id,
	    .path = row.path,
	};
	(void)memcpy(p->entry[i].md5, file->md5, MD5_SIZE);
	blob_pack_index_add(&p->index, &p->entry[i]);
	p->index_at += file->n;
	return ERR_OK;
}

static enum err
begin(struct packing *p, struct errinfo *why)
{
	struct mirror_put_spec spec = {.path = BYTES(BLOB_PACK_PATH), .is_part = true};
	enum err e = ERR_OK;

	for (size_t i = 0; i < p->n && e == ERR_OK; i++)
		e = add_entry(p, i, why);
	if (e != ERR_OK)
		return e;
	blob_pack_index_end(&p->index, p->index_at, (uint32_t)p->n);
	if (str_failed(&p->index))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a pack");
	spec.length = spec.limit = p->index_at + p->index.n;
	p->body.ops = &body_ops;
	return mirror_put_new(p->s->m, p->s->loop, &spec, &p->put, why);
}

void
small_pack_start(struct small *s, struct small_file *files)
{
	struct packing *p = calloc(1, sizeof *p);
	struct errinfo why = {.code = ERR_OK};
	size_t n = 0;

	for (const struct small_file *f = files; f != NULL; f = f->next)
		n++;
	CHECK(p != NULL);
	p->s = s;
	p->file = calloc(n, sizeof(struct small_file *));
	p->entry = calloc(n, sizeof *p->entry);
	CHECK(p->file != NULL && p->entry != NULL); /* less than their bytes */
	str_init(&p->index, BLOB_PACK_INDEX_MAX);
	for (; files != NULL; files = files->next)
		p->file[p->n++] = files;
	s->packing++;
	if (begin(p, &why) != ERR_OK)
		try_later(p);
	else
		mirror_put_open(p->put, opened, p);
}
