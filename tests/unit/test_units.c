#include "base/units.h"

#include "unit.h"

struct example {
	const char *text;
	uint64_t value;
};

static void
check(int (*parse)(const char *, uint64_t *, struct error *), const struct example *examples)
{
	for (; examples->text; examples++) {
		struct error e;
		uint64_t value = 0;

		assert_int_equal(parse(examples->text, &value, &e), 0);
		assert_int_equal(value, examples->value);
	}
}

static void
check_refused(int (*parse)(const char *, uint64_t *, struct error *), const char *const *texts)
{
	for (; *texts; texts++) {
		struct error e = {0};
		uint64_t value;

		assert_int_equal(parse(*texts, &value, &e), -1);
		assert_int_equal(e.status, STATUS_USAGE);
		assert_string_equal(e.code, "usage");
		assert_non_null(strstr(e.text, *texts));
	}
}

static void
numbers_are_plain(void **state)
{
	static const struct example good[] = {
		{"0", 0}, {"007", 7}, {"18446744073709551615", UINT64_MAX}, {NULL, 0}};
	static const char *const bad[] = {"", "-1", "+1", "1 ", "0x1", "1.0", "1K", "18446744073709551616", NULL};

	(void)state;
	check(units_number, good);
	check_refused(units_number, bad);
}

static void
sizes_take_units_of_1024_and_1000(void **state)
{
	static const struct example good[] = {
		{"0", 0}, {"500", 500}, {"64K", 65536}, {"64k", 65536}, {"500KB", 500000}, {"500kB", 500000},
		{"1.5G", 1610612736}, {"0.5K", 512}, {"2MiB", 2097152}, {"3MB", 3000000}, {"1T", UINT64_C(1) << 40},
		{"1TB", UINT64_C(1000000000000)}, {"1.0", 1}, {"16777215T", UINT64_C(16777215) << 40}, {NULL, 0}};
	static const char *const bad[] = {"", "K", "abc", "1.5", "1.", ".5K", "-1K", "1 K", "1KX", "1P", "16777216T",
		"99999999999999999999", "1.0000000001K", NULL};

	(void)state;
	check(units_size, good);
	check_refused(units_size, bad);
}

static void
durations_are_seconds_unless_they_say_otherwise(void **state)
{
	static const struct example good[] = {{"0", 0}, {"90", 90000}, {"90s", 90000}, {"1.5m", 90000},
		{"2h", 7200000}, {"1d", 86400000}, {"0.25", 250}, {NULL, 0}};
	static const char *const bad[] = {"", "s", "1w", "1h30m", "-5", "300000000000000000d", NULL};

	(void)state;
	check(units_duration, good);
	check_refused(units_duration, bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_plain),
		cmocka_unit_test(sizes_take_units_of_1024_and_1000),
		cmocka_unit_test(durations_are_seconds_unless_they_say_otherwise),
	};

	return TESTS(tests);
}
