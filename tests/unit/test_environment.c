#include "base/environment.h"

#include "unit.h"

#include <time.h>

static void
an_empty_variable_is_none(void **state)
{
	(void)state;
	setenv("ACC_UNIT", "value", 1);
	assert_string_equal(environment_system.variable("ACC_UNIT"), "value");
	setenv("ACC_UNIT", "", 1);
	assert_null(environment_system.variable("ACC_UNIT"));
	unsetenv("ACC_UNIT");
	assert_null(environment_system.variable("ACC_UNIT"));
}

static void
the_clock_counts_microseconds(void **state)
{
	int64_t before = (int64_t)time(NULL), us = environment_system.now_us();

	(void)state;
	assert_in_range(us / 1000000, before, before + 2);
}

static void
random_bytes_differ(void **state)
{
	unsigned char a[1000] = {0}, b[1000] = {0};

	(void)state;
	environment_system.random(a, sizeof(a));
	environment_system.random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_variable_is_none),
		cmocka_unit_test(the_clock_counts_microseconds),
		cmocka_unit_test(random_bytes_differ),
	};

	return TESTS(tests);
}
