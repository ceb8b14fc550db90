/* SPDX-License-Identifier: Apache-2.0 */
#include "service/core/isotime.h"

#include <string.h>
#include <time.h>

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* A moment as people write it. glibc's gmtime_r takes a lock the loops would share. */
struct civil {
	int year, month /* 1.. */, day, hour, minute, second, fraction_ms;
	int weekday; /* 0 = Sunday */
};

static struct civil
civil_of(int64_t ms)
{
	static const int64_t day_ms = 86400000;
	int64_t days = ms / day_ms, rest = ms % day_ms;
	int64_t era, day_of_era, year_of_era, day_of_year, month;
	struct civil c;

	if (rest < 0) {
		rest += day_ms;
		days--;
	}
	c.weekday = (int)(((days + 4) % 7 + 7) % 7);
	/* Years begin in March here, so that the leap day comes last; 400 years an era.
	 */
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
	    365;
	day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	c.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = (int)((year_of_era + era * 400 + (c.month <= 2)) % 10000);
	c.hour = (int)(rest / 3600000);
	c.minute = (int)(rest / 60000 % 60);
	c.second = (int)(rest / 1000 % 60);
	c.fraction_ms = (int)(rest % 1000);
	return c;
}

/* `value` as exactly `n` digits, then `after`; returns the place behind. */
static char *
put(char *at, int value, int n, char after)
{
	for (int i = n - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	at[n] = after;
	return at + n + 1;
}

void
isotime_format(int64_t ms, char out[ISOTIME_SIZE])
{
	struct civil c = civil_of(ms);

	out = put(out, c.year, 4, '-');
	out = put(out, c.month, 2, '-');
	out = put(out, c.day, 2, 'T');
	out = put(out, c.hour, 2, ':');
	out = put(out, c.minute, 2, ':');
	out = put(out, c.second, 2, '.');
	(void)put(out, c.fraction_ms, 3, '\0');
}

static char *
put_text(char *at, const char *text)
{
	while (*text != '\0')
		*at++ = *text++;
	return at;
}

void
httptime_format(int64_t ms, char out[ISOTIME_SIZE])
{
	struct civil c = civil_of(ms);

	out = put_text(out, day_names[c.weekday]);
	out = put_text(out, ", ");
	out = put(out, c.day, 2, ' ');
	out = put_text(out, month_names[c.month - 1]);
	out = put_text(out, " ");
	out = put(out, c.year, 4, ' ');
	out = put(out, c.hour, 2, ':');
	out = put(out, c.minute, 2, ':');
	out = put(out, c.second, 2, ' ');
	*put_text(out, "GMT") = '\0';
}

/* `n` digits at the front of *rest, which moves on. */
static bool
digits(struct bytes *rest, size_t n, int *out)
{
	uint64_t v;

	if (rest->n < n || !bytes_u64((struct bytes){rest->p, n}, &v))
		return false;
	*out = (int)v;
	*rest = bytes_skip(*rest, n);
	return true;
}

static bool
expect(struct bytes *rest, const char *text)
{
	struct bytes want = bytes_of(text);

	if (!bytes_starts(*rest, want))
		return false;
	*rest = bytes_skip(*rest, want.n);
	return true;
}

static int
days_of_month(int year, int month /* 0.. */)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month] + (month == 1 && is_leap);
}

static bool
join(const struct tm *tm, int fraction, int64_t *ms_out)
{
	struct tm copy = *tm;
	time_t t;

	if (tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1 ||
	    tm->tm_mday > days_of_month(tm->tm_year + 1900, tm->tm_mon) ||
	    tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
		return false;
	t = timegm(&copy);
	*ms_out = (int64_t)t * 1000 + fraction;
	return true;
}

bool
isotime_parse(struct bytes text, int64_t *ms_out)
{
	struct tm tm = {0};
	int fraction = 0, scale = 100;
	int year, month;

	if (!digits(&text, 4, &year) || !expect(&text, "-") ||
	    !digits(&text, 2, &month) || !expect(&text, "-") ||
	    !digits(&text, 2, &tm.tm_mday) || !expect(&text, "T") ||
	    !digits(&text, 2, &tm.tm_hour) || !expect(&text, ":") ||
	    !digits(&text, 2, &tm.tm_min) || !expect(&text, ":") ||
	    !digits(&text, 2, &tm.tm_sec))
		return false;
	if (expect(&text, ".")) {
		int digit;

		if (!digits(&text, 1, &digit))
			return false;
		do {
			fraction += digit * scale;
			scale /= 10;
		} while (digits(&text, 1, &digit));
	}
	(void)expect(&text, "Z");
	if (text.n != 0)
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	return join(&tm, fraction, ms_out);
}

bool
httptime_parse(struct bytes text, int64_t *ms_out)
{
	struct tm tm = {.tm_mon = -1};
	size_t comma = bytes_find(text, ',');
	int year;

	if (comma != 3 || comma == text.n)
		return false;
	text = bytes_skip(text, 4);
	if (!expect(&text, " ") || !digits(&text, 2, &tm.tm_mday) || !expect(&text, " "))
		return false;
	for (int i = 0; i < 12; i++)
		if (tm.tm_mon < 0 && expect(&text, month_names[i]))
			tm.tm_mon = i;
	if (tm.tm_mon < 0 || !expect(&text, " ") || !digits(&text, 4, &year) ||
	    !expect(&text, " ") || !digits(&text, 2, &tm.tm_hour) ||
	    !expect(&text, ":") || !digits(&text, 2, &tm.tm_min) || !expect(&text, ":") ||
	    !digits(&text, 2, &tm.tm_sec) || !expect(&text, " GMT") || text.n != 0)
		return false;
	tm.tm_year = year - 1900;
	return join(&tm, 0, ms_out);
}
