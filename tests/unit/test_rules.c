/* Rules files: what they mean, and what each fault in one is called. */
#include "catalog/rules.h"

#include "base/memory.h"

#include "unit.h"

static void
parse(const char *text, struct rules *rules)
{
	struct error error;

	if (rules_parse(slice_of(text), "rules.json", rules, &error) < 0)
		fail_msg("%s", error.text);
}

static enum rule_kind
kind_of(const struct rules *rules, const char *field)
{
	const struct rule_field *f = rules_find(rules, slice_of(field));

	return (f && f->rule ? f->rule : rules->standard)->kind;
}

static void
without_rules_priority_decides(void **state)
{
	struct rules rules;

	(void)state;
	rules_standard(&rules);
	assert_int_equal(rules.standard->kind, RULE_PRIORITY);
	assert_true(rules.plain);
	assert_null(rules_find(&rules, SLICE("name")));
	rules_free(&rules);
	parse("{}", &rules);
	assert_int_equal(rules.standard->kind, RULE_PRIORITY);
	assert_true(rules.plain);
	rules_free(&rules);
}

static void
every_rule_has_its_name(void **state)
{
	static const char *const names[] = {
		"priority", "newest", "oldest", "longest", "shortest", "min", "max", "majority", "union", "deep"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct rules rules;
		char *text =
			memory_format("{\"default\":\"%s\",\"fields\":{\"a\":{\"rule\":\"%s\"}}}", names[i], names[i]);

		parse(text, &rules);
		assert_string_equal(rule_name(rules.standard->kind), names[i]);
		assert_string_equal(rule_name(kind_of(&rules, "a")), names[i]);
		assert_int_equal(rules.plain, i == 0);
		rules_free(&rules);
		free(text);
	}
	assert_string_equal(rule_name(RULE_JQ), "jq");
}

static void
fields_are_found_by_their_decoded_names(void **state)
{
	struct rules rules;

	(void)state;
	parse("{\"fields\":{\"zip\":\"newest\",\"caf\\u00e9\":\"oldest\",\"\":\"min\",\"a\":\"max\"},\"default\":"
	      "\"longest\"}",
		&rules);
	assert_int_equal(rules.n_fields, 4);
	assert_int_equal(kind_of(&rules, "zip"), RULE_NEWEST);
	assert_int_equal(kind_of(&rules, "caf\xc3\xa9"), RULE_OLDEST);
	assert_int_equal(kind_of(&rules, ""), RULE_MIN);
	assert_int_equal(kind_of(&rules, "a"), RULE_MAX);
	assert_int_equal(kind_of(&rules, "other"), RULE_LONGEST);
	rules_free(&rules);
}

static void
a_rule_may_have_a_list_of_its_own(void **state)
{
	struct rules rules;

	(void)state;
	parse("{\"fields\":{\"a\":{\"priority\":[\"beta\",\"alpha\"]},\"b\":{\"priority\":[\"x\"],\"rule\":"
	      "\"majority\"}}}",
		&rules);
	const struct rule *a = rules_find(&rules, SLICE("a"))->rule, *b = rules_find(&rules, SLICE("b"))->rule;
	assert_int_equal(a->kind, RULE_PRIORITY);
	assert_int_equal(name_list_place(a->priority, SLICE("alpha")), 1);
	assert_int_equal(b->kind, RULE_MAJORITY);
	assert_int_equal(b->priority->n, 1);
	assert_false(rules.plain);
	rules_free(&rules);
}

static void
programs_are_numbered_and_named_for_messages(void **state)
{
	struct rules rules;

	(void)state;
	parse("{\"default\":{\"jq\":\".[0].value\"},\"fields\":{\"a\":{\"rule\":{\"jq\":\"map(.value)|"
	      "\\\"\\\\u0041\\\"\"}}}}",
		&rules);
	assert_int_equal(rules.n_programs, 2);
	assert_int_equal(rules.standard->kind, RULE_JQ);
	assert_string_equal(rules.standard->program, ".[0].value");
	assert_int_equal(rules.standard->program_number, 0);
	assert_string_equal(rules.standard->where, "rules.json: default");
	const struct rule *a = rules_find(&rules, SLICE("a"))->rule;
	assert_int_equal(a->kind, RULE_JQ);
	assert_int_equal(a->program_number, 1);
	assert_string_equal(a->program, "map(.value)|\"\\u0041\"");
	assert_string_equal(a->where, "rules.json: field 'a'");
	rules_free(&rules);
}

static void
groups_are_numbered(void **state)
{
	struct rules rules;

	(void)state;
	parse("{\"groups\":[[\"lat\",\"lon\"],[\"street\",\"city\",\"\\u007aip\"]],\"fields\":{\"name\":\"newest\"}}",
		&rules);
	assert_int_equal(rules.n_groups, 2);
	assert_int_equal(rules_find(&rules, SLICE("lat"))->group, 0);
	assert_int_equal(rules_find(&rules, SLICE("lon"))->group, 0);
	assert_int_equal(rules_find(&rules, SLICE("zip"))->group, 1);
	assert_null(rules_find(&rules, SLICE("zip"))->rule);
	assert_int_equal(rules_find(&rules, SLICE("name"))->group, -1);
	rules_free(&rules);
}

static void
every_fault_is_told_with_the_field(void **state)
{
	static const struct {
		const char *text, *code, *says;
	} examples[] = {
		{"", "invalid-json", "rules.json:1:1: empty"},
		{"{", "invalid-json", "rules.json:1:2: the text ends too early"},
		{"[]", "bad-rules", "rules are an object"},
		{"{\"standard\":\"newest\"}", "bad-rules", "unknown member \"standard\""},
		{"{\"default\":\"best\"}", "bad-rules", "default: unknown rule \"best\""},
		{"{\"default\":7}", "bad-rules", "default: unknown rule 7"},
		{"{\"default\":\"jq\"}", "bad-rules", "unknown rule \"jq\""},
		{"{\"default\":{\"rule\":{\"x\":1}}}", "bad-rules", "unknown rule {\"x\":1}"},
		{"{\"fields\":[]}", "bad-rules", "\"fields\" takes an object"},
		{"{\"fields\":{\"stars\":\"best\"}}", "bad-rules", "field 'stars': unknown rule \"best\""},
		{"{\"fields\":{\"stars\":{\"rules\":\"max\"}}}", "bad-rules",
			"field 'stars': unknown member \"rules\""},
		{"{\"fields\":{\"stars\":{\"jq\":7}}}", "bad-rules", "field 'stars': \"jq\" takes a program"},
		{"{\"fields\":{\"stars\":{\"jq\":\".[0]\",\"rule\":\"max\"}}}", "bad-rules",
			"field 'stars': a rule has \"rule\" or \"jq\", not both"},
		{"{\"fields\":{\"stars\":{\"jq\":\".[\"}}}", "jq-compile", "rules.json: field 'stars'"},
		{"{\"fields\":{\"stars\":{\"priority\":\"a\"}}}", "bad-rules",
			"field 'stars': \"priority\" takes an array"},
		{"{\"fields\":{\"stars\":{\"priority\":[]}}}", "empty-list", "field 'stars'"},
		{"{\"fields\":{\"stars\":{\"priority\":[1]}}}", "bad-list", "field 'stars'"},
		{"{\"fields\":{\"stars\":\"max\",\"\\u0073tars\":\"min\"}}", "bad-rules", "field 'stars' stands twice"},
		{"{\"fields\":{\"lat\":\"max\"},\"groups\":[[\"lat\"]]}", "bad-rules", "field 'lat' stands twice"},
		{"{\"groups\":[[\"lat\"],[\"lat\"]]}", "bad-rules", "field 'lat' stands twice"},
		{"{\"groups\":{}}", "bad-rules", "\"groups\" takes an array of arrays"},
		{"{\"groups\":[\"lat\"]}", "bad-rules", "\"groups\" takes an array of arrays"},
		{"{\"groups\":[[1]]}", "bad-rules", "a group holds field names only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct rules rules;
		struct error error;

		assert_int_equal(rules_parse(slice_of(examples[i].text), "rules.json", &rules, &error), -1);
		assert_int_equal(error.status, STATUS_USAGE);
		assert_string_equal(error.code, examples[i].code);
		assert_non_null(strstr(error.text, "rules.json"));
		if (!strstr(error.text, examples[i].says))
			fail_msg("%s: %s", examples[i].text, error.text);
	}
}

static void
rules_are_read_from_a_file(void **state)
{
	char path[64];
	struct rules rules;
	struct error error;
	FILE *file = fopen(unit_path(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("{\"default\":\"newest\"}\n", file);
	fclose(file);
	assert_int_equal(rules_read(path, &rules, &error), 0);
	assert_int_equal(rules.standard->kind, RULE_NEWEST);
	rules_free(&rules);
	unlink(path);
	assert_int_equal(rules_read(path, &rules, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_priority_decides),
		cmocka_unit_test(every_rule_has_its_name),
		cmocka_unit_test(fields_are_found_by_their_decoded_names),
		cmocka_unit_test(a_rule_may_have_a_list_of_its_own),
		cmocka_unit_test(programs_are_numbered_and_named_for_messages),
		cmocka_unit_test(groups_are_numbered),
		cmocka_unit_test(every_fault_is_told_with_the_field),
		cmocka_unit_test(rules_are_read_from_a_file),
	};

	return TESTS(tests);
}
