/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/shape.h"

#include <stdlib.h>

enum {
	NUMBER_MAX = 40, /* characters of one number */
	SHOWN_MAX = 60, /* of a wrong text, in an error */
	CORNERS_MIN = 3,
	SHORT_DIGITS = 15, /* most numbers read back from so few */
	LONG_DIGITS = 17, /* and all from these */
};

static const double lon_max = 360, lat_max = 90, radius_max = 180;

static const struct {
	const char *word, *form;
} names[] = {
    [SHAPE_CIRCLE] = {"CIRCLE", "a circle: longitude latitude radius"},
    [SHAPE_RANGE] = {"RANGE", "a range: longitude longitude latitude latitude"},
    [SHAPE_POLYGON] = {"POLYGON", "a polygon: longitude latitude of at least 3 corners"},
};

static enum err
wrong(struct errinfo *why, struct bytes text, const char *what)
{
	int n = text.n < SHOWN_MAX ? (int)text.n : SHOWN_MAX;

	return errinfo_set(
	    why, ERR_INVALID_ARGUMENT, "'%.*s' is not %s", n, text.p, what);
}

/* Decimal, with an exponent at most: nothing else that strtod takes. */
static bool
read_number(struct bytes b, double *out)
{
	char text[NUMBER_MAX + 1], *end;

	if (b.n == 0 || b.n > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (bytes_find(BYTES("0123456789.eE+-"), b.p[i]) ==
		    sizeof "0123456789.eE+-" - 1)
			return false;
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

/* What stands for an open end becomes the end there is. */
static bool
read_end(struct bytes b, double low, double high, double *out)
{
	if (bytes_caseeq(b, BYTES("-Inf")))
		*out = low;
	else if (bytes_caseeq(b, BYTES("+Inf")) || bytes_caseeq(b, BYTES("Inf")))
		*out = high;
	else
		return read_number(b, out);
	return true;
}

static bool
read_value(enum shape_kind kind, size_t i, struct bytes word, double *out)
{
	if (kind != SHAPE_RANGE)
		return read_number(word, out);
	if (i >= 2)
		return read_end(word, -lat_max, lat_max, out);
	return read_end(word, 0, lon_max, out);
}

struct vec3
shape_middle(const struct shape *s)
{
	struct vec3 sum = {0, 0, 0};

	for (size_t i = 0; i < s->n; i += 2)
		sum = vec_sum(1, sum, 1, vec_of(s->value[i], s->value[i + 1]));
	return vec_length(sum) > 0 ? vec_unit(sum) : sum;
}

static const char *
polygon_fault(const struct shape *s)
{
	struct vec3 middle = shape_middle(s);

	if (s->n < 2 * CORNERS_MIN || s->n % 2 != 0)
		return "a polygon has at least 3 corners of two numbers each";
	for (size_t i = 0; i < s->n; i += 2) {
		struct vec3 corner = vec_of(s->value[i], s->value[i + 1]);
		size_t j = (i + 2) % s->n;
		struct vec3 next = vec_of(s->value[j], s->value[j + 1]);

		if (!(vec_dot(middle, corner) > 0))
			return "a polygon lies in one hemisphere";
		if (vec_angle(corner, next) == 0)
			return "a polygon has no corner twice in a row";
	}
	return NULL;
}

const char *
shape_fault(const struct shape *s)
{
	const double *v = s->value;

	for (size_t i = 0; i < s->n; i++) {
		bool is_radius = s->kind == SHAPE_CIRCLE && i == 2;
		bool is_lat = s->kind == SHAPE_RANGE ? i >= 2 : i % 2 == 1;

		if (is_radius && !(v[i] >= 0 && v[i] <= radius_max))
			return "a radius is from 0 to 180 degrees";
		if (is_lat && !(fabs(v[i]) <= lat_max))
			return "a latitude is from -90 to 90 degrees";
		if (!(fabs(v[i]) <= lon_max))
			return "a longitude is from -360 to 360 degrees";
	}
	switch (s->kind) {
	case SHAPE_CIRCLE:
		return s->n == SHAPE_CIRCLE_VALUES ? NULL : "a circle has three numbers";
	case SHAPE_RANGE:
		if (s->n != SHAPE_RANGE_VALUES)
			return "a range has four numbers";
		return v[2] <= v[3] ? NULL : "a range goes from low to high latitude";
	case SHAPE_POLYGON:
		break;
	}
	return polygon_fault(s);
}

/* The count of words, at most `max` + 1. */
static size_t
count_words(struct bytes text, size_t max)
{
	struct bytes word;
	size_t n = 0;

	while (n <= max && bytes_token(&text, " \t", &word))
		n++;
	return n;
}

enum err
shape_parse(struct arena *a, enum shape_kind kind, struct bytes text, size_t points_max,
    struct shape *out, struct errinfo *why)
{
	size_t max = kind == SHAPE_POLYGON ? 2 * points_max : SHAPE_RANGE_VALUES;
	size_t n = count_words(text, max);
	double *value = arena_array(a, double, n + 1);
	struct shape s = {.kind = kind, .value = value, .n = n};
	struct bytes rest = text, word;
	const char *fault;

	if (value == NULL)
		return errinfo_set(why, ERR_NO_MEMORY, "no memory for a shape");
	if (n > max && kind == SHAPE_POLYGON)
		return errinfo_set(why, ERR_INVALID_ARGUMENT,
		    "a polygon may have %zu corners here", points_max);
	if (n == 0)
		return wrong(why, text, names[kind].form);
	for (size_t i = 0; i < n && bytes_token(&rest, " \t", &word); i++)
		if (!read_value(kind, i, word, &value[i]))
			return wrong(why, word, "a number of degrees");
	/* A ring that is closed already. */
	if (kind == SHAPE_POLYGON && n > 2 * CORNERS_MIN && n % 2 == 0 &&
	    value[0] == value[n - 2] && value[1] == value[n - 1])
		s.n -= 2;
	fault = shape_fault(&s);
	if (fault != NULL)
		return errinfo_set(why, ERR_INVALID_ARGUMENT, "%s: %s is %s", fault,
		    names[kind].word, names[kind].form);
	*out = s;
	return ERR_OK;
}

enum err
shape_parse_pos(struct arena *a, struct bytes text, size_t points_max, struct shape *out,
    struct errinfo *why)
{
	struct bytes rest = text, word = {NULL, 0};

	(void)bytes_token(&rest, " \t", &word);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (bytes_caseeq(word, bytes_of(names[i].word)))
			return shape_parse(
			    a, (enum shape_kind)i, rest, points_max, out, why);
	return wrong(why, text, "CIRCLE ..., RANGE ... or POLYGON ...");
}

void
shape_write(struct str *to, const struct shape *s)
{
	str_adds(to, names[s->kind].word);
	for (size_t i = 0; i < s->n; i++) {
		char text[NUMBER_MAX];

		for (int digits = SHORT_DIGITS; digits <= LONG_DIGITS; digits++) {
			(void)snprintf(text, sizeof text, "%.*g", digits, s->value[i]);
			if (strtod(text, NULL) == s->value[i])
				break;
		}
		str_addf(to, " %s", text);
	}
}
