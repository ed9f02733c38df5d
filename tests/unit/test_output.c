#include "base/output.h"

#include "base/cleanup.h"
#include "base/pipe.h"

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

#define GIVEN_BYTES ((size_t)200000)
#define GIVEN 100

/* Given buffers are filled anew as soon as they come back: each has a number of its own for content. */
static void
give_numbers(void *unused)
{
	struct buffer b = {0};

	(void)unused;
	output_open(&output_stdout, STDOUT_FILENO, "standard output");
	for (int i = 0; i < GIVEN; i++) {
		buffer_reserve(&b, GIVEN_BYTES);
		memset(b.p, 'A' + i % 26, GIVEN_BYTES);
		b.n = GIVEN_BYTES;
		output_give(&output_stdout, &b);
		output_add(&output_stdout, "-", 1); /* what is small is copied, and stays in its place */
		if (b.n != 0)
			_exit(9);
	}
	output_close(&output_stdout);
	buffer_free(&b);
}

static void
expect_numbers(const char *text, size_t n)
{
	assert_int_equal(n, GIVEN * (GIVEN_BYTES + 1));
	for (int i = 0; i < GIVEN; i++, text += GIVEN_BYTES + 1) {
		for (size_t k = 0; k < GIVEN_BYTES; k++)
			assert_int_equal(text[k], 'A' + i % 26);
		assert_int_equal(text[GIVEN_BYTES], '-');
	}
}

static void
what_is_given_to_a_file_is_written(void **state)
{
	struct ran ran = run(give_numbers, NULL);

	(void)state;
	assert_int_equal(ran.status, 0);
	expect_numbers(ran.out, ran.out_bytes);
	ran_free(&ran);
}

/* A writer of numbers, its end of a pipe with no more than so many bytes of room. */
static pid_t
start_writer(int ends[2], int room)
{
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[1]);
		usleep(20000); /* the promise is made meanwhile, or not */
		give_numbers(NULL);
		_exit(0);
	}
	close(ends[1]);
	if (room)
		fcntl(ends[0], F_SETPIPE_SZ, room);
	return child;
}

static char *
read_all(int fd, size_t *n)
{
	char *text = malloc(GIVEN * (GIVEN_BYTES + 1) + 1);
	ssize_t got;

	assert_non_null(text);
	*n = 0;
	while ((got = read(fd, text + *n, *n % 7919 + 1000)) > 0)
		*n += (size_t)got;
	assert_int_equal(got, 0);
	return text;
}

static void
read_numbers(bool promise)
{
	int ends[2], status;
	pid_t child = start_writer(ends, 0);
	char *text;
	size_t n;

	if (promise)
		pipe_promise_to_copy(ends[0]);
	text = read_all(ends[0], &n);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect_numbers(text, n);
	free(text);
	close(ends[0]);
}

static void
a_pipe_that_is_copied_has_the_memory_itself(void **state)
{
	(void)state;
	read_numbers(true);
	read_numbers(false);
}

/* As pv(1) does: what is in the second pipe refers to the writer's memory, if that was lent. */
static void
what_a_reader_passes_on_without_copying_does_not_change(void **state)
{
	int ends[2], on[2], status, room;
	pid_t child = start_writer(ends, 65536);
	char *text = malloc(GIVEN * (GIVEN_BYTES + 1) + (1 << 20));
	size_t n = 0;
	ssize_t got;

	(void)state;
	assert_non_null(text);
	assert_int_equal(pipe(on), 0);
	room = fcntl(on[1], F_SETPIPE_SZ, 1 << 20);
	assert_true(room > 0);
	for (;;) {
		size_t held = 0;

		/* hold as much as there is room for while the writer goes on */
		while (held < (size_t)room / 2 && (got = splice(ends[0], NULL, on[1], NULL, 32768, 0)) > 0)
			held += (size_t)got;
		for (usleep(1000); held > 0; held -= (size_t)got, n += (size_t)got)
			assert_true((got = read(on[0], text + n, held)) > 0);
		if (n == GIVEN * (GIVEN_BYTES + 1))
			break;
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect_numbers(text, n);
	free(text);
	close(ends[0]);
	close(on[0]);
	close(on[1]);
}

static void
a_promise_goes_with_who_made_it(void **state)
{
	int ends[2], told[2], status;
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(told), 0);
	assert_false(pipe_is_copied(ends[1]));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pipe_promise_to_copy(ends[0]);
		assert_int_equal(write(told[1], "x", 1), 1);
		pause();
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_true(pipe_is_copied(ends[1]));
	assert_int_equal(pipe_unread(ends[1]), 0);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	assert_int_equal(pipe_unread(ends[1]), 3);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(pipe_is_copied(ends[1]));
	assert_true(pipe_unread(-1) == SIZE_MAX);
	assert_false(pipe_is_copied(-1));
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(told[i]);
	}
}

static void
fill(struct buffer *b, char c)
{
	b->n = 0;
	buffer_reserve(b, 300000);
	memset(b->p, c, 300000);
	b->n = 300000;
}

static void
read_some(int fd, size_t n)
{
	static char block[65536];

	for (ssize_t got; n > 0; n -= (size_t)got)
		if ((got = read(fd, block, n < sizeof(block) ? n : sizeof(block))) <= 0)
			_exit(1);
}

/* The first reader promises, and leaves while the writer waits: the next one may pass on what was lent before. */
static void
memory_is_not_used_again_when_another_reader_comes(void **state)
{
	static struct output o; /* which has what it lent for ever */
	struct buffer b = {0};
	const char *first;
	int ends[2], status;
	pid_t readers[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		readers[i] = fork();
		assert_true(readers[i] >= 0);
		if (readers[i] == 0) {
			if (i == 0)
				pipe_promise_to_copy(ends[0]);
			while (i == 1 && (!pipe_is_copied(ends[0]) || pipe_unread(ends[0]) == 0))
				usleep(1000);
			while (i == 1 && pipe_is_copied(ends[0]))
				usleep(1000);
			read_some(ends[0], i == 0 ? 250000 : 350000);
			usleep(100000);
			_exit(0);
		}
	}
	while (!pipe_is_copied(ends[1]))
		usleep(1000);
	output_open(&o, ends[1], "a pipe");
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 65536) > 0);
	fill(&b, 'a');
	first = b.p;
	output_give(&o, &b);
	assert_ptr_not_equal(b.p, first);
	assert_true(pipe_is_copied(ends[1]));
	fill(&b, 'b');
	output_give(&o, &b);
	assert_false(pipe_is_copied(ends[1]));
	assert_ptr_not_equal(b.p, first);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(readers[i], &status, 0), readers[i]);
		assert_int_equal(status, 0);
		close(ends[i]);
	}
	buffer_free(&b);
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
		cmocka_unit_test(what_is_given_to_a_file_is_written),
		cmocka_unit_test(a_pipe_that_is_copied_has_the_memory_itself),
		cmocka_unit_test(what_a_reader_passes_on_without_copying_does_not_change),
		cmocka_unit_test(a_promise_goes_with_who_made_it),
		cmocka_unit_test(memory_is_not_used_again_when_another_reader_comes),
	};

	return TESTS(tests);
}
