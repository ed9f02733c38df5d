#include "unit.h"

#include "base/child.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>

static pid_t
start(const char *script)
{
	const char *arguments[] = {"sh", "-c", script, NULL};
	pid_t pid;

	assert_int_equal(child_spawn(&pid, (char *const *)arguments, NULL, NULL), 0);
	return pid;
}

static void
how_a_child_ended_is_told(void **state)
{
	(void)state;
	assert_int_equal(child_wait(start("exit 7")), 7);
	assert_int_equal(child_wait(start("kill -9 $$")), 128 + 9);
	assert_int_equal(child_wait(getpid()), CHILD_UNKNOWN);
}

static void
what_is_not_there_is_not_started(void **state)
{
	const char *arguments[] = {"there-is-no-such-program", NULL};
	pid_t pid;

	(void)state;
	assert_int_equal(child_spawn(&pid, (char *const *)arguments, NULL, NULL), ENOENT);
}

static void
a_child_is_waited_for_no_longer_than_asked(void **state)
{
	pid_t slow = start("exec sleep 60"), quick = start("exit 3");
	int64_t begun = clock_ms();

	(void)state;
	assert_false(child_ends_within(slow, 100));
	assert_in_range(clock_ms() - begun, 100, 30000);
	assert_false(child_ends_within(slow, -5));
	kill(slow, SIGKILL);
	assert_true(child_ends_within(slow, 30000));
	assert_int_equal(child_wait(slow), 128 + SIGKILL);
	assert_true(child_ends_within(quick, 30000));
	assert_int_equal(child_wait(quick), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_a_child_ended_is_told),
		cmocka_unit_test(what_is_not_there_is_not_started),
		cmocka_unit_test(a_child_is_waited_for_no_longer_than_asked),
	};

	return TESTS(tests);
}
