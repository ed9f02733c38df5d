#include "io/period.h"

#define DAY 86400

static int
parse(const char *option, const char *text, struct instant *t, bool *is_date, struct error *error)
{
	if (instant_parse(slice_of(text), t, is_date))
		return 0;
	return error_set(error, STATUS_USAGE, "usage", "%s '%s': not a time; write 2021-02-01 or 2021-02-01T11:07:57Z",
		option, text);
}

int
period_set_since(struct period *period, const char *text, struct error *error)
{
	bool is_date;

	return parse("--since", text, &period->since, &is_date, error);
}

int
period_set_until(struct period *period, const char *text, struct error *error)
{
	bool is_date;

	if (parse("--until", text, &period->before, &is_date, error) < 0)
		return -1;
	if (is_date)
		period->before.seconds += DAY;
	else if (++period->before.fraction == UINT64_C(1000000000000000000)) {
		period->before.fraction = 0;
		period->before.seconds++;
	}
	return 0;
}

bool
period_is_all(const struct period *period)
{
	return instant_is_missing(period->since) && instant_is_missing(period->before);
}

bool
period_holds(const struct period *period, struct instant t)
{
	if (instant_is_missing(t))
		return period_is_all(period);
	return instant_compare(t, period->since) >= 0 &&
		(instant_is_missing(period->before) || instant_compare(t, period->before) < 0);
}

/* The number of a segment such as month=02; -1 when it is another one. */
static int
segment_number(struct slice segment, struct slice name, size_t digits)
{
	int number = 0;

	if (!slice_begins(segment, name) || segment.n == name.n || segment.n > name.n + digits)
		return -1;
	for (size_t i = name.n; i < segment.n; i++) {
		if (segment.p[i] < '0' || segment.p[i] > '9')
			return -1;
		number = number * 10 + (segment.p[i] - '0');
	}
	return number;
}

/* The seconds a path's date begins and ends at; false when it tells none. */
static bool
path_date(struct slice path, int64_t *begin, int64_t *end)
{
	struct civil first = {.year = -1, .month = -1, .day = -1}, after;

	while (path.n > 0) {
		const char *slash = memchr(path.p, '/', path.n);
		struct slice segment = {path.p, slash ? (size_t)(slash - path.p) : path.n};
		int year = segment_number(segment, SLICE("year="), 4);
		int month = segment_number(segment, SLICE("month="), 2);
		int day = segment_number(segment, SLICE("day="), 2);

		/* the first ones, which the beginning of the path has told already */
		if (first.year < 0)
			first.year = year;
		if (first.month < 0 && month >= 1 && month <= 12)
			first.month = month;
		if (first.day < 0 && day >= 1 && day <= 31)
			first.day = day;
		path.p += segment.n + (slash != NULL);
		path.n -= segment.n + (slash != NULL);
	}
	if (first.year < 0)
		return false;
	after = first;
	if (first.month < 0) {
		after.year++;
		first.month = after.month = first.day = after.day = 1;
	} else if (first.day < 0) {
		after.year += first.month == 12;
		after.month = first.month % 12 + 1;
		first.day = after.day = 1;
	}
	*begin = instant_of_civil(&first);
	*end = instant_of_civil(&after);
	if (*end == *begin)
		*end += DAY;
	return true;
}

enum period_verdict
period_of_path(const struct period *period, struct slice path)
{
	int64_t begin, end;
	struct instant first, after;

	if (!path_date(path, &begin, &end))
		return PERIOD_UNDATED;
	first = (struct instant){begin, 0};
	after = (struct instant){end, 0};
	if (!instant_is_missing(period->before) && instant_compare(first, period->before) >= 0)
		return PERIOD_OUTSIDE;
	return instant_compare(after, period->since) > 0 ? PERIOD_INSIDE : PERIOD_OUTSIDE;
}
