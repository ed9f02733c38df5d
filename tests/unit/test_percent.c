#include "base/percent.h"

#include "unit.h"

static void
what_is_encoded_is_decoded_again(void **state)
{
	struct slice raw = SLICE("az AZ09-._~/+%=&\n\xc3\xa9\x01");
	struct buffer encoded = {0};
	struct arena arena = {0};

	(void)state;
	percent_encode(&encoded, raw, false);
	assert_string_equal(buffer_string(&encoded), "az%20AZ09-._~%2F%2B%25%3D%26%0A%C3%A9%01");
	assert_true(slice_equal(form_decode(buffer_slice(&encoded), &arena), raw));
	encoded.n = 0;
	percent_encode(&encoded, SLICE("a/b c"), true);
	assert_string_equal(buffer_string(&encoded), "a/b%20c");
	buffer_free(&encoded);
	arena_free(&arena);
}

static void
a_percent_without_two_digits_stands_for_itself(void **state)
{
	static const struct {
		const char *encoded, *text;
	} cases[] = {{"a+b", "a b"}, {"%2b%2B", "++"}, {"%", "%"}, {"%4", "%4"}, {"%4g", "%4g"}, {"%g4", "%g4"},
		{"%+1", "% 1"}, {"%-1", "%-1"}, {"%%41", "%A"}, {"", ""}};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(form_decode(slice_of(cases[i].encoded), &arena).p, cases[i].text);
	assert_int_equal(percent_byte(SLICE("x%00"), 1), 0);
	assert_int_equal(percent_byte(SLICE("x%00"), 0), -1);
	arena_free(&arena);
}

static void
fields_stand_behind_each_other(void **state)
{
	struct buffer form = {0};

	(void)state;
	form_add(&form, SLICE("list-type"), SLICE("2"));
	form_add(&form, SLICE("a b"), SLICE("&="));
	form_add(&form, SLICE("uploads"), (struct slice){NULL, 0});
	assert_string_equal(buffer_string(&form), "list-type=2&a%20b=%26%3D&uploads=");
	buffer_free(&form);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded_again),
		cmocka_unit_test(a_percent_without_two_digits_stands_for_itself),
		cmocka_unit_test(fields_stand_behind_each_other),
	};

	return TESTS(tests);
}
