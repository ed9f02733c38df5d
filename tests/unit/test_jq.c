#include "json/jq.h"

#include "base/buffer.h"
#include "base/memory.h"

#include "unit.h"

static bool
append(void *context, struct slice output)
{
	struct buffer *out = context;

	buffer_add_slice(out, output);
	buffer_add_byte(out, ' ');
	return true;
}

/* The outputs of text for {"a":1}, or the code of its error behind them. */
static void
check(const char *text, const char *expected)
{
	struct error error;
	struct buffer out = {0};
	struct jq_program *program = jq_program_compile(text, "test", 200, &error);

	assert_non_null(program);
	for (int again = 0; again < 2; again++) {
		out.n = 0;
		if (jq_program_run(program, SLICE("{\"a\":1}"), SLICE("{\"uri\":\"u\"}"), append, &out, &error) < 0) {
			assert_int_equal(error.status, STATUS_REFUSED);
			buffer_add_string(&out, error.code);
		}
		assert_string_equal(buffer_string(&out), expected);
	}
	buffer_free(&out);
	jq_program_free(program);
}

static void
programs_give_none_one_or_many_outputs(void **state)
{
	(void)state;
	check("empty", "");
	check(".a + 1", "2 ");
	check(".a, $source.uri, [null]", "1 \"u\" [null] ");
	check("", "{\"a\":1} ");
	check("# only a comment", "{\"a\":1} ");
	check("def f: 1;", "{\"a\":1} ");
}

static void
errors_end_a_run_and_not_the_program(void **state)
{
	(void)state;
	check("1, error(\"x\")", "1 jq-error");
	check(".a.b", "jq-error");
	check("def f: f; f", "jq-timeout");
	check("env", "jq-error");
	check("input", "jq-error");
}

/* A value of so many arrays, one in another. */
static char *
nested(int depth)
{
	char *text = memory_get((size_t)depth * 2 + 1);

	memset(text, '[', (size_t)depth);
	memset(text + depth, ']', (size_t)depth);
	text[depth * 2] = '\0';
	return text;
}

static void
what_libjq_cannot_print_is_an_error(void **state)
{
	char *deepest = nested(257), *expected = NULL;

	(void)state;
	assert_true(asprintf(&expected, "%s ", deepest) > 0);
	check("reduce range(256) as $i ([]; [.])", expected);
	check("reduce range(257) as $i ([]; [.])", "jq-error");
	check("1, reduce range(300) as $i ([]; [.]), 2", "1 jq-error");
	check("\"a\\\"<stripped: exceeds max depth>\"", "\"a\\\"<stripped: exceeds max depth>\" ");
	free(expected);
	free(deepest);
}

static void
what_libjq_cannot_read_is_said_without_our_framing(void **state)
{
	struct error error;
	struct buffer out = {0};
	struct jq_program *program = jq_program_compile(".", "test", 0, &error);
	char *deep = nested(256), *deepest = nested(255);

	(void)state;
	assert_int_equal(jq_program_run(program, slice_of(deepest), SLICE(""), append, &out, &error), 0);
	assert_int_equal(jq_program_run(program, slice_of(deep), SLICE(""), append, &out, &error), -1);
	assert_string_equal(error.text, "test: libjq cannot read the input: Exceeds depth limit for parsing");
	assert_int_equal(
		jq_program_run(program, SLICE("{\"a\":\"\\ud800 at line 1\"}"), SLICE(""), append, &out, &error), -1);
	assert_string_equal(
		error.text, "test: libjq cannot read the input: Invalid \\uXXXX\\uXXXX surrogate pair escape");
	free(deep);
	free(deepest);
	buffer_free(&out);
	jq_program_free(program);
}

static void
assert_fails(const char *text, const char *message)
{
	struct error error;
	struct buffer out = {0};
	struct jq_program *program = jq_program_compile(text, "test", 0, &error);

	assert_non_null(program);
	assert_int_equal(jq_program_run(program, SLICE("{}"), SLICE(""), append, &out, &error), -1);
	assert_memory_equal(error.text, message, strlen(message));
	buffer_free(&out);
	jq_program_free(program);
}

static void
the_environment_is_named_as_what_is_missing(void **state)
{
	(void)state;
	assert_fails("env.HOME", "test: env is not available here");
	assert_fails("$ENV.HOME", "test: $ENV is not available here");
	assert_fails("$ENV[\"HOME\"]", "test: $ENV is not available here");
	assert_fails("\"x\" | .HOME", "test: Cannot index string");
	check("\"$ENV\"", "\"$ENV\" ");
	check("1 as $ENV | $ENV", "1 ");
}

static void
a_source_may_be_missing(void **state)
{
	struct error error;
	struct buffer out = {0};
	struct jq_program *program = jq_program_compile("$source == null", "test", 0, &error);

	(void)state;
	assert_int_equal(jq_program_run(program, SLICE("{}"), SLICE(""), append, &out, &error), 0);
	assert_int_equal(jq_program_run(program, SLICE("{}"), SLICE("{}"), append, &out, &error), 0);
	assert_string_equal(buffer_string(&out), "true false ");
	buffer_free(&out);
	jq_program_free(program);
}

static void
what_does_not_compile_shows_where(void **state)
{
	struct error error;

	(void)state;
	assert_null(jq_program_compile(".a\n| nosuch", "map.jq", 0, &error));
	assert_int_equal(error.status, STATUS_USAGE);
	assert_string_equal(error.code, "jq-compile");
	assert_string_equal(error.text, "map.jq: nosuch/0 is not defined, line 2: | nosuch");
	assert_null(jq_program_compile(".a) | (.b", "map.jq", 0, &error));
	assert_null(jq_program_compile("import \"x\" as $x; .", "map.jq", 0, &error));
}

struct seen {
	struct buffer text;
	size_t next;
};

static void
take(void *context, size_t index, struct slice lines, const struct error *error)
{
	struct seen *seen = context;

	assert_int_equal(index, seen->next++);
	buffer_add_slice(&seen->text, lines);
	if (error)
		buffer_format(&seen->text, "%s\n", error->code);
}

/* The one that never ends is in the middle of a batch; the others are not touched by it. */
static void
a_batch_gives_what_single_runs_give(void **state)
{
	struct error error;
	struct seen seen = {0};
	struct jq_program *program = jq_program_compile(
		"def f: f; if . == 3 then f elif . == 5 then error else (., .) end", "test", 200, &error);

	(void)state;
	for (int i = 1; i < 8; i++) {
		char digit = (char)('0' + i);

		jq_program_queue(program, (struct slice){&digit, 1}, SLICE(""));
	}
	jq_program_run_queued(program, take, &seen);
	assert_string_equal(buffer_string(&seen.text), "1\n1\n2\n2\njq-timeout\n4\n4\njq-error\n6\n6\n7\n7\n");
	seen.text.n = seen.next = 0;
	jq_program_queue(program, SLICE("1"), SLICE(""));
	jq_program_queue(program, SLICE("5"), SLICE(""));
	jq_program_test_queued(program, take, &seen);
	assert_string_equal(buffer_string(&seen.text), "1\njq-error\n");
	buffer_free(&seen.text);
	jq_program_free(program);
}

/* For a test the value itself is not needed. */
static void
a_test_may_give_what_libjq_cannot_print(void **state)
{
	struct error error;
	struct seen seen = {0};
	struct jq_program *program = jq_program_compile("reduce range(300) as $i ([]; [.])", "test", 0, &error);

	(void)state;
	jq_program_queue(program, SLICE("1"), SLICE(""));
	jq_program_test_queued(program, take, &seen);
	assert_true(jq_output_holds(buffer_slice(&seen.text)));
	assert_null(strstr(buffer_string(&seen.text), "jq-error"));
	buffer_free(&seen.text);
	jq_program_free(program);
}

static void
truth_is_all_but_false_and_null(void **state)
{
	(void)state;
	assert_true(jq_output_holds(SLICE("0\n")));
	assert_true(jq_output_holds(SLICE("\"\"\n")));
	assert_false(jq_output_holds(SLICE("false\n")));
	assert_false(jq_output_holds(SLICE("null\n")));
	assert_false(jq_output_holds(SLICE("")));
}

static bool
one_only(void *context, struct slice output)
{
	(void)output;
	++*(int *)context;
	return false;
}

static void
outputs_can_be_stopped_and_may_be_large(void **state)
{
	struct error error;
	struct jq_program *program = jq_program_compile("range(3), (\"x\" * 300000)", "test", 0, &error);
	struct buffer out = {0};
	int n = 0;

	(void)state;
	assert_int_equal(jq_program_run(program, SLICE("null"), SLICE(""), one_only, &n, &error), 0);
	assert_int_equal(n, 1);
	assert_int_equal(jq_program_run(program, SLICE("null"), SLICE(""), append, &out, &error), 0);
	assert_int_equal(out.n, 6 + 300000 + 3);
	buffer_free(&out);
	jq_program_free(program);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_give_none_one_or_many_outputs),
		cmocka_unit_test(errors_end_a_run_and_not_the_program),
		cmocka_unit_test(what_libjq_cannot_print_is_an_error),
		cmocka_unit_test(what_libjq_cannot_read_is_said_without_our_framing),
		cmocka_unit_test(a_test_may_give_what_libjq_cannot_print),
		cmocka_unit_test(the_environment_is_named_as_what_is_missing),
		cmocka_unit_test(a_source_may_be_missing),
		cmocka_unit_test(what_does_not_compile_shows_where),
		cmocka_unit_test(a_batch_gives_what_single_runs_give),
		cmocka_unit_test(truth_is_all_but_false_and_null),
		cmocka_unit_test(outputs_can_be_stopped_and_may_be_large),
	};

	return TESTS(tests);
}
