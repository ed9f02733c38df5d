#include "io/lines.h"

#include "unit.h"

#include <fcntl.h>

static void
next_is(struct lines *l, const char *expected)
{
	struct slice run;
	struct error e;

	assert_int_equal(lines_next(l, &run, &e), 1);
	assert_true(slice_equal(run, slice_of(expected)));
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
a_run_comes_as_soon_as_a_line_is_whole(void **state)
{
	struct lines l;
	struct slice run;
	struct error e;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	lines_open(&l, ends[0], "pipe");
	say(ends[1], "one\ntwo\nth");
	next_is(&l, "one\ntwo\n");
	say(ends[1], "ree\n");
	next_is(&l, "three\n");
	say(ends[1], "last");
	close(ends[1]);
	next_is(&l, "last\n");
	assert_int_equal(lines_next(&l, &run, &e), 0);
	assert_int_equal(lines_next(&l, &run, &e), 0);
	lines_close(&l);
	close(ends[0]);
}

static void
a_line_longer_than_any_block_comes_whole(void **state)
{
	char path[64];
	FILE *file = fopen(unit_path(path), "w+");
	struct lines l;
	struct slice run;
	struct error e;
	size_t lines = 0, bytes = 0;

	(void)state;
	for (int i = 0; i < 5000000; i++)
		fputc('x', file);
	fputs("\nshort\n", file);
	rewind(file);
	lines_open(&l, fileno(file), path);
	while (lines_next(&l, &run, &e) > 0) {
		struct slice line;

		while (lines_cut(&run, &line)) {
			assert_int_equal(line.n, lines ? 5 : 5000000);
			lines++;
			bytes += line.n;
		}
	}
	assert_int_equal(lines, 2);
	assert_int_equal(bytes, 5000005);
	lines_close(&l);
	fclose(file);
	unlink(path);
}

static void
what_cannot_be_read_is_an_error(void **state)
{
	int fd = open("/", O_RDONLY);
	struct lines l;
	struct slice run;
	struct error e;

	(void)state;
	lines_open(&l, fd, "the root");
	assert_int_equal(lines_next(&l, &run, &e), -1);
	assert_int_equal(e.status, STATUS_FAILED);
	assert_string_equal(e.text, "cannot read 'the root': Is a directory");
	lines_close(&l);
	close(fd);
}

static void
white_space_is_blank(void **state)
{
	(void)state;
	assert_true(line_is_blank(SLICE("")));
	assert_true(line_is_blank(SLICE(" \t\r")));
	assert_false(line_is_blank(SLICE(" x")));
	assert_false(line_is_blank(SLICE("\0")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_comes_as_soon_as_a_line_is_whole),
		cmocka_unit_test(a_line_longer_than_any_block_comes_whole),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(white_space_is_blank),
	};

	return TESTS(tests);
}
