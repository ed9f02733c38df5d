#include "io/input.h"

#include "base/buffer.h"
#include "io/content.h"

#include "unit.h"

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
a_file_is_read_and_described(void **state)
{
	char path[64], block[16];
	struct error error;
	struct input *input;
	uint64_t bytes;

	(void)state;
	write_file(unit_path(path), "0123456789", 10);
	input = input_open(path, &error);
	assert_non_null(input);
	assert_string_equal(input_name(input), path);
	assert_true(input_size(input, &bytes));
	assert_int_equal(bytes, 10);
	assert_false(instant_is_missing(input_time(input)));
	assert_false(input_is_live(input));
	assert_int_equal(input_read(input, block, 4, &error), 4);
	assert_memory_equal(block, "0123", 4);
	assert_int_equal(input_read(input, block, 16, &error), 6);
	assert_int_equal(input_read(input, block, 16, &error), 0);
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
a_pipe_is_live_and_has_no_time(void **state)
{
	char block[16];
	struct error error;
	struct input *input;
	uint64_t bytes;
	int ends[2], before = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "{}\n{}\n", 6), 6);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	input = input_open("-", &error);
	assert_non_null(input);
	assert_true(input_is_live(input));
	assert_true(instant_is_missing(input_time(input)));
	assert_false(input_size(input, &bytes));
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
		cmocka_unit_test(a_file_is_read_and_described),
		cmocka_unit_test(only_plain_files_that_hold_something_are_mapped),
		cmocka_unit_test(what_cannot_be_opened_names_thing_and_cause),
		cmocka_unit_test(a_pipe_is_live_and_has_no_time),
		cmocka_unit_test(content_comes_from_files_and_registered_schemes),
	};

	return TESTS(tests);
}
