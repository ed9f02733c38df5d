#include "base/buffer.h"

#include "unit.h"

static void
it_grows_at_the_end(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_string(&b, "records ");
	buffer_add_number(&b, 0);
	buffer_add_byte(&b, ' ');
	buffer_add_number(&b, UINT64_MAX);
	buffer_add_slice(&b, SLICE(" of"));
	buffer_add(&b, NULL, 0);
	buffer_format(&b, " %s=%d", "n", -7);
	assert_string_equal(buffer_string(&b), "records 0 18446744073709551615 of n=-7");
	assert_int_equal(buffer_slice(&b).n, strlen(buffer_string(&b)));
	buffer_free(&b);
	assert_int_equal(b.capacity, 0);
	assert_string_equal(buffer_string(&b), "");
	buffer_free(&b);
}

static void
a_long_format_is_whole(void **state)
{
	struct buffer b = {0};

	(void)state;
	for (int width = 0; width < 3000; width += 61) {
		b.n = 0;
		buffer_format(&b, "<%*d>", width, 5);
		assert_int_equal(b.n, (width ? width : 1) + 2);
		assert_int_equal(b.p[b.n - 1], '>');
	}
	buffer_free(&b);
}

static void
reserved_room_does_not_move(void **state)
{
	struct buffer b = {0};
	char *p;

	(void)state;
	buffer_reserve(&b, 100000);
	p = b.p;
	for (int i = 0; i < 100000; i++)
		buffer_add_byte(&b, 'x');
	assert_ptr_equal(b.p, p);
	buffer_free(&b);
}

static void
a_gift_is_a_string_of_ones_own(void **state)
{
	struct buffer b = {0};
	char *gift;

	(void)state;
	buffer_add_string(&b, "mine");
	gift = buffer_give(&b);
	assert_string_equal(gift, "mine");
	assert_null(b.p);
	free(gift);
}

struct text {
	struct slice from;
	const char *to;
};

static void
check(void (*add)(struct buffer *, struct slice), const struct text *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buffer b = {0};

		add(&b, texts[i].from);
		assert_string_equal(buffer_string(&b), texts[i].to);
		buffer_free(&b);
	}
}

static void
json_strings_are_valid_whatever_comes_in(void **state)
{
	static const struct text texts[] = {
		{{NULL, 0}, "\"\""},
		{{"a \"b\" \\ /", 9}, "\"a \\\"b\\\" \\\\ /\""},
		{{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
		{{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\x7f\""},
		{{"Tr\xc3\xa8s \xf0\x9f\x8f\xa8", 10}, "\"Tr\xc3\xa8s \xf0\x9f\x8f\xa8\""},
		{{"\xff|\xc3|\xed\xa0\x80", 7}, "\"\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	check(buffer_add_json_string, texts, sizeof(texts) / sizeof(texts[0]));
}

static void
printable_text_cannot_drive_a_terminal(void **state)
{
	static const struct text texts[] = {
		{{"\x1b[31mred\x07\n\t", 11}, "\\x1b[31mred\\x07\\x0a\\x09"},
		{{"\x7f\xc2\x9b" "2J \xc2\xa0 \xc3\xa9", 11}, "\\x7f\\xc2\\x9b2J \xc2\xa0 \xc3\xa9"},
		{{"\x9b\xff\xc3", 3}, "\\x9b\\xff\\xc3"},
		{{"C:\\x", 4}, "C:\\x"},
	};

	(void)state;
	check(buffer_add_printable, texts, sizeof(texts) / sizeof(texts[0]));
}

/* RFC 4648, section 10. */
static void
base64_vectors(void **state)
{
	static const struct text texts[] = {
		{{"", 0}, ""},
		{{"f", 1}, "Zg=="},
		{{"fo", 2}, "Zm8="},
		{{"foo", 3}, "Zm9v"},
		{{"foob", 4}, "Zm9vYg=="},
		{{"fooba", 5}, "Zm9vYmE="},
		{{"foobar", 6}, "Zm9vYmFy"},
		{{"\xff\xfe\xfb\xef\xbe", 5}, "//77774="},
	};

	(void)state;
	check(buffer_add_base64, texts, sizeof(texts) / sizeof(texts[0]));
}

static void
hex_is_lower_case(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_hex(&b, (const unsigned char *)"\x00\x9a\xff", 3);
	assert_string_equal(buffer_string(&b), "009aff");
	buffer_free(&b);
}

static void
members_are_parted_by_commas(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_byte(&b, '{');
	buffer_add_json_member(&b, "a", "{");
	buffer_add_json_member(&b, "b", "\"");
	assert_string_equal(buffer_string(&b), "{\"a\":\"{\",\"b\":\"\\\"\"");
	buffer_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_at_the_end),
		cmocka_unit_test(a_long_format_is_whole),
		cmocka_unit_test(reserved_room_does_not_move),
		cmocka_unit_test(a_gift_is_a_string_of_ones_own),
		cmocka_unit_test(json_strings_are_valid_whatever_comes_in),
		cmocka_unit_test(printable_text_cannot_drive_a_terminal),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(members_are_parted_by_commas),
	};

	return TESTS(tests);
}
