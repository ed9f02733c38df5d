/* Merging: what the records of one accommodation come to, rule by rule, byte for byte. */
#include "catalog/merge.h"

#include "catalog.h"

#define R(partner, data, source)                                                                                       \
	"{\"accommodation_id\":1,\"partner_name\":\"" partner "\",\"accommodation_data\":" data ",\"_source\":" source \
	"}\n"
#define AT(record, time) "{\"uri\":\"u\",\"record\":" record ",\"time\":" time "}"

struct options {
	const char *rules;  /* NULL: the standard ones */
	const char *fields; /* NULL: all */
	bool record, empty_is_missing, explain, latest, patch, no_shapes;
};

struct come_to {
	char *text; /* to free(3) */
	uint64_t lines, fallbacks;
};

/* beta is listed before alpha. */
static struct come_to
merged(const char *text, struct options o)
{
	struct catalog c;
	struct gathering g;
	struct rules rules;
	struct name_list fields;
	struct error error;
	struct buffer out = {0};
	struct come_to come_to = {0};

	catalog_begin(&c, "beta,alpha", "");
	catalog_read(&c, text);
	catalog_gather(&c, !o.patch, &g);
	rules_standard(&rules);
	if (o.rules && rules_parse(slice_of(o.rules), "rules", &rules, &error) < 0)
		fail_msg("%s", error.text);
	catalog_names(&fields, o.fields ? o.fields : "");
	struct merge_options options = {.rules = &rules,
		.paths = &c.paths,
		.tables = {c.partners, o.no_shapes ? NULL : c.shapes},
		.mode = o.record ? MERGE_RECORD : MERGE_FIELDS,
		.empty_is_missing = o.empty_is_missing,
		.explain = o.explain,
		.latest = o.latest,
		.fields = o.fields ? &fields : NULL};
	struct merger *merger = merger_new(&options);
	for (size_t i = 0; i < g.n; i++)
		come_to.lines += merge_accommodation(merger, &g.accommodations[i], &out);
	come_to.fallbacks = merger_fallbacks(merger);
	come_to.text = buffer_give(&out);
	merger_free(merger);
	rules_free(&rules);
	name_list_free(&fields);
	catalog_end(&c);
	return come_to;
}

static void
check(const char *text, struct options o, const char *expected)
{
	for (int without_shapes = 0; without_shapes < 2; without_shapes++) {
		o.no_shapes = without_shapes;
		struct come_to got = merged(text, o);
		assert_string_equal(got.text, expected);
		free(got.text);
	}
}

/* The data alone is looked at. */
static void
check_data(const char *text, struct options o, const char *expected)
{
	char *line = memory_format("{\"accommodation_id\":1,\"accommodation_data\":%s}\n", expected);

	check(text, o, line);
	free(line);
}

/* The rule for field v, its candidates those of beta, alpha, x, y in this order; each may be "". */
static void
check_rule(const char *rule, const char *const values[4], const char *expected, uint64_t fallbacks)
{
	static const char *const partners[] = {"beta", "alpha", "x", "y"};
	char *rules = memory_format("{\"fields\":{\"v\":%s}}", rule);
	char *data = memory_format("{\"accommodation_id\":1,\"accommodation_data\":{\"v\":%s}}\n", expected);
	struct buffer text = {0};

	for (int i = 0; i < 4 && values[i]; i++)
		buffer_format(&text, R("%s", "{\"v\":%s}", "{\"uri\":\"u\",\"record\":%d,\"time\":%d}"), partners[i],
			values[i], i,
			i == 1   ? 9
			: i == 3 ? 1
				 : 5);
	struct come_to got = merged(buffer_string(&text), (struct options){.rules = rules});
	if (strcmp(got.text, data) != 0)
		fail_msg("%s of %s: %s", rule, buffer_string(&text), got.text);
	assert_true(got.fallbacks == fallbacks);
	free(got.text);
	free(rules);
	free(data);
	buffer_free(&text);
}

static void
the_best_partners_value_counts_field_by_field(void **state)
{
	(void)state;
	check_data(R("alpha", "{\"name\":\"A\",\"stars\":3}", "{}") R("beta", "{\"name\":\"B\",\"phone\":null}", "{}"),
		(struct options){0}, "{\"name\":\"B\",\"phone\":null,\"stars\":3}");
	check_data(R("alpha", "{\"name\":\"A\",\"stars\":3}", "{}") R("beta", "{\"name\":null,\"stars\":4}", "{}"),
		(struct options){0}, "{\"name\":\"A\",\"stars\":4}");
	check_data(R("alpha", "{}", "{}"), (struct options){0}, "{}");
}

static void
records_of_one_shape_come_to_the_same(void **state)
{
	static const char *const spaced[] = {"{\"a\":null,\"b\":1,\"c\":null}", "{ \"a\":null, \"b\":1 ,\"c\": null }",
		"{\"a\":null,\n\"b\":1,\"c\":null}"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = memory_format(
			R("beta", "%s", "{}") R("alpha", "{\"a\":null,\"b\":2,\"c\":[ 3 ]}", "{}"), spaced[i]);
		check_data(text, (struct options){0}, "{\"a\":null,\"b\":1,\"c\":[ 3 ]}");
		free(text);
	}
	check_data(R("beta", "{\"a\":1,\"b\":[ 2, 3 ]}", "{}"), (struct options){0}, "{\"a\":1,\"b\":[ 2, 3 ]}");
}

static void
records_of_several_shapes_come_to_fields_as_first_met(void **state)
{
	(void)state;
	check_data(R("beta", "{ \"b\": null, \"a\": \"one\" }", "{}")
			   R("alpha", "{\"c\":null,\"a\":2,\"b\":null}", "{}")
			   R("x", "{\"d\":{\"of several\":[\"parts\"]},\"b\":12345678901234567890}", "{}")
				   R("y", "{\"c\":\"a text of more than thirty-two bytes\",\"e\":null}", "{}"),
		(struct options){0},
		"{\"b\":12345678901234567890,\"a\":\"one\",\"c\":\"a text of more than thirty-two bytes\","
		"\"d\":{\"of several\":[\"parts\"]},\"e\":null}");
	check_data(R("beta", "{\"a\":1}", "{}") R("alpha", "{\"b\":2}", "{}"), (struct options){0},
		"{\"a\":1,\"b\":2}");
	check_data(R("beta", "{\"a\":1}", "{}") R("alpha", "{\"b\":2,\"b\":3}", "{}"), (struct options){0},
		"{\"a\":1,\"b\":3}");
}

static void
of_duplicate_members_the_last_counts_at_the_place_of_the_first(void **state)
{
	(void)state;
	check_data(R("beta", "{\"a\":1,\"b\":2,\"\\u0061\":3}", "{}"), (struct options){0}, "{\"a\":3,\"b\":2}");
	check_data(R("beta", "{\"a\":1,\"b\":2,\"a\":null}", "{}") R("alpha", "{\"a\":4}", "{}"), (struct options){0},
		"{\"a\":4,\"b\":2}");
	check_data(R("beta", "{\"a\":1,\"a\":null,\"a\":5}", "{}") R("alpha", "{\"a\":4}", "{}"), (struct options){0},
		"{\"a\":5}");
	check_data(
		R("beta", "{\"a\":1}", "{}") R("alpha", "{\"a\":2,\"a\":3}", "{}"), (struct options){0}, "{\"a\":1}");
	check_data(R("beta", "{\"a\":1,\"b\":2,\"a\":3}", "{}"), (struct options){.record = true, .fields = "a,b"},
		"{\"a\":3,\"b\":2}");
}

static void
empty_values_are_missing_where_that_is_asked_for(void **state)
{
	static const char text[] = R("beta", "{\"a\":\"\",\"b\":[ ],\"c\":{\t},\"d\":0,\"e\":false,\"f\":[[]]}", "{}")
		R("alpha", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}", "{}");

	(void)state;
	check_data(text, (struct options){0}, "{\"a\":\"\",\"b\":[ ],\"c\":{\t},\"d\":0,\"e\":false,\"f\":[[]]}");
	check_data(text, (struct options){.empty_is_missing = true},
		"{\"a\":1,\"b\":1,\"c\":1,\"d\":0,\"e\":false,\"f\":[[]]}");
}

static void
what_spans_lines_becomes_one_line(void **state)
{
	(void)state;
	check("{\"accommodation_id\":1,\n\"partner_name\":\"beta\",\"accommodation_data\":{\"a\":[1,\n2],\"b\":\"x "
	      "y\"}}",
		(struct options){0}, "{\"accommodation_id\":1,\"accommodation_data\":{\"a\":[1,2],\"b\":\"x y\"}}\n");
	check("{\"accommodation_id\":1,\n\"partner_name\":\"beta\",\"accommodation_data\":{\"a\" : [1,\n2]}}",
		(struct options){.record = true}, "{\"accommodation_id\":1,\"accommodation_data\":{\"a\":[1,2]}}\n");
}

static void
more_fields_than_are_looked_through_one_by_one(void **state)
{
	struct buffer text = {0}, expected = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		buffer_format(&text, "{\"accommodation_id\":1,\"partner_name\":\"%s\",\"accommodation_data\":",
			round ? "alpha" : "beta");
		for (int i = 0; i < 150; i++) {
			int k = round ? 149 - i : i;
			buffer_format(&text, "%c\"field %d\":%d", i ? ',' : '{', k, round ? 1000 + k : k);
			if (!round)
				buffer_format(&expected, "%c\"field %d\":%d", i ? ',' : '{', k, k);
		}
		buffer_format(&text, ",\"only %d\":%d}}\n", round, round);
	}
	buffer_add_string(&expected, ",\"only 0\":0,\"only 1\":1}");
	check_data(buffer_string(&text), (struct options){0}, buffer_string(&expected));
	check_data(buffer_string(&text), (struct options){.fields = "only 1,field 149"},
		"{\"field 149\":149,\"only 1\":1}");
	buffer_free(&text);
	buffer_free(&expected);
}

static void
fields_keeps_the_named_ones(void **state)
{
	static const char text[] = R("alpha", "{\"name\":\"A\",\"stars\":3}", "{}") R("beta", "{\"name\":\"B\"}", "{}");

	(void)state;
	check_data(text, (struct options){.fields = "stars"}, "{\"stars\":3}");
	check_data(text, (struct options){.fields = "stars,name"}, "{\"name\":\"B\",\"stars\":3}");
	check_data(text, (struct options){.fields = "none"}, "{}");
	check_data(text, (struct options){.fields = "name,stars", .record = true}, "{\"name\":\"B\"}");
	check_data(text, (struct options){.fields = "none", .record = true}, "{}");
	check_data(text, (struct options){.record = true}, "{\"name\":\"B\"}");
}

static void
by_time_missing_is_oldest(void **state)
{
	static const char text[] = R("beta", "{\"v\":\"b\"}", "{}") R("alpha", "{\"v\":\"a\"}", AT("1", "5"))
		R("x", "{\"v\":\"x\"}", AT("2", "9")) R("y", "{\"v\":\"y\"}", AT("3", "9"));

	(void)state;
	check_data(text, (struct options){.rules = "{\"default\":\"newest\"}"}, "{\"v\":\"x\"}");
	check_data(text, (struct options){.rules = "{\"default\":\"oldest\"}"}, "{\"v\":\"b\"}");
}

#define OF(...)                                                                                                        \
	(const char *const[4])                                                                                         \
	{                                                                                                              \
		__VA_ARGS__                                                                                            \
	}

static void
length_is_of_characters_or_elements(void **state)
{
	(void)state;
	check_rule("\"longest\"", OF("\"\\u00e9\\n\"", "\"abc\"", "\"xyz\"", "[1,2,3,4]"), "\"abc\"", 0);
	check_rule("\"shortest\"", OF("\"abc\"", "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"", "\"xy\"", "[]"),
		"\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"", 0);
	check_rule("\"longest\"", OF("7", "[]", "\"a text\"", "[[1,2],3]"), "[[1,2],3]", 0);
	check_rule("\"longest\"", OF("7", "{}", "true"), "7", 1);
}

static void
extremes_are_exact(void **state)
{
	(void)state;
	check_rule("\"max\"", OF("9007199254740992", "9007199254740993", "\"99\"", "9007199254740993.0"),
		"9007199254740993", 0);
	check_rule("\"min\"", OF("[1]", "1e-400", "1e-401", "0.1"), "1e-401", 0);
	check_rule("\"min\"", OF("\"a\"", "{}", "[]"), "\"a\"", 1);
}

static void
a_majority_counts_partners_and_values_as_json(void **state)
{
	(void)state;
	check_rule("\"majority\"", OF("1", "2", "2.0", "3"), "2", 0);
	check_rule("\"majority\"", OF("1", "{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}", "[]"), "{\"a\":1,\"b\":2}", 0);
	check_rule("\"majority\"", OF("1", "2", "3", "4"), "1", 0);
	/* a partner has one vote, whatever it delivered before */
	check_data(R("x", "{\"v\":1}", AT("1", "9")) R("x", "{\"v\":2}", AT("2", "2")) R("x", "{\"v\":2}", AT("3", "1"))
			   R("y", "{\"v\":1}", AT("4", "1")),
		(struct options){.rules = "{\"default\":\"majority\"}", .patch = true}, "{\"v\":1}");
	/* what is no vote is not the first among equals either, nor does its spelling count */
	check_data(R("x", "{\"v\":3}", AT("1", "9")) R("x", "{\"v\":2.0}", AT("2", "8"))
			   R("y", "{\"v\":1}", AT("3", "7"))
			   R("z", "{\"v\":1.0}", AT("4", "6")) R("p", "{\"v\":2}", AT("5", "5"))
			   R("q", "{\"v\":2}", AT("6", "4")),
		(struct options){.rules = "{\"default\":\"majority\"}", .patch = true}, "{\"v\":1}");
	check_data(R("x", "{\"v\":3}", AT("1", "9")) R("x", "{\"v\":2.0}", AT("2", "8"))
			   R("y", "{\"v\":2}", AT("3", "7")) R("z", "{\"v\":2.00}", AT("4", "6")),
		(struct options){.rules = "{\"default\":\"majority\"}", .patch = true}, "{\"v\":2}");
}

static void
a_union_holds_equal_elements_once(void **state)
{
	(void)state;
	check_rule("\"union\"", OF("[1,\"a\",1.0]", "\"no array\"", "[ \"\\u0061\" , {\"x\":1} ]", "[{ \"x\" : 1 },2]"),
		"[1,\"a\",{\"x\":1},2]", 0);
	check_rule("\"union\"", OF("[]", "[ ]"), "[]", 0);
	check_rule("\"union\"", OF("1", "{}"), "1", 1);
}

static void
deep_merges_members_at_any_depth(void **state)
{
	(void)state;
	check_rule("\"deep\"",
		OF("{\"a\":1,\"o\":{\"x\":null,\"y\":2}}", "{\"b\":3,\"a\":9,\"o\":{\"x\":1,\"z\":{}}}", "7",
			"{\"o\":5,\"n\":null}"),
		"{\"a\":1,\"o\":{\"x\":1,\"y\":2,\"z\":{}},\"b\":3,\"n\":null}", 0);
	check_rule("\"deep\"", OF("{\"o\":5}", "{\"o\":{\"x\":1}}"), "{\"o\":5}", 0);
	check_rule(
		"\"deep\"", OF("{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"b\":4,\"c\":5}"), "{\"a\":3,\"b\":2,\"c\":5}", 0);
	check_rule("\"deep\"", OF("{}"), "{}", 0);
	check_rule("\"deep\"", OF("[]", "1"), "[]", 1);
}

static void
a_program_sees_values_partners_ranks_and_times(void **state)
{
	(void)state;
	check_rule("{\"jq\":\"map([.value,.partner,.rank,.time])\"}", OF("\"b\"", "{\"a\":1}", "3"),
		"[[\"b\",\"beta\",1,5],[{\"a\":1},\"alpha\",2,9],[3,\"x\",3,5]]", 0);
	check_rule("{\"jq\":\"map(.value)|add, 7\"}", OF("1", "2", "3"), "6", 0);
	check_rule("{\"jq\":\"empty\"}", OF("1", "2"), "1", 1);
	check_rule("{\"jq\":\"error(\\\"x\\\")\"}", OF("1", "2"), "1", 1);
	check_rule("{\"jq\":\"null\"}", OF("1", "2"), "null", 0);
}

static void
a_rules_own_list_comes_before_the_general_order(void **state)
{
	(void)state;
	check_rule("{\"priority\":[\"y\",\"x\"]}", OF("1", "2", "3", "4"), "4", 0);
	check_rule("{\"priority\":[\"unknown\"]}", OF("1", "2", "3", "4"), "1", 0);
	check_rule(
		"{\"rule\":\"longest\",\"priority\":[\"x\"]}", OF("\"aa\"", "\"bb\"", "\"cc\"", "\"d\""), "\"cc\"", 0);
}

static void
a_group_is_taken_from_one_record(void **state)
{
	static const char rules[] = "{\"groups\":[[\"lat\",\"lon\"],[\"zip\"]]}";

	(void)state;
	check_data(R("beta", "{\"lat\":1,\"lon\":null,\"n\":\"B\"}", "{}")
			   R("alpha", "{\"lat\":2,\"lon\":3,\"n\":\"A\"}", "{}"),
		(struct options){.rules = rules}, "{\"lat\":2,\"lon\":3,\"n\":\"B\"}");
	check_data(R("beta", "{\"lat\":1}", "{}") R("alpha", "{\"lon\":3}", "{}"), (struct options){.rules = rules},
		"{\"lat\":1,\"lon\":null}");
	check_data(R("beta", "{\"lat\":null,\"zip\":null}", "{}"), (struct options){.rules = rules},
		"{\"lat\":null,\"zip\":null}");
}

static void
explain_says_where_each_value_is_from(void **state)
{
	(void)state;
	check(R("beta", "{\"a\":1}", AT("7", "\"2024-01-01\""))
			R("alpha", "{\"a\":2,\"b\":3,\"c\":null}", AT("8", "\"never\"")),
		(struct options){.explain = true},
		"{\"accommodation_id\":1,\"accommodation_data\":{\"a\":1,\"b\":3,\"c\":null},\"_fields\":{"
		"\"a\":{\"partner\":\"beta\",\"time\":\"2024-01-01\",\"uri\":\"u\",\"record\":7,\"rule\":\"priority\","
		"\"others\":1},"
		"\"b\":{\"partner\":\"alpha\",\"time\":null,\"uri\":\"u\",\"record\":8,\"rule\":\"priority\","
		"\"others\":0}}}\n");
	check(R("beta", "{\"a\":1}", "{}"), (struct options){.explain = true, .record = true},
		"{\"accommodation_id\":1,\"accommodation_data\":{\"a\":1},\"_fields\":{"
		"\"a\":{\"partner\":\"beta\",\"time\":null,\"uri\":null,\"record\":0,\"rule\":\"record\","
		"\"others\":0}}}\n");
	check(R("beta", "{\"a\":1,\"lat\":2}", AT("7", "5")) R("alpha", "{\"a\":2}", AT("8", "5")),
		(struct options){.explain = true,
			.rules = "{\"fields\":{\"a\":{\"jq\":\"map(.value)|add\"}},\"groups\":[[\"lat\"]]}"},
		"{\"accommodation_id\":1,\"accommodation_data\":{\"a\":3,\"lat\":2},\"_fields\":{"
		"\"a\":{\"partner\":null,\"time\":null,\"uri\":null,\"record\":null,\"rule\":\"jq\",\"others\":1},"
		"\"lat\":{\"partner\":\"beta\",\"time\":5,\"uri\":\"u\",\"record\":7,\"rule\":\"group\",\"others\":0}}}"
		"\n");
}

static void
latest_prints_the_survivors_with_their_position(void **state)
{
	static const struct {
		const char *text, *expected;
	} examples[] = {
		{R("beta", "{}", AT("7", "5")), R("beta", "{}", AT("7", "5"))},
		{R("beta", "{}", "{}"), R("beta", "{}", "{}")},
		{R("beta", "{}", "{\"time\":5}"), R("beta", "{}", "{\"time\":5}")},
		{"{\"accommodation_id\":1,\"partner_name\":\"x\",\"accommodation_data\":{} }\n",
			"{\"accommodation_id\":1,\"partner_name\":\"x\",\"accommodation_data\":{} ,"
			"\"_source\":{\"uri\":\"in.jsonl\",\"record\":1}}\n"},
		{"{\"accommodation_id\":1,\n\"partner_name\":\"x\",\"accommodation_data\":{}}\n",
			"{\"accommodation_id\":1,\"partner_name\":\"x\",\"accommodation_data\":{},"
			"\"_source\":{\"uri\":\"in.jsonl\",\"record\":1}}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
		check(examples[i].text, (struct options){.latest = true}, examples[i].expected);
	struct come_to two =
		merged(R("alpha", "{}", AT("1", "5")) R("beta", "{}", AT("2", "5")) R("beta", "{}", AT("3", "4")),
			(struct options){.latest = true});
	assert_string_equal(two.text, R("beta", "{}", AT("2", "5")) R("alpha", "{}", AT("1", "5")));
	assert_int_equal(two.lines, 2);
	free(two.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_partners_value_counts_field_by_field),
		cmocka_unit_test(records_of_one_shape_come_to_the_same),
		cmocka_unit_test(records_of_several_shapes_come_to_fields_as_first_met),
		cmocka_unit_test(of_duplicate_members_the_last_counts_at_the_place_of_the_first),
		cmocka_unit_test(empty_values_are_missing_where_that_is_asked_for),
		cmocka_unit_test(what_spans_lines_becomes_one_line),
		cmocka_unit_test(more_fields_than_are_looked_through_one_by_one),
		cmocka_unit_test(fields_keeps_the_named_ones),
		cmocka_unit_test(by_time_missing_is_oldest),
		cmocka_unit_test(length_is_of_characters_or_elements),
		cmocka_unit_test(extremes_are_exact),
		cmocka_unit_test(a_majority_counts_partners_and_values_as_json),
		cmocka_unit_test(a_union_holds_equal_elements_once),
		cmocka_unit_test(deep_merges_members_at_any_depth),
		cmocka_unit_test(a_program_sees_values_partners_ranks_and_times),
		cmocka_unit_test(a_rules_own_list_comes_before_the_general_order),
		cmocka_unit_test(a_group_is_taken_from_one_record),
		cmocka_unit_test(explain_says_where_each_value_is_from),
		cmocka_unit_test(latest_prints_the_survivors_with_their_position),
	};

	return TESTS(tests);
}
