/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is read by libconfuse as plain text values; what a value means is decided
 * here, by the row of the table, while the parser still knows its line.
 */
#include "conf/settings.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/core/check.h"

enum kind { KIND_NUMBER, KIND_FLAG, KIND_CHOICE, KIND_TEXT, KIND_LIST };
enum unit { COUNT, SIZE, MS };

struct row {
	const char *name;
	enum kind kind;
	size_t at; /* offset in struct settings */
	const char *fallback;
	uint64_t number, low, high;
	enum unit unit;
	const char *choices;
};

static const struct row rows[] = {
#define NUMBER(name, value, low, high, unit, help)                                       \
	{#name, KIND_NUMBER, offsetof(struct settings, name), "", value, low, high,      \
	    unit, ""},
#define FLAG(name, value, help)                                                          \
	{#name, KIND_FLAG, offsetof(struct settings, name), "", value, 0, 1, COUNT, ""},
#define CHOICE(name, value, choices, help)                                               \
	{#name, KIND_CHOICE, offsetof(struct settings, name), value, 0, 0, 0, COUNT,     \
	    choices},
#define TEXT(name, value, help)                                                          \
	{#name, KIND_TEXT, offsetof(struct settings, name), value, 0, 0, 0, COUNT, ""},
#define LIST(name, value, help)                                                          \
	{#name, KIND_LIST, offsetof(struct settings, name), value, 0, 0, 0, COUNT, ""},
#include "conf/settings.def"
#undef NUMBER
#undef FLAG
#undef CHOICE
#undef TEXT
#undef LIST
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* One reading of a file. libconfuse's callbacks carry no argument of ours: the thread
 * that reads has this one. */
static _Thread_local struct reading {
	struct settings s;
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
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
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
	if (!bytes_u64((struct bytes){text.p, digits}, &v))
		return "is not a number";
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

/* Store one value; NULL or what is wrong with it. */
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
	CHECK(row->kind == KIND_LIST);
	{
		struct settings_list *list = field(s, row);

		list->items = realloc(list->items, (list->n + 1) * sizeof *list->items);
		CHECK(list->items != NULL);
		list->items[list->n] = NULL;
		set_text(&list->items[list->n++], value);
	}
	return NULL;
}

static void
set_default(struct settings *s, const struct row *row)
{
	struct bytes rest = bytes_of(row->fallback), item;

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
	case KIND_LIST:
		while (bytes_token(&rest, " ", &item)) {
			char *copy = strndup(item.p, item.n);

			CHECK(copy != NULL && set_value(s, row, copy) == NULL);
			free(copy);
		}
		break;
	}
}

/* Called by libconfuse for each value, while cfg->line is where it stands. */
static int
value_read(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct row *row = row_named(cfg_opt_name(opt));
	unsigned n = cfg_opt_size(opt);
	const char *value = n == 0 ? "" : cfg_opt_getnstr(opt, n - 1);
	const char *bad;

	if (row->kind == KIND_LIST &&
	    n == 1) { /* the file's items replace the default's */
		struct settings_list *list = field(&the_reading->s, row);

		while (list->n > 0)
			free(list->items[--list->n]);
	}
	bad = value == NULL ? "has no value" : set_value(&the_reading->s, row, value);
	if (bad == NULL)
		return 0;
	if (row->kind == KIND_CHOICE)
		cfg_error(cfg, "%s: \"%s\" %s (%s)", row->name, value, bad, row->choices);
	else
		cfg_error(
		    cfg, "%s: \"%s\" %s", row->name, value == NULL ? "" : value, bad);
	return -1;
}

static void
parse_failed(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[ERRINFO_TEXT_SIZE / 2];

	if (the_reading->failed)
		return; /* the first fault is the one to mend */
	the_reading->failed = true;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	(void)errinfo_set(&the_reading->why, ERR_CONFIG, "%s:%d: %s",
	    cfg->filename == NULL ? "?" : cfg->filename, cfg->line, text);
}

static enum err
read_file(const char *path, struct errinfo *why)
{
	cfg_opt_t opts[N_ROWS + 1];
	cfg_t *cfg;
	int result;

	for (size_t i = 0; i < N_ROWS; i++) {
		cfg_opt_t text = CFG_STR(rows[i].name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(rows[i].name, NULL, CFGF_NODEFAULT);

		opts[i] = rows[i].kind == KIND_LIST ? list : text;
	}
	opts[N_ROWS] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(opts, CFGF_NONE);
	if (cfg == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory to read %s", path);
	(void)cfg_set_error_function(cfg, parse_failed);
	for (size_t i = 0; i < N_ROWS; i++)
		(void)cfg_set_validate_func(cfg, rows[i].name, value_read);
	errno = 0;
	result = cfg_parse(cfg, path);
	(void)cfg_free(cfg);
	if (result == CFG_FILE_ERROR)
		return errinfo_sys(why, ERR_CONFIG, errno, "cannot read %s", path);
	if (result != CFG_SUCCESS || the_reading->failed) {
		if (why != NULL)
			*why = the_reading->why;
		return ERR_CONFIG;
	}
	return ERR_OK;
}

/* What one row cannot know. */
static enum err
check_together(const char *path, struct settings *s, struct errinfo *why)
{
	if (s->hosts.n == 0) {
		char name[256] = "localhost";
		char *host;

		(void)gethostname(name, sizeof name - 1);
		CHECK(asprintf(&host, "%s:8443", name) > 0);
		CHECK(set_value(s, row_named("hosts"), host) == NULL);
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
	return ERR_OK;
}

enum err
settings_load(const char *path, struct settings *out, struct errinfo *why)
{
	struct reading reading = {0};
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
		if (*text == '"' || *text == '\\')
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
