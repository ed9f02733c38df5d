/* Records: what is one, where its parts are, and the order of those of one accommodation. */
#include "catalog.h"

#define ID "\"accommodation_id\":"
#define PARTNER "\"partner_name\":"
#define DATA "\"accommodation_data\":"

static void
the_parts_lie_where_the_paths_say(void **state)
{
	struct catalog c;
	const struct record *r;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" PARTNER "\"alpha\"," DATA " {\"name\":\"Inn\"} ," ID
			 "101,\"_source\":{\"uri\":\"u\",\"record\":7}}");
	assert_int_equal(c.n, 1);
	r = c.records[0];
	assert_true(slice_equal(record_id(r), SLICE("101")));
	assert_true(slice_equal(record_data(r, c.shapes, &c.arena), SLICE("{\"name\":\"Inn\"}")));
	assert_true(slice_equal(record_source(r), SLICE("{\"uri\":\"u\",\"record\":7}")));
	assert_true(slice_equal(partner_at(c.partners, r->partner)->name, SLICE("alpha")));
	assert_int_equal(r->flags & RECORD_SPANS_LINES, 0);
	catalog_end(&c);
}

static void
paths_may_lead_anywhere(void **state)
{
	struct catalog c;
	struct error error;
	const struct record *r;

	(void)state;
	catalog_begin(&c, "", "");
	scanner_free(c.scanner);
	record_paths_free(&c.paths);
	assert_int_equal(
		record_paths_parse(&c.paths, ".key.\"the id\"", ".key.partner", ".body", ".body.at", &error), 0);
	assert_int_equal(c.paths.n_names, 3); /* _source, key, body */
	c.scanner = scanner_new(c.paths.names, c.paths.n_names, 1 << 20);
	catalog_read(&c, "{\"key\":{\"the id\":\"x\",\"partner\":\"alpha\"},\"body\":{\"at\":60}}");
	assert_int_equal(c.n, 1);
	r = c.records[0];
	assert_true(slice_equal(record_id(r), SLICE("\"x\"")));
	assert_true(slice_equal(record_data(r, c.shapes, &c.arena), SLICE("{\"at\":60}")));
	assert_true(slice_equal(record_time_text(r, &c.paths), SLICE("60")));
	assert_int_equal(record_time(r).seconds, 60);
	catalog_end(&c);
}

static void
a_path_that_is_none_is_refused(void **state)
{
	static const char *const good = ".a";

	(void)state;
	for (int bad = 0; bad < 4; bad++) {
		struct record_paths paths;
		struct error error;

		assert_int_equal(record_paths_parse(&paths, bad == 0 ? "a" : good, bad == 1 ? "a" : good,
					 bad == 2 ? "a" : good, bad == 3 ? "a" : good, &error),
			-1);
		assert_int_equal(error.status, STATUS_USAGE);
	}
}

static void
what_lacks_a_part_is_no_record(void **state)
{
	static const struct {
		const char *text;
		enum record_fault fault;
	} examples[] = {
		{"{" ID "1," PARTNER "\"a\"," DATA "{}}", RECORD_GOOD},
		{"{" ID "\"\"," PARTNER "\"\"," DATA "{}}", RECORD_GOOD},
		{"{" PARTNER "\"a\"," DATA "{}}", RECORD_NO_ID},
		{"{" ID "null," PARTNER "\"a\"," DATA "{}}", RECORD_BAD_ID},
		{"{" ID "[1]," PARTNER "\"a\"," DATA "{}}", RECORD_BAD_ID},
		{"{" ID "true," PARTNER "\"a\"," DATA "{}}", RECORD_BAD_ID},
		{"{" ID "1," DATA "{}}", RECORD_NO_PARTNER},
		{"{" ID "1," PARTNER "1," DATA "{}}", RECORD_BAD_PARTNER},
		{"{" ID "1," PARTNER "null," DATA "{}}", RECORD_BAD_PARTNER},
		{"{" ID "1," PARTNER "\"a\"}", RECORD_NO_DATA},
		{"{" ID "1," PARTNER "\"a\"," DATA "[]}", RECORD_BAD_DATA},
		{"{" ID "1," PARTNER "\"a\"," DATA "\"x\"}", RECORD_BAD_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct catalog c;

		catalog_begin(&c, "", "");
		catalog_read(&c, examples[i].text);
		assert_int_equal(c.fault, examples[i].fault);
		assert_int_equal(c.n, examples[i].fault == RECORD_GOOD);
		catalog_end(&c);
	}
}

static void
ids_are_one_by_their_decoded_text(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" ID "101," PARTNER "\"a\"," DATA "{}}{" ID "\"101\"," PARTNER "\"a\"," DATA "{}}{" ID
			 "\"\\u0031\\u00301\"," PARTNER "\"a\"," DATA "{}}{" ID "101.0," PARTNER "\"a\"," DATA "{}}");
	assert_int_equal(c.n, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_true(slice_equal(record_id_text(c.records[i], &c.arena), SLICE("101")));
		assert_true(c.records[i]->hash == c.records[0]->hash);
		assert_true(c.records[i]->id_prefix == c.records[0]->id_prefix);
	}
	assert_true(slice_equal(record_id_text(c.records[3], &c.arena), SLICE("101.0")));
	assert_true(c.records[3]->hash != c.records[0]->hash);
	catalog_end(&c);
}

static void
prefixes_of_ids_order_as_the_ids_do(void **state)
{
	static const struct slice ids[] = {{"", 0}, {"\0\1", 2}, {"1", 1}, {"10", 2}, {"12345678", 8}, {"12345679", 8},
		{"2", 1}, {"a", 1}, {"\xc3\xa9", 2}};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(ids) / sizeof(*ids); i++)
		assert_true(id_prefix(ids[i]) < id_prefix(ids[i + 1]));
	assert_true(id_prefix(SLICE("12345678x")) == id_prefix(SLICE("12345678y")));
}

static void
a_time_is_a_text_or_a_number_and_else_missing(void **state)
{
	static const struct {
		const char *time;
		bool missing, bad;
	} examples[] = {
		{"\"2024-01-02T03:04:05Z\"", false, false},
		{"\"2024-01-02\"", false, false},
		{"\"2024-01-02T03:04:05\\u005a\"", false, false},
		{"1704164645.5", false, false},
		{"null", true, false},
		{"\"yesterday\"", true, true},
		{"{}", true, true},
		{"true", true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct catalog c;
		char *text = memory_format(
			"{" ID "1," PARTNER "\"a\"," DATA "{},\"_source\":{\"time\":%s}}", examples[i].time);

		catalog_begin(&c, "", "");
		catalog_read(&c, text);
		assert_int_equal(c.n, 1);
		assert_int_equal(instant_is_missing(record_time(c.records[0])), examples[i].missing);
		assert_int_equal((c.records[0]->flags & RECORD_BAD_TIME) != 0, examples[i].bad);
		assert_true(slice_equal(record_time_text(c.records[0], &c.paths), slice_of(examples[i].time)));
		catalog_end(&c);
		free(text);
	}
}

static void
the_position_is_the_sources_or_the_inputs(void **state)
{
	static const struct {
		const char *source, *uri;
		uint64_t record;
		bool bare;
	} examples[] = {
		{"{\"uri\":\"s3://b/k\",\"record\":7}", "s3://b/k", 7, false},
		{"{\"record\":7,\"uri\":\"caf\\u00e9\"}", "caf\xc3\xa9", 7, false},
		{"{\"uri\":\"u\"}", "u", 0, false},
		{"{\"uri\":\"u\",\"record\":-1}", "u", 0, false},
		{"{\"uri\":\"u\",\"record\":\"7\"}", "u", 0, false},
		{"{\"uri\":7,\"record\":3}", "", 3, false},
		{"{}", "", 0, false},
		{"null", "in.jsonl", 102, true},
		{"\"x\"", "in.jsonl", 102, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct catalog c;
		char *text =
			memory_format("\n{" ID "1," PARTNER "\"a\"," DATA "{},\"_source\":%s}", examples[i].source);
		struct position position;

		catalog_begin(&c, "", "");
		c.stretch.lines = 100;
		catalog_read(&c, text);
		assert_int_equal(c.n, 1);
		position = record_position(c.records[0], &c.arena);
		assert_true(slice_equal(position.uri, slice_of(examples[i].uri)));
		assert_true(position.record == examples[i].record);
		assert_int_equal(record_is_bare(c.records[0]), examples[i].bare);
		catalog_end(&c);
		free(text);
	}
}

static void
in_an_array_elements_count_and_not_lines(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	c.stretch.lines = 100;
	c.stretch.elements = 20;
	catalog_read(&c, "[\n\n{" ID "1," PARTNER "\"a\"," DATA "{}},{" ID "1," PARTNER "\"a\"," DATA "{\n}}]");
	assert_int_equal(c.n, 2);
	assert_int_equal(record_position(c.records[0], &c.arena).record, 21);
	assert_int_equal(record_position(c.records[1], &c.arena).record, 22);
	assert_int_equal(c.records[0]->flags & RECORD_SPANS_LINES, 0);
	assert_int_equal(c.records[1]->flags & RECORD_SPANS_LINES, RECORD_SPANS_LINES);
	catalog_end(&c);
}

static void
a_shape_tells_the_members_that_are_null(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" ID "1," PARTNER "\"a\"," DATA "{\"x\":1,\"y\":null,\"z\":null}}{" ID "2," PARTNER
			 "\"a\"," DATA "{ \"x\":null,\"y\":\"n\",\"z\":3}}");
	assert_int_equal(c.n, 2);
	if (c.records[0]->shape) { /* the exact scanner lists no members */
		assert_int_equal(c.records[0]->shape, c.records[1]->shape);
		assert_int_equal(c.records[0]->nulls, 6);
		assert_int_equal(c.records[1]->nulls, 1);
		assert_int_equal(c.records[0]->flags & RECORD_COMPACT, RECORD_COMPACT);
		assert_int_equal(c.records[1]->flags & RECORD_COMPACT, 0);
	}
	catalog_end(&c);
}

/* Best first; beta is listed before alpha, delta and gamma are not. */
static const char *const ordered[] = {
	"{" ID "1," PARTNER "\"beta\"," DATA "{},\"_source\":{\"uri\":\"a\",\"record\":1,\"time\":\"2024-01-02\"}}",
	"{" ID "1," PARTNER "\"beta\"," DATA "{},\"_source\":{\"uri\":\"z\",\"record\":9,\"time\":\"2024-01-01\"}}",
	"{" ID "1," PARTNER "\"beta\"," DATA "{},\"_source\":{\"uri\":\"a\",\"record\":10}}",
	"{" ID "1," PARTNER "\"beta\"," DATA "{},\"_source\":{\"uri\":\"a\",\"record\":9}}",
	"{" ID "1," PARTNER "\"alpha\"," DATA
	"{},\"_source\":{\"uri\":\"b\",\"record\":1,\"time\":\"2025-01-01T00:00:00.2Z\"}}",
	"{" ID "1," PARTNER "\"alpha\"," DATA
	"{},\"_source\":{\"uri\":\"b\",\"record\":1,\"time\":\"2025-01-01T00:00:00.1Z\"}}",
	"{" ID "1," PARTNER "\"delta\"," DATA "{},\"_source\":{\"uri\":\"a\",\"record\":1,\"time\":2000000000}}",
	"{" ID "1," PARTNER "\"delta\"," DATA "{\"x\":2},\"_source\":{\"uri\":\"b\",\"record\":1,\"time\":1}}",
	"{" ID "1," PARTNER "\"delta\"," DATA "{\"x\":1},\"_source\":{\"uri\":\"b\",\"record\":1,\"time\":1}}",
	"{" ID "1," PARTNER "\"gamma\"," DATA "{\"x\":1},\"_source\":{\"uri\":\"b\",\"record\":1,\"time\":1}}",
	"{" ID "1," PARTNER "\"gamma\"," DATA "{},\"_source\":{\"uri\":\"a\",\"record\":1}}",
};

#define N_ORDERED (sizeof(ordered) / sizeof(*ordered))

static void
the_order_is_rank_time_name_position_and_data(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "beta,alpha", "");
	for (size_t i = 0; i < N_ORDERED; i++)
		catalog_read(&c, ordered[i]);
	assert_int_equal(c.n, N_ORDERED);
	for (size_t i = 0; i < N_ORDERED; i++)
		for (size_t k = 0; k < N_ORDERED; k++) {
			int order = record_order(c.records[i], c.records[k], &c.tables);
			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
			assert_int_equal(record_same(c.records[i], c.records[k], &c.tables), i == k);
		}
	catalog_end(&c);
}

static void
of_bare_records_the_later_comes_first(void **state)
{
	struct catalog c;
	struct stretch later = {.name = "later.jsonl"};

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" ID "1," PARTNER "\"a\"," DATA "{}}\n{" ID "1," PARTNER "\"a\"," DATA "{}}\n"
			 "{" ID "1," PARTNER "\"a\"," DATA "{}}");
	c.records[2]->stretch = &later;
	assert_true(record_order(c.records[1], c.records[0], &c.tables) < 0);
	assert_true(record_order(c.records[2], c.records[1], &c.tables) < 0);
	assert_true(record_order(c.records[0], c.records[2], &c.tables) > 0);
	catalog_end(&c);
}

static void
records_that_differ_elsewhere_are_one(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" ID "1," PARTNER "\"a\"," DATA "{},\"_source\":{\"uri\":\"u\",\"record\":1},\"more\":1}"
			 "{" ID "\"1\"," PARTNER "\"\\u0061\"," DATA
			 "{},\"_source\":{\"record\":1,\"uri\":\"\\u0075\"},\"more\":2}");
	assert_int_equal(c.n, 2);
	assert_true(record_same(c.records[0], c.records[1], &c.tables));
	/* which of them stays does not hang on the order of the input */
	assert_true(record_order(c.records[0], c.records[1], &c.tables) ==
		    -record_order(c.records[1], c.records[0], &c.tables));
	assert_true(record_order(c.records[0], c.records[1], &c.tables) != 0);
	catalog_end(&c);
}

static void
texts_compare_as_they_are_printed(void **state)
{
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, "{" ID "1," PARTNER "\"a\"," DATA "{\n\"n\":2},\"_source\":{\"uri\":\"u\",\"record\":1}}"
			 "{" ID "1," PARTNER "\"a\"," DATA "{\"n\":1},\"_source\":{\"uri\":\"u\",\"record\":1}}"
			 "{" ID "1," PARTNER "\"a\"," DATA "{\"n\":2},\"_source\":{\"uri\":\"u\",\"record\":1}}");
	assert_int_equal(c.n, 3);
	assert_true(record_order(c.records[0], c.records[1], &c.tables) < 0);
	assert_true(record_order(c.records[1], c.records[0], &c.tables) > 0);
	assert_true(record_same(c.records[0], c.records[2], &c.tables));
	assert_int_equal(record_order(c.records[0], c.records[2], &c.tables), 0);
	catalog_end(&c);
}

#define SOURCED(id, uri, number, more) \
	"{" ID id "," PARTNER "\"alpha\"," DATA "{\"a\":" id "},\"_source\":{\"uri\":" uri ",\"record\":" number \
	",\"time\":60" more "}}\n"

/* So that what repeats itself in each record is held once. */
static void
what_many_sources_say_is_their_stretchs(void **state)
{
	static const char text[] = SOURCED("1", "\"u\\u0021\"", "1", "") SOURCED("2", "\"u\\u0021\"", "20", "")
		SOURCED("3", "\"u\\u0021\"", "3", "") SOURCED("4", "\"v\"", "4", "") SOURCED("5", "\"v\"", "5", "")
			SOURCED("6", "\"v\"", "4294967296", "");
	struct arena arena = {0};

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct catalog c;

		catalog_begin(&c, "", "");
		c.reader.whole = whole;
		catalog_read(&c, text);
		assert_int_equal(c.n, 6);
		for (size_t i = 0; i < c.n; i++) {
			static const uint64_t numbers[] = {1, 20, 3, 4, 5, 4294967296};
			struct position position = record_position(c.records[i], &arena);
			bool left = c.records[i]->flags & RECORD_HAS_STRETCH_SOURCE;

			assert_int_equal(left, !whole && (i == 1 || i == 2));
			assert_int_equal(record_source(c.records[i]).n == 0, left);
			assert_int_equal(record_time(c.records[i]).seconds, 60);
			assert_true(slice_equal(position.uri, i < 3 ? SLICE("u!") : SLICE("v")));
			assert_int_equal(position.record, numbers[i]);
			assert_false(record_is_bare(c.records[i]));
		}
		assert_true(record_order(c.records[1], c.records[0], &c.tables) < 0);
		assert_true(record_order(c.records[1], c.records[2], &c.tables) < 0);
		assert_true(record_order(c.records[3], c.records[1], &c.tables) < 0);
		catalog_end(&c);
	}
	arena_free(&arena);
}

static void
a_record_may_have_a_text_of_its_own(void **state)
{
	static const char *const texts[] = {
		SOURCED("\"7\"", "\"u\"", "5", ",\"more\":[1]"),
		"{" DATA "{\"a\":\"7\"} , " PARTNER "\"alpha\"," ID "\"7\",\"_source\":{\"uri\":\"u\",\"time\":60}}\n",
		"{\"_source\":{\"record\":5,\"time\":60}," PARTNER "\"alpha\"," ID "\"7\"," DATA " {\"a\":\"7\"}}\n",
		"{" PARTNER "\"alpha\"," DATA "{\"a\":\"7\"}," ID "\"7\"}\n",
	};
	static const uint64_t positions[] = {5, 0, 5, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (enum record_keep what = RECORD_KEEP_WHOLE; what <= RECORD_KEEP_VALUES; what++) {
			union record_room room = {.words = {0}};
			struct record *kept = &room.record;
			struct catalog c;
			char *text = memory_copy_string(texts[i]);

			catalog_begin(&c, "", "");
			catalog_read(&c, text);
			assert_int_equal(c.n, 1);
			memcpy(kept, c.records[0], record_bytes(c.records[0]));
			record_keep(kept, what, &c.arena);
			if (what == RECORD_KEEP_WHOLE)
				assert_int_equal(record_order(kept, c.records[0], &c.tables), 0);
			assert_true(record_same(kept, c.records[0], &c.tables));
			assert_int_equal(record_is_bare(kept), i > 2);
			memset(text, 'x', strlen(text));
			assert_true(slice_equal(record_id(kept), SLICE("\"7\"")));
			assert_int_equal(kept->data_n == 0, what == RECORD_KEEP_VALUES && kept->shape);
			assert_int_equal(record_data_bytes(kept, c.shapes), strlen("{\"a\":\"7\"}"));
			assert_true(slice_equal(record_data(kept, c.shapes, &c.arena), SLICE("{\"a\":\"7\"}")));
			assert_int_equal(record_position(kept, &c.arena).record, positions[i]);
			assert_int_equal(record_time(kept).seconds == 60, i < 3);
			if (kept->n_values)
				assert_memory_equal(kept->text + record_values(kept)->at, "\"7\"", 3);
			free(text);
			catalog_end(&c);
		}
}

static void
of_a_record_with_a_shape_values_do(void **state)
{
	static const char data[] = "{\"a\":\"x\",\"b\":null,\"c\":[1, {\"d\":2}],\"e\":-1.50,\"f\":{}}";
	struct buffer text = {0};
	struct catalog c;

	(void)state;
	buffer_format(&text, "{" ID "\"1\"," PARTNER "\"alpha\"," DATA "%s}\n", data);
	buffer_format(&text, "{" ID "\"1\"," PARTNER "\"alpha\"," DATA " %s }\n", data);
	buffer_format(&text, "{" ID "\"1\"," PARTNER "\"alpha\"," DATA "{ %s}\n", data + 1);
	catalog_begin(&c, "", "");
	catalog_read(&c, buffer_string(&text));
	assert_int_equal(c.n, 3);
	for (size_t i = 0; i < c.n; i++) {
		struct record *r = c.records[i];
		struct slice before = record_data(r, c.shapes, &c.arena), after;

		record_keep(r, RECORD_KEEP_VALUES, &c.arena);
		after = record_data(r, c.shapes, &c.arena);
		assert_int_equal(r->data_n == 0, r->shape && i < 2); /* white space has to stay */
		assert_true(slice_equal(before, after));
		assert_int_equal(record_data_bytes(r, c.shapes), before.n);
		assert_true(slice_equal(record_id(r), SLICE("\"1\"")));
	}
	catalog_end(&c);
	buffer_free(&text);
}

static void
the_order_is_the_same_by_values(void **state)
{
	static const char *const data[] = {
		"{\"a\":1}", "{\"a\":12}", "{\"a\":\"1\"}", "{\"a\":1,\"b\":2}", "{\"b\":0}"};
	struct buffer text = {0};
	int before[5][5];
	struct catalog c;

	(void)state;
	for (int i = 0; i < 5; i++)
		buffer_format(&text,
			"{" ID "\"1\"," PARTNER "\"a\"," DATA "%s,\"_source\":{\"uri\":\"u\",\"record\":1}}\n",
			data[i]);
	catalog_begin(&c, "", "");
	catalog_read(&c, buffer_string(&text));
	assert_int_equal(c.n, 5);
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 5; k++)
			before[i][k] = record_order(c.records[i], c.records[k], &c.tables);
	for (int i = 0; i < 5; i++) {
		record_keep(c.records[i], RECORD_KEEP_VALUES, &c.arena);
		for (int k = 0; k < 5; k++) { /* kept as values or not, by turns */
			int order = record_order(c.records[i], c.records[k], &c.tables);
			assert_int_equal((order > 0) - (order < 0), (before[i][k] > 0) - (before[i][k] < 0));
			assert_int_equal(record_same(c.records[i], c.records[k], &c.tables), i == k);
		}
	}
	catalog_end(&c);
	buffer_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parts_lie_where_the_paths_say),
		cmocka_unit_test(paths_may_lead_anywhere),
		cmocka_unit_test(a_path_that_is_none_is_refused),
		cmocka_unit_test(what_lacks_a_part_is_no_record),
		cmocka_unit_test(ids_are_one_by_their_decoded_text),
		cmocka_unit_test(prefixes_of_ids_order_as_the_ids_do),
		cmocka_unit_test(a_time_is_a_text_or_a_number_and_else_missing),
		cmocka_unit_test(the_position_is_the_sources_or_the_inputs),
		cmocka_unit_test(in_an_array_elements_count_and_not_lines),
		cmocka_unit_test(a_shape_tells_the_members_that_are_null),
		cmocka_unit_test(the_order_is_rank_time_name_position_and_data),
		cmocka_unit_test(of_bare_records_the_later_comes_first),
		cmocka_unit_test(records_that_differ_elsewhere_are_one),
		cmocka_unit_test(texts_compare_as_they_are_printed),
		cmocka_unit_test(what_many_sources_say_is_their_stretchs),
		cmocka_unit_test(a_record_may_have_a_text_of_its_own),
		cmocka_unit_test(of_a_record_with_a_shape_values_do),
		cmocka_unit_test(the_order_is_the_same_by_values),
	};

	return TESTS(tests);
}
