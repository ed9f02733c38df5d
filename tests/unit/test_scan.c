/* The scanner: what is a record, what is refused and where, and that every way of reading gives the same. */
#include "base/buffer.h"
#include "json/scan.h"
#include "json/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct slice names[] = {{"id", 2}, {"data", 4}, {"_source", 7}};

static void
expect_same_layout(const struct scan_record *r, struct buffer *layout, struct slice listed)
{
	if (layout->n == 0) {
		buffer_add_number(layout, r->layout);
		buffer_add_slice(layout, listed);
	} else if (strtoul(buffer_string(layout), NULL, 10) == r->layout) {
		assert_true(layout->n > listed.n);
		assert_true(slice_equal((struct slice){layout->p + layout->n - listed.n, listed.n}, listed));
	}
}

/* The members that were listed are those that a walk through the text finds, and their names those of the layout. */
static void
expect_listed(const struct scan_record *r, struct buffer *layouts)
{
	struct buffer listed = {0}, compact = {0};
	struct slice name, value;
	int n = 0;

	buffer_add_byte(&compact, '{');
	for (struct json_walk walk = json_walk(r->members[1]); json_next_member(&walk, &name, &value); n++) {
		assert_true(n < r->n_inner);
		assert_true(slice_equal(name, (struct slice){r->text.p + r->inner[n].name_at, r->inner[n].name_n}));
		assert_ptr_equal(value.p, r->text.p + r->inner[n].value_at);
		assert_int_equal(value.n, r->inner[n].value_n);
		buffer_add_slice(&listed, name);
		buffer_add_string(&compact, n ? "," : "");
		buffer_add_slice(&compact, name);
		buffer_add_byte(&compact, ':');
		buffer_add_slice(&compact, value);
	}
	buffer_add_byte(&compact, '}');
	assert_int_equal(n, r->n_inner);
	if (n)
		assert_int_equal(r->inner_compact, slice_equal(buffer_slice(&compact), r->members[1]));
	if (r->layout)
		expect_same_layout(r, &layouts[r->layout % 64], buffer_slice(&listed));
	buffer_free(&listed);
	buffer_free(&compact);
}

static unsigned long long with_layout;
static bool spares; /* the data do not count for max_record */

static void
describe(struct buffer *out, enum scan_result got, const struct scan_record *r)
{
	buffer_format(out, "%s %llu:%llu [%.*s]", got == SCAN_RECORD ? "good" : r->code, (unsigned long long)r->line,
		(unsigned long long)r->element, (int)r->text.n, r->text.p);
	if (got == SCAN_REFUSED)
		buffer_format(out, " at %llu:%llu %s%s", (unsigned long long)r->fault_line,
			(unsigned long long)r->column, r->reason, r->cut ? " cut" : "");
	else
		for (int i = 0; i < 3; i++)
			if (r->members[i].p)
				buffer_format(out, " %s=%.*s", names[i].p, (int)r->members[i].n, r->members[i].p);
	buffer_add_string(out, r->spans_lines && got == SCAN_RECORD ? " spans\n" : "\n");
}

/* Scan text through windows that grow by `step` bytes and tell everything that was seen. Each window is a copy of its
 * own size, so that a sanitizer sees any look beyond it. */
static char *
scan(struct slice text, size_t step, size_t max_record)
{
	struct scanner *s = scanner_new(names, 3, max_record);
	struct buffer out = {0}, layouts[64] = {{0}};
	struct scan_record r;
	size_t begin = 0, end = step < text.n ? step : text.n;
	enum scan_result got;

	scanner_list_inner(s, 1);
	if (spares)
		scanner_spare(s, 1);
	for (;;) {
		char *window = malloc(end - begin ? end - begin : 1);
		memcpy(window, text.p + begin, end - begin);
		scanner_window(s, window, end - begin, end == text.n);
		while ((got = scanner_next(s, &r)) == SCAN_RECORD || got == SCAN_REFUSED) {
			describe(&out, got, &r);
			with_layout += got == SCAN_RECORD && r.layout;
			if (got == SCAN_RECORD && r.n_inner >= 0)
				expect_listed(&r, layouts);
		}
		begin = end - scanner_rest(s).n;
		free(window);
		if (got == SCAN_END)
			break;
		assert_true(end < text.n);
		end = text.n - end > step ? end + step : text.n;
	}
	scanner_free(s);
	for (int i = 0; i < 64; i++)
		buffer_free(&layouts[i]);
	return buffer_give(&out);
}

static void
expect_limited(const char *text, size_t max_record, const char *seen)
{
	for (int level = SCAN_PLAIN; level <= SCAN_SIMD; level++) {
		scan_level((enum scan_level)level);
		for (size_t step = 1; step < 200; step = step * 3 + 1) {
			char *got = scan(slice_of(text), step, max_record);
			assert_string_equal(got, seen);
			free(got);
		}
	}
}

static void
expect(const char *text, const char *seen)
{
	expect_limited(text, 1 << 20, seen);
}

static void
records_of_all_shapes(void **state)
{
	(void)state;
	expect("{\"id\":1}\n{\"id\":\"2\",\"data\":{\"a\":[1,{}]}}\n",
		"good 1:1 [{\"id\":1}] id=1\ngood 2:2 [{\"id\":\"2\",\"data\":{\"a\":[1,{}]}}] id=\"2\" "
		"data={\"a\":[1,{}]}\n");
	expect("{\"id\" : 1 }\r\n\r\n{}", "good 1:1 [{\"id\" : 1 }] id=1\ngood 3:2 [{}]\n");
	expect("\xef\xbb\xbf{\"id\":1}{\"id\":2} {\"id\":3}",
		"good 1:1 [{\"id\":1}] id=1\ngood 1:2 [{\"id\":2}] id=2\ngood 1:3 [{\"id\":3}] id=3\n");
	expect("[{\"id\":1},{\"id\":2},\n {\"id\":3}\n]\n[]\n[{}]",
		"good 1:1 [{\"id\":1}] id=1\ngood 1:2 [{\"id\":2}] id=2\ngood 2:3 [{\"id\":3}] id=3\ngood 5:4 [{}]\n");
	expect("{\n \"id\": 1,\n \"data\": {}\n}\n{\"id\":2}",
		"good 1:1 [{\n \"id\": 1,\n \"data\": {}\n}] id=1 data={} spans\ngood 5:2 [{\"id\":2}] id=2\n");
	expect("", "");
	expect(" \n\r\n\t", "");
}

static void
members_are_found_by_decoded_name_and_the_last_counts(void **state)
{
	(void)state;
	expect("{\"\\u0069d\":1,\"a\":{\"id\":7},\"id\":-2.5e3}",
		"good 1:1 [{\"\\u0069d\":1,\"a\":{\"id\":7},\"id\":-2.5e3}] id=-2.5e3\n");
	expect("{\"id\":null,\"_source\":\"\\\"\"}",
		"good 1:1 [{\"id\":null,\"_source\":\"\\\"\"}] id=null _source=\"\\\"\"\n");
}

static void
a_bad_line_costs_one_line(void **state)
{
	(void)state;
	expect("{\"id\":1}\nnot json\n{\"id\":2}\n",
		"good 1:1 [{\"id\":1}] id=1\n"
		"invalid-json 2:2 [not json] at 2:1 unexpected character where a value should be\n"
		"good 3:3 [{\"id\":2}] id=2\n");
	expect("{\"id\":1,\n{\"id\":2}\n",
		"invalid-json 1:1 [{\"id\":1,] at 2:1 a member name should be here\ngood 2:2 [{\"id\":2}] id=2\n");
	expect("{\"id\":\"x\n{\"id\":2}\n",
		"invalid-json 1:1 [{\"id\":\"x] at 1:9 the line ends within a string\ngood 2:2 [{\"id\":2}] id=2\n");
	expect("{\"id\":1}}\n{\"id\":2}TRAILER\n{}",
		"invalid-json 1:1 [{\"id\":1}}] at 1:9 unexpected text follows the record\n"
		"invalid-json 2:2 [{\"id\":2}TRAILER] at 2:9 unexpected text follows the record\ngood 3:3 [{}]\n");
	expect("{\"id\":01}\n{\"id\":+1}\n{\"id\":1.}\n{\"id\":tru}\n{\"id\":\"\\x\"}\n{\"a\":\"\\u12g4\"}\n{\"id\":1",
		"invalid-json 1:1 [{\"id\":01}] at 1:7 bad number\n"
		"invalid-json 2:2 [{\"id\":+1}] at 2:7 unexpected character where a value should be\n"
		"invalid-json 3:3 [{\"id\":1.}] at 3:7 bad number\n"
		"invalid-json 4:4 [{\"id\":tru}] at 4:7 unexpected character where a value should be\n"
		"invalid-json 5:5 [{\"id\":\"\\x\"}] at 5:8 bad escape in a string\n"
		"invalid-json 6:6 [{\"a\":\"\\u12g4\"}] at 6:7 bad \\u escape in a string\n"
		"invalid-json 7:7 [{\"id\":1] at 7:8 the input ends within a record\n");
}

static void
what_is_no_object_is_refused(void **state)
{
	(void)state;
	expect("42\n\"x\"\nnull\n[1,[2],{}]\n",
		"not-an-object 1:1 [42] at 1:1 not a JSON object\nnot-an-object 2:2 [\"x\"] at 2:1 not a JSON object\n"
		"not-an-object 3:3 [null] at 3:1 not a JSON object\nnot-an-object 4:4 [1] at 4:2 not a JSON object\n"
		"not-an-object 4:5 [[2]] at 4:4 not a JSON object\ngood 4:6 [{}]\n");
}

static void
utf8_is_checked(void **state)
{
	static const char *const bad[] = {"\xff", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xf0\x8f\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x80", "\xc3\xa9\xa9"};
	char text[200], seen[400];

	(void)state;
	expect("{\"id\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		"good 1:1 [{\"id\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}] "
		"id=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "{\"data\":\"%s\"}\n{}", bad[i]);
		snprintf(seen, sizeof(seen),
			"invalid-utf8 1:1 [{\"data\":\"%s\"}] at 1:%d bytes that are not UTF-8\ngood 2:2 [{}]\n",
			bad[i], i == 10 ? 12 : 10);
		expect(text, seen);
	}
}

static void
a_character_cut_by_the_window_is_looked_at_whole(void **state)
{
	(void)state;
	expect("[{\"id\":\n{\"id\":\xd5\x82}\n]",
		"invalid-json 1:1 [{\"id\":] at 2:7 unexpected character where a value should be\n"
		"invalid-json 2:2 [{\"id\":\xd5\x82}] at 2:7 unexpected character where a value should be\n");
}

static void
a_bad_element_costs_one_element(void **state)
{
	(void)state;
	expect("[{\"id\":1},{\"id\":tru},{\"id\":3}]",
		"good 1:1 [{\"id\":1}] id=1\n"
		"invalid-json 1:2 [{\"id\":tru}] at 1:17 unexpected character where a value should be\n"
		"good 1:3 [{\"id\":3}] id=3\n");
	expect("[{\"id\":1},\n{\"id\":\"2,\n{\"id\":3}\n]\n{\"id\":4}",
		"good 1:1 [{\"id\":1}] id=1\ninvalid-json 2:2 [{\"id\":\"2,] at 2:10 the line ends within a string\n"
		"good 3:3 [{\"id\":3}] id=3\ngood 5:4 [{\"id\":4}] id=4\n");
	expect("[\n{\"id\":1,\n{\"id\":2},\n{\"id\":3}\n]",
		"invalid-json 2:1 [{\"id\":1,] at 3:1 a member name should be here\ngood 3:2 [{\"id\":2}] id=2\ngood "
		"4:3 [{\"id\":3}] id=3\n");
	expect("[{\"id\":1}", "good 1:1 [{\"id\":1}] id=1\ninvalid-json 1:0 [] at 1:10 the array is not closed\n");
}

static void
where_a_bad_element_ends_is_told_by_brackets_or_by_the_indent(void **state)
{
	(void)state;
	expect("[\n{\n\"data\":\"\xff\",\n\"x\":[\n{\"y\":1}\n]\n},\n{\"id\":2}\n]",
		"invalid-utf8 2:1 [{\n\"data\":\"\xff\",\n\"x\":[\n{\"y\":1}\n]\n}] at 3:9 bytes that are not UTF-8\n"
		"good 8:2 [{\"id\":2}] id=2\n");
	expect("[\n {\n  \"id\":\"1,\n  \"x\":[\n   {\"y\":1}\n  ]\n },\n {\"id\":2}\n]",
		"invalid-json 2:1 [{\n  \"id\":\"1,\n  \"x\":[\n   {\"y\":1}\n  ]\n },] at 3:11 "
		"the line ends within a string\ngood 8:2 [{\"id\":2}] id=2\n");
}

static void
the_next_element_is_known_by_how_the_bad_one_begins(void **state)
{
	(void)state;
	expect("[{\"id\":1},{\"id\":2}},{\"id\":3}]",
		"good 1:1 [{\"id\":1}] id=1\n"
		"invalid-json 1:2 [{\"id\":2}}] at 1:19 ',' or ']' should follow the record\n"
		"good 1:3 [{\"id\":3}] id=3\n");
	expect("[{\"id\":2,{\"id\":3}, {\"id\":4}]",
		"invalid-json 1:1 [{\"id\":2] at 1:10 a member name should be here\n"
		"good 1:2 [{\"id\":3}] id=3\ngood 1:3 [{\"id\":4}] id=4\n");
	expect("[{\"id\":\"2},{\"id\":3}]",
		"invalid-json 1:1 [{\"id\":\"2}] at 1:14 ',' or '}' should be here\ngood 1:2 [{\"id\":3}] id=3\n");
	/* in a list within the bad element others may begin as it did */
	expect("[{\"id\":tru,\"data\":[{\"id\":7},{\"id\":8}]},{\"id\":3}]",
		"invalid-json 1:1 [{\"id\":tru,\"data\":[{\"id\":7},{\"id\":8}]}] at 1:8 "
		"unexpected character where a value should be\ngood 1:2 [{\"id\":3}] id=3\n");
	/* but not where that list does not end */
	expect("[{\"id\":tru,\"data\":[{\"x\":7},{\"id\":8},{\"id\":3}]",
		"invalid-json 1:1 [{\"id\":tru,\"data\":[{\"x\":7}] at 1:8 "
		"unexpected character where a value should be\n"
		"good 1:2 [{\"id\":8}] id=8\ngood 1:3 [{\"id\":3}] id=3\n");
	/* a surplus brace within, and another first member */
	expect("[{\"a\":1}},{\"b\":2},{\"a\":[1]],\"c\":{}},{\"a\":3}]",
		"invalid-json 1:1 [{\"a\":1}}] at 1:9 ',' or ']' should follow the record\ngood 1:2 [{\"b\":2}]\n"
		"invalid-json 1:3 [{\"a\":[1]],\"c\":{}}] at 1:27 ',' or '}' should be here\ngood 1:4 [{\"a\":3}]\n");
}

static void
what_lacks_its_commas_is_read_as_lines(void **state)
{
	(void)state;
	expect("[{\"id\":1}\n{\"id\":2}\n{\"id\":3},{\"id\":4}]",
		"invalid-json 1:1 [{\"id\":1}] at 2:1 ',' or ']' should follow the record\ngood 2:2 [{\"id\":2}] id=2\n"
		"good 3:3 [{\"id\":3}] id=3\ngood 3:4 [{\"id\":4}] id=4\n");
	expect("[{\"id\":1},{\"id\":2}{\"id\":3}]",
		"good 1:1 [{\"id\":1}] id=1\n"
		"invalid-json 1:2 [{\"id\":2}] at 1:19 ',' or ']' should follow the record\n"
		"good 1:3 [{\"id\":3}] id=3\n");
	expect("{\"id\":\n1},\n{\"id\":\n2},\n{\"id\":3},\n{\"id\":4}\n",
		"invalid-json 1:1 [{\"id\":\n1},] at 2:3 unexpected text follows the record\n"
		"good 3:2 [{\"id\":\n2}] id=2 spans\n"
		"invalid-json 5:3 [{\"id\":3},] at 5:9 unexpected text follows the record\n"
		"good 6:4 [{\"id\":4}] id=4\n");
}

static void
depth_is_limited(void **state)
{
	struct buffer deep = {0};
	char *got;

	(void)state;
	for (int levels = 512; levels <= 513; levels++) {
		deep.n = 0;
		buffer_add_string(&deep, "{\"a\":");
		for (int i = 1; i < levels; i++)
			buffer_add_byte(&deep, '[');
		for (int i = 1; i < levels; i++)
			buffer_add_byte(&deep, ']');
		buffer_add_string(&deep, "}\n{}");
		for (int level = SCAN_PLAIN; level <= SCAN_SIMD; level++) {
			scan_level((enum scan_level)level);
			got = scan(buffer_slice(&deep), deep.n, 1 << 20);
			assert_true(strncmp(got, levels == 512 ? "good 1:1" : "too-deep 1:1", 8) == 0);
			assert_non_null(strstr(got, "\ngood 2:2 [{}]\n"));
			free(got);
		}
	}
	buffer_free(&deep);
}

static void
a_record_beyond_the_limit_is_refused_and_not_held(void **state)
{
	(void)state;
	expect_limited("{\"id\":1}\n{\"data\":\"long long long\"}\n{\"id\":2}\n", 10,
		"good 1:1 [{\"id\":1}] id=1\ntoo-long 2:2 [{\"data\":\"l] at 2:1 longer than --max-record cut\n"
		"good 3:3 [{\"id\":2}] id=2\n");
	expect_limited("[{\"id\":1},{\"data\":\"long, \\\"]\"},{\"id\":2}]", 10,
		"good 1:1 [{\"id\":1}] id=1\ntoo-long 1:2 [{\"data\":\"l] at 1:11 longer than --max-record cut\n"
		"good 1:3 [{\"id\":2}] id=2\n");
}

static void
a_spared_member_does_not_count(void **state)
{
	(void)state;
	spares = true;
	/* 10 bytes besides what is spared, and 11 */
	expect_limited("{\"v\":1234,\"data\":{\"x\":\"long enough\"}}\n{\"data\":{\"x\":\"\"},\"v\":1234}", 10,
		"good 1:1 [{\"v\":1234,\"data\":{\"x\":\"long enough\"}}] data={\"x\":\"long enough\"}\n"
		"good 2:2 [{\"data\":{\"x\":\"\"},\"v\":1234}] data={\"x\":\"\"}\n");
	expect_limited("{\"v\":12345,\"data\":{\"x\":\"y\"}}\n{}", 10,
		"too-long 1:1 [{\"v\":12345] at 1:1 longer than --max-record cut\ngood 2:2 [{}]\n");
	expect_limited("{\"v\":1234,\"data\":[2]}\n{}", 10,
		"too-long 1:1 [{\"v\":1234,] at 1:1 longer than --max-record cut\ngood 2:2 [{}]\n");
	spares = false;
}

static void
no_more_is_spared_than_its_bound(void **state)
{
	struct buffer text = {0};
	struct slice names_of[] = {SLICE("_source")};
	struct scan_record r;

	(void)state;
	for (size_t n = 1; n < 3; n++) {
		struct scanner *s = scanner_new(names_of, 1, 100);

		text.n = 0;
		buffer_format(&text, "{\"_source\":{\"x\":\"%*s\"},\"y\":%*s}", (int)SCAN_SPARED_MAX - 18, "",
			(int)(92 + n), "1");
		scanner_spare(s, 0);
		scanner_window(s, text.p, text.n, true);
		assert_int_equal(scanner_next(s, &r), n == 1 ? SCAN_RECORD : SCAN_REFUSED);
		scanner_free(s);
	}
	buffer_free(&text);
}

/* --- random texts: every level and every window size must see the same ------------------------------------------- */

static unsigned long long seed;

static unsigned
number_below(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void
random_value(struct buffer *b, int depth)
{
	static const char *const scalars[] = {"1", "-0.5e+7", "true", "null", "\"\"", "\"caf\xc3\xa9\"",
		"\"\\u00e9\\n\"", "\"a\\\\\"", "\"{[,:]}\"",
		"\"\xf0\x9f\x98\x80 and a longer text that crosses a block of sixty-four bytes, surely\""};
	static const char *const keys[] = {"\"id\":", "\"data\" : ", "\"_source\":", "\"\\u0069d\":", "\"x\\\"y\":"};
	unsigned n = number_below(4);

	if (depth == 0 || number_below(3) == 0) {
		buffer_add_string(b, scalars[number_below(10)]);
		return;
	}
	bool object = number_below(3) > 0;
	buffer_add_byte(b, object ? '{' : '[');
	for (unsigned i = 0; i < n; i++) {
		buffer_add_string(b, i ? (number_below(5) ? "," : " ,\n  ") : "");
		if (object)
			buffer_add_string(b, keys[number_below(5)]);
		random_value(b, depth - 1);
	}
	buffer_add_byte(b, object ? '}' : ']');
}

/* Records of a few layouts, as programs write them, some with a value that is none of a layout's. */
static void
random_record(struct buffer *b, unsigned long long layout)
{
	static const char *const gaps[] = {"", "", "", " ", "\n  "};
	static const char *const keys[] = {
		"\"id\"", "\"_source\"", "\"x\"", "\"a name of more than sixteen bytes\"", "\"\\u0069d\"", "\"id\""};
	unsigned long long values = seed;
	unsigned n;
	const char *gap;

	seed = layout;
	n = number_below(5);
	gap = gaps[number_below(5)];
	buffer_add_byte(b, '{');
	for (unsigned i = 0; i < n; i++) {
		bool data = number_below(3) == 0;
		unsigned inner = number_below(6), key = number_below(6);
		layout = seed;
		seed = values;
		buffer_format(b, "%s%s:%s", i ? "," : "", data ? "\"data\"" : keys[key], gap);
		for (unsigned k = 0; data && k < inner; k++) {
			buffer_format(b, "%c%s%s:", k ? ',' : '{', gap, keys[(key + k) % 6]);
			random_value(b, number_below(8) ? 0 : 2);
		}
		if (data)
			buffer_add_string(b, inner ? "}" : "{}");
		else
			random_value(b, number_below(8) ? 0 : 2);
		values = seed;
		seed = layout;
	}
	buffer_add_byte(b, '}');
	seed = values;
}

static void
random_text(struct buffer *b)
{
	static const char noise[] = "{}[]:,\"\\ \n\t\xff\xc3x1-u";
	unsigned records = number_below(12), mutations = number_below(3) ? 0 : number_below(4);
	bool array = number_below(3) == 0, alike = number_below(2);
	unsigned long long layout = seed;

	b->n = 0;
	buffer_add_string(b, array ? "[" : "");
	for (unsigned i = 0; i < records; i++) {
		buffer_add_string(b,
			i == 0                    ? ""
				: array           ? (number_below(2) ? "," : ",\n ")
				: number_below(5) ? "\n"
						  : " ");
		if (alike) {
			random_record(b, layout + number_below(3));
			continue;
		}
		buffer_add_string(b, "{\"id\":");
		random_value(b, 4);
		buffer_add_byte(b, '}');
	}
	buffer_add_string(b, array ? "]" : "\n");
	for (; mutations && b->n; mutations--)
		b->p[number_below((unsigned)b->n)] = noise[number_below(sizeof(noise) - 1)];
}

static void
all_ways_see_the_same(void **state)
{
	const char *given = getenv("SEED");
	struct buffer text = {0};
	int runs = getenv("RUNS") ? atoi(getenv("RUNS")) : 3000;

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : 1;
	print_message("SEED=%llu\n", seed);
	for (int run = 0; run < runs; run++) {
		unsigned long long begin = seed;
		random_text(&text);
		scan_level(SCAN_PLAIN);
		spares = number_below(4) == 0;
		size_t max_record = number_below(4) ? 1 << 20 : 40 + number_below(200);
		char *whole = scan(buffer_slice(&text), text.n + 1, max_record);
		for (int way = 0; way < 4; way++) {
			size_t step = way == 0 ? text.n + 1 : 1 + number_below(way == 1 ? 8 : 300);
			scan_level(way == 3 ? SCAN_PLAIN : way == 2 ? SCAN_SIMD_NARROW : SCAN_SIMD);
			char *got = scan(buffer_slice(&text), step, max_record);
			if (strcmp(got, whole) != 0)
				fail_msg("seed %llu, way %d, step %zu, text:\n%.*s\nwhole:\n%s\ngot:\n%s", begin, way,
					step, (int)text.n, text.p, whole, got);
			free(got);
		}
		free(whole);
	}
	spares = false;
	scan_level(SCAN_SIMD);
	if (strcmp(scan_level_name(), "plain") != 0)
		assert_true(with_layout > (unsigned long long)runs);
	buffer_free(&text);
}

static void
the_level_is_what_was_asked_for(void **state)
{
	const char *asked = getenv("ACC_SIMD");
	bool off = asked && strcmp(asked, "off") == 0, narrow = asked && strcmp(asked, "avx2") == 0;
	const char *simd = "neon", *narrow_simd = "neon";

	(void)state;
#if defined(__x86_64__)
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi");
	narrow_simd = avx2 ? "avx2" : "plain";
	simd = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") ? "avx512" : narrow_simd;
#endif
	scan_level(SCAN_PLAIN);
	assert_string_equal(scan_level_name(), "plain");
	scan_level(SCAN_SIMD_NARROW);
	assert_string_equal(scan_level_name(), off ? "plain" : narrow_simd);
	scan_level(SCAN_SIMD);
	assert_string_equal(scan_level_name(), off ? "plain" : narrow ? narrow_simd : simd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_level_is_what_was_asked_for),
		cmocka_unit_test(records_of_all_shapes),
		cmocka_unit_test(members_are_found_by_decoded_name_and_the_last_counts),
		cmocka_unit_test(a_bad_line_costs_one_line),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(utf8_is_checked),
		cmocka_unit_test(a_character_cut_by_the_window_is_looked_at_whole),
		cmocka_unit_test(a_bad_element_costs_one_element),
		cmocka_unit_test(where_a_bad_element_ends_is_told_by_brackets_or_by_the_indent),
		cmocka_unit_test(the_next_element_is_known_by_how_the_bad_one_begins),
		cmocka_unit_test(what_lacks_its_commas_is_read_as_lines),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(a_record_beyond_the_limit_is_refused_and_not_held),
		cmocka_unit_test(a_spared_member_does_not_count),
		cmocka_unit_test(no_more_is_spared_than_its_bound),
		cmocka_unit_test(all_ways_see_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
