/* Lists of partner names: every form in which one may come, and what each fault is called. */
#include "catalog/priority.h"

#include "base/memory.h"
#include "io/content.h"

#include "unit.h"

static const struct list_shape priority = {"ContentType", "PriorityList", "partner_list", false, false};
static const struct list_shape deny = {"ContentType", "BlackList", "partner_list", true, true};

/* The names with a ',' behind each, to free(3). */
static char *
joined(const struct name_list *list)
{
	struct buffer out = {0};

	for (size_t i = 0; i < list->n; i++) {
		buffer_add_slice(&out, list->names[i]);
		buffer_add_byte(&out, ',');
	}
	return buffer_give(&out);
}

static void
check(const char *text, const struct list_shape *shape, const char *names)
{
	struct name_list list;
	struct error error;

	if (name_list_parse(slice_of(text), "list", shape, &list, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	char *got = joined(&list);
	assert_string_equal(got, names);
	free(got);
	name_list_free(&list);
}

static void
check_refused(const char *text, const struct list_shape *shape, const char *code)
{
	struct name_list list;
	struct error error;

	assert_int_equal(name_list_parse(slice_of(text), "list.json", shape, &list, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	assert_string_equal(error.code, code);
	assert_non_null(strstr(error.text, "list.json"));
	assert_null(list.names);
}

static void
an_array_of_names(void **state)
{
	(void)state;
	check("[\"beta\",\"alpha\"]", &priority, "beta,alpha,");
	check("\xef\xbb\xbf \n[ \"caf\\u00e9\" , \"a,b\" ]\n", &priority, "caf\xc3\xa9,a,b,");
	check_refused("[]", &priority, "empty-list");
	check_refused("[\"a\",1]", &priority, "bad-list");
	check_refused("[\"a\",\"\"]", &priority, "bad-list");
	check_refused("[\"a\",{\"S\":\"b\"}]", &priority, "bad-list");
	check_refused("[\"a\"", &priority, "invalid-json");
	check_refused("[\"a\"] x", &priority, "invalid-json");
}

static void
one_name_per_line(void **state)
{
	(void)state;
	check("beta\nalpha", &priority, "beta,alpha,");
	check("# the best first\r\n  beta \r\n\n\talpha # second\n#\n", &priority, "beta,alpha,");
	check("a name with blanks\n\"quoted\"\n", &priority, "a name with blanks,\"quoted\",");
	check_refused("", &priority, "empty-list");
	check_refused("# nothing\n \n", &priority, "empty-list");
}

static void
an_item_as_the_aws_cli_writes_it(void **state)
{
	(void)state;
	check("{\"ContentType\":{\"S\":\"PriorityList\"},\"partner_list\":{\"L\":[{\"S\":\"b\"},{\"S\":\"a\"}]}}",
		&priority, "b,a,");
	check("{\"Item\":{\"contenttype\":{\"S\":\"PriorityList\"},\"partner_list\":{\"SS\":[\"a\",\"b\"]}}}",
		&priority, "a,b,");
	check("{\"partner_list\":{\"L\":[{\"S\":\"alone\"}]}}", &priority, "alone,");
	check("{\"Item\":{\"partner_list\":{\"L\":[{\"S\":\"alone\"}]}}}", &priority, "alone,");
}

#define ITEM(type, names) "{\"ContentType\":{\"S\":\"" type "\"},\"partner_list\":{\"L\":[" names "]}}"

static void
of_several_items_the_one_asked_for(void **state)
{
	static const char items[] = "{\"Items\":[7," ITEM("BlackList", "{\"S\":\"x\"}") ",{\"partner_list\":{}}," ITEM(
		"PriorityList", "{\"S\":\"a\"}") "],\"Count\":3}";
	static const char responses[] = "{\"Responses\":{\"other\":7,\"one\":[" ITEM(
		"BlackList", "{\"S\":\"x\"}") "],\"two\":[" ITEM("PriorityList", "{\"S\":\"a\"}") "]}}";

	(void)state;
	check(items, &priority, "a,");
	check(items, &deny, "x,");
	check(responses, &priority, "a,");
	check(responses, &deny, "x,");
}

static void
an_item_that_is_not_there_is_no_list(void **state)
{
	static const char *const texts[] = {"{\"Items\":[]}", "{\"Items\":[" ITEM("Other", "{\"S\":\"a\"}") "]}",
		"{\"Item\":" ITEM("Other", "{\"S\":\"a\"}") "}", ITEM("Other", "{\"S\":\"a\"}"), "{\"Responses\":{}}",
		NULL};

	(void)state;
	for (size_t i = 0; texts[i]; i++) {
		check_refused(texts[i], &priority, "no-list");
		check(texts[i], &deny, "");
	}
}

static void
an_item_without_names_is_malformed(void **state)
{
	(void)state;
	check_refused("{}", &priority, "bad-list");
	check_refused("{\"partner_list\":[\"a\"]}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"S\":\"a\"}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":\"a\"}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":[\"a\"]}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":[{\"N\":\"1\"}]}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":[{\"S\":1}]}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":[{\"S\":\"\"}]}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"SS\":[\"\"]}}", &priority, "bad-list");
	check_refused("{\"partner_list\":{\"L\":[]}}", &priority, "empty-list");
	check_refused("{\"ContentType\":{\"N\":\"1\"},\"names\":{}}", &priority, "bad-list");
}

static void
say_a_name_twice(void *unused)
{
	struct name_list list;
	struct error error;

	(void)unused;
	assert_int_equal(name_list_parse(SLICE("a\nb\na\n"), "list.txt", &priority, &list, &error), 0);
	printf("%zu %zu", list.n, name_list_place(&list, SLICE("a")));
	fflush(stdout);
	name_list_free(&list);
}

static void
a_name_that_stands_twice_counts_once_with_a_warning(void **state)
{
	struct ran ran = run(say_a_name_twice, NULL);

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_string_equal(ran.out, "2 0");
	assert_non_null(strstr(ran.err, "list.txt: 'a' stands twice in the list; its first place counts"));
	ran_free(&ran);
}

static void
places_count_from_0(void **state)
{
	struct name_list list;
	struct error error;

	(void)state;
	assert_int_equal(name_list_read("b,a,", &priority, &list, &error), 0);
	assert_int_equal(name_list_place(&list, SLICE("b")), 0);
	assert_int_equal(name_list_place(&list, SLICE("a")), 1);
	assert_int_equal(name_list_place(&list, SLICE("c")), 2);
	assert_int_equal(name_list_place(&list, SLICE("")), 2);
	name_list_free(&list);
}

static void
an_argument_with_a_comma_is_names(void **state)
{
	static const struct {
		const char *argument, *names;
	} examples[] = {{"a,b", "a,b,"}, {"a,", "a,"}, {",a,,b,", "a,b,"}, {"a b,http://x/", "a b,http://x/,"},
		{" a,\tb c , ,d", "a,b c,d,"}};
	struct name_list list;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		assert_int_equal(name_list_read(examples[i].argument, &priority, &list, &error), 0);
		char *got = joined(&list);
		assert_string_equal(got, examples[i].names);
		free(got);
		name_list_free(&list);
	}
	assert_int_equal(name_list_read(",,", &priority, &list, &error), -1);
	assert_string_equal(error.code, "empty-list");
}

static void
fields_are_split_at_commas_and_nothing_else(void **state)
{
	struct name_list list;

	(void)state;
	name_list_split("a#b,#beds, x,[\"a\",,c\n", false, "--fields", &list);
	char *got = joined(&list);
	assert_string_equal(got, "a#b,#beds, x,[\"a\",c\n,");
	free(got);
	name_list_free(&list);
}

static void
an_argument_without_a_comma_is_a_file(void **state)
{
	char path[64];
	struct name_list list;
	struct error error;
	FILE *file = fopen(unit_path(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("beta\nalpha\n", file);
	fclose(file);
	assert_int_equal(name_list_read(path, &priority, &list, &error), 0);
	assert_int_equal(list.n, 2);
	name_list_free(&list);
	unlink(path);
	assert_int_equal(name_list_read(path, &priority, &list, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
}

/* What stands for the table: tells what it was asked for. */
static struct buffer asked;

static int
open_table(const char *uri, struct buffer *out, struct error *error)
{
	buffer_format(&asked, "%s\n", uri);
	if (strstr(uri, "gone"))
		return error_set(error, STATUS_USAGE, "missing", "there is no table '%s'", uri);
	buffer_add_string(
		out, "{\"Responses\":{\"t\":[{\"Kind\":{\"S\":\"PriorityList\"},\"names\":{\"L\":[{\"S\":\"own\"}]}},");
	buffer_add_string(out, ITEM("PriorityList", "{\"S\":\"a\"},{\"S\":\"b\"}") "," ITEM("Mine", "{\"S\":\"m\"}"));
	if (!strstr(uri, "nothing-denied"))
		buffer_add_string(out, "," ITEM("BlackList", "{\"S\":\"x\"}"));
	buffer_add_string(out, "]}}");
	return 0;
}

static void
check_both(const char *listed_from, const char *denied_from, const char *listed_names, const char *denied_names,
	const char *requests)
{
	struct name_list listed, denied;
	struct error error;
	char *got;

	asked.n = 0;
	if (name_lists_read(listed_from, denied_from, &listed, &denied, &error) < 0)
		fail_msg("%s", error.text);
	got = joined(&listed);
	assert_string_equal(got, listed_names);
	free(got);
	got = joined(&denied);
	assert_string_equal(got, denied_names);
	free(got);
	assert_string_equal(buffer_string(&asked), requests);
	name_list_free(&listed);
	name_list_free(&denied);
}

static void
a_table_brings_both_lists_in_one_request(void **state)
{
	(void)state;
	check_both("dynamodb://t", NULL, "a,b,", "x,", "dynamodb://t\n");
	check_both("dynamodb://nothing-denied", NULL, "a,b,", "", "dynamodb://nothing-denied\n");
	check_both("dynamodb://t?key=Kind&list=names", NULL, "own,", "", "dynamodb://t?key=Kind&list=names\n");
}

static void
an_item_of_a_table_is_one_list(void **state)
{
	(void)state;
	check_both("dynamodb://t/Mine", NULL, "m,", "", "dynamodb://t/Mine\n");
	check_both("dynamodb://t", "dynamodb://t/Mine", "a,b,", "x,m,", "dynamodb://t\ndynamodb://t/Mine\n");
	check_both("dynamodb://t", "y,x", "a,b,", "x,y,", "dynamodb://t\n");
	check_both(
		NULL, "dynamodb://t/BlackList?key=ContentType", "", "x,", "dynamodb://t/BlackList?key=ContentType\n");
	check_both("c,d", "e,", "c,d,", "e,", "");
	check_both(NULL, NULL, "", "", "");
}

static void
check_not_read(const char *priority_from, const char *deny_from, const char *text)
{
	struct name_list listed, denied;
	struct error error;

	asked.n = 0;
	assert_int_equal(name_lists_read(priority_from, deny_from, &listed, &denied, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, text));
}

static void
a_parameter_that_is_not_known_is_wrong_usage(void **state)
{
	(void)state;
	check_not_read("dynamodb://t?lst=names", NULL, "'lst=names' is no parameter");
	check_not_read("dynamodb://t?key=Kind&lst=names", NULL, "(there are key=NAME and list=NAME)");
	check_not_read(NULL, "dynamodb://t/Mine?list", "'list' is no parameter");
	assert_int_equal(asked.n, 0);
}

static void
an_empty_list_is_explained(void **state)
{
	char path[64];
	FILE *file = fopen(unit_path(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("[]", file);
	fclose(file);
	check_not_read(path, NULL, "with it every partner would count the same");
	check_not_read("a,", path, "with it nobody would be left out");
	file = fopen(path, "w");
	fputs("[\"a\",\"\"]", file);
	fclose(file);
	check_not_read(path, NULL, ": name 2 of the list is empty");
	unlink(path);
}

static void
a_table_that_cannot_be_read_is_an_error(void **state)
{
	struct name_list listed, denied;
	struct error error;

	(void)state;
	assert_int_equal(name_lists_read("dynamodb://gone", NULL, &listed, &denied, &error), -1);
	assert_string_equal(error.code, "missing");
	assert_int_equal(name_lists_read("dynamodb://t/None", NULL, &listed, &denied, &error), -1);
	assert_string_equal(error.code, "no-list");
	assert_int_equal(name_lists_read(NULL, "dynamodb://t/None", &listed, &denied, &error), -1);
	assert_string_equal(error.code, "no-list");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_of_names),
		cmocka_unit_test(one_name_per_line),
		cmocka_unit_test(an_item_as_the_aws_cli_writes_it),
		cmocka_unit_test(of_several_items_the_one_asked_for),
		cmocka_unit_test(an_item_that_is_not_there_is_no_list),
		cmocka_unit_test(an_item_without_names_is_malformed),
		cmocka_unit_test(a_name_that_stands_twice_counts_once_with_a_warning),
		cmocka_unit_test(places_count_from_0),
		cmocka_unit_test(an_argument_with_a_comma_is_names),
		cmocka_unit_test(fields_are_split_at_commas_and_nothing_else),
		cmocka_unit_test(an_argument_without_a_comma_is_a_file),
		cmocka_unit_test(a_table_brings_both_lists_in_one_request),
		cmocka_unit_test(an_item_of_a_table_is_one_list),
		cmocka_unit_test(a_parameter_that_is_not_known_is_wrong_usage),
		cmocka_unit_test(an_empty_list_is_explained),
		cmocka_unit_test(a_table_that_cannot_be_read_is_an_error),
	};

	content_register("dynamodb", open_table);
	int failed = TESTS(tests);
	buffer_free(&asked);
	return failed;
}
