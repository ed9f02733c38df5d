#include "base/instant.h"

#include "unit.h"

#include <time.h>

struct example {
	const char *text;
	int64_t seconds;
	uint64_t fraction;
};

#define TENTH UINT64_C(100000000000000000)

static void
date_times_of_rfc_3339(void **state)
{
	static const struct example examples[] = {
		{"1970-01-01T00:00:00Z", 0, 0},
		{"2021-02-01T11:07:57.885Z", 1612177677, 885 * (TENTH / 100)},
		{"2021-02-01t11:07:57z", 1612177677, 0},
		{"2021-02-01 11:07:57Z", 1612177677, 0},
		{"2021-02-01T13:37:57+02:30", 1612177677, 0},
		{"2021-02-01T03:07:57-08:00", 1612177677, 0},
		{"2021-02-01T11:07:57-00:00", 1612177677, 0},
		/* examples of section 5.8 */
		{"1985-04-12T23:20:50.52Z", 482196050, 52 * (TENTH / 10)},
		{"1996-12-19T16:39:57-08:00", 851042397, 0},
		{"1990-12-31T23:59:60Z", 662688000, 0},
		{"1990-12-31T15:59:60-08:00", 662688000, 0},
		{"1937-01-01T12:00:27.87+00:20", -1041337173, 87 * (TENTH / 10)},
		{"0000-01-01T00:00:00Z", -62167219200, 0},
		{"9999-12-31T23:59:59.9999999999999999999Z", 253402300799, UINT64_C(999999999999999999)},
		{"2000-02-29T00:00:00Z", 951782400, 0},
		{"2021-02-01T00:00:00.000000000000000001Z", 1612137600, 1},
	};
	bool is_date;

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct instant t;

		assert_true(instant_parse(slice_of(examples[i].text), &t, &is_date));
		assert_false(is_date);
		assert_int_equal(t.seconds, examples[i].seconds);
		assert_int_equal(t.fraction, examples[i].fraction);
	}
}

static void
a_date_is_midnight(void **state)
{
	struct instant t;
	bool is_date = false;

	(void)state;
	assert_true(instant_parse(SLICE("2021-01-31"), &t, &is_date));
	assert_true(is_date);
	assert_int_equal(t.seconds, 1612051200);
	assert_true(instant_parse(SLICE("2021-01-31"), &t, NULL));
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {"", "2021", "2021-02-29", "2021-13-01", "2021-00-01", "2021-01-32",
		"2021-1-1", "2021-01-01T", "2021-01-01T00:00Z", "2021-01-01T24:00:00Z", "2021-01-01T00:60:00Z",
		"2021-01-01T00:00:61Z", "2021-01-01T00:00:00", "2021-01-01T00:00:00.Z", "2021-01-01T00:00:00+0100",
		"2021-01-01T00:00:00+24:00", "2021-01-01T00:00:00Zx", "2021-01-01x00:00:00Z", "+2021-01-01",
		"1900-02-29", "yesterday", " 2021-01-01", "2021-01-01T00:00:00*01:00", "2021/01/01"};
	struct instant t;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(instant_parse(slice_of(texts[i]), &t, NULL));
}

static void
numbers_are_seconds_since_the_epoch(void **state)
{
	static const struct example examples[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"0e999999999999", 0, 0},
		{"1612177677.885", 1612177677, 885 * (TENTH / 100)},
		{"1.612177677885e9", 1612177677, 885 * (TENTH / 100)},
		{"1612177677885E-3", 1612177677, 885 * (TENTH / 100)},
		{"161217767788.5e-2", 1612177677, 885 * (TENTH / 100)},
		{"1e+3", 1000, 0},
		{"0.0000000000000000019", 0, 1},
		{"1e-400000000000", 0, 0},
		{"-1.5", -2, 5 * TENTH},
		{"-0.25", -1, 75 * (TENTH / 10)},
		{"999999999999999999", 999999999999999999, 0},
		{"0.00100e2", 0, TENTH},
		{"1612137600000000001", 1612137600000000001, 0},
		{"9223372036854775807.5", INT64_MAX, 5 * TENTH},
		{"-9223372036854775806.5", INT64_MIN + 1, 5 * TENTH},
		/* beyond what seconds can hold: the far future, the far past */
		{"9223372036854775808", INT64_MAX, 10 * TENTH - 1},
		{"1e19", INT64_MAX, 10 * TENTH - 1},
		{"99999999999999999999", INT64_MAX, 10 * TENTH - 1},
		{"1e999999999999", INT64_MAX, 10 * TENTH - 1},
		{"-9223372036854775807.5", INT64_MIN + 1, 0},
		{"-9223372036854775808", INT64_MIN + 1, 0},
		{"-9999999999999999999", INT64_MIN + 1, 0},
		{"-1e19", INT64_MIN + 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct instant t;

		assert_true(instant_parse_number(slice_of(examples[i].text), &t));
		assert_int_equal(t.seconds, examples[i].seconds);
		assert_int_equal(t.fraction, examples[i].fraction);
	}
}

static void
what_is_no_number_is_refused(void **state)
{
	static const char *const texts[] = {"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1 ", "0x10", "NaN"};
	struct instant t;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(instant_parse_number(slice_of(texts[i]), &t));
}

static void
order_is_by_time_and_missing_is_oldest(void **state)
{
	struct instant a = {5, 1}, b = {5, 2}, c = {6, 0};

	(void)state;
	assert_true(instant_compare(a, b) < 0);
	assert_true(instant_compare(c, b) > 0);
	assert_int_equal(instant_compare(a, a), 0);
	assert_true(instant_compare(INSTANT_MISSING, (struct instant){-62167219200, 0}) < 0);
	assert_true(instant_is_missing(INSTANT_MISSING));
	assert_false(instant_is_missing(a));
}

static void
microseconds_there_and_back(void **state)
{
	static const int64_t us[] = {0, 1, -1, 1612137600000000, -1000000, -1500000, INT64_MAX, INT64_MIN + 999999};

	(void)state;
	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
		assert_int_equal(instant_to_us(instant_of_us(us[i])), us[i]);
	assert_int_equal(instant_to_us((struct instant){INT64_MAX, 0}), INT64_MAX);
	assert_int_equal(instant_to_us((struct instant){INT64_MIN + 1, 0}), INT64_MIN);
}

static void
civil_time_agrees_with_gmtime(void **state)
{
	(void)state;
	for (int64_t seconds = -80000000000; seconds < 300000000000; seconds += 86400 * 97 + 12345) {
		struct civil c = instant_civil(seconds);
		time_t system = (time_t)seconds;
		struct tm tm;

		assert_non_null(gmtime_r(&system, &tm));
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour, tm.tm_hour);
		assert_int_equal(c.minute, tm.tm_min);
		assert_int_equal(c.second, tm.tm_sec);
		assert_int_equal(instant_of_civil(&c), seconds);
	}
}

static void
a_time_is_written_with_the_digits_asked_for(void **state)
{
	struct instant t = {1612177677, 885 * (TENTH / 100) + 1};
	char text[INSTANT_TEXT_MAX];

	(void)state;
	assert_int_equal(instant_format(t, 0, text), 20);
	assert_string_equal(text, "2021-02-01T11:07:57Z");
	instant_format(t, 3, text);
	assert_string_equal(text, "2021-02-01T11:07:57.885Z");
	assert_int_equal(instant_format(t, 9, text), 30);
	assert_string_equal(text, "2021-02-01T11:07:57.885000000Z");
	instant_format((struct instant){-62167219200, 0}, 1, text);
	assert_string_equal(text, "0000-01-01T00:00:00.0Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(date_times_of_rfc_3339),
		cmocka_unit_test(a_date_is_midnight),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(numbers_are_seconds_since_the_epoch),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(order_is_by_time_and_missing_is_oldest),
		cmocka_unit_test(microseconds_there_and_back),
		cmocka_unit_test(civil_time_agrees_with_gmtime),
		cmocka_unit_test(a_time_is_written_with_the_digits_asked_for),
	};

	return TESTS(tests);
}
