/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/core/check.h"
#include "service/core/digest.h"
#include "service/core/encode.h"
#include "storage/pack.h"

enum {
	CRC_AT = JOURNAL_HEADER_SIZE - 4,
	IS_DELETE = 0x80, /* in a row's first byte */
	CHUNK = 256 * 1024, /* of a file at a time, while its rows are checked */
};

static const char magic[4] = {'Q', 'J', 'E', '1'};

void
journal_header_encode(struct journal_header *h, uint8_t to[JOURNAL_HEADER_SIZE])
{
	(void)memset(to, 0, JOURNAL_HEADER_SIZE);
	(void)memcpy(to, magic, sizeof magic);
	to[4] = (uint8_t)h->kind;
	(void)memcpy(to + 8, h->store, STORE_UUID_SIZE);
	pack_store(to + 24, h->term, 8);
	pack_store(to + 32, h->seq, 8);
	pack_store(to + 40, h->n, 4);
	pack_store(to + 44, h->rows_crc, 4);
	pack_store(to + 48, h->crc_before, 4);
	h->crc = crc32c(0, to, CRC_AT);
	pack_store(to + CRC_AT, h->crc, 4);
}

bool
journal_header_decode(const uint8_t from[JOURNAL_HEADER_SIZE], struct journal_header *out)
{
	*out = (struct journal_header){
	    .kind = (enum journal_kind)from[4],
	    .term = pack_load(from + 24, 8),
	    .seq = pack_load(from + 32, 8),
	    .n = (uint32_t)pack_load(from + 40, 4),
	    .rows_crc = (uint32_t)pack_load(from + 44, 4),
	    .crc_before = (uint32_t)pack_load(from + 48, 4),
	    .crc = (uint32_t)pack_load(from + CRC_AT, 4),
	};
	(void)memcpy(out->store, from + 8, STORE_UUID_SIZE);
	return memcmp(from, magic, sizeof magic) == 0 &&
	       (out->kind == JOURNAL_BEGIN || out->kind == JOURNAL_ROWS) &&
	       out->crc == crc32c(0, from, CRC_AT);
}

void
journal_position_encode(
    const struct journal_position *p, uint8_t to[JOURNAL_POSITION_SIZE])
{
	pack_store(to, p->term, 8);
	pack_store(to + 8, p->seq, 8);
	pack_store(to + 16, p->crc, 4);
}

bool
journal_position_decode(struct bytes from, struct journal_position *out)
{
	const uint8_t *p = (const uint8_t *)from.p;

	if (from.n != JOURNAL_POSITION_SIZE)
		return false;
	*out = (struct journal_position){
	    .term = pack_load(p, 8),
	    .seq = pack_load(p + 8, 8),
	    .crc = (uint32_t)pack_load(p + 16, 4),
	};
	return true;
}

void
journal_name(uint64_t term, uint64_t seq, char out[JOURNAL_NAME_SIZE])
{
	(void)snprintf(out, JOURNAL_NAME_SIZE, "%016llx-%016llx",
	    (unsigned long long)term, (unsigned long long)seq);
}

static bool
parse_number(struct bytes text, uint64_t *out)
{
	uint8_t raw[8];

	*out = 0;
	if (!hex_decode(text, raw, sizeof raw))
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		*out = *out << 8 | raw[i];
	return true;
}

bool
journal_name_parse(struct bytes name, uint64_t *term_out, uint64_t *seq_out)
{
	return name.n == JOURNAL_NAME_SIZE - 1 && name.p[16] == '-' &&
	       parse_number((struct bytes){name.p, 16}, term_out) &&
	       parse_number((struct bytes){name.p + 17, 16}, seq_out);
}

void
journal_row_add(struct str *rows, const struct journal_row *row)
{
	CHECK(row->key.n <= UINT16_MAX && row->value.n <= UINT32_MAX);
	pack_u8(rows, (unsigned)row->table | (row->is_delete ? IS_DELETE : 0));
	pack_u16(rows, row->key.n);
	pack_u32(rows, row->is_delete ? 0 : row->value.n);
	str_add(rows, row->key);
	if (!row->is_delete)
		str_add(rows, row->value);
}

bool
journal_row_next(struct bytes *rows, struct journal_row *out, enum err *err)
{
	struct pack_in in = pack_open(*rows);
	size_t key_n, value_n;
	uint8_t first;

	*err = ERR_OK;
	if (rows->n == 0)
		return false;
	first = (uint8_t)unpack_number(&in, 1);
	key_n = (size_t)unpack_number(&in, 2);
	value_n = (size_t)unpack_number(&in, 4);
	*out = (struct journal_row){
	    .table = (enum db_table)(first & ~(unsigned)IS_DELETE),
	    .is_delete = (first & IS_DELETE) != 0,
	    .key = unpack_bytes(&in, key_n),
	    .value = unpack_bytes(&in, value_n),
	};
	if (in.failed || (first & ~(unsigned)IS_DELETE) >= DB_TABLES ||
	    (out->is_delete && value_n > 0)) {
		*err = ERR_DAMAGED;
		return false;
	}
	*rows = (struct bytes){(const char *)in.at, pack_left(&in)};
	return true;
}

/* Reading */

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct journal_file *)a)->name,
	    ((const struct journal_file *)b)->name);
}

static enum err
add_file(struct journal_index *index, const char *name, size_t *room, struct errinfo *why)
{
	struct journal_file file;
	struct stat st;

	if (!journal_name_parse(bytes_of(name), &file.term, &file.seq) ||
	    fstatat(index->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return ERR_OK; /* none of ours */
	file.size = (uint64_t)st.st_size;
	journal_name(file.term, file.seq, file.name);
	if (index->n_files == *room) {
		size_t bigger = *room == 0 ? 16 : *room * 2;
		struct journal_file *p = realloc(index->file, bigger * sizeof *p);

		if (p == NULL)
			return errinfo_set(
			    why, ERR_NO_MEMORY, "no memory to list a journal");
		index->file = p;
		*room = bigger;
	}
	index->file[index->n_files++] = file;
	return ERR_OK;
}

static enum err
list_files(struct journal_index *index, const char *dir, struct errinfo *why)
{
	int fd = dup(index->dir_fd);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t room = 0;
	enum err e = ERR_OK;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return errinfo_sys(why, ERR_IO, errno, "%s", dir);
	}
	errno = 0;
	while (e == ERR_OK && (entry = readdir(d)) != NULL)
		e = add_file(index, entry->d_name, &room, why);
	if (e == ERR_OK && entry == NULL && errno != 0)
		e = errinfo_sys(why, ERR_IO, errno, "%s", dir);
	(void)closedir(d);
	if (index->n_files > 0)
		qsort(index->file, index->n_files, sizeof *index->file, by_name);
	return e;
}

/* All `n` bytes, or fewer at the file's end; -1 with errno. */
static ssize_t
read_at(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got =
		    pread(fd, (char *)to + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Are the rows behind a header whole? false with *sys 0: no. */
static bool
rows_ok(int fd, const struct journal_header *h, uint64_t offset, uint8_t *chunk, int *sys)
{
	uint32_t crc = 0;

	*sys = 0;
	for (uint32_t done = 0; done < h->n;) {
		size_t n = h->n - done < CHUNK ? h->n - done : CHUNK;
		ssize_t got = read_at(fd, chunk, n, offset + JOURNAL_HEADER_SIZE + done);

		if (got != (ssize_t)n) {
			*sys = got < 0 ? errno : 0;
			return false;
		}
		crc = crc32c(crc, chunk, n);
		done += (uint32_t)n;
	}
	return crc == h->rows_crc;
}

static enum err
add_entry(struct journal_index *index, const struct journal_found *found, size_t *room,
    struct errinfo *why)
{
	if (index->n_entries == *room) {
		size_t bigger = *room == 0 ? 256 : *room * 2;
		struct journal_found *p = realloc(index->entry, bigger * sizeof *p);

		if (p == NULL)
			return errinfo_set(
			    why, ERR_NO_MEMORY, "no memory to read a journal");
		index->entry = p;
		*room = bigger;
	}
	index->entry[index->n_entries++] = *found;
	return ERR_OK;
}

/* Entries up to the end of a file, or to what is not one. */
static enum err
read_file(struct journal_index *index, unsigned number, const uint8_t *store,
    uint64_t after_seq, uint8_t *chunk, size_t *room, struct errinfo *why)
{
	const struct journal_file *file = &index->file[number];
	int fd = openat(index->dir_fd, file->name, O_RDONLY | O_CLOEXEC);
	struct journal_found found = {.file = number};
	enum err e = ERR_OK;
	int sys = 0;

	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "journal %s", file->name);
	while (e == ERR_OK && found.offset < file->size) {
		uint8_t header[JOURNAL_HEADER_SIZE];
		ssize_t got = read_at(fd, header, sizeof header, found.offset);

		sys = got < 0 ? errno : 0;
		if (got != sizeof header ||
		    !journal_header_decode(header, &found.header) ||
		    !rows_ok(fd, &found.header, found.offset, chunk, &sys))
			break;
		if (memcmp(found.header.store, store, STORE_UUID_SIZE) == 0) {
			if (found.header.seq > index->last_seq)
				index->last_seq = found.header.seq;
			if (found.header.kind == JOURNAL_BEGIN ||
			    found.header.seq > after_seq)
				e = add_entry(index, &found, room, why);
		}
		found.offset += JOURNAL_HEADER_SIZE + found.header.n;
	}
	(void)close(fd);
	index->damaged += e == ERR_OK && sys == 0 && found.offset < file->size;
	if (sys != 0)
		return errinfo_sys(why, ERR_IO, sys, "journal %s", file->name);
	return e;
}

enum err
journal_index_read(const char *dir, const uint8_t store[STORE_UUID_SIZE],
    uint64_t after_seq, struct journal_index *out, struct errinfo *why)
{
	uint8_t *chunk = malloc(CHUNK);
	size_t room = 0;
	enum err e;

	*out = (struct journal_index){
	    .dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (out->dir_fd < 0)
		e = errinfo_sys(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
		    "cannot open %s", dir);
	else if (chunk == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory to read a journal");
	else
		e = list_files(out, dir, why);
	for (unsigned i = 0; i < out->n_files && e == ERR_OK; i++)
		/* What counts of a file ends where the next one begins. */
		if (i + 1 == out->n_files || out->file[i + 1].seq > after_seq)
			e = read_file(out, i, store, after_seq, chunk, &room, why);
	free(chunk);
	if (e != ERR_OK)
		journal_index_release(out);
	return e;
}

void
journal_index_release(struct journal_index *index)
{
	if (index->dir_fd >= 0)
		(void)close(index->dir_fd);
	free(index->file);
	free(index->entry);
	*index = (struct journal_index){.dir_fd = -1};
}

enum err
journal_index_rows(const struct journal_index *index, const struct journal_found *entry,
    struct str *out, struct errinfo *why)
{
	const struct journal_file *file = &index->file[entry->file];
	int fd = openat(index->dir_fd, file->name, O_RDONLY | O_CLOEXEC);
	enum err e = ERR_OK;
	ssize_t got = -1;
	char *to;

	if (fd < 0)
		return errinfo_sys(why, ERR_IO, errno, "journal %s", file->name);
	str_clear(out);
	to = str_reserve(out, entry->header.n);
	if (to == NULL)
		e = errinfo_set(why, ERR_NO_MEMORY, "no memory for a journal entry");
	else
		got =
		    read_at(fd, to, entry->header.n, entry->offset + JOURNAL_HEADER_SIZE);
	if (e == ERR_OK && got < 0)
		e = errinfo_sys(why, ERR_IO, errno, "journal %s", file->name);
	(void)close(fd);
	if (e != ERR_OK)
		return e;
	if ((size_t)got != entry->header.n ||
	    crc32c(0, to, (size_t)got) != entry->header.rows_crc)
		return errinfo_set(why, ERR_DAMAGED, "journal %s: entry %llu is damaged",
		    file->name, (unsigned long long)entry->header.seq);
	str_grow(out, (size_t)got);
	return ERR_OK;
}
