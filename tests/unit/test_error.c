#include "base/error.h"

#include "unit.h"

#include <errno.h>

static void
an_error_says_what_it_was_told(void **state)
{
	struct error e;

	(void)state;
	assert_int_equal(error_set(&e, STATUS_REFUSED, "invalid-json", "%s:%d: no value", "a.jsonl", 3), -1);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.code, "invalid-json");
	assert_string_equal(e.text, "a.jsonl:3: no value");
}

static void
an_error_of_the_system_ends_with_its_reason(void **state)
{
	struct error e;

	(void)state;
	errno = ENOENT;
	assert_int_equal(error_system(&e, "cannot open '%s'", "x"), -1);
	assert_int_equal(e.status, STATUS_FAILED);
	assert_string_equal(e.code, "io");
	assert_string_equal(e.text, "cannot open 'x': No such file or directory");
	errno = 12345;
	error_system(&e, "cannot");
	assert_string_equal(e.text, "cannot: unknown error");
}

static void
an_error_may_be_made_of_itself(void **state)
{
	struct error e;

	(void)state;
	error_set(&e, STATUS_USAGE, "usage", "no rule");
	error_set(&e, e.status, e.code, "rules.json: %s", e.text);
	assert_string_equal(e.text, "rules.json: no rule");
}

static void
a_long_text_is_cut_between_characters(void **state)
{
	char word[4000] = "";
	struct error e;

	(void)state;
	for (int shift = 0; shift < 3; shift++) {
		size_t n;

		memset(word, 'x', 3);
		for (size_t i = (size_t)shift; i + 3 < sizeof(word); i += 3)
			memcpy(word + i, "\xe2\x82\xac", 3);
		error_set(&e, STATUS_FAILED, "io", "%s", word);
		n = strlen(e.text);
		assert_in_range(n, sizeof(e.text) - 4, sizeof(e.text) - 1);
		assert_string_equal(e.text + n - 6, "\xe2\x82\xac...");
	}
	memset(word, 'y', sizeof(e.text) - 1);
	word[sizeof(e.text) - 1] = '\0';
	error_set(&e, STATUS_FAILED, "io", "%s", word);
	assert_string_equal(e.text, word);
	errno = EIO;
	error_system(&e, "%s", word);
	assert_string_equal(e.text + strlen(e.text) - 4, "y...");
}

static void
the_worse_status_stays(void **state)
{
	(void)state;
	assert_int_equal(status_worse(STATUS_REFUSED, STATUS_OK), STATUS_REFUSED);
	assert_int_equal(status_worse(STATUS_OK, STATUS_FAILED), STATUS_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_says_what_it_was_told),
		cmocka_unit_test(an_error_of_the_system_ends_with_its_reason),
		cmocka_unit_test(an_error_may_be_made_of_itself),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(the_worse_status_stays),
	};

	return TESTS(tests);
}
