/* JSON text: every promise of json/text.h, as tables of texts and what they come to. */
#include "json/text.h"

#include "unit.h"

static struct slice
decoded(const char *text, struct arena *arena)
{
	return json_decode(slice_of(text), arena);
}

static void
kinds_are_told_by_the_first_byte(void **state)
{
	static const struct {
		const char *text;
		enum json_kind kind;
	} examples[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}, {"0", JSON_NUMBER},
		{"-1", JSON_NUMBER}, {"\"\"", JSON_STRING}, {"[]", JSON_ARRAY}, {"{}", JSON_OBJECT}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
		assert_int_equal(json_kind(slice_of(examples[i].text)), examples[i].kind);
}

/* All members (or elements) that a walk gives, each followed by ';'. */
static char *
walked(const char *text, bool members)
{
	struct json_walk walk = json_walk(slice_of(text));
	struct slice name, value;
	struct buffer out = {0};

	while (members ? json_next_member(&walk, &name, &value) : json_next_element(&walk, &value)) {
		if (members) {
			buffer_add_slice(&out, name);
			buffer_add_string(&out, "=");
		}
		buffer_add_slice(&out, value);
		buffer_add_byte(&out, ';');
	}
	return buffer_give(&out);
}

static void
a_walk_gives_values_in_order_as_they_stand(void **state)
{
	static const struct {
		const char *text;
		bool members;
		const char *seen;
	} examples[] = {
		{"[]", false, ""},
		{"[ \t\r\n]", false, ""},
		{"[1]", false, "1;"},
		{"[1,-2.5e3 , \"a\\\"]\" ,null\n,[ 2,[3] ],{\"x\":[]}]", false,
			"1;-2.5e3;\"a\\\"]\";null;[ 2,[3] ];{\"x\":[]};"},
		{"[\"a string of more than sixteen bytes\\\\\",\"0123456789abcde\\\"f\"]", false,
			"\"a string of more than sixteen bytes\\\\\";\"0123456789abcde\\\"f\";"},
		{"{}", true, ""},
		{"{\"a\":1,\"b\" : {\"a\":2} ,\"a\":\"}\"}", true, "\"a\"=1;\"b\"={\"a\":2};\"a\"=\"}\";"},
		{"{ \"x:y\" :\ttrue }", true, "\"x:y\"=true;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		char *seen = walked(examples[i].text, examples[i].members);
		assert_string_equal(seen, examples[i].seen);
		free(seen);
	}
}

static const struct {
	const char *text, *decoded;
	size_t characters;
} strings[] = {
	{"\"\"", "", 0},
	{"\"plain\"", "plain", 5},
	{"\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 8},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
	{"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 3},
	{"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 2},
	{"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 1},
	/* lone surrogates, each in its three bytes */
	{"\"\\ud83d\"", "\xed\xa0\xbd", 1},
	{"\"\\ud83dx\"", "\xed\xa0\xbdx", 2},
	{"\"\\ud83d\\n\"", "\xed\xa0\xbd\n", 2},
	{"\"\\ud83d\\u0041\"",
		"\xed\xa0\xbd"
		"A",
		2},
	{"\"\\ude00\\ud83d\"", "\xed\xb8\x80\xed\xa0\xbd", 2},
};

static void
strings_are_decoded(void **state)
{
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		struct slice got = decoded(strings[i].text, &arena);
		assert_true(slice_equal(got, slice_of(strings[i].decoded)));
		assert_int_equal(json_characters(slice_of(strings[i].text)), strings[i].characters);
	}
	arena_free(&arena);
}

static void
a_string_without_escapes_is_borrowed(void **state)
{
	static const char text[] = "\"no copy\"";
	struct arena arena = {0};

	(void)state;
	assert_ptr_equal(decoded(text, &arena).p, text + 1);
	assert_int_equal(arena.bytes, 0);
}

static void
a_nul_is_a_character_like_others(void **state)
{
	struct arena arena = {0};
	struct slice got = decoded("\"a\\u0000b\"", &arena);

	(void)state;
	assert_true(slice_equal(got, SLICE("a\0b")));
	assert_true(json_string_is(SLICE("\"a\\u0000b\""), SLICE("a\0b")));
	assert_false(json_string_is(SLICE("\"a\\u0000b\""), SLICE("a")));
	arena_free(&arena);
}

static void
a_string_is_its_decoded_text_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		for (size_t k = 0; k < sizeof(strings) / sizeof(*strings); k++)
			assert_int_equal(
				json_string_is(slice_of(strings[i].text), slice_of(strings[k].decoded)), i == k);
	assert_false(json_string_is(SLICE("\"plain\""), SLICE("plai")));
	assert_false(json_string_is(SLICE("\"plain\""), SLICE("plain ")));
	assert_false(json_string_is(SLICE("\"\\u20ac\""), SLICE("\xe2\x82")));
}

static void
paths_lead_to_values(void **state)
{
	static const char text[] =
		"{\"a\":{\"b\":1,\"b\":{\"c d\":[2]}},\"\\u0062\":\"B\",\"e.f\":3,\"n\":null,\"\":4,\"\\\"\":5}";
	static const struct {
		const char *path, *value;
	} examples[] = {
		{".a.b.\"c d\"", "[2]"},
		{".b", "\"B\""},
		{".\"\\u0062\"", "\"B\""},
		{".\"e.f\"", "3"},
		{".\"\"", "4"},
		{".\"\\\"\"", "5"},
		{".n", "null"},
		{".n.x", NULL},
		{".a.b.\"c d\".x", NULL},
		{".e.f", NULL},
		{".A", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct json_path path;
		struct error error;

		assert_int_equal(json_path_parse(examples[i].path, &path, &error), 0);
		struct slice value = json_find(SLICE(text), &path, 0);
		if (examples[i].value)
			assert_true(slice_equal(value, slice_of(examples[i].value)));
		else
			assert_null(value.p);
		json_path_free(&path);
	}
}

static void
a_search_can_begin_below_the_first_names(void **state)
{
	struct json_path path;
	struct error error;

	(void)state;
	assert_int_equal(json_path_parse(".a.b", &path, &error), 0);
	assert_true(slice_equal(json_find(SLICE("{\"b\":7}"), &path, 1), SLICE("7")));
	assert_true(slice_equal(json_find(SLICE("7"), &path, 2), SLICE("7")));
	assert_null(json_find((struct slice){NULL, 0}, &path, 0).p);
	json_path_free(&path);
}

static void
what_is_no_path_is_refused(void **state)
{
	static const char *const texts[] = {"", ".", "a", "a.b", "..a", ".a.", ".a..b", ".a[0]", ".a]", ".\"a",
		".\"a\"b", ".a\"b\"", ".\"\\x\"", ".\"a\".", NULL};

	(void)state;
	for (size_t i = 0; texts[i]; i++) {
		struct json_path path;
		struct error error;

		assert_int_equal(json_path_parse(texts[i], &path, &error), -1);
		assert_int_equal(error.status, STATUS_USAGE);
		assert_string_equal(error.code, "usage");
		assert_null(path.names);
	}
}

static void
of_duplicate_members_the_last_counts(void **state)
{
	(void)state;
	assert_true(slice_equal(json_member(SLICE("{\"a\":1,\"a\":2}"), SLICE("a")), SLICE("2")));
	assert_true(slice_equal(json_member(SLICE("{\"a\":1,\"\\u0061\":2}"), SLICE("a")), SLICE("2")));
	assert_true(slice_equal(json_member(SLICE("{\"\\u0061\":1,\"a\":2,\"b\":3}"), SLICE("a")), SLICE("2")));
	assert_null(json_member(SLICE("{\"\\u0061b\":1,\"aa\":2}"), SLICE("a")).p);
	assert_null(json_member(SLICE("{}"), SLICE("a")).p);
}

/* In ascending order; those in one row are equal. */
static const char *const numbers[][6] = {
	{"-1e9223372036854775807"},
	{"-123456789012345678901234567890"},
	{"-123456789012345678901234567889.999"},
	{"-2", "-2.0", "-0.2e1", "-20E-1"},
	{"-1.5"},
	{"-1e-400"},
	{"0", "-0", "0.000", "0e99", "-0.0E-7"},
	{"1e-99999999999999999999", "1e-1000000000000000000"},
	{"1e-999999999999999999"},
	{"1e-300000000000000000"},
	{"1e-200000000000000000"},
	{"1e-400", "0.1e-399", "10e-401"},
	{"0.1", "1e-1", "0.10", "100e-3", "0.001e+2"},
	{"0.30000000000000000000000000000000000001"},
	{"0.30000000000000000000000000000000000002"},
	{"1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1"},
	{"9.99"},
	{"10", "1e1", "1.0e+1", "0.01e3"},
	{"9007199254740992"},
	{"9007199254740993", "9007199254740993.0", "9.007199254740993e15"},
	{"100000000000000000000", "1e20", "0.1e21"},
	{"100000000000000000001"},
	{"1e400", "10e399"},
	{"1e200000000000000000"},
	{"1e300000000000000000", "10e299999999999999999", "1e00000000000300000000000000000"},
	{"1e999999999999999999"},
	{"1e1000000000000000000", "1e9223372036854775807", "1e99999999999999999999"},
};

#define N_NUMBERS (sizeof(numbers) / sizeof(*numbers))

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

static void
numbers_are_compared_by_their_exact_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NUMBERS; i++)
		for (size_t k = 0; k < N_NUMBERS; k++)
			for (size_t a = 0; a < 6 && numbers[i][a]; a++)
				for (size_t b = 0; b < 6 && numbers[k][b]; b++) {
					struct slice x = slice_of(numbers[i][a]), y = slice_of(numbers[k][b]);
					assert_int_equal(sign(json_compare_numbers(x, y)), (i > k) - (i < k));
					assert_int_equal(json_equal(x, y), i == k);
					if (i == k)
						assert_true(json_hash(x) == json_hash(y));
				}
}

static void
numbers_may_have_thousands_of_digits(void **state)
{
	struct buffer a = {0}, b = {0}, c = {0};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buffer_add_byte(&a, '7');
		buffer_add_byte(&b, '7');
		buffer_add_byte(&c, '7');
	}
	buffer_add_string(&a, "0.0");
	buffer_add_string(&b, "1");
	buffer_add_string(&c, "e1");
	assert_true(json_compare_numbers(buffer_slice(&a), buffer_slice(&b)) < 0);
	assert_true(json_equal(buffer_slice(&a), buffer_slice(&c)));
	assert_true(json_hash(buffer_slice(&a)) == json_hash(buffer_slice(&c)));
	assert_true(json_hash(buffer_slice(&a)) != json_hash(buffer_slice(&b)));
	buffer_free(&a);
	buffer_free(&b);
	buffer_free(&c);
}

static void
natural_numbers_are_digits_that_fit(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} good[] = {{"0", 0}, {"7", 7}, {"1200", 1200}, {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"", "-1", "1.0", "1e3", "18446744073709551616", "99999999999999999999", NULL};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(json_natural(slice_of(good[i].text), &n));
		assert_true(n == good[i].n);
	}
	for (size_t i = 0; bad[i]; i++)
		assert_false(json_natural(slice_of(bad[i]), &n));
}

/* Those in one row are equal, and to those of no other row. */
static const char *const values[][6] = {
	{"null"},
	{"true"},
	{"false"},
	{"0", "-0"},
	{"\"\""},
	{"\"0\"", "\"\\u0030\""},
	{"\"\xc3\xa9\"", "\"\\u00e9\"", "\"\\u00E9\""},
	{"\"e\\u0301\"", "\"e\xcc\x81\""},
	{"[]", "[ ]"},
	{"{}", "{ }"},
	{"[null]"},
	{"[1,2]", "[ 1.0 , 2e0 ]", "[1,\n2]"},
	{"[2,1]"},
	{"[1,2,3]"},
	{"[[1],2]"},
	{"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", "{ \"\\u0061\" : 10e-1, \"b\" : [ 2 ] }",
		"{\"a\":7,\"b\":[2],\"a\":1}"},
	{"{\"a\":1}"},
	{"{\"b\":1}"},
	{"{\"a\":null}"},
	{"{\"a\":{\"b\":1}}"},
	{"{\"a\":[{\"x\":1,\"y\":2}]}", "{\"a\":[{\"y\":2,\"x\":1}]}"},
};

#define N_VALUES (sizeof(values) / sizeof(*values))

static void
values_are_equal_by_what_they_mean(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_VALUES; i++)
		for (size_t k = 0; k < N_VALUES; k++)
			for (size_t a = 0; a < 6 && values[i][a]; a++)
				for (size_t b = 0; b < 6 && values[k][b]; b++) {
					struct slice x = slice_of(values[i][a]), y = slice_of(values[k][b]);
					assert_int_equal(json_equal(x, y), i == k);
					assert_int_equal(json_hash(x) == json_hash(y), i == k);
				}
}

static void
objects_of_many_members_are_equal_in_any_order(void **state)
{
	struct buffer up = {0}, down = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		buffer_format(&up, "%c\"name%d\":%d", i ? ',' : '{', i, i);
		buffer_format(&down, "%c\"name%d\":%d", i ? ',' : '{', 99 - i, 99 - i);
	}
	buffer_add_byte(&up, '}');
	buffer_add_byte(&down, '}');
	assert_true(json_equal(buffer_slice(&up), buffer_slice(&down)));
	assert_true(json_hash(buffer_slice(&up)) == json_hash(buffer_slice(&down)));
	buffer_free(&up);
	buffer_free(&down);
}

static void
compact_text_has_no_space_between_tokens(void **state)
{
	static const struct {
		const char *text, *compact;
	} examples[] = {
		{"1", "1"},
		{"[ ]", "[]"},
		{" {\t\"a b\" :\r\n [ 1 , \"x \\\" y\" , true ] } ", "{\"a b\":[1,\"x \\\" y\",true]}"},
		{"{\"a\":1}", "{\"a\":1}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct buffer out = {0};
		json_compact(&out, slice_of(examples[i].text));
		assert_string_equal(buffer_string(&out), examples[i].compact);
		buffer_free(&out);
	}
}

static void
one_whole_text_is_parsed(void **state)
{
	static const struct {
		const char *text, *value;
	} examples[] = {{"{}", "{}"}, {" [1]\n", "[1]"}, {"\xef\xbb\xbf\"x\"", "\"x\""}, {"\r\n\t-0.5e-3 ", "-0.5e-3"},
		{"null", "null"}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct error error;
		struct slice value;

		assert_int_equal(json_parse(slice_of(examples[i].text), "x", &value, &error), 0);
		assert_true(slice_equal(value, slice_of(examples[i].value)));
	}
}

static void
a_fault_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *code, *place;
	} examples[] = {
		{"", "invalid-json", "rules.json:1:1: empty"},
		{"\xef\xbb\xbf \n\n", "invalid-json", "rules.json:3:1: empty"},
		{"{\"a\":1", "invalid-json", "rules.json:1:7: the text ends too early"},
		{"[1,\n2,\n", "invalid-json", "rules.json:3:1: the text ends too early"},
		{"{\"a\":1}\n {}", "invalid-json", "rules.json:2:2: unexpected text behind the value"},
		{"{\"a\":\n  tru}", "invalid-json", "rules.json:2:3: unexpected character where a value should be"},
		{"[01]", "invalid-json", "rules.json:1:2: bad number"},
		{"[\"\\u12x4\"]", "invalid-json", "rules.json:1:3: bad \\u escape in a string"},
		{"[\"\xff\"]", "invalid-utf8", "rules.json:1:3: bytes that are not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct error error;
		struct slice value;

		assert_int_equal(json_parse(slice_of(examples[i].text), "rules.json", &value, &error), -1);
		assert_int_equal(error.status, STATUS_USAGE);
		assert_string_equal(error.code, examples[i].code);
		assert_string_equal(error.text, examples[i].place);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_by_the_first_byte),
		cmocka_unit_test(a_walk_gives_values_in_order_as_they_stand),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(a_string_without_escapes_is_borrowed),
		cmocka_unit_test(a_nul_is_a_character_like_others),
		cmocka_unit_test(a_string_is_its_decoded_text_and_no_other),
		cmocka_unit_test(paths_lead_to_values),
		cmocka_unit_test(a_search_can_begin_below_the_first_names),
		cmocka_unit_test(what_is_no_path_is_refused),
		cmocka_unit_test(of_duplicate_members_the_last_counts),
		cmocka_unit_test(numbers_are_compared_by_their_exact_value),
		cmocka_unit_test(numbers_may_have_thousands_of_digits),
		cmocka_unit_test(natural_numbers_are_digits_that_fit),
		cmocka_unit_test(values_are_equal_by_what_they_mean),
		cmocka_unit_test(objects_of_many_members_are_equal_in_any_order),
		cmocka_unit_test(compact_text_has_no_space_between_tokens),
		cmocka_unit_test(one_whole_text_is_parsed),
		cmocka_unit_test(a_fault_is_told_with_its_place),
	};

	return TESTS(tests);
}
