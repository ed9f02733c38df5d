/* unit - what the unit tests share: cmocka with the headers it wants, and running a part of a test in
 * a process of its own, for what ends the process or writes to standard output and error.
 *
 *     struct ran ran = run(die_of_a_full_disk, NULL);
 *     assert_int_equal(ran.status, 3);
 *     assert_string_equal(ran.err, "acc-unit: ...\n");
 *     ran_free(&ran); */
#ifndef ACC_TESTS_UNIT_H
#define ACC_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef ACC_COVERAGE
void __gcov_dump(void);
#endif

#define TESTS(tests) cmocka_run_group_tests(tests, NULL, NULL)

struct ran {
	int status;     /* exit status, or 128 + signal */
	char *out, *err; /* owned, NUL-terminated */
	size_t out_bytes;
};

static inline char *
unit_read(FILE *file, size_t *bytes)
{
	char *text;
	long n;

	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	n = ftell(file);
	assert_true(n >= 0);
	rewind(file);
	text = malloc((size_t)n + 1);
	assert_non_null(text);
	*bytes = fread(text, 1, (size_t)n, file);
	text[*bytes] = '\0';
	fclose(file);
	return text;
}

/* The whole of a file as a string to free(3). */
static inline char *
unit_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t bytes;

	assert_non_null(file);
	return unit_read(file, &bytes);
}

/* Runs body in a child with standard output and error caught; a body that returns ends with 0. */
static inline struct ran
run(void (*body)(void *), void *argument)
{
	FILE *out = tmpfile(), *err = tmpfile();
	struct ran ran = {0};
	size_t bytes;
	int status;
	pid_t pid;

	assert_non_null(out);
	assert_non_null(err);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		body(argument);
#ifdef ACC_COVERAGE
		__gcov_dump();
#endif
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ran.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	ran.out = unit_read(out, &ran.out_bytes);
	ran.err = unit_read(err, &bytes);
	return ran;
}

static inline void
ran_free(struct ran *ran)
{
	free(ran->out);
	free(ran->err);
}

/* A fresh path for a file that does not exist yet; remove it with unlink(2). */
static inline const char *
unit_path(char path[64])
{
	int fd;

	strcpy(path, "/tmp/acc-unit-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	return path;
}

#endif
