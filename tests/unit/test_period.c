#include "io/period.h"

#include "unit.h"

static struct period
period(const char *since, const char *until)
{
	struct period p = PERIOD_ALL;
	struct error error;

	if (since)
		assert_int_equal(period_set_since(&p, since, &error), 0);
	if (until)
		assert_int_equal(period_set_until(&p, until, &error), 0);
	return p;
}

static bool
holds(const char *since, const char *until, const char *time)
{
	struct period p = period(since, until);
	struct instant t;

	assert_true(instant_parse(slice_of(time), &t, NULL));
	return period_holds(&p, t);
}

static enum period_verdict
judge(const char *since, const char *until, const char *path)
{
	struct period p = period(since, until);

	return period_of_path(&p, slice_of(path));
}

static void
a_date_is_its_whole_day(void **state)
{
	(void)state;
	assert_true(holds("2021-02-01", "2021-02-01", "2021-02-01T00:00:00Z"));
	assert_true(holds("2021-02-01", "2021-02-01", "2021-02-01T23:59:59.999999999Z"));
	assert_false(holds("2021-02-01", "2021-02-01", "2021-02-02T00:00:00Z"));
	assert_false(holds("2021-02-01", "2021-02-01", "2021-01-31T23:59:59.9Z"));
	assert_true(holds("2021-02-01", "2021-02-01", "2021-02-02T01:00:00+02:00"));
}

static void
a_time_is_included_to_the_digit(void **state)
{
	(void)state;
	assert_true(holds("2021-02-01T10:00:00Z", "2021-02-01T10:00:00Z", "2021-02-01T10:00:00Z"));
	assert_false(holds(NULL, "2021-02-01T10:00:00Z", "2021-02-01T10:00:00.000000001Z"));
	assert_true(holds(NULL, "2021-02-01T10:00:00.999999999999999999Z", "2021-02-01T10:00:00.9999Z"));
	assert_false(holds(NULL, "2021-02-01T10:00:00.999999999999999999Z", "2021-02-01T10:00:01Z"));
}

static void
a_missing_time_is_held_by_no_bound(void **state)
{
	struct period all = PERIOD_ALL, some = period("2021-01-01", NULL);

	(void)state;
	assert_true(period_holds(&all, INSTANT_MISSING));
	assert_true(period_is_all(&all));
	assert_false(period_holds(&some, INSTANT_MISSING));
	assert_false(period_is_all(&some));
}

static void
paths_tell_days_months_and_years(void **state)
{
	(void)state;
	assert_int_equal(judge("2021-02-02", NULL, "p/year=2021/month=02/day=01/x"), PERIOD_OUTSIDE);
	assert_int_equal(judge("2021-02-01", NULL, "p/year=2021/month=02/day=01/x"), PERIOD_INSIDE);
	assert_int_equal(judge("2021-02-01T23:00:00Z", NULL, "year=2021/month=2/day=1/x"), PERIOD_INSIDE);
	assert_int_equal(judge(NULL, "2021-01-31", "year=2021/month=02/day=01/"), PERIOD_OUTSIDE);
	assert_int_equal(judge("2021-02-28", "2021-02-28", "year=2021/month=02/"), PERIOD_INSIDE);
	assert_int_equal(judge("2021-03-01", NULL, "year=2021/month=02/"), PERIOD_OUTSIDE);
	/* whoever lists has left out year=2019/ by then */
	assert_int_equal(judge("2021-01-01", NULL, "year=2019/year=2021/month=02/x"), PERIOD_OUTSIDE);
	assert_int_equal(judge(NULL, "2021-02-01", "year=2021/month=02/day=01/month=03/day=05/x"), PERIOD_INSIDE);
	assert_int_equal(judge("2021-12-31", NULL, "year=2021/month=12/"), PERIOD_INSIDE);
	assert_int_equal(judge("2022-01-01", NULL, "year=2021/month=12/"), PERIOD_OUTSIDE);
	assert_int_equal(judge("2021-12-31", "2022-01-01", "year=2021/"), PERIOD_INSIDE);
	assert_int_equal(judge("2022-01-01", NULL, "year=2021/"), PERIOD_OUTSIDE);
	assert_int_equal(judge("2020-02-29", "2020-02-29", "year=2020/month=02/day=29/x"), PERIOD_INSIDE);
}

static void
other_segments_tell_nothing(void **state)
{
	static const char *const undated[] = {"", "x", "year=/x", "year=20x1/x", "myear=2021/x", "year=20211/x",
		"month=02/day=01/x", "year:2021/x", NULL};

	(void)state;
	for (size_t i = 0; undated[i]; i++)
		assert_int_equal(judge("2021-01-01", NULL, undated[i]), PERIOD_UNDATED);
	assert_int_equal(judge("2021-06-01", "2021-06-01", "year=2021/month=13/x"), PERIOD_INSIDE);
}

static void
what_is_no_time_is_wrong_usage(void **state)
{
	struct period p = PERIOD_ALL;
	struct error error;

	(void)state;
	assert_int_equal(period_set_since(&p, "yesterday", &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, "yesterday"));
	assert_int_equal(period_set_until(&p, "2021-13-01", &error), -1);
	assert_true(period_is_all(&p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_date_is_its_whole_day),
		cmocka_unit_test(a_time_is_included_to_the_digit),
		cmocka_unit_test(a_missing_time_is_held_by_no_bound),
		cmocka_unit_test(paths_tell_days_months_and_years),
		cmocka_unit_test(other_segments_tell_nothing),
		cmocka_unit_test(what_is_no_time_is_wrong_usage),
	};

	return TESTS(tests);
}
