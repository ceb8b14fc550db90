/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   HEADER ─► (a text for the next member: TEXT ─► HEADER) ─► member ─► DATA ─► HEADER
 *      └────► END
 */
#include "service/archive/tar_in.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "service/core/str.h"

enum { BLOCK = 512 };

/* A header block (POSIX pax, "ustar Interchange Format"). */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type,
	    link[100], magic[6], version[2], user[32], group[32], major[8], minor[8],
	    prefix[155], pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

enum state { HEADER, TEXT, DATA, END, BROKEN };

struct tar_in {
	enum state state;
	union {
		struct header header;
		unsigned char block[BLOCK];
	};
	size_t have; /* bytes of the block */
	uint64_t left, padding; /* of the data or the text */
	char text_type;
	struct str text; /* of a header that belongs to the next member */
	size_t text_max;
	/* What such headers said. */
	struct str path, target;
	bool has_path, has_target, has_size;
	uint64_t size;
	struct tar_in_member member;
	struct errinfo why;
};

struct tar_in *
tar_in_new(size_t text_max)
{
	struct tar_in *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->text_max = text_max;
	str_init(&t->text, text_max);
	/* A name made of prefix and name fits in any case. */
	str_init(&t->path, text_max + BLOCK);
	str_init(&t->target, text_max + BLOCK);
	return t;
}

void
tar_in_free(struct tar_in *t)
{
	if (t == NULL)
		return;
	str_release(&t->text);
	str_release(&t->path);
	str_release(&t->target);
	free(t);
}

const struct tar_in_member *
tar_in_member(const struct tar_in *t)
{
	return &t->member;
}

static bool
broken(struct tar_in *t, enum err err, const char *text)
{
	(void)errinfo_set(&t->why, err, "%s", text);
	t->state = BROKEN;
	return false;
}

static bool
malformed(struct tar_in *t, const char *text)
{
	return broken(t, ERR_INVALID_ARGUMENT, text);
}

/* Up to n bytes of the input, taken from its front. */
static struct bytes
take(struct bytes *in, uint64_t n)
{
	struct bytes front = {in->p, n < in->n ? (size_t)n : in->n};

	*in = bytes_skip(*in, front.n);
	return front;
}

static uint64_t
padding_of(uint64_t n)
{
	return (BLOCK - n % BLOCK) % BLOCK;
}

/* Fields */

/* A text that ends with a NUL, or with its field. */
static struct bytes
field_text(const char *p, size_t room)
{
	return (struct bytes){p, bytes_find((struct bytes){p, room}, '\0')};
}

/* Octal digits with blanks around them. */
static bool
parse_octal(const char *p, size_t room, uint64_t *out)
{
	size_t i = 0;
	uint64_t n = 0;

	while (i < room && p[i] == ' ')
		i++;
	for (; i < room && p[i] >= '0' && p[i] <= '7'; i++) {
		if (n > INT64_MAX >> 3)
			return false;
		n = n << 3 | (uint64_t)(p[i] - '0');
	}
	*out = n;
	return i == room || p[i] == ' ' || p[i] == '\0';
}

/* What does not fit in octal is written in binary, its first byte 0x80. */
static bool
parse_number(const char *p, size_t room, uint64_t *out)
{
	uint64_t n = 0;

	if ((unsigned char)p[0] != 0x80)
		return parse_octal(p, room, out);
	for (size_t i = 1; i < room; i++) {
		if (n > INT64_MAX >> 8)
			return false;
		n = n << 8 | (unsigned char)p[i];
	}
	*out = n;
	return true;
}

/* The sum of all bytes, its own field taken for blanks. */
static bool
checksum_holds(const struct tar_in *t)
{
	const size_t at = offsetof(struct header, checksum);
	uint64_t said, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= at && i < at + sizeof t->header.checksum ? ' ' : t->block[i];
	return parse_octal(t->header.checksum, sizeof t->header.checksum, &said) &&
	       said == sum;
}

static bool
is_zero(const struct tar_in *t)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (t->block[i] != 0)
			return false;
	return true;
}

/* Texts for the next member */

static bool
keep(struct tar_in *t, struct str *to, bool *has, struct bytes value)
{
	str_clear(to);
	str_add(to, value);
	*has = true;
	return !str_failed(to) || broken(t, ERR_NO_MEMORY, "no memory for a name");
}

static bool
use_record(struct tar_in *t, struct bytes key, struct bytes value)
{
	if (bytes_is(key, "path"))
		return keep(t, &t->path, &t->has_path, value);
	if (bytes_is(key, "linkpath"))
		return keep(t, &t->target, &t->has_target, value);
	if (bytes_starts(key, BYTES("GNU.sparse.")))
		return malformed(t, "sparse files are not taken");
	if (!bytes_is(key, "size"))
		return true;
	t->has_size = true;
	return (bytes_u64(value, &t->size) && t->size <= INT64_MAX) ||
	       malformed(t, "a pax record has a wrong size");
}

/* "LENGTH KEY=VALUE\n", its length that of the whole record. */
static bool
next_record(struct bytes *rest, struct bytes *key, struct bytes *value)
{
	struct bytes digits = {rest->p, bytes_find(*rest, ' ')}, record;
	uint64_t n;

	if (!bytes_u64(digits, &n) || n > rest->n || n < digits.n + 2 ||
	    rest->p[n - 1] != '\n')
		return false;
	record = (struct bytes){rest->p + digits.n + 1, (size_t)n - digits.n - 2};
	*rest = bytes_skip(*rest, (size_t)n);
	*key = (struct bytes){record.p, bytes_find(record, '=')};
	if (key->n == record.n)
		return false;
	*value = bytes_skip(record, key->n + 1);
	return true;
}

static bool
use_records(struct tar_in *t)
{
	struct bytes rest = str_bytes(&t->text), key, value;

	while (rest.n > 0) {
		if (!next_record(&rest, &key, &value))
			return malformed(t, "a pax header is malformed");
		if (!use_record(t, key, value))
			return false;
	}
	return true;
}

static bool
use_text(struct tar_in *t)
{
	struct bytes text = str_bytes(&t->text);

	switch (t->text_type) {
	case 'x':
		return use_records(t);
	case 'L':
		return keep(t, &t->path, &t->has_path, field_text(text.p, text.n));
	case 'K':
		return keep(t, &t->target, &t->has_target, field_text(text.p, text.n));
	default: /* a pax header for all members: nothing in it is of use here */
		return true;
	}
}

/* Headers */

static bool
is_text(char type)
{
	return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

static void
begin_text(struct tar_in *t, uint64_t size)
{
	if (size > t->text_max) {
		(void)malformed(t, "the headers of a member are too long");
		return;
	}
	str_clear(&t->text);
	t->text_type = t->header.type;
	t->left = size;
	t->padding = padding_of(size);
	t->state = TEXT;
}

/* The name of a header is in two parts, if it is one of POSIX. */
static bool
plain_path(struct tar_in *t)
{
	const struct header *h = &t->header;
	struct bytes prefix = {NULL, 0};

	if (memcmp(h->magic, "ustar", sizeof h->magic) == 0)
		prefix = field_text(h->prefix, sizeof h->prefix);
	str_clear(&t->path);
	if (prefix.n > 0) {
		str_add(&t->path, prefix);
		str_addc(&t->path, '/');
	}
	str_add(&t->path, field_text(h->name, sizeof h->name));
	return !str_failed(&t->path) || broken(t, ERR_NO_MEMORY, "no memory for a name");
}

static enum tar_in_kind
kind_of(char type, struct bytes path)
{
	switch (type) {
	case '0':
	case '7':
	case '\0':
		/* Before there was a type for folders. */
		return bytes_ends(path, BYTES("/")) ? TAR_IN_FOLDER : TAR_IN_FILE;
	case '2':
		return TAR_IN_LINK;
	case '5':
		return TAR_IN_FOLDER;
	default:
		return TAR_IN_OTHER;
	}
}

/* Links, devices and folders have none, whatever the size says. */
static bool
has_data(char type, enum tar_in_kind kind)
{
	return kind == TAR_IN_FILE ||
	       (kind == TAR_IN_OTHER && !(type >= '1' && type <= '6'));
}

static void
begin_member(struct tar_in *t, uint64_t size)
{
	const struct header *h = &t->header;
	struct tar_in_member *m = &t->member;

	if (h->type == 'S') {
		(void)malformed(t, "sparse files are not taken");
		return;
	}
	if (!t->has_path && !plain_path(t))
		return;
	if (!t->has_target &&
	    !keep(t, &t->target, &t->has_target, field_text(h->link, sizeof h->link)))
		return;
	m->path = str_bytes(&t->path);
	m->kind = kind_of(h->type, m->path);
	m->target =
	    m->kind == TAR_IN_LINK ? str_bytes(&t->target) : (struct bytes){NULL, 0};
	if (t->has_size)
		size = t->size;
	m->length = has_data(h->type, m->kind) ? size : 0;
	t->left = m->length;
	t->padding = padding_of(m->length);
	t->has_path = t->has_target = t->has_size = false;
	t->state = DATA;
}

static void
use_header(struct tar_in *t)
{
	uint64_t size;

	t->have = 0;
	if (is_zero(t))
		t->state = END;
	else if (!checksum_holds(t) ||
		 !parse_number(t->header.size, sizeof t->header.size, &size))
		(void)malformed(t, "there is no tar header where one must be");
	else if (is_text(t->header.type))
		begin_text(t, size);
	else
		begin_member(t, size);
}

static void
read_text(struct tar_in *t, struct bytes *in)
{
	struct bytes some = take(in, t->left);

	str_add(&t->text, some);
	t->left -= some.n;
	if (t->left == 0)
		t->padding -= take(in, t->padding).n;
	if (t->left > 0 || t->padding > 0)
		return;
	t->state = HEADER;
	if (str_failed(&t->text))
		(void)broken(t, ERR_NO_MEMORY, "no memory for a name");
	else
		(void)use_text(t);
}

static void
read_header(struct tar_in *t, struct bytes *in)
{
	struct bytes some = take(in, BLOCK - t->have);

	(void)memcpy(t->block + t->have, some.p, some.n);
	t->have += some.n;
	if (t->have == BLOCK)
		use_header(t);
}

static struct bytes
read_data(struct tar_in *t, struct bytes *in)
{
	struct bytes data = take(in, t->left);

	t->left -= data.n;
	if (data.n > 0)
		return data;
	t->padding -= take(in, t->padding).n;
	if (t->padding == 0)
		t->state = HEADER;
	return data;
}

enum tar_in_step
tar_in_next(struct tar_in *t, struct bytes *in, struct bytes *data, struct errinfo *why)
{
	while (t->state != END && t->state != BROKEN && in->n > 0) {
		if (t->state == TEXT) {
			read_text(t, in);
		} else if (t->state == DATA) {
			*data = read_data(t, in);
			if (data->n > 0)
				return TAR_IN_DATA;
		} else {
			read_header(t, in);
			if (t->state == DATA)
				return TAR_IN_MEMBER;
		}
	}
	if (t->state == BROKEN) {
		*why = t->why;
		return TAR_IN_BROKEN;
	}
	return t->state == END ? TAR_IN_END : TAR_IN_MORE;
}
