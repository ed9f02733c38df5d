/* Several threads: each has its number, what is made at once is consumed in order. */
#include "base/parallel.h"

#include "unit.h"

#include <sched.h>
#include <stdatomic.h>

struct seen {
	atomic_uint calls, by_number[8];
};

static void
look(void *context, unsigned thread)
{
	struct seen *seen = context;

	atomic_fetch_add(&seen->calls, 1);
	atomic_fetch_add(&seen->by_number[thread], 1);
}

static void
every_thread_has_a_number_of_its_own(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 8; threads++) {
		struct seen seen = {0};

		parallel_run(threads, look, &seen);
		assert_int_equal(seen.by_number[0], 1);
		assert_true(seen.calls >= 1 && seen.calls <= threads);
		for (unsigned i = 0; i < threads; i++)
			assert_int_equal(seen.by_number[i], i < seen.calls);
	}
}

struct line {
	atomic_uint at_work[8]; /* a thread is one at a time */
	size_t consumed;
	struct buffer text;
};

static void
produce(void *context, unsigned thread, size_t part, struct buffer *out)
{
	struct line *line = context;

	assert_int_equal(atomic_fetch_add(&line->at_work[thread], 1), 0);
	assert_int_equal(out->n, 0);
	for (volatile size_t spin = 0; spin < (part * 7919 % 13) * 500; spin++)
		;
	buffer_format(out, "%zu ", part);
	atomic_fetch_sub(&line->at_work[thread], 1);
}

static void
consume(void *context, size_t part, struct buffer *made)
{
	struct line *line = context;

	assert_int_equal(part, line->consumed++);
	buffer_add_slice(&line->text, buffer_slice(made));
}

static void
parts_are_consumed_once_each_in_order(void **state)
{
	static const struct {
		unsigned threads;
		size_t parts;
	} examples[] = {{1, 0}, {1, 1}, {1, 20}, {2, 1}, {3, 3}, {4, 500}, {8, 0}, {8, 3}, {8, 1000}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct line line = {0};
		struct parallel_line steps = {produce, consume, &line};
		struct buffer expected = {0};

		parallel_in_order(examples[i].threads, examples[i].parts, &steps);
		for (size_t part = 0; part < examples[i].parts; part++)
			buffer_format(&expected, "%zu ", part);
		assert_int_equal(line.consumed, examples[i].parts);
		assert_string_equal(buffer_string(&line.text), buffer_string(&expected));
		buffer_free(&line.text);
		buffer_free(&expected);
	}
}

static void
processors_are_those_that_we_may_run_on(void **state)
{
	cpu_set_t before, one;
	int first = 0;

	(void)state;
	assert_in_range(parallel_processors(), 1, PARALLEL_MAX);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(first, &before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(parallel_processors(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thread_has_a_number_of_its_own),
		cmocka_unit_test(processors_are_those_that_we_may_run_on),
		cmocka_unit_test(parts_are_consumed_once_each_in_order),
	};

	return TESTS(tests);
}
