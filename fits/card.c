/* SPDX-License-Identifier: Apache-2.0 */
#include "fits/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KEY_SIZE = 8,
	VALUE_AT = 10, /* behind the value indicator "= " */
	NUMBER_WIDTH = 20, /* fixed format: right-justified up to column 30 */
	NUMBER_SIZE = 40, /* room for any number we write, and its NUL */
};

static struct bytes
trim_right(struct bytes b)
{
	while (b.n > 0 && b.p[b.n - 1] == ' ')
		b.n--;
	return b;
}

static struct bytes
skip_blanks(struct bytes b)
{
	while (b.n > 0 && b.p[0] == ' ')
		b = bytes_skip(b, 1);
	return b;
}

struct bytes
card_key(const char *text)
{
	return trim_right((struct bytes){text, KEY_SIZE});
}

static size_t
count_digits(struct bytes b)
{
	size_t n = 0;

	while (n < b.n && b.p[n] >= '0' && b.p[n] <= '9')
		n++;
	return n;
}

static struct bytes
skip_sign(struct bytes b)
{
	return b.n > 0 && (b.p[0] == '+' || b.p[0] == '-') ? bytes_skip(b, 1) : b;
}

/* Lower-case exponents are not in the standard, but in files. */
static bool
is_exponent(struct bytes b)
{
	if (b.n == 0 || bytes_find(BYTES("EeDd"), b.p[0]) == 4)
		return false;
	b = skip_sign(bytes_skip(b, 1));
	return b.n > 0 && count_digits(b) == b.n;
}

static enum card_type
number_type(struct bytes b)
{
	size_t whole, fraction = 0;

	b = skip_sign(b);
	whole = count_digits(b);
	b = bytes_skip(b, whole);
	if (whole > 0 && b.n == 0)
		return CARD_INTEGER;
	if (b.n > 0 && b.p[0] == '.') {
		b = bytes_skip(b, 1);
		fraction = count_digits(b);
		b = bytes_skip(b, fraction);
	}
	if (whole + fraction == 0)
		return CARD_OTHER;
	return b.n == 0 || is_exponent(b) ? CARD_REAL : CARD_OTHER;
}

/* Length of the quoted text at the start of `b`, both quotes included; 0: no end. */
static size_t
quoted_length(struct bytes b)
{
	for (size_t i = 1; i < b.n; i++) {
		if (b.p[i] != '\'')
			continue;
		if (i + 1 == b.n || b.p[i + 1] != '\'')
			return i + 1;
		i++;
	}
	return 0;
}

static void
read_value(struct card *c, struct bytes field)
{
	size_t n;

	field = skip_blanks(field);
	n = field.n > 0 && field.p[0] == '\'' ? quoted_length(field)
					      : bytes_find(field, '/');
	c->value = trim_right((struct bytes){field.p, n});
	c->comment = trim_right(skip_blanks(bytes_skip(field, n)));
	if (n == 0 || (c->comment.n > 0 && c->comment.p[0] != '/'))
		c->type = CARD_OTHER;
	else if (c->value.n > 0 && c->value.p[0] == '\'')
		c->type = CARD_STRING;
	else if (bytes_is(c->value, "T") || bytes_is(c->value, "F"))
		c->type = CARD_LOGICAL;
	else
		c->type = number_type(c->value);
}

struct card
card_read(const char *text)
{
	struct card c = {.key = card_key(text), .type = CARD_COMMENTARY};

	if (text[KEY_SIZE] == '=' && text[KEY_SIZE + 1] == ' ')
		read_value(&c, (struct bytes){text + VALUE_AT, CARD_SIZE - VALUE_AT});
	return c;
}

bool
card_integer(const struct card *c, int64_t *out)
{
	struct bytes digits = skip_sign(c->value);
	bool negative;
	uint64_t v;

	if (c->type != CARD_INTEGER || !bytes_u64(digits, &v) || v > INT64_MAX)
		return false;
	negative = c->value.p[0] == '-';
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

bool
card_logical(const struct card *c, bool *out)
{
	if (c->type != CARD_LOGICAL)
		return false;
	*out = c->value.p[0] == 'T';
	return true;
}

bool
card_real(const struct card *c, double *out)
{
	char text[CARD_SIZE];
	double v;

	if (c->type != CARD_REAL && c->type != CARD_INTEGER)
		return false;
	for (size_t i = 0; i < c->value.n; i++) {
		text[i] = c->value.p[i];
		if (text[i] == 'D' || text[i] == 'd')
			text[i] = 'E';
	}
	text[c->value.n] = '\0';
	v = strtod(text, NULL);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

bool
card_string(const struct card *c, char out[CARD_TEXT_MAX + 1])
{
	size_t n = 0;

	if (c->type != CARD_STRING)
		return false;
	for (size_t i = 1; i + 1 < c->value.n; i++) {
		if (c->value.p[i] == '\'')
			i++; /* the second of two stands for both */
		out[n++] = c->value.p[i];
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return true;
}

void
card_put(struct str *to, struct bytes text)
{
	char *at = str_reserve(to, CARD_SIZE);
	size_t n = text.n < CARD_SIZE ? text.n : CARD_SIZE;

	if (at == NULL)
		return;
	(void)memset(at, ' ', CARD_SIZE);
	(void)memcpy(at, text.p, n);
	str_grow(to, CARD_SIZE);
}

/* Numbers are justified to the right, strings (negative `width`) to the left. */
static void
put_value(
    struct str *to, struct bytes key, const char *value, int width, struct bytes comment)
{
	char text[2 * CARD_SIZE];
	int n = snprintf(text, sizeof text, "%-8.*s= %*s %.*s", BYTES_ARG(key), width,
	    value, BYTES_ARG(comment));

	card_put(to, (struct bytes){text, n < 0 ? 0 : (size_t)n});
}

void
card_put_logical(struct str *to, struct bytes key, bool v, struct bytes comment)
{
	put_value(to, key, v ? "T" : "F", NUMBER_WIDTH, comment);
}

void
card_put_integer(struct str *to, struct bytes key, int64_t v, struct bytes comment)
{
	char text[NUMBER_SIZE];

	(void)snprintf(text, sizeof text, "%lld", (long long)v);
	put_value(to, key, text, NUMBER_WIDTH, comment);
}

void
card_put_string(struct str *to, struct bytes key, const char *text, struct bytes comment)
{
	char quoted[CARD_SIZE];

	(void)snprintf(quoted, sizeof quoted, "'%-8s'", text);
	put_value(to, key, quoted, -NUMBER_WIDTH, comment);
}

void
card_put_real(struct str *to, struct bytes key, double v, struct bytes comment)
{
	char digits[NUMBER_SIZE], text[NUMBER_SIZE];
	size_t mantissa;

	(void)snprintf(digits, sizeof digits, "%.15G", v);
	if (strtod(digits, NULL) != v)
		(void)snprintf(digits, sizeof digits, "%.17G", v);
	/* Without a decimal point it would be an integer. */
	mantissa = strcspn(digits, "E");
	(void)snprintf(text, sizeof text, "%.*s%s%s", (int)mantissa, digits,
	    memchr(digits, '.', mantissa) == NULL ? ".0" : "", digits + mantissa);
	put_value(to, key, text, NUMBER_WIDTH, comment);
}

void
card_pad(struct str *to)
{
	size_t n = (size_t)(fits_padded(to->n) - to->n);
	char *at = str_reserve(to, n);

	if (at == NULL)
		return;
	(void)memset(at, ' ', n);
	str_grow(to, n);
}
