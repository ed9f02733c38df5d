/* The file of refused records: one line each, as they came. */
#include "catalog/rejects.h"

#include "base/message.h"

#include "unit.h"

static void
check(struct slice source, struct slice record, const char *expected)
{
	struct buffer line = {0};

	rejects_format(&line, "invalid-json", "it is \"bad\"", source, record);
	assert_string_equal(buffer_string(&line), expected);
	buffer_free(&line);
}

static void
a_line_holds_the_record_as_it_came(void **state)
{
	(void)state;
	check(SLICE("{\"uri\":\"u\",\"record\":7}"), SLICE("{\"a\":\n"),
		"{\"tool\":\"acc-unit\",\"code\":\"invalid-json\",\"error\":\"it is \\\"bad\\\"\","
		"\"source\":{\"uri\":\"u\",\"record\":7},\"record\":\"{\\\"a\\\":\\n\"}\n");
	check((struct slice){NULL, 0}, SLICE(""),
		"{\"tool\":\"acc-unit\",\"code\":\"invalid-json\",\"error\":\"it is \\\"bad\\\"\",\"record\":\"\"}\n");
}

static void
bytes_that_are_no_text_come_as_base64_too(void **state)
{
	(void)state;
	check((struct slice){NULL, 0}, SLICE("a\xff"),
		"{\"tool\":\"acc-unit\",\"code\":\"invalid-json\",\"error\":\"it is "
		"\\\"bad\\\"\",\"record\":\"a\xef\xbf\xbd\","
		"\"record_base64\":\"Yf8=\"}\n");
}

static void
lines_are_appended_to_the_file(void **state)
{
	char path[64];
	struct error error;

	(void)state;
	unit_path(path);
	for (int i = 0; i < 2; i++) {
		struct rejects *rejects = rejects_open(path, &error);
		assert_non_null(rejects);
		rejects_add(rejects, i ? SLICE("three\n") : SLICE("one\n"));
		rejects_add(rejects, i ? SLICE("four\n") : SLICE("two\n"));
		rejects_close(rejects);
	}
	char *text = unit_file(path);
	assert_string_equal(text, "one\ntwo\nthree\nfour\n");
	free(text);
	unlink(path);
}

static void
without_a_file_nothing_is_kept(void **state)
{
	(void)state;
	rejects_add(NULL, SLICE("x\n"));
	rejects_close(NULL);
}

static void
a_file_that_cannot_be_opened_is_a_wrong_use(void **state)
{
	struct error error;

	(void)state;
	assert_null(rejects_open("/tmp/there is no such directory/x", &error));
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, "/tmp/there is no such directory/x"));
}

static void
an_object_is_no_file(void **state)
{
	struct error error;

	(void)state;
	assert_null(rejects_open("s3://bucket/key", &error));
	assert_int_equal(error.status, STATUS_USAGE);
	assert_non_null(strstr(error.text, "'s3://bucket/key'"));
	assert_non_null(strstr(error.text, "rejects go to a file, not to s3"));
}

static void
add_to_a_full_device(void *unused)
{
	struct error error;

	(void)unused;
	rejects_add(rejects_open("/dev/full", &error), SLICE("x\n"));
}

static void
a_record_that_cannot_be_kept_ends_the_command(void **state)
{
	struct ran ran = run(add_to_a_full_device, NULL);

	(void)state;
	assert_int_equal(ran.status, STATUS_FAILED);
	assert_non_null(strstr(ran.err, "cannot write '/dev/full': No space left on device"));
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_holds_the_record_as_it_came),
		cmocka_unit_test(bytes_that_are_no_text_come_as_base64_too),
		cmocka_unit_test(lines_are_appended_to_the_file),
		cmocka_unit_test(without_a_file_nothing_is_kept),
		cmocka_unit_test(a_file_that_cannot_be_opened_is_a_wrong_use),
		cmocka_unit_test(an_object_is_no_file),
		cmocka_unit_test(a_record_that_cannot_be_kept_ends_the_command),
	};

	message_tool("acc-unit");
	return TESTS(tests);
}
