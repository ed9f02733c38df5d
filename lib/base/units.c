#include "base/units.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"K", UINT64_C(1) << 10},
	{"KiB", UINT64_C(1) << 10},
	{"KB", 1000},
	{"M", UINT64_C(1) << 20},
	{"MiB", UINT64_C(1) << 20},
	{"MB", 1000000},
	{"G", UINT64_C(1) << 30},
	{"GiB", UINT64_C(1) << 30},
	{"GB", 1000000000},
	{"T", UINT64_C(1) << 40},
	{"TiB", UINT64_C(1) << 40},
	{"TB", UINT64_C(1000000000000)},
	{NULL, 0},
};

static const struct unit durations[] = {
	{"", 1000},
	{"s", 1000},
	{"m", 60000},
	{"h", 3600000},
	{"d", 86400000},
	{NULL, 0},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
take_digits(const char **text, uint64_t *number)
{
	if (!is_digit(**text))
		return false;
	for (*number = 0; is_digit(**text); ++*text)
		if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
			__builtin_add_overflow(*number, (uint64_t)(**text - '0'), number))
			return false;
	return true;
}

/* Digits after the point as a part of 10^9; more than nine of them are no meaningful measure. */
static bool
take_billionths(const char **text, uint64_t *billionths)
{
	uint64_t unit = 1000000000;

	*billionths = 0;
	if (**text != '.')
		return true;
	++*text;
	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); ++*text) {
		unit /= 10;
		if (unit == 0)
			return false;
		*billionths += unit * (uint64_t)(**text - '0');
	}
	return true;
}

/* 0, or -1 when text is not written as number and unit or is too large. */
static int
parse(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t whole, billionths;
	unsigned __int128 product;

	if (!take_digits(&text, &whole) || !take_billionths(&text, &billionths))
		return -1;
	while (units->name && strcasecmp(units->name, text) != 0)
		units++;
	if (!units->name || (units->factor == 1 && billionths))
		return -1;
	product = (unsigned __int128)whole * units->factor + (unsigned __int128)billionths * units->factor / 1000000000;
	if (product > UINT64_MAX)
		return -1;
	*value = (uint64_t)product;
	return 0;
}

int
units_number(const char *text, uint64_t *number, struct error *error)
{
	const char *rest = text;

	if (!take_digits(&rest, number) || *rest)
		return error_set(error, STATUS_USAGE, "usage", "'%s' is no number", text);
	return 0;
}

int
units_size(const char *text, uint64_t *bytes, struct error *error)
{
	if (parse(text, sizes, bytes) < 0)
		return error_set(error, STATUS_USAGE, "usage", "'%s' is no size", text);
	return 0;
}

int
units_duration(const char *text, uint64_t *ms, struct error *error)
{
	if (parse(text, durations, ms) < 0)
		return error_set(error, STATUS_USAGE, "usage", "'%s' is no duration", text);
	return 0;
}
