#include "base/utf8.h"

#include "unit.h"

/* All sequences of table 3-7, and nothing else: judged by decoding by hand. */
static size_t
reference(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	uint32_t c;

	if (n < 2)
		return n;
	c = p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : n;
}

static void
every_beginning_is_judged_as_the_table_has_it(void **state)
{
	static const unsigned char thirds[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			for (size_t i = 0; i < 36; i++) {
				unsigned char p[4] = {(unsigned char)a, (unsigned char)b, thirds[i / 6], thirds[i % 6]};
				size_t n = reference(p);

				assert_int_equal(utf8_sequence((char *)p, 4), n);
				if (n > 1)
					assert_int_equal(utf8_sequence((char *)p, n - 1), 0);
			}
	assert_int_equal(utf8_sequence("", 0), 0);
}

static void
code_points_are_encoded(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		char out[4];
		size_t n = utf8_encode(c, out);

		assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
		assert_int_equal(utf8_sequence(out, n), c >= 0xD800 && c < 0xE000 ? 0 : n);
	}
}

static void
beyond_unicode_is_a_replacement(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(utf8_encode(0x110000, out), 3);
	assert_memory_equal(out, "\xEF\xBF\xBD", 3);
	assert_int_equal(utf8_encode(0xD83D, out), 3);
	assert_memory_equal(out, "\xED\xA0\xBD", 3);
}

static void
the_first_bad_byte_is_found(void **state)
{
	char text[64];

	(void)state;
	for (size_t bad = 0; bad < sizeof(text); bad++) {
		memset(text, 'a', sizeof(text));
		text[bad] = (char)0xFF;
		assert_int_equal(utf8_valid_prefix((struct slice){text, sizeof(text)}), bad);
		assert_int_equal(utf8_valid_prefix((struct slice){text, bad}), bad);
	}
	assert_int_equal(utf8_valid_prefix(SLICE("Gr\xc3\xbc\xc3\x9f" "e aus K\xc3\xb6ln")), 17);
	assert_int_equal(utf8_valid_prefix(SLICE("K\xc3\xb6ln\xc3")), 5);
	assert_int_equal(utf8_valid_prefix((struct slice){NULL, 0}), 0);
}

static void
a_cut_falls_between_characters(void **state)
{
	static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
	struct slice text = SLICE("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");

	(void)state;
	for (size_t max = 0; max < sizeof(cuts) / sizeof(*cuts); max++)
		assert_int_equal(utf8_cut(text, max).n, cuts[max]);
	assert_int_equal(utf8_cut(SLICE("\x80\x80\x80\x80\x80\x80"), 5).n, 2);
	assert_int_equal(utf8_cut((struct slice){NULL, 0}, 5).n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_beginning_is_judged_as_the_table_has_it),
		cmocka_unit_test(code_points_are_encoded),
		cmocka_unit_test(beyond_unicode_is_a_replacement),
		cmocka_unit_test(the_first_bad_byte_is_found),
		cmocka_unit_test(a_cut_falls_between_characters),
	};

	return TESTS(tests);
}
