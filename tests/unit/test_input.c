#include "io/input.h"

#include "base/buffer.h"
#include "base/pipe.h"
#include "io/content.h"

#include "unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char gzipped[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\xe5\x02\0\x7b\x3f\x29\xe9\x03\0\0\0"; /* bad sum */

static void
write_file(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	fclose(file);
}

static void
a_file_is_read_to_its_end(void **state)
{
	char path[64], block[16];
	struct error error;
	struct input *input;

	(void)state;
	write_file(unit_path(path), "0123456789", 10);
	input = input_open(path, &error);
	assert_non_null(input);
	assert_int_equal(input_read(input, block, 4, &error), 4);
	assert_memory_equal(block, "0123", 4);
	assert_int_equal(input_read(input, block, 16, &error), 6);
	assert_int_equal(input_read(input, block, 16, &error), 0);
	assert_int_equal(input_consumed(input), 10);
	input_close(input);
	unlink(path);
}

static void
only_plain_files_that_hold_something_are_mapped(void **state)
{
	char path[64], byte;
	struct error error;
	struct input *input;
	struct slice whole;

	(void)state;
	write_file(unit_path(path), "{}\n", 3);
	input = input_open(path, &error);
	assert_true(input_map(input, &whole));
	assert_true(slice_equal(whole, SLICE("{}\n")));
	assert_true(input_map(input, &whole));
	input_close(input);
	input = input_open(path, &error);
	assert_int_equal(input_read(input, &byte, 1, &error), 1);
	assert_false(input_map(input, &whole));
	input_close(input);
	write_file(path, "", 0);
	input = input_open(path, &error);
	assert_false(input_map(input, &whole));
	assert_int_equal(input_read(input, &byte, 1, &error), 0);
	input_close(input);
	write_file(path, gzipped, sizeof(gzipped) - 1);
	input = input_open(path, &error);
	assert_false(input_map(input, &whole));
	input_close(input);
	unlink(path);
}

struct cutting {
	const char *path;
	off_t size;
	bool look; /* at what is gone, or only close */
};

static void
cut_and_go_on(void *argument)
{
	const struct cutting *cutting = argument;
	struct error error;
	struct input *before = input_open(cutting->path, &error), *input = input_open(cutting->path, &error);
	struct slice other, whole;
	volatile char sum = 0;

	assert_true(input_map(input, &whole) && input_map(before, &other));
	input_close(before);
	assert_int_equal(truncate(cutting->path, cutting->size), 0);
	for (size_t i = 0; cutting->look && i < whole.n; i++)
		sum = (char)(sum + whole.p[i]);
	input_close(input);
}

#ifndef __SANITIZE_ADDRESS__ /* which says more */
static void
break_otherwise(void *unused)
{
	char path[64];
	FILE *file = fopen(unit_path(path), "w+");
	volatile char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fileno(file), 0);

	cut_and_go_on(unused); /* the handler is there */
	unlink(path);
	putchar(*gone);
}
#endif

static void
a_mapped_file_that_is_cut_short_is_an_error(void **state)
{
	static char text[100000];
	struct cutting cuttings[] = {{NULL, 0, true}, {NULL, 50000, true}, {NULL, 99990, false}, {NULL, 100000, true}};
	char path[64], line[200];
	struct ran ran;

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* its runtime forbids what is safe in this handler */
#endif
	memset(text, 'x', sizeof(text));
	unit_path(path);
	snprintf(line, sizeof(line), "acc: cannot read '%s': it was cut short while it was being read\n", path);
	for (int i = 0; i < 4; i++) {
		cuttings[i].path = path;
		write_file(path, text, sizeof(text));
		ran = run(cut_and_go_on, &cuttings[i]);
		assert_int_equal(ran.status, i < 3 ? 3 : 0);
		assert_string_equal(ran.err, i < 3 ? line : "");
		ran_free(&ran);
	}
#ifndef __SANITIZE_ADDRESS__
	ran = run(break_otherwise, &cuttings[3]);
	assert_int_equal(ran.status, 128 + SIGBUS);
	ran_free(&ran);
#endif
	unlink(path);
}

static void
what_cannot_be_opened_names_thing_and_cause(void **state)
{
	struct error error;

	(void)state;
	assert_null(input_open("/nosuch/file", &error));
	assert_string_equal(error.code, "missing");
	assert_int_equal(error.status, STATUS_REFUSED);
	assert_string_equal(error.text, "cannot open '/nosuch/file': No such file or directory");
	assert_null(input_open("/tmp", &error));
	assert_string_equal(error.code, "directory");
	assert_string_equal(error.text, "cannot read '/tmp': it is a directory");
	assert_null(input_open("file://x", &error));
	assert_string_equal(error.code, "bad-uri");
}

static void
a_pipe_is_read_to_its_end(void **state)
{
	char block[16];
	struct error error;
	struct input *input;
	int ends[2], before = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "{}\n{}\n", 6), 6);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	input = input_open("-", &error);
	assert_non_null(input);
	assert_int_equal(input_read(input, block, sizeof(block), &error), 6);
	input_close(input);
	dup2(before, STDIN_FILENO);
	close(before);
}

static int
answer(const char *uri, struct buffer *out, struct error *error)
{
	(void)error;
	buffer_add_string(out, uri);
	return 0;
}

static void
a_pipe_that_is_read_need_not_be_copied_to(void **state)
{
	struct error error;
	struct input *input;
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork(); /* a promise is to others */
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[0], STDIN_FILENO);
		input = input_open("-", &error);
		if (!input || write(ends[1], "x", 1) != 1)
			_exit(1);
		while (pipe_unread(ends[1]) < 2)
			usleep(1000);
		input_close(input);
		_exit(write(ends[1], "z", 1) == 1 && pause() ? 1 : 2);
	}
	while (pipe_unread(ends[1]) == 0)
		usleep(1000);
	assert_true(pipe_is_copied(ends[1]));
	assert_int_equal(write(ends[1], "y", 1), 1);
	while (pipe_unread(ends[1]) < 3)
		usleep(1000);
	assert_false(pipe_is_copied(ends[1])); /* others may read now */
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ends[0]);
	close(ends[1]);
}

static void
content_comes_from_files_and_registered_schemes(void **state)
{
	char path[64];
	struct buffer out = {0};
	struct error error;

	(void)state;
	write_file(unit_path(path), "A\nB\n", 4);
	buffer_add_string(&out, ">");
	assert_int_equal(content_read(path, &out, &error), 0);
	assert_string_equal(buffer_string(&out), ">A\nB\n");
	out.n = 0;
	assert_int_equal(content_read("unit://x/y", &out, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	content_register("unit", answer);
	assert_int_equal(content_read("unit://x/y", &out, &error), 0);
	assert_string_equal(buffer_string(&out), "unit://x/y");
	assert_int_equal(content_read("/nosuch", &out, &error), -1);
	assert_int_equal(error.status, STATUS_USAGE);
	write_file(path, gzipped, sizeof(gzipped) - 1);
	assert_int_equal(content_read(path, &out, &error), -1);
	assert_string_equal(error.code, "corrupt");
	write_file(path, "", 0);
	assert_int_equal(truncate(path, (off_t)CONTENT_MAX + 1), 0);
	assert_int_equal(content_read(path, &out, &error), -1);
	assert_string_equal(error.code, "too-long");
	buffer_free(&out);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: cmocka has a handler of its own, which ours takes the place of but once in a process */
		cmocka_unit_test(a_mapped_file_that_is_cut_short_is_an_error),
		cmocka_unit_test(a_file_is_read_to_its_end),
		cmocka_unit_test(only_plain_files_that_hold_something_are_mapped),
		cmocka_unit_test(what_cannot_be_opened_names_thing_and_cause),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
		cmocka_unit_test(a_pipe_that_is_read_need_not_be_copied_to),
		cmocka_unit_test(content_comes_from_files_and_registered_schemes),
	};

	return TESTS(tests);
}
