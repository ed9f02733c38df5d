#include "base/output.h"

#include "base/cleanup.h"

#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

static void
write_sizes(void *unused)
{
	static char block[300 * 1024];

	(void)unused;
	memset(block, 'x', sizeof(block));
	output_add(&output_stdout, "a", 1);
	output_end_line(&output_stdout);
	output_add(&output_stdout, block, sizeof(block)); /* larger than a block: not copied */
	output_add_slice(&output_stdout, SLICE("\nb\n"));
	for (int i = 0; i < 100; i++)
		output_add(&output_stdout, block, 9999);
	output_write(&output_stdout, "\n", 1);
	if (output_stdout.bytes != 2 + sizeof(block) + 3 + 100 * 9999 + 1)
		_exit(9);
	output_close(&output_stdout);
	output_close(&output_stdout); /* again: nothing */
}

static void
everything_comes_out_in_order(void **state)
{
	struct ran ran = run(write_sizes, NULL);

	(void)state;
	assert_int_equal(ran.status, 0);
	assert_int_equal(ran.out_bytes, 2 + 300 * 1024 + 3 + 999900 + 1);
	assert_memory_equal(ran.out, "a\nxx", 4);
	assert_memory_equal(ran.out + 2 + 300 * 1024, "\nb\nxx", 5);
	assert_int_equal(ran.out[ran.out_bytes - 1], '\n');
	ran_free(&ran);
}

static void
write_to_full_disk(void *name)
{
	struct output o;
	int fd = open("/dev/full", O_WRONLY);

	if (name)
		output_open(&o, fd, name);
	else
		dup2(fd, STDOUT_FILENO);
	output_add(name ? &o : &output_stdout, "x", 1);
	output_close(name ? &o : &output_stdout);
}

static void
a_full_disk_is_said_and_ends_with_3(void **state)
{
	char name[] = "part-1.jsonl";
	struct ran ran = run(write_to_full_disk, NULL);

	(void)state;
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc: cannot write to standard output: No space left on device\n");
	ran_free(&ran);
	ran = run(write_to_full_disk, name);
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc: cannot write 'part-1.jsonl': No space left on device\n");
	ran_free(&ran);
}

static void
write_to_nobody(void *unused)
{
	int ends[2];

	(void)unused;
	cleanup_install();
	if (pipe(ends) < 0)
		_exit(9);
	close(ends[0]);
	dup2(ends[1], STDOUT_FILENO);
	output_write(&output_stdout, "x", 1);
}

static void
a_reader_that_left_ends_us_quietly(void **state)
{
	struct ran ran = run(write_to_nobody, NULL);

	(void)state;
	assert_int_equal(ran.status, 128 + SIGPIPE);
	assert_string_equal(ran.err, "");
	ran_free(&ran);
}

static void
close_unopened(void *unused)
{
	(void)unused;
	close(STDOUT_FILENO);
	output_open(&output_stdout, STDOUT_FILENO, "standard output");
	output_close(&output_stdout);
}

static void
closing_standard_output_is_checked(void **state)
{
	struct ran ran = run(close_unopened, NULL);

	(void)state;
	assert_int_equal(ran.status, 3);
	assert_string_equal(ran.err, "acc: cannot write to standard output: Bad file descriptor\n");
	ran_free(&ran);
}

static void *
read_slowly(void *argument)
{
	int fd = *(int *)argument;
	char bytes[4096];
	size_t *all = malloc(sizeof(*all));
	ssize_t n;

	*all = 0;
	usleep(50000);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		*all += (size_t)n;
	return all;
}

static void
a_pipe_that_does_not_block_is_waited_for(void **state)
{
	static char block[100000];
	pthread_t reader;
	void *all;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	fcntl(ends[0], F_SETFL, 0);
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, &ends[0]), 0);
	assert_int_equal(write_all(ends[1], block, sizeof(block)), 0);
	close(ends[1]);
	pthread_join(reader, &all);
	assert_int_equal(*(size_t *)all, sizeof(block));
	free(all);
	close(ends[0]);
	assert_int_equal(write_all(-1, block, 1), -1);
}

static void
a_pipe_is_made_large_and_a_terminal_gets_lines(void **state)
{
	struct output o;
	int ends[2], terminal = posix_openpt(O_RDWR | O_NOCTTY);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	output_open(&o, ends[1], "pipe");
	assert_true(fcntl(ends[1], F_GETPIPE_SZ) >= 65536);
	assert_false(o.line_buffered);
	o.line_buffered = true;
	output_add(&o, "a", 1);
	assert_int_equal(o.pending.n, 1);
	output_end_line(&o);
	assert_int_equal(o.pending.n, 0);
	output_close(&o);
	close(ends[0]);
	assert_true(terminal >= 0);
	output_open(&o, terminal, "terminal");
	assert_true(o.line_buffered);
	output_close(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_out_in_order),
		cmocka_unit_test(a_full_disk_is_said_and_ends_with_3),
		cmocka_unit_test(a_reader_that_left_ends_us_quietly),
		cmocka_unit_test(closing_standard_output_is_checked),
		cmocka_unit_test(a_pipe_that_does_not_block_is_waited_for),
		cmocka_unit_test(a_pipe_is_made_large_and_a_terminal_gets_lines),
	};

	return TESTS(tests);
}
