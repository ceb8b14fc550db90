/* SPDX-License-Identifier: Apache-2.0 */
#include "service/archive/archive_out.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>

#include "service/core/str.h"

enum {
	HELD_MAX = 64 * 1024 * 1024,
	FILE_MODE = 0644,
	FOLDER_MODE = 0755,
	LINK_MODE = 0777,
	USTAR_TEXT = 100, /* a name or a target without parts is shorter */
};

#define USTAR_LENGTH  (UINT64_C(1) << 33) /* eleven octal digits */
#define USTAR_SECONDS INT32_MAX /* the header holds more, not every reader */

/*
 * A tar is written by two of libarchive's writers in turn: what fits the old header by
 * ustar's, the rest by pax's. The bytes are those that pax's alone would make, which first
 * copies each entry to see whether it fits: that was a third of an archive of small files.
 */
struct archive_out {
	struct archive *archive; /* pax or zip: writes the end, too */
	struct archive *plain; /* ustar; NULL for a zip */
	struct archive *now; /* whose the current member is */
	struct archive_entry *entry;
	locale_t utf8; /* what libarchive takes names for */
	struct str name; /* terminated, for libarchive */
	struct str held; /* made, and from `at` on not taken */
	size_t at;
	uint64_t due; /* bytes the file still has to get */
	bool given_up; /* what libarchive makes now, nobody wants */
};

/* libarchive's calls see the thread's locale; ours hold it for the call only. */
#define WITH_UTF8(a, call)                                                               \
	do {                                                                             \
		locale_t before = uselocale((a)->utf8);                                  \
                                                                                         \
		call;                                                                    \
		(void)uselocale(before);                                                 \
	} while (0)

static la_ssize_t
on_bytes(struct archive *archive, void *arg, const void *p, size_t n)
{
	struct archive_out *a = arg;

	if (a->given_up) {
		archive_set_error(archive, 0, "given up");
		return -1;
	}
	str_add(&a->held, (struct bytes){p, n});
	if (str_failed(&a->held)) {
		archive_set_error(archive, 0, "no memory for an archive");
		return -1;
	}
	return (la_ssize_t)n;
}

static enum err
failed(struct archive_out *a, struct errinfo *why)
{
	const char *text = archive_error_string(a->now);

	return errinfo_set(why, str_failed(&a->held) ? ERR_NO_MEMORY : ERR_INTERNAL,
	    "archive: %s", text == NULL ? "failed" : text);
}

static int
set_zip(struct archive *archive)
{
	int r = archive_write_set_format_zip(archive);

	return r == ARCHIVE_OK ? archive_write_set_options(archive,
				     "zip:compression=deflate,zip:compression-level=1")
			       : r;
}

/* Blocks of the output are the reader's affair: nothing is kept back or filled up. */
static int
open_writer(struct archive_out *a, struct archive *writer, int (*set)(struct archive *))
{
	int r = set(writer);

	a->now = writer;
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_per_block(writer, 0);
	if (r == ARCHIVE_OK)
		r = archive_write_set_bytes_in_last_block(writer, 1);
	return r == ARCHIVE_OK
		   ? archive_write_open2(writer, a, NULL, on_bytes, NULL, NULL)
		   : r;
}

static int
open_archive(struct archive_out *a, enum archive_format format)
{
	int r;

	if (format == ARCHIVE_ZIP)
		return open_writer(a, a->archive, set_zip);
	r = open_writer(a, a->plain, archive_write_set_format_ustar);
	return r == ARCHIVE_OK
		   ? open_writer(a, a->archive, archive_write_set_format_pax_restricted)
		   : r;
}

enum err
archive_out_new(enum archive_format format, struct archive_out **out, struct errinfo *why)
{
	struct archive_out *a = calloc(1, sizeof *a);
	enum err e = ERR_OK;
	int r;

	if (a == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an archive");
	str_init(&a->name, HELD_MAX);
	str_init(&a->held, HELD_MAX);
	a->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	a->archive = archive_write_new();
	a->plain = format == ARCHIVE_TAR ? archive_write_new() : NULL;
	a->entry = archive_entry_new();
	if (a->utf8 == (locale_t)0 || a->archive == NULL || a->entry == NULL ||
	    (format == ARCHIVE_TAR && a->plain == NULL)) {
		archive_out_free(a);
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for an archive");
	}
	WITH_UTF8(a, r = open_archive(a, format));
	if (r != ARCHIVE_OK) {
		e = failed(a, why);
		archive_out_free(a);
		return e;
	}
	*out = a;
	return ERR_OK;
}

void
archive_out_free(struct archive_out *a)
{
	if (a == NULL)
		return;
	archive_entry_free(a->entry);
	/* Left in the middle it would fill up the member first, were nothing refused. (As a
	 * failed one, which is not closed, it would keep some memory.) */
	a->given_up = true;
	if (a->archive != NULL)
		(void)archive_write_free(a->archive);
	if (a->plain != NULL)
		(void)archive_write_free(a->plain);
	if (a->utf8 != (locale_t)0)
		freelocale(a->utf8);
	str_release(&a->name);
	str_release(&a->held);
	free(a);
}

/* What libarchive wants terminated. Names of nodes have no NUL inside (D25). */
static enum err
set_names(struct archive_out *a, const struct archive_member *m, struct errinfo *why)
{
	bool is_folder = m->kind == ARCHIVE_FOLDER;

	str_clear(&a->name);
	str_add(&a->name, m->path);
	if (is_folder)
		str_addc(&a->name, '/');
	/* As bytes of the locale: what is given as UTF-8 comes out composed. */
	if (!str_failed(&a->name))
		archive_entry_set_pathname(a->entry, a->name.p);
	if (m->kind == ARCHIVE_LINK) {
		str_clear(&a->name);
		str_add(&a->name, m->target);
		if (!str_failed(&a->name))
			archive_entry_set_symlink(a->entry, a->name.p);
	}
	return str_failed(&a->name)
		   ? errinfo_set(why, ERR_NO_MEMORY, "no memory for a name")
		   : ERR_OK;
}

static bool
is_plain_text(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((text.p[i] & 0x80) != 0)
			return false;
	return text.n < USTAR_TEXT;
}

/* Does all of it fit a header of 1988? */
static bool
is_plain(const struct archive_member *m)
{
	return is_plain_text(m->path) && m->length < USTAR_LENGTH &&
	       m->modified_ms >= 0 && m->modified_ms / 1000 < USTAR_SECONDS &&
	       (m->kind != ARCHIVE_LINK || is_plain_text(m->target));
}

/* The filling up of the member's last block; libarchive would do it with the next one. */
static enum err
end_member(struct archive_out *a, struct errinfo *why)
{
	return archive_write_finish_entry(a->now) == ARCHIVE_OK ? ERR_OK : failed(a, why);
}

enum err
archive_out_begin(
    struct archive_out *a, const struct archive_member *m, struct errinfo *why)
{
	static const struct {
		unsigned type, mode;
	} kinds[] = {
	    [ARCHIVE_FILE] = {AE_IFREG, FILE_MODE},
	    [ARCHIVE_FOLDER] = {AE_IFDIR, FOLDER_MODE},
	    [ARCHIVE_LINK] = {AE_IFLNK, LINK_MODE},
	};
	enum err e;
	int r;

	if (a->due > 0)
		return errinfo_set(why, ERR_INTERNAL, "a member of the archive is short");
	(void)archive_entry_clear(a->entry);
	e = set_names(a, m, why);
	if (e != ERR_OK)
		return e;
	archive_entry_set_filetype(a->entry, kinds[m->kind].type);
	archive_entry_set_perm(a->entry, (mode_t)kinds[m->kind].mode);
	archive_entry_set_mtime(a->entry, (time_t)(m->modified_ms / 1000),
	    (long)(m->modified_ms % 1000) * 1000000);
	archive_entry_set_size(
	    a->entry, m->kind == ARCHIVE_FILE ? (la_int64_t)m->length : 0);
	a->now = a->plain != NULL && is_plain(m) ? a->plain : a->archive;
	WITH_UTF8(a, r = archive_write_header(a->now, a->entry));
	a->due = m->kind == ARCHIVE_FILE ? m->length : 0;
	if (r < ARCHIVE_WARN)
		return failed(a, why);
	return a->due == 0 ? end_member(a, why) : ERR_OK;
}

enum err
archive_out_data(struct archive_out *a, const void *p, size_t n, struct errinfo *why)
{
	if (n > a->due)
		return errinfo_set(why, ERR_INTERNAL, "a member of the archive is long");
	if (archive_write_data(a->now, p, n) != (la_ssize_t)n)
		return failed(a, why);
	a->due -= n;
	return a->due == 0 ? end_member(a, why) : ERR_OK;
}

enum err
archive_out_finish(struct archive_out *a, struct errinfo *why)
{
	if (a->due > 0)
		return errinfo_set(why, ERR_INTERNAL, "a member of the archive is short");
	a->now = a->archive;
	return archive_write_close(a->archive) == ARCHIVE_OK ? ERR_OK : failed(a, why);
}

size_t
archive_out_held(const struct archive_out *a)
{
	return a->held.n - a->at;
}

size_t
archive_out_take(struct archive_out *a, void *to, size_t room)
{
	size_t n = archive_out_held(a) < room ? archive_out_held(a) : room;

	if (n > 0)
		(void)memcpy(to, a->held.p + a->at, n);
	a->at += n;
	if (a->at == a->held.n) {
		str_clear(&a->held);
		a->at = 0;
	}
	return n;
}
