#include "base/progress.h"

#include "base/message.h"

#include "unit.h"

static void
work(void *mode)
{
	message_tool("acc-fetch");
	progress_start(*(enum progress_mode *)mode, false, "objects");
	progress_start(*(enum progress_mode *)mode, false, "objects"); /* runs already */
	progress_total(40);
	progress_done(10);
	usleep(450000);
	message(MESSAGE_ERROR, "in between");
	progress_stop();
	progress_stop();
}

static void
done_total_rate_and_time_left(void **state)
{
	enum progress_mode mode = PROGRESS_ALWAYS;
	struct ran ran = run(work, &mode);
	const char *line = strstr(ran.err, "acc-fetch: 10/40 objects, ");

	(void)state;
	assert_non_null(line);
	assert_non_null(strstr(line, "/s, 0:0"));
	assert_non_null(strstr(line, " left"));
	assert_non_null(strstr(ran.err, "\r\033[Kacc-fetch: in between\n"));
	assert_string_equal(ran.err + strlen(ran.err) - 4, "\r\033[K");
	assert_string_equal(ran.out, "");
	ran_free(&ran);
}

static void
nothing_where_there_is_no_terminal(void **state)
{
	enum progress_mode modes[] = {PROGRESS_AUTO, PROGRESS_NEVER};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ran ran = run(work, &modes[i]);

		assert_string_equal(ran.err, "acc-fetch: in between\n");
		ran_free(&ran);
	}
}

static void
work_on_bytes(void *unused)
{
	(void)unused;
	message_tool("acc-put");
	progress_start(PROGRESS_ALWAYS, true, "bytes");
	progress_total(UINT64_C(3) << 30);
	progress_done(1536);
	usleep(300000);
	progress_stop();
}

static void
work_on_more(void *unused)
{
	(void)unused;
	message_tool("acc-fetch");
	progress_start(PROGRESS_ALWAYS, true, "objects");
	progress_total(3);
	progress_done(4);
	usleep(300000);
	progress_stop();
}

static void
a_total_that_is_exceeded_is_none(void **state)
{
	struct ran ran = run(work_on_more, NULL);

	(void)state;
	assert_non_null(strstr(ran.err, "acc-fetch: 4 objects, "));
	assert_null(strstr(ran.err, "/3"));
	ran_free(&ran);
}

static void
bytes_are_shown_as_sizes(void **state)
{
	struct ran ran = run(work_on_bytes, NULL);

	(void)state;
	assert_non_null(strstr(ran.err, "acc-put: 1.5K/3.0G, "));
	ran_free(&ran);
}

static void
work_without_end(void *unused)
{
	(void)unused;
	progress_start(PROGRESS_ALWAYS, false, "records");
	progress_done(3);
	progress_stop();
}

static void
an_unknown_total_is_left_out_and_short_work_is_shown(void **state)
{
	struct ran ran = run(work_without_end, NULL);

	(void)state;
	assert_non_null(strstr(ran.err, "acc: 3 records, "));
	assert_null(strstr(ran.err, " left"));
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(done_total_rate_and_time_left),
		cmocka_unit_test(nothing_where_there_is_no_terminal),
		cmocka_unit_test(bytes_are_shown_as_sizes),
		cmocka_unit_test(a_total_that_is_exceeded_is_none),
		cmocka_unit_test(an_unknown_total_is_left_out_and_short_work_is_shown),
	};

	return TESTS(tests);
}
