/* period - the time that --since and --until let through, and the dates that paths tell
 * (year=2021/month=02/day=01). Thread safe: no state. */
#ifndef ACC_IO_PERIOD_H
#define ACC_IO_PERIOD_H

#include "base/error.h"
#include "base/instant.h"

struct period {
	struct instant since;  /* the first instant let through; missing: no bound */
	struct instant before; /* the first instant after it; missing: no bound */
};
#define PERIOD_ALL ((struct period){INSTANT_MISSING, INSTANT_MISSING})

/* Set one bound from an option's text: RFC 3339, or a date, which means its whole day. -1 with *error
 * (STATUS_USAGE). */
int period_set_since(struct period *period, const char *text, struct error *error);
int period_set_until(struct period *period, const char *text, struct error *error);

bool period_is_all(const struct period *period);
bool period_holds(const struct period *period, struct instant t); /* a missing time is held by PERIOD_ALL only */

enum period_verdict {
	PERIOD_UNDATED, /* the path tells no date */
	PERIOD_INSIDE,  /* some of what the path tells (a day, a month, a year) lies in the period */
	PERIOD_OUTSIDE,
};

/* Judge by the first segments year=, month= and day= of a path or of the beginning of one: where the beginning is
 * outside, so is all of the path. */
enum period_verdict period_of_path(const struct period *period, struct slice path);

#endif
