#include "base/cleanup.h"

#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

static char first[64], second[64], kept[64];

static void
make_files(void)
{
	const char *paths[] = {unit_path(first), unit_path(second), unit_path(kept)};

	for (int i = 0; i < 3; i++) {
		FILE *file = fopen(paths[i], "w");

		assert_non_null(file);
		fclose(file);
	}
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
register_and_raise(void *signal_number)
{
	signal(*(int *)signal_number, SIG_DFL); /* where the tests run in the background, SIGINT is ignored */
	cleanup_install();
	cleanup_add(first);
	cleanup_cancel(cleanup_add(kept));
	cleanup_add(second);
	raise(*(int *)signal_number);
	sleep(5);
}

static void
a_signal_removes_the_files_and_ends_us_as_that_signal(void **state)
{
	int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGXCPU, SIGXFSZ};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct ran ran;

		make_files();
		ran = run(register_and_raise, &signals[i]);
		assert_int_equal(ran.status, 128 + signals[i]);
		assert_false(exists(first));
		assert_false(exists(second));
		assert_true(exists(kept));
		unlink(kept);
		ran_free(&ran);
	}
}

static void
register_and_exit(void *unused)
{
	(void)unused;
	cleanup_install();
	cleanup_install(); /* once is enough */
	cleanup_add(first);
	cleanup_unlink(cleanup_add(second));
	assert_false(exists(second));
	cleanup_cancel(cleanup_add(kept));
	cleanup_cancel(NULL);
	cleanup_unlink(NULL);
	cleanup_run();
	_exit(exists(first) ? 7 : 4);
}

static void
an_exit_removes_what_is_left(void **state)
{
	struct ran ran;

	(void)state;
	make_files();
	ran = run(register_and_exit, NULL);
	assert_int_equal(ran.status, 4);
	assert_false(exists(first));
	assert_false(exists(second));
	assert_true(exists(kept));
	unlink(kept);
	ran_free(&ran);
}

/* Two rounds, so that registrations are used again in another order. */
static void
register_directory_and_raise(void *unused)
{
	char path[80];

	(void)unused;
	cleanup_install();
	snprintf(path, sizeof(path), "%s/file", first);
	for (int round = 0; round < 2; round++) {
		struct cleanup *directory, *file;

		mkdir(first, 0700);
		directory = cleanup_add(first);
		fclose(fopen(path, "w"));
		file = cleanup_add(path);
		if (round == 0) {
			cleanup_unlink(directory); /* is not empty, and stays */
			cleanup_unlink(file);
		}
	}
	raise(SIGTERM);
	sleep(5);
}

static void
a_directory_goes_after_what_is_in_it(void **state)
{
	struct ran ran;

	(void)state;
	unit_path(first);
	ran = run(register_directory_and_raise, NULL);
	assert_int_equal(ran.status, 128 + SIGTERM);
	assert_false(exists(first));
	ran_free(&ran);
}

static void
make_and_arm(void)
{
	struct cleanup *c = cleanup_prepare(first);

	cleanup_hold();
	fclose(fopen(first, "w"));
	if (access(second, F_OK) == 0) /* then another thread is about to get the signal */
		usleep(100000);
	else
		raise(SIGTERM);
	cleanup_arm(c);
	cleanup_release();
}

static void
be_hit_while_making(void *unused)
{
	(void)unused;
	cleanup_install();
	make_and_arm();
	sleep(5);
}

static void *
hit(void *unused)
{
	(void)unused;
	while (access(first, F_OK) < 0)
		usleep(100);
	raise(SIGTERM);
	return NULL;
}

static void
be_hit_elsewhere_while_making(void *unused)
{
	pthread_t thread;

	(void)unused;
	cleanup_install();
	fclose(fopen(second, "w"));
	cleanup_add(second);
	assert_int_equal(pthread_create(&thread, NULL, hit, NULL), 0);
	make_and_arm();
	sleep(5);
}

static void
a_signal_does_not_come_between_making_a_file_and_arming_it(void **state)
{
	void (*const bodies[])(void *) = {be_hit_while_making, be_hit_elsewhere_while_making};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ran ran;

		unit_path(first);
		unit_path(second);
		ran = run(bodies[i], NULL);
		assert_int_equal(ran.status, 128 + SIGTERM);
		assert_false(exists(first));
		assert_false(exists(second));
		ran_free(&ran);
	}
}

static void
ignore_hangup(void *unused)
{
	(void)unused;
	signal(SIGHUP, SIG_IGN);
	cleanup_install();
	raise(SIGHUP);
	_exit(5);
}

static void
nohup_is_respected(void **state)
{
	struct ran ran = run(ignore_hangup, NULL);

	(void)state;
	assert_int_equal(ran.status, 5);
	ran_free(&ran);
}

static void
die_of_pipe(void *unused)
{
	(void)unused;
	cleanup_install();
	raise(SIGPIPE); /* ignored: writers see EPIPE */
	cleanup_add(first);
	cleanup_die_of(SIGPIPE);
}

static void
a_closed_pipe_ends_us_quietly_after_cleaning(void **state)
{
	struct ran ran;

	(void)state;
	make_files();
	ran = run(die_of_pipe, NULL);
	assert_int_equal(ran.status, 128 + SIGPIPE);
	assert_string_equal(ran.err, "");
	assert_false(exists(first));
	unlink(second);
	unlink(kept);
	ran_free(&ran);
}

static void
fork_and_run(void *unused)
{
	pid_t child;

	(void)unused;
	cleanup_install();
	cleanup_add(first);
	child = fork();
	if (child == 0) {
		cleanup_run();
		cleanup_restore_signals();
		raise(SIGPIPE);
		_exit(0);
	}
	waitpid(child, &(int){0}, 0);
	_exit(exists(first) ? 0 : 1); /* and no exit handlers here */
}

static void
a_child_leaves_its_parents_files_alone(void **state)
{
	struct ran ran;

	(void)state;
	make_files();
	ran = run(fork_and_run, NULL);
	assert_int_equal(ran.status, 0);
	unlink(first);
	unlink(second);
	unlink(kept);
	ran_free(&ran);
}

static void
restore_and_break_a_pipe(void *unused)
{
	(void)unused;
	cleanup_restore_signals(); /* before installing: nothing */
	cleanup_install();
	cleanup_restore_signals();
	raise(SIGPIPE);
}

static void
a_child_can_have_the_signals_as_they_were(void **state)
{
	struct ran ran = run(restore_and_break_a_pipe, NULL);

	(void)state;
	assert_int_equal(ran.status, 128 + SIGPIPE);
	ran_free(&ran);
}

static void *
add_and_cancel(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++)
		cleanup_cancel(cleanup_add("/nonexistent/file"));
	return NULL;
}

static void
threads_register_at_the_same_time(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_and_cancel, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_removes_the_files_and_ends_us_as_that_signal),
		cmocka_unit_test(an_exit_removes_what_is_left),
		cmocka_unit_test(a_directory_goes_after_what_is_in_it),
		cmocka_unit_test(a_signal_does_not_come_between_making_a_file_and_arming_it),
		cmocka_unit_test(nohup_is_respected),
		cmocka_unit_test(a_closed_pipe_ends_us_quietly_after_cleaning),
		cmocka_unit_test(a_child_leaves_its_parents_files_alone),
		cmocka_unit_test(a_child_can_have_the_signals_as_they_were),
		cmocka_unit_test(threads_register_at_the_same_time),
	};

	return TESTS(tests);
}
