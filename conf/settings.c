/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is read by libconfuse as plain text values; what a value means is decided
 * here, by the row of the table, while the parser still knows its line. libconfuse gets
 * the text from memory and without comments: it ends the process when reading fails, and
 * counts the line of a comment more than once.
 */
#include "conf/settings.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/check.h"

enum kind { KIND_NUMBER, KIND_FLAG, KIND_CHOICE, KIND_TEXT, KIND_LIST };
enum unit { COUNT, SIZE, MS };

struct row {
	const char *name;
	enum kind kind;
	enum unit unit;
	size_t at; /* offset in struct settings */
	uint64_t number, low, high;
	const char *fallback;
	const char *choices;
};

static const struct row rows[] = {
#define NUMBER(name, value, low, high, unit, help)                                       \
	{#name, KIND_NUMBER, unit, offsetof(struct settings, name), value, low, high,    \
	    "", ""},
#define FLAG(name, value, help)                                                          \
	{#name, KIND_FLAG, COUNT, offsetof(struct settings, name), value, 0, 1, "", ""},
#define CHOICE(name, value, choices, help)                                               \
	{#name, KIND_CHOICE, COUNT, offsetof(struct settings, name), 0, 0, 0, value,     \
	    choices},
#define TEXT(name, value, help)                                                          \
	{#name, KIND_TEXT, COUNT, offsetof(struct settings, name), 0, 0, 0, value, ""},
#define LIST(name, value, help)                                                          \
	{#name, KIND_LIST, COUNT, offsetof(struct settings, name), 0, 0, 0, value, ""},
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* More than that is no configuration. */
enum { FILE_MAX = 1024 * 1024, READ_SIZE = 4096 };

/* One reading of a file. libconfuse's callbacks carry no argument of ours: the thread
 * that reads has this one. */
static _Thread_local struct reading {
	const char *path;
	struct settings s;
	bool seen[N_ROWS]; /* the file has set this row */
	struct errinfo why;
	bool failed;
} * the_reading;

static void *
field(struct settings *s, const struct row *row)
{
	return (char *)s + row->at;
}

static const void *
field_const(const struct settings *s, const struct row *row)
{
	return (const char *)s + row->at;
}

static const struct row *
row_named(const char *name)
{
	size_t i = 0;

	while (i < N_ROWS && strcmp(rows[i].name, name) != 0)
		i++;
	CHECK(i < N_ROWS); /* libconfuse knows no other names */
	return &rows[i];
}

const char *
settings_name(size_t n)
{
	return n < N_ROWS ? rows[n].name : NULL;
}

struct suffix {
	const char *name;
	enum unit unit;
	uint64_t factor;
};

static const struct suffix suffixes[] = {
    {"KiB", SIZE, 1ULL << 10},
    {"MiB", SIZE, 1ULL << 20},
    {"GiB", SIZE, 1ULL << 30},
    {"TiB", SIZE, 1ULL << 40},
    {"ms", MS, 1},
    {"s", MS, 1000},
    {"min", MS, 60000},
    {"h", MS, 3600000},
    {"d", MS, 86400000},
};

enum { N_SUFFIXES = sizeof suffixes / sizeof suffixes[0] };

/* "64 MiB", "30s", "7"; NULL or what is wrong. */
static const char *
parse_number(const struct row *row, struct bytes text, uint64_t *out)
{
	size_t digits = 0;
	struct bytes suffix;
	uint64_t v, factor = 1;

	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	if (digits == 0)
		return "is not a number";
	if (!bytes_u64((struct bytes){text.p, digits}, &v))
		return "is too large";
	suffix = bytes_trim(bytes_skip(text, digits));
	if (suffix.n > 0) {
		factor = 0;
		for (size_t i = 0; i < N_SUFFIXES; i++)
			if (suffixes[i].unit == row->unit &&
			    bytes_is(suffix, suffixes[i].name))
				factor = suffixes[i].factor;
		if (factor == 0)
			return row->unit == SIZE
				   ? "must be bytes, or end in KiB, MiB, GiB or TiB"
			       : row->unit == MS
				   ? "must be milliseconds, or end in ms, s, min, h or d"
				   : "must be a plain number";
	}
	if (v > UINT64_MAX / factor)
		return "is too large";
	*out = v * factor;
	return NULL;
}

static bool
choice_allowed(const struct row *row, const char *value)
{
	struct bytes rest = bytes_of(row->choices), choice;

	while (bytes_token(&rest, "|", &choice))
		if (bytes_is(choice, value))
			return true;
	return false;
}

static void
set_text(char **at, const char *value)
{
	free(*at);
	*at = strdup(value);
	CHECK(*at != NULL);
}

static void
list_add(struct settings_list *list, const char *item)
{
	list->items = realloc(list->items, (list->n + 1) * sizeof *list->items);
	CHECK(list->items != NULL);
	list->items[list->n] = NULL;
	set_text(&list->items[list->n++], item);
}

/*
 * Store one value; NULL or what is wrong with it. The items of a list are only looked
 * at: they are taken over when the file has been read.
 */
static const char *
set_value(struct settings *s, const struct row *row, const char *value)
{
	const char *bad = NULL;
	uint64_t number = 0;

	switch (row->kind) {
	case KIND_NUMBER:
		bad = parse_number(row, bytes_of(value), &number);
		if (bad == NULL && (number < row->low || number > row->high))
			bad = "is out of range";
		if (bad == NULL)
			*(uint64_t *)field(s, row) = number;
		return bad;
	case KIND_FLAG:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return "must be yes or no";
		*(bool *)field(s, row) = value[0] == 'y';
		return NULL;
	case KIND_CHOICE:
		if (!choice_allowed(row, value))
			return "is none of the choices";
		set_text(field(s, row), value);
		return NULL;
	case KIND_TEXT:
		set_text(field(s, row), value);
		return NULL;
	case KIND_LIST:
		break;
	}
	return value[0] == '\0' ? "is an empty item" : NULL;
}

static void
set_default(struct settings *s, const struct row *row)
{
	switch (row->kind) {
	case KIND_NUMBER:
		*(uint64_t *)field(s, row) = row->number;
		break;
	case KIND_FLAG:
		*(bool *)field(s, row) = row->number != 0;
		break;
	case KIND_CHOICE:
	case KIND_TEXT:
		set_text(field(s, row), row->fallback);
		break;
	case KIND_LIST: /* libconfuse has it, for `+=` */
		break;
	}
}

static void
refuse_value(cfg_t *cfg, const struct row *row, const char *value, const char *bad)
{
	if (row->kind == KIND_CHOICE)
		cfg_error(cfg, "%s: \"%s\" %s (%s)", row->name, value, bad, row->choices);
	else
		cfg_error(cfg, "%s: \"%s\" %s", row->name, value, bad);
}

/* Called by libconfuse once for each value, while cfg->line is where it stands. */
static int
value_read(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct row *row = row_named(cfg_opt_name(opt));
	bool *seen = &the_reading->seen[row - rows];
	bool is_first = row->kind != KIND_LIST || cfg_opt_size(opt) == 1;
	const char *bad;

	if (is_first && *seen) {
		cfg_error(cfg, "%s is set a second time", row->name);
		return -1;
	}
	*seen = true;
	bad = set_value(&the_reading->s, row, value);
	if (bad != NULL) {
		refuse_value(cfg, row, value, bad);
		return -1;
	}
	*(const char **)result = value;
	return 0;
}

__attribute__((format(printf, 2, 0))) static void
parse_failed(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[ERRINFO_TEXT_SIZE / 2];

	if (the_reading->failed)
		return; /* the first fault is the one to mend */
	the_reading->failed = true;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	(void)errinfo_set(&the_reading->why, ERR_CONFIG, "%s:%d: %s", the_reading->path,
	    cfg->line, text);
}

/* The defaults of the lists, where `+=` adds to them and `=` replaces them. */
static void
give_lists(cfg_t *cfg)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		struct bytes rest = bytes_of(rows[i].fallback), item;
		cfg_opt_t *opt = cfg_getopt(cfg, rows[i].name);

		if (rows[i].kind != KIND_LIST)
			continue;
		while (bytes_token(&rest, " ", &item)) {
			char *copy = strndup(item.p, item.n);

			CHECK(copy != NULL);
			CHECK(
			    cfg_opt_setnstr(opt, copy, cfg_opt_size(opt)) == CFG_SUCCESS);
			free(copy);
		}
	}
}

static void
take_lists(cfg_t *cfg, struct settings *s)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		cfg_opt_t *opt = cfg_getopt(cfg, rows[i].name);

		if (rows[i].kind != KIND_LIST)
			continue;
		for (unsigned k = 0; k < cfg_opt_size(opt); k++)
			list_add(field(s, &rows[i]), cfg_opt_getnstr(opt, k));
	}
}

/* Position behind the quoted string that begins at `at`; it may lack its end. */
static size_t
quoted_end(struct bytes text, size_t at)
{
	char quote = text.p[at++];

	while (at < text.n && text.p[at] != quote)
		at += text.p[at] == '\\' ? 2 : 1;
	return at + 1;
}

/*
 * Position behind the comment that begins at `at`; `at` itself if none does, and past
 * the text if it has no end. Two slashes inside a word belong to it: ivo://host/vault
 * needs no quotes.
 */
static size_t
comment_end(struct bytes text, size_t at)
{
	static const struct bytes between = {" \t\r\n={},\"'", 9};
	struct bytes rest = bytes_skip(text, at);
	bool in_word = at > 0 && bytes_find(between, text.p[at - 1]) == between.n;

	if (rest.p[0] == '#' || (!in_word && bytes_starts(rest, BYTES("//"))))
		return at + bytes_find(rest, '\n');
	if (!bytes_starts(rest, BYTES("/*")))
		return at;
	for (size_t end = at + 2; end + 1 < text.n; end++)
		if (text.p[end] == '*' && text.p[end + 1] == '/')
			return end + 2;
	return text.n + 1;
}

static int
line_of(struct bytes text, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at; i++)
		line += text.p[i] == '\n';
	return line;
}

/* Blanks in place of comments; what remains keeps its line. */
static enum err
blank_comments(const char *path, char *p, size_t n, struct errinfo *why)
{
	struct bytes text = {p, n};
	size_t end;

	for (size_t at = 0; at < n; at = end) {
		if (p[at] == '"' || p[at] == '\'') {
			end = quoted_end(text, at);
			continue;
		}
		end = comment_end(text, at);
		if (end > n)
			return errinfo_set(why, ERR_CONFIG,
			    "%s:%d: the comment has no end", path, line_of(text, at));
		for (size_t i = at; i < end; i++)
			if (p[i] != '\n')
				p[i] = ' ';
		if (end == at)
			end++;
	}
	return ERR_OK;
}

/* The whole file; *to is the caller's to release in any case. */
static enum err
read_text(const char *path, struct str *to, struct errinfo *why)
{
	FILE *f = fopen(path, "re");
	size_t got = 0;
	char *at;
	enum err e = ERR_OK;

	if (f == NULL)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot read %s", path);
	while ((at = str_reserve(to, READ_SIZE)) != NULL &&
	       (got = fread(at, 1, READ_SIZE, f)) > 0)
		str_grow(to, got);
	if (ferror(f))
		e = errinfo_sys(why, ERR_CONFIG, errno, "cannot read %s", path);
	else if (str_failed(to))
		e = errinfo_set(
		    why, ERR_CONFIG, "%s: is larger than %d bytes", path, FILE_MAX);
	else if (bytes_find(str_bytes(to), '\0') < to->n)
		e = errinfo_set(why, ERR_CONFIG, "%s: is not a text file", path);
	(void)fclose(f); /* read only: nothing to lose */
	return e;
}

static enum err
parse_text(const char *text, struct errinfo *why)
{
	cfg_opt_t opts[N_ROWS + 1];
	cfg_t *cfg;
	int result;

	for (size_t i = 0; i < N_ROWS; i++) {
		cfg_opt_t one =
		    CFG_STR_CB(rows[i].name, NULL, CFGF_NODEFAULT, value_read);
		cfg_opt_t list =
		    CFG_STR_LIST_CB(rows[i].name, NULL, CFGF_NODEFAULT, value_read);

		opts[i] = rows[i].kind == KIND_LIST ? list : one;
	}
	opts[N_ROWS] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(opts, CFGF_NONE);
	if (cfg == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to read the settings");
	(void)cfg_set_error_function(cfg, parse_failed);
	give_lists(cfg);
	result = cfg_parse_buf(cfg, text);
	if (result != CFG_SUCCESS)
		cfg_error(cfg, "cannot be understood"); /* unless it said why */
	else
		take_lists(cfg, &the_reading->s);
	(void)cfg_free(cfg);
	if (!the_reading->failed)
		return ERR_OK;
	if (why != NULL)
		*why = the_reading->why;
	return ERR_CONFIG;
}

static enum err
read_file(const char *path, struct errinfo *why)
{
	struct str text;
	enum err e;

	str_init(&text, FILE_MAX + READ_SIZE);
	str_adds(&text, ""); /* an empty file is a text too */
	e = read_text(path, &text, why);
	if (e == ERR_OK)
		e = blank_comments(path, text.p, text.n, why);
	if (e == ERR_OK)
		e = parse_text(text.p, why);
	str_release(&text);
	return e;
}

/* What one row cannot know. */
static enum err
check_groups(const char *path, const struct settings *s, struct errinfo *why)
{
	if (s->gms_url[0] == '\0')
		return ERR_OK;
	if (!bytes_starts(bytes_of(s->gms_url), BYTES("https://")))
		return errinfo_set(why, ERR_CONFIG,
		    "%s: gms_url: '%s' is no https address", path, s->gms_url);
	if (s->gms_authorities.n == 0)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: gms_url needs gms_authorities: whose groups are there?", path);
	for (size_t i = 0; i < s->gms_authorities.n; i++) {
		struct bytes uri = bytes_of(s->gms_authorities.items[i]);

		if (!bytes_starts(uri, BYTES("ivo://")) ||
		    bytes_find(bytes_skip(uri, 6), '/') + 1 >= uri.n - 6 ||
		    bytes_find(uri, '?') < uri.n)
			return errinfo_set(why, ERR_CONFIG,
			    "%s: gms_authorities: '%.*s' is not like "
			    "ivo://example.org/gms",
			    path, BYTES_ARG(uri));
	}
	if (s->gms_certificate[0] == '\0' && s->gms_token[0] == '\0')
		return errinfo_set(why, ERR_CONFIG,
		    "%s: gms_url needs gms_certificate or gms_token: the group service "
		    "knows this one by it",
		    path);
	return ERR_OK;
}

static enum err
check_together(const char *path, struct settings *s, struct errinfo *why)
{
	if (s->hosts.n == 0) {
		char name[256] = "localhost";
		char *host;

		(void)gethostname(name, sizeof name - 1);
		CHECK(asprintf(&host, "%s:8443", name) > 0);
		list_add(&s->hosts, host);
		free(host);
	}
	if (s->resource_id[0] == '\0') {
		struct bytes host = bytes_of(s->hosts.items[0]);
		char *id;

		host.n = bytes_find(host, ':');
		CHECK(asprintf(&id, "ivo://%.*s/vault", BYTES_ARG(host)) > 0);
		set_text(&s->resource_id, id);
		free(id);
	}
	if (!bytes_starts(bytes_of(s->resource_id), BYTES("ivo://")) ||
	    strstr(s->resource_id, "vault") == NULL)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: resource_id: \"%s\" must begin with ivo:// and contain "
		    "\"vault\": the "
		    "Python client offers cutouts only then",
		    path, s->resource_id);
	if (s->locations.n < 1 || s->locations.n > SETTINGS_LOCATIONS_MAX)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: locations: 1 to %d directories are needed, not %zu", path,
		    SETTINGS_LOCATIONS_MAX, s->locations.n);
	if (s->write_quorum > s->locations.n)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: write_quorum: %llu copies cannot lie on %zu locations", path,
		    (unsigned long long)s->write_quorum, s->locations.n);
	if (s->listen_tls.n > 0 &&
	    (s->tls_certificate[0] == '\0' || s->tls_key[0] == '\0'))
		return errinfo_set(why, ERR_CONFIG,
		    "%s: listen_tls needs tls_certificate and tls_key", path);
	if (s->listen_tls.n + s->listen_plain.n == 0)
		return errinfo_set(why, ERR_CONFIG,
		    "%s: neither listen_tls nor listen_plain is set", path);
	return check_groups(path, s, why);
}

bool
settings_is_outside_group(const struct settings *s, struct bytes where)
{
	if (s->gms_authorities.n == 0 || s->gms_url[0] == '\0')
		return false;
	for (size_t i = 0; i < s->gms_authorities.n; i++) {
		struct bytes uri = bytes_of(s->gms_authorities.items[i]);

		if (bytes_caseeq(bytes_skip(uri, sizeof("ivo://") - 1), where))
			return true;
	}
	return false;
}

enum err
settings_load(const char *path, struct settings *out, struct errinfo *why)
{
	struct reading reading = {.path = path};
	enum err e;

	for (size_t i = 0; i < N_ROWS; i++)
		set_default(&reading.s, &rows[i]);
	the_reading = &reading;
	e = read_file(path, why);
	the_reading = NULL;
	if (e == ERR_OK)
		e = check_together(path, &reading.s, why);
	if (e == ERR_OK)
		*out = reading.s;
	else
		settings_release(&reading.s);
	return e;
}

void
settings_release(struct settings *s)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];

		if (row->kind == KIND_LIST) {
			struct settings_list *list = field(s, row);

			for (size_t k = 0; k < list->n; k++)
				free(list->items[k]);
			free(list->items);
		} else if (row->kind == KIND_CHOICE || row->kind == KIND_TEXT) {
			free(*(char **)field(s, row));
		}
	}
	*s = (struct settings){0};
}

/* A quoted string as libconfuse reads it. */
static void
print_text(struct str *to, const char *text)
{
	str_addc(to, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\' || *text == '$')
			str_addc(to, '\\');
		str_addc(to, *text);
	}
	str_addc(to, '"');
}

void
settings_print(const struct settings *s, struct str *to)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];
		const void *at = field_const(s, row);

		str_adds(to, row->name);
		str_adds(to, " = ");
		switch (row->kind) {
		case KIND_NUMBER:
			str_addu(to, *(const uint64_t *)at);
			break;
		case KIND_FLAG:
			str_adds(to, *(const bool *)at ? "yes" : "no");
			break;
		case KIND_CHOICE:
		case KIND_TEXT:
			print_text(to, *(char *const *)at);
			break;
		case KIND_LIST: {
			const struct settings_list *list = at;

			str_addc(to, '{');
			for (size_t k = 0; k < list->n; k++) {
				str_adds(to, k == 0 ? "" : ", ");
				print_text(to, list->items[k]);
			}
			str_addc(to, '}');
			break;
		}
		}
		str_addc(to, '\n');
	}
}
