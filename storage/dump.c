/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/digest.h"
#include "service/core/encode.h"
#include "service/core/str.h"
#include "storage/db.h"
#include "storage/write.h"

#define FIRST_LINE "quartet-export 1\n"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, ROWS_AT_ONCE = 20000, FIELDS = 3 };

/* Writing */

struct writing {
	FILE *to;
	struct str line;
	uint32_t crc;
	uint64_t rows;
};

static void
add_hex(struct str *line, struct bytes b)
{
	char *to;

	if (b.n == 0) {
		str_addc(line, '-');
		return;
	}
	to = str_reserve(line, 2 * b.n + 1);
	if (to == NULL)
		return;
	hex_encode((const uint8_t *)b.p, b.n, to);
	str_grow(line, 2 * b.n);
}

static enum err
put_line(struct writing *w, struct errinfo *why)
{
	if (str_failed(&w->line))
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a line");
	if (fwrite(w->line.p, 1, w->line.n, w->to) != w->line.n)
		return errinfo_sys(why, ERR_IO, errno, "cannot write");
	w->crc = crc32c(w->crc, w->line.p, w->line.n);
	return ERR_OK;
}

static enum err
write_table(
    struct writing *w, struct db_txn *txn, enum db_table table, struct errinfo *why)
{
	struct db_cursor *cursor;
	struct bytes key, value;
	enum err e = db_cursor_open(txn, table, &cursor, why);

	if (e != ERR_OK)
		return e;
	e = db_cursor_seek(cursor, BYTES("\0"), &key, &value, why); /* the least key */
	while (e == ERR_OK) {
		str_clear(&w->line);
		str_addf(&w->line, "%s ", db_table_name(table));
		add_hex(&w->line, key);
		str_addc(&w->line, ' ');
		add_hex(&w->line, value);
		str_addc(&w->line, '\n');
		w->rows++;
		e = put_line(w, why);
		if (e == ERR_OK)
			e = db_cursor_next(cursor, &key, &value, why);
	}
	db_cursor_close(cursor);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
write_all(struct writing *w, struct db_txn *txn, struct errinfo *why)
{
	enum err e;

	str_adds(&w->line, FIRST_LINE);
	e = put_line(w, why);
	for (enum db_table t = 0; t < DB_TABLES && e == ERR_OK; t++)
		e = write_table(w, txn, t, why);
	if (e != ERR_OK)
		return e;
	str_clear(&w->line);
	str_addf(&w->line, "end %" PRIu64 " %08" PRIx32 "\n", w->rows, w->crc);
	e = put_line(w, why);
	if (e == ERR_OK && fflush(w->to) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "cannot write");
	return e;
}

enum err
dump_write(struct store_reader *reader, FILE *to, uint64_t *rows_out, struct errinfo *why)
{
	struct writing w = {.to = to};
	struct db_txn *txn;
	enum err e = store_read_begin(reader, &txn, why);

	if (e != ERR_OK)
		return e;
	str_init(&w.line, LINE_MAX_BYTES);
	e = write_all(&w, txn, why);
	str_release(&w.line);
	store_read_end(reader);
	*rows_out = w.rows;
	return e;
}

/* Reading */

struct reading {
	FILE *from;
	struct db *db;
	struct db_txn *txn;
	char *line; /* getline's */
	size_t room;
	uint64_t number; /* of the line */
	uint32_t crc; /* of the lines before it */
	uint64_t rows;
	bool is_whole;
};

static enum err
wrong(const struct reading *r, const char *what, struct errinfo *why)
{
	return errinfo_set(
	    why, ERR_INVALID_ARGUMENT, "line %" PRIu64 ": %s", r->number, what);
}

/* Hex in place of itself. */
static bool
take_hex(struct bytes *field)
{
	uint8_t *to = (uint8_t *)(uintptr_t)field->p;
	size_t n = field->n / 2;

	if (field->n == 1 && field->p[0] == '-') {
		field->n = 0;
		return true;
	}
	if (field->n % 2 != 0 || field->n == 0 || !hex_decode(*field, to, n))
		return false;
	field->n = n;
	return true;
}

/* The words of a line, which ends with '\n'; false: there are not as many. */
static bool
split(char *line, size_t n, struct bytes field[FIELDS])
{
	char *at = line, *end = line + n - 1;

	for (unsigned i = 0; i < FIELDS; i++) {
		char *stop = i + 1 < FIELDS ? memchr(at, ' ', (size_t)(end - at)) : end;

		if (stop == NULL)
			return false;
		field[i] = (struct bytes){at, (size_t)(stop - at)};
		at = stop + 1;
	}
	return memchr(field[FIELDS - 1].p, ' ', field[FIELDS - 1].n) == NULL;
}

static bool
find_table(struct bytes name, enum db_table *out)
{
	for (enum db_table t = 0; t < DB_TABLES; t++) {
		if (!bytes_eq(name, bytes_of(db_table_name(t))))
			continue;
		*out = t;
		return true;
	}
	return false;
}

static enum err
commit(struct reading *r, struct errinfo *why)
{
	struct db_txn *txn = r->txn;

	r->txn = NULL;
	return txn == NULL ? ERR_OK : db_commit(txn, why);
}

static enum err
put_row(struct reading *r, const struct bytes field[FIELDS], struct errinfo *why)
{
	enum db_table table;
	enum err e = ERR_OK;

	if (!find_table(field[0], &table))
		return wrong(r, "no such table", why);
	if (field[1].n == 0 || field[1].n > DB_KEY_MAX)
		return wrong(r, "a key cannot be so long", why);
	if (r->txn == NULL)
		e = db_write_begin(r->db, NULL, &r->txn, why);
	if (e == ERR_OK)
		e = db_append(r->txn, table, field[1], field[2], why);
	if (e == ERR_OK && ++r->rows % ROWS_AT_ONCE == 0)
		e = commit(r, why);
	return e;
}

static enum err
take_end(struct reading *r, const struct bytes field[FIELDS], struct errinfo *why)
{
	char rows[32], crc[16];

	(void)snprintf(rows, sizeof rows, "%" PRIu64, r->rows);
	(void)snprintf(crc, sizeof crc, "%08" PRIx32, r->crc);
	if (!bytes_eq(field[1], bytes_of(rows)) || !bytes_eq(field[2], bytes_of(crc)))
		return wrong(r, "rows are missing, or are not as they were", why);
	r->is_whole = true;
	return commit(r, why);
}

static enum err
take_line(struct reading *r, size_t n, struct errinfo *why)
{
	struct bytes field[FIELDS];
	uint32_t crc = crc32c(r->crc, r->line, n); /* before it is decoded in place */
	enum err e;

	if (r->is_whole)
		return wrong(r, "there is something behind the end", why);
	if (r->number == 1) {
		r->crc = crc;
		return strcmp(r->line, FIRST_LINE) == 0
			   ? ERR_OK
			   : wrong(r, "not an export, or of another version", why);
	}
	if (!split(r->line, n, field))
		return wrong(r, "not a table, a key and a value", why);
	if (bytes_eq(field[0], BYTES("end")))
		return take_end(r, field, why);
	if (!take_hex(&field[1]) || !take_hex(&field[2]))
		return wrong(r, "not hex", why);
	e = put_row(r, field, why);
	r->crc = crc;
	return e;
}

static enum err
read_all(struct reading *r, struct errinfo *why)
{
	enum err e = ERR_OK;
	ssize_t n;

	while (e == ERR_OK && (n = getline(&r->line, &r->room, r->from)) > 0) {
		r->number++;
		if (r->line[n - 1] != '\n' || strlen(r->line) != (size_t)n)
			return wrong(r, "it ends too early, or is not text", why);
		e = take_line(r, (size_t)n, why);
	}
	if (e == ERR_OK && ferror(r->from) != 0)
		e = errinfo_sys(why, ERR_IO, errno, "cannot read");
	if (e == ERR_OK && !r->is_whole)
		e = wrong(r, "the end is missing", why);
	return e;
}

enum err
dump_load(FILE *from, const char *dir, uint64_t map_bytes, uint64_t *rows_out,
    struct errinfo *why)
{
	struct reading r = {.from = from};
	enum err e = db_open(dir, map_bytes, 1, true, &r.db, why);

	if (e != ERR_OK)
		return e;
	e = read_all(&r, why);
	if (r.txn != NULL)
		db_abort(r.txn);
	db_close(r.db);
	free(r.line);
	*rows_out = r.rows;
	return e;
}
