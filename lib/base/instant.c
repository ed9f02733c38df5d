#include "base/instant.h"

#include <stdio.h>

#define FRACTION_DIGITS 18
#define ONE_SECOND UINT64_C(1000000000000000000)
#define SECONDS_DIGITS 19 /* of 2^63 - 1 */
#define DAY 86400

/* Days since 1970-01-01 in the proleptic Gregorian calendar. The year is taken to begin in March, so
 * that the leap day comes last; 400 years are 146097 days. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct civil
instant_civil(int64_t seconds)
{
	int64_t days = seconds / DAY, rest = seconds % DAY;
	int64_t era, day_of_era, year_of_era, day_of_year, month;
	struct civil c;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	c.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = year_of_era + era * 400 + (c.month <= 2);
	c.hour = (int)(rest / 3600);
	c.minute = (int)(rest / 60 % 60);
	c.second = (int)(rest % 60);
	return c;
}

int64_t
instant_of_civil(const struct civil *c)
{
	return days_of(c->year, c->month, c->day) * DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

static bool
take_byte(struct slice *s, char low, char high)
{
	if (s->n == 0 || s->p[0] < low || s->p[0] > high)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* Exactly count digits, from minimum to maximum. */
static bool
take_number(struct slice *s, int count, int minimum, int maximum, int *number)
{
	*number = 0;
	for (int i = 0; i < count; i++) {
		if (!take_byte(s, '0', '9'))
			return false;
		*number = *number * 10 + (s->p[-1] - '0');
	}
	return *number >= minimum && *number <= maximum;
}

static bool
take_date(struct slice *s, struct civil *c)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, leap;

	if (!take_number(s, 4, 0, 9999, &year) || !take_byte(s, '-', '-') || !take_number(s, 2, 1, 12, &c->month) ||
		!take_byte(s, '-', '-') || !take_number(s, 2, 1, 31, &c->day))
		return false;
	c->year = year;
	leap = c->month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return c->day <= days[c->month - 1] + leap;
}

static bool
take_fraction(struct slice *s, uint64_t *fraction)
{
	uint64_t unit = ONE_SECOND / 10;

	*fraction = 0;
	if (!take_byte(s, '.', '.'))
		return true;
	if (!take_byte(s, '0', '9'))
		return false;
	do {
		*fraction += unit * (uint64_t)(s->p[-1] - '0');
		unit /= 10;
	} while (take_byte(s, '0', '9'));
	return true;
}

static bool
take_offset(struct slice *s, int *seconds)
{
	int hours, minutes, sign;

	*seconds = 0;
	if (take_byte(s, 'Z', 'Z') || take_byte(s, 'z', 'z'))
		return true;
	if (take_byte(s, '+', '+'))
		sign = 1;
	else if (take_byte(s, '-', '-'))
		sign = -1;
	else
		return false;
	if (!take_number(s, 2, 0, 23, &hours) || !take_byte(s, ':', ':') || !take_number(s, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
instant_parse(struct slice text, struct instant *t, bool *is_date)
{
	struct civil c = {0};
	uint64_t fraction = 0;
	int offset = 0;

	if (!take_date(&text, &c))
		return false;
	if (is_date)
		*is_date = text.n == 0;
	if (text.n > 0) {
		if (!take_byte(&text, 'T', 'T') && !take_byte(&text, 't', 't') && !take_byte(&text, ' ', ' '))
			return false;
		if (!take_number(&text, 2, 0, 23, &c.hour) || !take_byte(&text, ':', ':') ||
			!take_number(&text, 2, 0, 59, &c.minute) || !take_byte(&text, ':', ':') ||
			!take_number(&text, 2, 0, 60, &c.second))
			return false;
		if (!take_fraction(&text, &fraction) || !take_offset(&text, &offset) || text.n > 0)
			return false;
	}
	t->seconds = instant_of_civil(&c) - offset;
	t->fraction = fraction;
	return true;
}

/* A JSON number taken apart: 0.d1d2d3... times 10^point, the digits without leading zeros. */
struct decimal {
	bool negative;
	struct slice digits; /* with the point among them, perhaps */
	int64_t point;
};

static bool
take_exponent(struct slice *s, int64_t *exponent)
{
	bool negative;

	*exponent = 0;
	if (!take_byte(s, 'e', 'e') && !take_byte(s, 'E', 'E'))
		return true;
	negative = take_byte(s, '-', '-');
	if (!negative)
		take_byte(s, '+', '+');
	if (!take_byte(s, '0', '9'))
		return false;
	do
		if (*exponent < INT32_MAX)
			*exponent = *exponent * 10 + (s->p[-1] - '0');
	while (take_byte(s, '0', '9'));
	if (negative)
		*exponent = -*exponent;
	return true;
}

static bool
take_decimal(struct slice *s, struct decimal *d)
{
	const char *begin;
	int64_t whole = 0, exponent;

	d->negative = take_byte(s, '-', '-');
	begin = s->p;
	if (!take_byte(s, '0', '0')) {
		if (!take_byte(s, '1', '9'))
			return false;
		while (take_byte(s, '0', '9'))
			;
	}
	whole = s->p - begin;
	if (take_byte(s, '.', '.')) {
		if (!take_byte(s, '0', '9'))
			return false;
		while (take_byte(s, '0', '9'))
			;
	}
	d->digits = (struct slice){begin, (size_t)(s->p - begin)};
	if (!take_exponent(s, &exponent))
		return false;
	d->point = whole + exponent;
	while (d->digits.n > 0 && (d->digits.p[0] == '0' || d->digits.p[0] == '.')) {
		d->point -= d->digits.p[0] == '0';
		d->digits.p++;
		d->digits.n--;
	}
	return true;
}

static unsigned
next_digit(struct slice *digits)
{
	if (digits->n > 0 && digits->p[0] == '.')
		take_byte(digits, '.', '.');
	return take_byte(digits, '0', '9') ? (unsigned)(digits->p[-1] - '0') : 0;
}

/* Beyond what seconds can hold, and beyond every date: the last instant of all, or the first. */
static bool
far_away(bool negative, struct instant *t)
{
	*t = negative ? (struct instant){INT64_MIN + 1, 0} : (struct instant){INT64_MAX, ONE_SECOND - 1};
	return true;
}

bool
instant_parse_number(struct slice text, struct instant *t)
{
	struct decimal d;
	uint64_t seconds = 0, fraction = 0, unit = ONE_SECOND / 10;

	if (!take_decimal(&text, &d) || text.n > 0)
		return false;
	if (d.digits.n == 0)
		d.point = 0;
	if (d.point > SECONDS_DIGITS)
		return far_away(d.negative, t);
	for (; d.point > 0; d.point--)
		seconds = seconds * 10 + next_digit(&d.digits);
	if (seconds > (uint64_t)INT64_MAX - d.negative)
		return far_away(d.negative, t);
	for (; d.point < 0 && unit; d.point++)
		unit /= 10;
	for (; unit; unit /= 10)
		fraction += unit * next_digit(&d.digits);
	if (d.negative) {
		t->seconds = -(int64_t)seconds - (fraction > 0);
		t->fraction = fraction ? ONE_SECOND - fraction : 0;
	} else {
		t->seconds = (int64_t)seconds;
		t->fraction = fraction;
	}
	return true;
}

struct instant
instant_of_us(int64_t us)
{
	int64_t seconds = us / 1000000, rest = us % 1000000;

	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	return (struct instant){seconds, (uint64_t)rest * (ONE_SECOND / 1000000)};
}

int64_t
instant_to_us(struct instant t)
{
	int64_t us;

	if (__builtin_mul_overflow(t.seconds, (int64_t)1000000, &us) ||
		__builtin_add_overflow(us, (int64_t)(t.fraction / (ONE_SECOND / 1000000)), &us))
		return t.seconds < 0 ? INT64_MIN : INT64_MAX;
	return us;
}

size_t
instant_format(struct instant t, int digits, char *out)
{
	struct civil c = instant_civil(t.seconds);
	uint64_t fraction = t.fraction;
	int n;

	for (int i = digits; i < FRACTION_DIGITS; i++)
		fraction /= 10;
	n = snprintf(out, INSTANT_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)c.year, c.month, c.day,
		c.hour, c.minute, c.second);
	if (digits > 0)
		n += snprintf(out + n, INSTANT_TEXT_MAX - (size_t)n, ".%0*llu", digits, (unsigned long long)fraction);
	n += snprintf(out + n, INSTANT_TEXT_MAX - (size_t)n, "Z");
	return (size_t)n;
}
