#include "base/journal.h"

#include "base/message.h"

#include "unit.h"

#include <pthread.h>
#include <sys/resource.h>
#include <signal.h>

static char path[64];

static void
write_story(void *unused)
{
	static const struct journal_count counts[] = {{"read", 10}, {"left_out", 2}, {NULL, 0}};
	struct error e;

	(void)unused;
	message_tool("acc-fetch");
	if (journal_open(path, &e) < 0 || !journal_is_open())
		_exit(9);
	journal_failed("s3://src/\"a\"", SLICE("[\"m-1\"]"), "not-found", "no such key");
	journal_failed("s3://src/b", (struct slice){NULL, 0}, "io", "reset");
	journal_refused("b.jsonl", 17, "invalid-json", "no value", true);
	journal_refused("b.jsonl", 18, "invalid-json", "no value", false);
	journal_source("a[1]/", true);
	journal_done(STATUS_REFUSED, counts);
	journal_done(STATUS_OK, NULL); /* the first one stands */
}

/* line, with the numbers that differ from run to run replaced by N. */
static const char *
without_numbers(const char *line, char out[512])
{
	static const char *const names[] = {"\"pid\":", "\"duration_ms\":", "\"time\":\""};
	size_t n = 0;

	while (*line) {
		bool found = false;

		for (int i = 0; i < 3 && !found; i++) {
			size_t length = strlen(names[i]);

			if (strncmp(line, names[i], length) != 0)
				continue;
			memcpy(out + n, names[i], length);
			n += length;
			line += length;
			line += strspn(line, "0123456789-:.TZ");
			out[n++] = 'N';
			found = true;
		}
		if (!found)
			out[n++] = *line++;
	}
	out[n] = '\0';
	return out;
}

static void
a_line_for_each_event(void **state)
{
	static const char *const lines[] = {
		"{\"event\":\"start\",\"tool\":\"acc-fetch\",\"pid\":N,\"time\":\"N\"}",
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":N,\"uri\":\"s3://src/\\\"a\\\"\","
		"\"messages\":[\"m-1\"],\"code\":\"not-found\",\"error\":\"no such key\"}",
		"{\"event\":\"failed\",\"tool\":\"acc-fetch\",\"pid\":N,\"uri\":\"s3://src/b\","
		"\"messages\":[],\"code\":\"io\",\"error\":\"reset\"}",
		"{\"event\":\"refused\",\"tool\":\"acc-fetch\",\"pid\":N,\"uri\":\"b.jsonl\",\"record\":17,"
		"\"code\":\"invalid-json\",\"error\":\"no value\",\"kept\":true}",
		"{\"event\":\"refused\",\"tool\":\"acc-fetch\",\"pid\":N,\"uri\":\"b.jsonl\",\"record\":18,"
		"\"code\":\"invalid-json\",\"error\":\"no value\",\"kept\":false}",
		"{\"event\":\"source\",\"tool\":\"acc-fetch\",\"pid\":N,\"uri\":\"a[1]/\",\"literal\":true}",
		"{\"event\":\"done\",\"tool\":\"acc-fetch\",\"pid\":N,\"status\":1,\"duration_ms\":N,"
		"\"counts\":{\"read\":10,\"left_out\":2}}",
	};
	struct ran ran;
	char *text, *line, shown[512];

	(void)state;
	unit_path(path);
	ran = run(write_story, NULL);
	assert_int_equal(ran.status, 0);
	text = unit_file(path);
	line = strtok(text, "\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++, line = strtok(NULL, "\n")) {
		assert_non_null(line);
		assert_string_equal(without_numbers(line, shown), lines[i]);
	}
	assert_null(line);
	free(text);
	unlink(path);
	ran_free(&ran);
}

static void
without_a_journal_nothing_happens(void **state)
{
	struct error e;

	(void)state;
	unsetenv("ACC_JOURNAL");
	assert_int_equal(journal_open(NULL, &e), 0);
	assert_false(journal_is_open());
	journal_failed("x", (struct slice){NULL, 0}, "io", "x");
	journal_refused("x", 1, "io", "x", false);
	journal_source("x", false);
	journal_done(STATUS_OK, NULL);
	assert_int_equal(journal_open("/nonexistent/journal", &e), -1);
	assert_int_equal(e.status, STATUS_FAILED);
	assert_string_equal(e.text, "cannot open the journal '/nonexistent/journal': No such file or directory");
}

static void *
write_many(void *unused)
{
	(void)unused;
	for (uint64_t i = 1; i <= 500; i++)
		journal_refused("catalog.jsonl", i, "invalid-json",
			"a text of some length, so that lines could mix", false);
	return NULL;
}

static void
write_by_environment_and_threads(void *unused)
{
	pthread_t threads[2];
	struct error e;

	(void)unused;
	setenv("ACC_JOURNAL", path, 1);
	if (journal_open(NULL, &e) < 0)
		_exit(9);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, write_many, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	journal_done(STATUS_OK, NULL);
}

static void
lines_of_many_writers_never_mix(void **state)
{
	pid_t children[2];
	char *text;
	size_t lines = 0;

	(void)state;
	unit_path(path);
	fflush(NULL);
	for (int i = 0; i < 2; i++)
		if ((children[i] = fork()) == 0) {
			write_by_environment_and_threads(NULL);
			_exit(0);
		}
	for (int i = 0; i < 2; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	text = unit_file(path);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		assert_memory_equal(line, "{\"event\":", 9);
		assert_int_equal(line[strlen(line) - 1], '}');
		assert_null(strstr(line + 1, "{\"event\":"));
	}
	assert_int_equal(lines, 2 * (1 + 1000 + 1));
	free(text);
	unlink(path);
}

static void
write_past_a_limit(void *unused)
{
	struct rlimit limit = {150, 150};
	struct error e;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (journal_open(path, &e) < 0)
		_exit(9);
	journal_source("longer than what is left of the bytes a file may have, so it is cut", false);
	_exit(8);
}

static void
open_on_full_disk(void *unused)
{
	struct error e;

	(void)unused;
	journal_open("/dev/full", &e);
	_exit(8);
}

static void
a_journal_that_cannot_be_written_ends_the_command(void **state)
{
	struct ran ran = run(open_on_full_disk, NULL);

	(void)state;
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc: cannot write the journal: No space left on device\n");
	ran_free(&ran);
}

static void
a_line_that_was_cut_ends_the_command(void **state)
{
	struct ran ran;

	(void)state;
#ifdef ACC_COVERAGE
	skip(); /* the limit holds for what gcov writes, too */
#endif
	unit_path(path);
	ran = run(write_past_a_limit, NULL);
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc: cannot write the journal: No space left on device\n");
	unlink(path);
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_for_each_event),
		cmocka_unit_test(without_a_journal_nothing_happens),
		cmocka_unit_test(lines_of_many_writers_never_mix),
		cmocka_unit_test(a_journal_that_cannot_be_written_ends_the_command),
		cmocka_unit_test(a_line_that_was_cut_ends_the_command),
	};

	return TESTS(tests);
}
