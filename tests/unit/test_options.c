#include "base/options.h"

#include "base/output.h"

#include "unit.h"

static struct {
	bool keep;
	int verbose, mode, updates;
	const char *name, *file;
	struct option_list include;
	uint64_t jobs, size, wait;
} got;

static const struct option_spec first_table[] = {
	{'k', "keep", OPTION_FLAG, NULL, &got.keep, "keep the files", NULL, 0, 0},
	{'j', "jobs", OPTION_NUMBER, "N", &got.jobs, "objects in flight [8]", NULL, 1, 64},
	{'b', "bytes", OPTION_SIZE, "SIZE", &got.size, "bound each file", NULL, 1024, UINT64_C(5) << 40},
	{0, "wait", OPTION_DURATION, "TIME", &got.wait, "how long to wait", NULL, 500, 20000},
	{0, "mode", OPTION_CHOICE, NULL, &got.mode, "what to merge", "field|record", 0, 0},
	{0},
};

static const struct option_spec second_table[] = {
	{'v', "verbose", OPTION_COUNT, NULL, &got.verbose,
		"say what is done; with a text that is too long for one line of the help", NULL, 0, 0},
	{0, "name", OPTION_STRING, "TEXT", &got.name, "a name", NULL, 0, 0},
	{0, "names-of-the-rejected", OPTION_FILE, "FILE", &got.file, "where they go", NULL, 0, 0},
	{0, "include", OPTION_LIST, "GLOB", &got.include, "only these", NULL, 0, 0},
	{0, "updates", OPTION_CHOICE, "HOW", &got.updates, "how [replace]", "replace|patch", 0, 0},
	{0},
};

static const struct option_spec *const tables[] = {first_table, second_table, NULL};

/* Words of line as the arguments; the result is borrowed from a copy that lives until the next call. */
static int
parse(const char *line, struct operands *operands, struct error *error)
{
	static char copy[256];
	char *argv[32] = {(char[]){"acc-x"}};
	int argc = 1;

	free(got.include.values);
	memset(&got, 0, sizeof(got));
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return options_parse(tables, argc, argv, operands, error);
}

static void
each_kind_is_set(void **state)
{
	struct operands operands;
	struct error e;

	(void)state;
	assert_int_equal(parse("-kvv -j3 --bytes=500KB --wait 1.5 --mode record --name= "
				"--names-of-the-rejected r.jsonl --include a --include=b --verbose",
				 &operands, &e), 0);
	assert_true(got.keep);
	assert_int_equal(got.verbose, 3);
	assert_int_equal(got.jobs, 3);
	assert_int_equal(got.size, 500000);
	assert_int_equal(got.wait, 1500);
	assert_int_equal(got.mode, 1);
	assert_string_equal(got.name, "");
	assert_string_equal(got.file, "r.jsonl");
	assert_int_equal(got.include.n, 2);
	assert_string_equal(got.include.values[1], "b");
	assert_int_equal(operands.n, 0);
	assert_null(operands.values[0]);
	free(operands.values);
}

static void
operands_may_stand_anywhere(void **state)
{
	struct operands operands;
	struct error e;

	(void)state;
	assert_int_equal(parse("a -k - --jobs 2 b", &operands, &e), 0);
	assert_int_equal(operands.n, 3);
	assert_int_equal(operands.before_dashes, 3);
	assert_false(operands.dashes);
	assert_string_equal(operands.values[0], "a");
	assert_string_equal(operands.values[1], "-");
	assert_string_equal(operands.values[2], "b");
	assert_null(operands.values[3]);
	assert_true(got.keep);
	assert_int_equal(got.jobs, 2);
	free(operands.values);
}

static void
check_dashes(const char *line, bool dashes, size_t before, size_t all)
{
	struct operands operands;
	struct error e;

	assert_int_equal(parse(line, &operands, &e), 0);
	assert_int_equal(operands.dashes, dashes);
	assert_int_equal(operands.before_dashes, before);
	assert_int_equal(operands.n, all);
	assert_false(got.keep);
	free(operands.values);
}

static void
two_dashes_end_the_options(void **state)
{
	(void)state;
	check_dashes("queue -- sh -k --", true, 1, 4);
	check_dashes("queue --", true, 1, 1);
	check_dashes("--", true, 0, 0);
	check_dashes("-- -k", true, 0, 1);
	check_dashes("a --name --", false, 1, 1);
	check_dashes("a --name -- --", true, 1, 1);
}

static void
long_options_may_be_abbreviated(void **state)
{
	struct operands operands;
	struct error e;

	(void)state;
	assert_int_equal(parse("--ke --name x --by=2K", &operands, &e), 0);
	assert_true(got.keep);
	assert_string_equal(got.name, "x"); /* exact, though also the beginning of another */
	assert_int_equal(got.size, 2048);
	free(operands.values);
}

static void
wrong_usage_is_named(void **state)
{
	static const struct {
		const char *line, *text;
	} wrong[] = {
		{"--frobnicate", "unrecognized option '--frobnicate'"},
		{"--frobnicate=3", "unrecognized option '--frobnicate'"},
		{"-x", "unrecognized option '-x'"},
		{"-kx", "unrecognized option '-x'"},
		{"--jobs", "option '--jobs' requires an argument"},
		{"--jo", "option '--jobs' requires an argument"},
		{"-j", "option '-j' requires an argument"},
		{"--nam x", "option '--nam' is ambiguous: --name, --names-of-the-rejected"},
		{"--keep=1", "option '--keep' takes no argument"},
		{"--bytes abc", "'abc' is no size for --bytes"},
		{"--bytes 12", "'12' is too small for --bytes: at least 1K"},
		{"--bytes 6T", "'6T' is too large for --bytes: at most 5T"},
		{"-j 0", "'0' is too small for --jobs: at least 1"},
		{"-j 65", "'65' is too large for --jobs: at most 64"},
		{"-j -1", "'-1' is no number for --jobs"},
		{"--wait 1x", "'1x' is no duration for --wait"},
		{"--wait 0.1", "'0.1' is too small for --wait: at least 0.5s"},
		{"--wait 1m", "'1m' is too large for --wait: at most 20s"},
		{"--mode fields", "'fields' is no choice for --mode: field|record"},
		{"--mode fiel", "'fiel' is no choice for --mode: field|record"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct operands operands;
		struct error e;

		assert_int_equal(parse(wrong[i].line, &operands, &e), -1);
		assert_int_equal(e.status, STATUS_USAGE);
		assert_string_equal(e.text, wrong[i].text);
		free(operands.values);
	}
}

static void
print_help(void *unused)
{
	(void)unused;
	options_help(tables);
	output_close(&output_stdout);
}

static void
help_has_two_columns(void **state)
{
	struct ran ran = run(print_help, NULL);

	(void)state;
	assert_string_equal(ran.out,
		"  -k, --keep                  keep the files\n"
		"  -j, --jobs=N                objects in flight [8]\n"
		"  -b, --bytes=SIZE            bound each file\n"
		"      --wait=TIME             how long to wait\n"
		"      --mode=field|record     what to merge\n"
		"  -v, --verbose               say what is done; with a text that is too long\n"
		"                                for one line of the help\n"
		"      --name=TEXT             a name\n"
		"      --names-of-the-rejected=FILE\n"
		"                              where they go\n"
		"      --include=GLOB          only these\n"
		"      --updates=HOW           how [replace] (replace, patch)\n");
	ran_free(&ran);
}

static void
print_paragraph(void *unused)
{
	(void)unused;
	options_paragraph("Lines of a text\n"
			  "that are joined, and broken again where the width of the help has its end.");
	output_close(&output_stdout);
}

static void
a_paragraph_is_wrapped_anew(void **state)
{
	struct ran ran = run(print_paragraph, NULL);

	(void)state;
	assert_string_equal(ran.out,
		"Lines of a text that are joined, and broken again where the width of the help\nhas its end.\n");
	ran_free(&ran);
}

static void
print_list(void *unused)
{
	(void)unused;
	options_list(tables);
	output_close(&output_stdout);
}

static void
the_list_is_for_programs(void **state)
{
	struct ran ran = run(print_list, NULL);

	(void)state;
	assert_string_equal(ran.out,
		"k\tkeep\tflag\t-\t-\tkeep the files\n"
		"j\tjobs\tnumber\tN\t-\tobjects in flight [8]\n"
		"b\tbytes\tsize\tSIZE\t-\tbound each file\n"
		"-\twait\tduration\tTIME\t-\thow long to wait\n"
		"-\tmode\tchoice\tfield|record\tfield|record\twhat to merge\n"
		"v\tverbose\tcount\t-\t-\tsay what is done; with a text that is too long for one line of the help\n"
		"-\tname\tstring\tTEXT\t-\ta name\n"
		"-\tnames-of-the-rejected\tfile\tFILE\t-\twhere they go\n"
		"-\tinclude\tlist\tGLOB\t-\tonly these\n"
		"-\tupdates\tchoice\tHOW\treplace|patch\thow [replace]\n");
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_set),
		cmocka_unit_test(operands_may_stand_anywhere),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(long_options_may_be_abbreviated),
		cmocka_unit_test(wrong_usage_is_named),
		cmocka_unit_test(help_has_two_columns),
		cmocka_unit_test(a_paragraph_is_wrapped_anew),
		cmocka_unit_test(the_list_is_for_programs),
	};

	return TESTS(tests);
}
