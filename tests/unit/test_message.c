#include "base/message.h"

#include "unit.h"

struct setting {
	int verbosity;
	bool json;
};

static void
say_all(void *argument)
{
	const struct setting *setting = argument;
	struct error e;

	message_tool("acc-merge");
	message_configure(setting->verbosity, setting->json);
	message(MESSAGE_ERROR, "cannot open '%s'", "x");
	message(MESSAGE_WARNING, "a warning");
	message(MESSAGE_NOTE, "a note");
	message(MESSAGE_DETAIL, "a detail");
	message_at(MESSAGE_WARNING, (struct message_place){.uri = "catalog.jsonl", .record = 17, .code = "missing-id"},
		"no id");
	message_at(MESSAGE_WARNING, (struct message_place){.uri = "queue"}, "is empty");
	error_set(&e, STATUS_FAILED, "io", "disk");
	message_error(&e);
}

static void
check_text(int verbosity, const char *expected)
{
	struct setting setting = {verbosity, false};
	struct ran ran = run(say_all, &setting);

	assert_string_equal(ran.err, expected);
	assert_string_equal(ran.out, "");
	ran_free(&ran);
}

static void
verbosity_decides_what_is_said(void **state)
{
	(void)state;
	check_text(-1, "acc-merge: cannot open 'x'\nacc-merge: disk\n");
	check_text(0, "acc-merge: cannot open 'x'\nacc-merge: a warning\n"
		"acc-merge: catalog.jsonl:17: no id\nacc-merge: queue: is empty\nacc-merge: disk\n");
	check_text(1, "acc-merge: cannot open 'x'\nacc-merge: a warning\nacc-merge: a note\n"
		"acc-merge: catalog.jsonl:17: no id\nacc-merge: queue: is empty\nacc-merge: disk\n");
	check_text(2, "acc-merge: cannot open 'x'\nacc-merge: a warning\nacc-merge: a note\nacc-merge: a detail\n"
		"acc-merge: catalog.jsonl:17: no id\nacc-merge: queue: is empty\nacc-merge: disk\n");
}

/* The lines without their time, which is checked for its form. */
static void
check_json_line(char **text, const char *expected)
{
	static const char lead[] = "{\"time\":\"";
	char *end = strchr(*text, '\n');

	assert_non_null(end);
	*end = '\0';
	assert_memory_equal(*text, lead, sizeof(lead) - 1);
	assert_int_equal((*text)[sizeof(lead) - 1 + 10], 'T');
	assert_memory_equal(*text + sizeof(lead) - 1 + 23, "Z\",", 3);
	assert_string_equal(*text + sizeof(lead) - 1 + 26, expected);
	*text = end + 1;
}

static void
json_has_an_object_for_each_line(void **state)
{
	struct setting setting = {2, true};
	struct ran ran = run(say_all, &setting);
	char *text = ran.err;

	(void)state;
	check_json_line(&text, "\"level\":\"error\",\"tool\":\"acc-merge\",\"message\":\"cannot open 'x'\"}");
	check_json_line(&text, "\"level\":\"warning\",\"tool\":\"acc-merge\",\"message\":\"a warning\"}");
	check_json_line(&text, "\"level\":\"info\",\"tool\":\"acc-merge\",\"message\":\"a note\"}");
	check_json_line(&text, "\"level\":\"debug\",\"tool\":\"acc-merge\",\"message\":\"a detail\"}");
	check_json_line(&text, "\"level\":\"warning\",\"tool\":\"acc-merge\",\"message\":\"no id\","
		"\"uri\":\"catalog.jsonl\",\"record\":17,\"code\":\"missing-id\"}");
	check_json_line(&text, "\"level\":\"warning\",\"tool\":\"acc-merge\",\"message\":\"is empty\","
		"\"uri\":\"queue\"}");
	check_json_line(&text, "\"level\":\"error\",\"tool\":\"acc-merge\",\"message\":\"disk\",\"code\":\"io\"}");
	assert_string_equal(text, "");
	ran_free(&ran);
}

static void
say_escapes(void *json)
{
	message_tool("acc-fetch");
	message_configure(0, *(bool *)json);
	message_at(
		MESSAGE_WARNING, (struct message_place){.uri = "s3://b/\x1b]0;\x07", .record = 1}, "two\nlines \xff");
}

static void
what_came_from_outside_is_shown_printable(void **state)
{
	bool json = false;
	struct ran ran = run(say_escapes, &json);

	(void)state;
	assert_string_equal(ran.err, "acc-fetch: s3://b/\\x1b]0;\\x07:1: two\\x0alines \\xff\n");
	ran_free(&ran);
	json = true;
	ran = run(say_escapes, &json);
	assert_non_null(strstr(ran.err, "\"message\":\"two\\nlines \xef\xbf\xbd\","
		"\"uri\":\"s3://b/\\u001b]0;\\u0007\""));
	ran_free(&ran);
}

static void
say_places(void *json)
{
	message_configure(0, *(bool *)json);
	message_at(MESSAGE_ERROR, (struct message_place){.uri = "a.jsonl", .record = 2, .line = 31}, "bad");
	message_at(MESSAGE_ERROR, (struct message_place){.uri = "a.jsonl", .record = 2, .named = true},
		"a.jsonl is bad");
}

static void
people_see_the_line_and_programs_the_record(void **state)
{
	bool json = false;
	struct ran ran = run(say_places, &json);

	(void)state;
	assert_string_equal(ran.err, "acc: a.jsonl:31: bad\nacc: a.jsonl is bad\n");
	ran_free(&ran);
	json = true;
	ran = run(say_places, &json);
	assert_non_null(strstr(ran.err, "\"message\":\"bad\",\"uri\":\"a.jsonl\",\"record\":2}"));
	assert_non_null(strstr(ran.err, "\"message\":\"a.jsonl is bad\",\"uri\":\"a.jsonl\",\"record\":2}"));
	ran_free(&ran);
}

static void
say_before(void)
{
	assert_int_equal(write(STDERR_FILENO, "<", 1), 1);
}

static void
say_with_hook(void *unused)
{
	(void)unused;
	message_before(say_before);
	message(MESSAGE_ERROR, "one");
	message_before(NULL);
	message(MESSAGE_ERROR, "two");
	message_draw("drawn", 5);
}

static void
the_hook_comes_before_each_line(void **state)
{
	struct ran ran = run(say_with_hook, NULL);

	(void)state;
	assert_string_equal(ran.err, "<acc: one\nacc: two\ndrawn");
	ran_free(&ran);
}

static void
the_tool_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(message_tool_name(), "acc");
	message_tool("acc-put");
	assert_string_equal(message_tool_name(), "acc-put");
	message_tool("acc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbosity_decides_what_is_said),
		cmocka_unit_test(json_has_an_object_for_each_line),
		cmocka_unit_test(what_came_from_outside_is_shown_printable),
		cmocka_unit_test(people_see_the_line_and_programs_the_record),
		cmocka_unit_test(the_hook_comes_before_each_line),
		cmocka_unit_test(the_tool_has_a_name),
	};

	return TESTS(tests);
}
