#include "base/command.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include "unit.h"

#include <fcntl.h>
#include <pthread.h>

static bool keep;

static const struct option_spec options[] = {
	{'k', "keep", OPTION_FLAG, NULL, &keep, "keep the files", NULL, 0, 0},
	{0},
};
static const struct command command = {
	"acc-unit", "[OPTION]... FILE...\n--check FILE", "Test the manners of commands.", options};

static char journal[64], temporary[64];

/* What main of a command does: words of line are its arguments. */
static void
main_of(const char *line, void (*work)(const struct operands *))
{
	static const struct journal_count counts[] = {{"read", 10}, {"left_out", 2}, {NULL, 0}};
	struct operands operands;
	char *argv[16] = {(char[]){"acc-unit"}};
	char *copy = memory_copy_string(line);
	int argc = 1;

	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	command_begin(&command, argc, argv, &operands);
	if (work)
		work(&operands);
	_exit(command_finish(STATUS_REFUSED, counts));
}

static void
plain(void *line)
{
	main_of(line, NULL);
}

static struct ran
run_line(void (*body)(void *), const char *line)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", line);
	return run(body, copy);
}

static void
help_goes_to_standard_output(void **state)
{
	struct ran ran = run_line(plain, "--help");
	static const char start[] = "Usage: acc-unit [OPTION]... FILE...\n  or:  acc-unit --check FILE\n"
				    "Test the manners of commands.\n\n  -k, --keep ";

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_string_equal(ran.err, "");
	assert_memory_equal(ran.out, start, sizeof(start) - 1);
	assert_non_null(strstr(ran.out, "--log-format=FORMAT"));
	assert_null(strstr(ran.out, "--help-options"));
	ran_free(&ran);
}

static void
version_and_the_list_for_generators(void **state)
{
	struct ran ran = run_line(plain, "--version");

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_memory_equal(ran.out, "acc-unit ", 9);
	ran_free(&ran);
	ran = run_line(plain, "--help-options");
	assert_int_equal(ran.status, 0);
	assert_memory_equal(ran.out, "k\tkeep\tflag\t", 12);
	assert_non_null(strstr(ran.out, "\n-\tprogress\tchoice\tWHEN\tauto|always|never\t"));
	ran_free(&ran);
	ran = run_line(plain, "--help --bogus"); /* who asks for help gets it */
	assert_int_equal(ran.status, 0);
	ran_free(&ran);
}

static void
wrong_usage_is_2_and_points_to_the_help(void **state)
{
	struct ran ran = run_line(plain, "--bogus");

	(void)state;
	assert_int_equal(ran.status, 2);
	assert_string_equal(ran.err, "acc-unit: unrecognized option '--bogus' (see acc-unit --help)\n");
	assert_string_equal(ran.out, "");
	ran_free(&ran);
}

static void
use_wrongly(const struct operands *operands)
{
	command_usage("no place for '%s'", operands->values[0]);
}

static void
wrongly(void *line)
{
	main_of(line, use_wrongly);
}

static void
wrong_usage_is_in_the_journal(void **state)
{
	static const struct {
		void (*body)(void *);
		const char *options, *text;
	} cases[] = {{plain, "--bogus", "unrecognized option '--bogus'"}, {wrongly, "x", "no place for 'x'"}};
	char line[128], *text;

	(void)state;
	unit_path(journal);
	for (int i = 0; i < 2; i++) {
		struct ran ran;

		snprintf(line, sizeof(line), "--journal %s %s", journal, cases[i].options);
		ran = run_line(cases[i].body, line);
		assert_int_equal(ran.status, 2);
		assert_non_null(strstr(ran.err, cases[i].text));
		text = unit_file(journal);
		assert_non_null(strstr(text, "{\"event\":\"start\""));
		assert_non_null(strstr(text, "\"status\":2,"));
		free(text);
		unlink(journal);
		ran_free(&ran);
	}
}

static void
the_end_says_counts_and_journals_them(void **state)
{
	char line[128], *text;
	struct ran ran;

	(void)state;
	unit_path(journal);
	snprintf(line, sizeof(line), "-v --journal=%s", journal);
	ran = run_line(plain, line);
	assert_int_equal(ran.status, 1);
	assert_string_equal(ran.err, "acc-unit: read 10, left out 2\n");
	text = unit_file(journal);
	assert_non_null(strstr(text, "\"status\":1,"));
	assert_non_null(strstr(text, "\"counts\":{\"read\":10,\"left_out\":2}}\n"));
	free(text);
	unlink(journal);
	ran_free(&ran);
	ran = run_line(plain, "--journal=/nonexistent/j");
	assert_int_equal(ran.status, 3);
	ran_free(&ran);
}

static void
fill_the_disk(const struct operands *operands)
{
	(void)operands;
	if (dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO) < 0)
		_exit(9);
	output_add(&output_stdout, "x", 1);
}

static void
on_full_disk(void *line)
{
	main_of(line, fill_the_disk);
}

static void
a_full_disk_at_the_end_is_not_success(void **state)
{
	struct ran ran = run_line(on_full_disk, "");

	(void)state;
	assert_int_equal(ran.status, 3);
	assert_non_null(strstr(ran.err, "No space left on device"));
	ran_free(&ran);
}

static void *
die_in_thread(void *unused)
{
	struct error e;

	(void)unused;
	error_set(&e, STATUS_FAILED, "network", "the network is gone");
	command_die(&e);
}

static void
die_in_threads(const struct operands *operands)
{
	pthread_t threads[3];

	(void)operands;
	cleanup_add(temporary);
	progress_start(command_progress_mode(), command_is_quiet(), "objects");
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, die_in_thread, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void
dying(void *line)
{
	main_of(line, die_in_threads);
}

static void
any_thread_may_end_the_command_once(void **state)
{
	char line[128], *text;
	struct ran ran;
	FILE *file;

	(void)state;
	unit_path(journal);
	file = fopen(unit_path(temporary), "w");
	assert_non_null(file);
	fclose(file);
	snprintf(line, sizeof(line), "--journal=%s", journal);
	ran = run_line(dying, line);
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc-unit: the network is gone\n");
	assert_int_equal(access(temporary, F_OK), -1);
	text = unit_file(journal);
	assert_non_null(strstr(text, "\"event\":\"done\""));
	assert_non_null(strstr(text, "\"status\":3,"));
	assert_null(strstr(strstr(text, "\"event\":\"done\"") + 1, "\"event\":\"done\""));
	free(text);
	unlink(journal);
	ran_free(&ran);
}

static void
show_settings(const struct operands *operands)
{
	(void)operands;
	printf("%d %d %d\n", command_verbosity(), command_is_quiet(), (int)command_progress_mode());
	fflush(stdout);
}

static void
settings(void *line)
{
	main_of(line, show_settings);
}

static void
settings_are_asked_here(void **state)
{
	static const struct {
		const char *line, *out;
	} cases[] = {
		{"", "0 0 0\n"},
		{"-q -v", "-1 1 0\n"},
		{"-vvv --progress always", "2 0 1\n"},
		{"--progress=always --log-format=json", "0 0 2\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ran ran = run_line(settings, cases[i].line);

		assert_string_equal(ran.out, cases[i].out);
		ran_free(&ran);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_goes_to_standard_output),
		cmocka_unit_test(version_and_the_list_for_generators),
		cmocka_unit_test(wrong_usage_is_2_and_points_to_the_help),
		cmocka_unit_test(wrong_usage_is_in_the_journal),
		cmocka_unit_test(the_end_says_counts_and_journals_them),
		cmocka_unit_test(a_full_disk_at_the_end_is_not_success),
		cmocka_unit_test(any_thread_may_end_the_command_once),
		cmocka_unit_test(settings_are_asked_here),
	};

	return TESTS(tests);
}
