#include "unit.h"

#include "aws/event.h"

static void
an_event_is_taken_apart(void **state)
{
	struct batch batch = {.n = 0};
	struct error error;

	(void)state;
	assert_int_equal(
		event_parse(SLICE("{\"Records\":[{\"messageId\":\"m1\",\"receiptHandle\":\"h\",\"body\":\"{}\","
				  "\"attributes\":{\"ApproximateReceiveCount\":\"3\",\"MessageGroupId\":\"g\"},"
				  "\"eventSourceARN\":\"arn:aws:sqs:r:1:q\"},"
				  "{\"messageId\":\"m2\",\"body\":\"{\\\"Records\\\":[]}\"}]}"),
			&batch, &error),
		0);
	assert_int_equal(batch.n, 2);
	assert_string_equal(batch.messages[0].id.p, "m1");
	assert_string_equal(batch.messages[0].handle.p, "h");
	assert_string_equal(batch.messages[0].group.p, "g");
	assert_int_equal(batch.messages[0].receive_count, 3);
	assert_int_equal(batch.messages[0].fate, BATCH_UNKNOWN);
	assert_int_equal(batch.messages[1].receive_count, 1);
	assert_int_equal(batch.messages[1].fate, BATCH_NOTHING);
	batch_free(&batch);
}

static void
what_is_no_event_is_refused(void **state)
{
	static const char *const events[] = {"", "{", "[]", "{}", "{\"Records\":{}}", "{\"Records\":[{}]}",
		"{\"Records\":[1]}", "{\"Records\":[{\"messageId\":5}]}", "{\"Records\":[{\"messageId\":\"\"}]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		struct batch batch = {.n = 0};
		struct error error;

		if (event_parse(slice_of(events[i]), &batch, &error) == 0)
			fail_msg("%s", events[i]);
		assert_int_equal(error.status, STATUS_USAGE);
		batch_free(&batch);
	}
}

static void
the_answer_names_each_failure_once(void **state)
{
	struct batch batch = {.n = 0};
	struct buffer out = {0};

	(void)state;
	event_answer(&batch, &out);
	assert_string_equal(buffer_string(&out), "{\"batchItemFailures\":[]}");
	out.n = 0;
	for (size_t i = 0; i < 4; i++)
		batch_add(&batch, &(struct sqs_message){.id = i < 2 ? SLICE("a\"") : i < 3 ? SLICE("b") : SLICE("c"),
			.body = i == 2 ? SLICE("{\"Event\":\"s3:TestEvent\"}") : SLICE("junk")});
	event_answer(&batch, &out);
	assert_string_equal(buffer_string(&out),
		"{\"batchItemFailures\":[{\"itemIdentifier\":\"a\\\"\"},{\"itemIdentifier\":\"c\"}]}");
	buffer_free(&out);
	batch_free(&batch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_taken_apart),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test(the_answer_names_each_failure_once),
	};

	return TESTS(tests);
}
