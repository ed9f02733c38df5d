#include "io/reference.h"

#include "unit.h"

static struct reference
parse(const char *line)
{
	struct reference r;
	struct error error;

	assert_int_equal(reference_parse(slice_of(line), &r, &error), 0);
	return r;
}

static void
check_round_trip(const char *line, const char *expected)
{
	struct reference r = parse(line);
	struct buffer out = {0};

	reference_print(&out, &r);
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
	reference_free(&r);
}

static void
what_is_printed_is_what_was_parsed(void **state)
{
	static const char all[] =
		"{\"uri\":\"s3://b/k \\\"x\\\"\",\"version_id\":\"v\",\"etag\":\"e\",\"size\":463318,"
		"\"time\":\"2021-02-01T11:07:57.885Z\",\"sequencer\":\"0A\","
		"\"messages\":[{\"id\":\"m\",\"receipt_handle\":\"h\",\"receive_count\":1}]}";

	(void)state;
	check_round_trip(all, all);
	check_round_trip("a b", "{\"uri\":\"a b\"}");
	check_round_trip("s3://b/k%20+", "{\"uri\":\"s3://b/k%20+\"}");
	check_round_trip("{\"other\":[1],\"uri\":\"\\u0061\",\"size\":null,\"etag\":5,\"messages\":{}}",
		"{\"uri\":\"a\"}");
	check_round_trip("{\"uri\":\"a\",\"messages\":[ {\"id\": \"x\"} , 7 ],\"size\":1.5}",
		"{\"uri\":\"a\",\"messages\":[{\"id\":\"x\"},7]}");
}

static void
bad_references_are_refused(void **state)
{
	static const char *const bad[] = {"{", "{}", "{\"uri\":5}", "{\"uri\":\"\"}", "{\"uri\":\"a\\u0000b\"}",
		"{\"uri\":\"a\"} x", "{\"uri\":\"\xff\"}", NULL};
	struct reference r;
	struct error error;

	(void)state;
	for (size_t i = 0; bad[i]; i++) {
		assert_int_equal(reference_parse(slice_of(bad[i]), &r, &error), -1);
		assert_int_equal(error.status, STATUS_REFUSED);
		assert_null(r.uri);
	}
	assert_int_equal(reference_parse((struct slice){"a\0b", 3}, &r, &error), -1);
}

static void
sequencers_compare_as_hexadecimal_padded_on_the_right(void **state)
{
	(void)state;
	assert_true(sequencer_compare("0A", "09FF") > 0);
	assert_true(sequencer_compare("0a", "0A00") == 0);
	assert_true(sequencer_compare("0A", "0A01") < 0);
	assert_true(sequencer_compare("9", "A") < 0);
	assert_true(sequencer_compare(NULL, "0") < 0);
	assert_true(sequencer_compare(NULL, NULL) == 0);
}

static void
add(struct reference_list *list, const char *line)
{
	struct reference r = parse(line);

	reference_list_add(list, &r);
	assert_null(r.uri);
}

static void
doubles_become_one_with_all_messages(void **state)
{
	struct reference_list list = {0};

	(void)state;
	add(&list, "{\"uri\":\"a\",\"sequencer\":\"2\",\"etag\":\"second\",\"messages\":[{\"id\":\"m1\"}]}");
	add(&list, "{\"uri\":\"b\"}");
	add(&list, "{\"uri\":\"a\",\"sequencer\":\"1\",\"etag\":\"first\","
		   "\"messages\":[{\"id\":\"m2\"},{\"id\":\"m1\"}]}");
	add(&list, "{\"uri\":\"a\",\"sequencer\":\"3\",\"etag\":\"third\"}");
	add(&list, "{\"uri\":\"a\",\"version_id\":\"v1\",\"sequencer\":\"9\"}");
	add(&list, "{\"uri\":\"a\",\"version_id\":\"v2\"}");
	add(&list, "{\"uri\":\"a\",\"version_id\":\"v1\",\"messages\":[{\"id\":\"m3\"}]}");
	assert_int_equal(list.n, 4);
	assert_string_equal(list.items[0].etag, "third");
	assert_string_equal(list.items[0].messages, "{\"id\":\"m1\"},{\"id\":\"m2\"}");
	assert_string_equal(list.items[0].message_ids, "\"m1\",\"m2\"");
	assert_string_equal(list.items[1].uri, "b");
	assert_string_equal(list.items[2].message_ids, "\"m3\"");
	assert_string_equal(list.items[2].sequencer, "9");
	reference_list_free(&list);
}

static void
many_references_are_found_again(void **state)
{
	struct reference_list list = {0};
	char name[32];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "object-%d", i);
			add(&list, name);
		}
	assert_int_equal(list.n, 5000);
	assert_string_equal(list.items[4999].uri, "object-4999");
	reference_list_free(&list);
}

static void
times_have_the_digits_they_need(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {{0, "1970-01-01T00:00:00Z"}, {1500000, "1970-01-01T00:00:01.500Z"},
		{1000001, "1970-01-01T00:00:01.000001Z"}, {-1, "1969-12-31T23:59:59.999999Z"}};
	struct reference r = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		reference_set_time(&r, instant_of_us(cases[i].us));
		assert_string_equal(r.time, cases[i].text);
		assert_int_equal(instant_to_us(reference_time(&r)), cases[i].us);
	}
	reference_set_time(&r, INSTANT_MISSING);
	assert_null(r.time);
	assert_true(instant_is_missing(reference_time(&r)));
	reference_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_what_was_parsed),
		cmocka_unit_test(bad_references_are_refused),
		cmocka_unit_test(sequencers_compare_as_hexadecimal_padded_on_the_right),
		cmocka_unit_test(doubles_become_one_with_all_messages),
		cmocka_unit_test(many_references_are_found_again),
		cmocka_unit_test(times_have_the_digits_they_need),
	};

	return TESTS(tests);
}
