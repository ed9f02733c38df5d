/* instant - a point in time, compared exactly.
 *
 * Sources: RFC 3339 (date-time with any offset, `T` or `t` or a space, leap second :60 taken as the
 * next second), a full-date (midnight UTC), or a JSON number of seconds since the epoch. */
#ifndef ACC_BASE_INSTANT_H
#define ACC_BASE_INSTANT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct instant {
	int64_t seconds;   /* since 1970-01-01T00:00:00Z; INSTANT_MISSING when there is no time */
	uint64_t fraction; /* of a second, in 10^-18; further digits are cut */
};

#define INSTANT_MISSING_SECONDS INT64_MIN
#define INSTANT_MISSING ((struct instant){INSTANT_MISSING_SECONDS, 0})

static inline bool
instant_is_missing(struct instant t)
{
	return t.seconds == INSTANT_MISSING_SECONDS;
}

/* <0, 0, >0; a missing time is older than any other. */
static inline int
instant_compare(struct instant a, struct instant b)
{
	if (a.seconds != b.seconds)
		return a.seconds < b.seconds ? -1 : 1;
	return (a.fraction > b.fraction) - (a.fraction < b.fraction);
}

/* Parse text (no quotes); false when it is no RFC 3339 date-time or date. is_date, if not NULL, tells
 * whether it was a date alone. */
bool instant_parse(struct slice text, struct instant *t, bool *is_date);

/* A JSON number of seconds; those from 2^63 on are all the far future, those below -2^63 the far past. */
bool instant_parse_number(struct slice text, struct instant *t);

struct instant instant_of_us(int64_t us_since_epoch);
int64_t instant_to_us(struct instant t); /* microseconds, cut; t must not be missing */

/* Broken down in UTC, proleptic Gregorian. */
struct civil {
	int64_t year;
	int month, day, hour, minute, second; /* month and day from 1 */
};
struct civil instant_civil(int64_t seconds);
int64_t instant_of_civil(const struct civil *c); /* seconds since the epoch */

#define INSTANT_TEXT_MAX 64
/* Write YYYY-MM-DDTHH:MM:SS[.fraction]Z at out (INSTANT_TEXT_MAX bytes, NUL-terminated): digits of
 * fraction from 0 to 9. Returns its length. */
size_t instant_format(struct instant t, int digits, char *out);

#endif
