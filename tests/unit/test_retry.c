#include "unit.h"

#include "aws/retry.h"

static enum retry_class
class_of(int status, const char *code)
{
	struct retry_outcome o = {.transport = RETRY_ANSWERED, .status = status, .code = slice_of(code)};

	return retry_classify(&o);
}

static void
codes_decide_before_the_status(void **state)
{
	(void)state;
	assert_int_equal(class_of(200, ""), RETRY_NEVER);
	assert_int_equal(class_of(404, "NoSuchKey"), RETRY_NEVER);
	assert_int_equal(class_of(403, "AccessDenied"), RETRY_NEVER);
	assert_int_equal(class_of(412, "PreconditionFailed"), RETRY_NEVER);
	assert_int_equal(class_of(400, "ConditionalCheckFailedException"), RETRY_NEVER);
	assert_int_equal(class_of(500, ""), RETRY_TRANSIENT);
	assert_int_equal(class_of(502, "html"), RETRY_TRANSIENT);
	assert_int_equal(class_of(503, "SlowDown"), RETRY_THROTTLE);
	assert_int_equal(class_of(503, ""), RETRY_THROTTLE);
	assert_int_equal(class_of(429, ""), RETRY_THROTTLE);
	assert_int_equal(class_of(400, "ThrottlingException"), RETRY_THROTTLE);
	assert_int_equal(class_of(400, "ProvisionedThroughputExceededException"), RETRY_THROTTLE);
	assert_int_equal(class_of(400, "RequestTimeout"), RETRY_FRESH);
	assert_int_equal(class_of(409, "ConditionalRequestConflict"), RETRY_TRANSIENT);
	assert_int_equal(class_of(400, "ExpiredToken"), RETRY_CREDENTIALS);
	assert_int_equal(class_of(400, "IDPCommunicationError"), RETRY_TRANSIENT);
}

static void
the_clock_is_doubted_only_with_proof(void **state)
{
	struct retry_outcome o = {.transport = RETRY_ANSWERED, .status = 403, .code = SLICE("SignatureDoesNotMatch"),
		.has_date = true, .skew_seconds = 3};

	(void)state;
	assert_int_equal(retry_classify(&o), RETRY_NEVER);
	o.skew_seconds = -3600;
	assert_int_equal(retry_classify(&o), RETRY_SKEW);
	o.has_date = false;
	assert_int_equal(retry_classify(&o), RETRY_NEVER);
}

static void
transport_faults(void **state)
{
	struct retry_outcome o = {.transport = RETRY_BROKEN};

	(void)state;
	assert_int_equal(retry_classify(&o), RETRY_TRANSIENT);
	o.transport = RETRY_TIMED_OUT;
	assert_int_equal(retry_classify(&o), RETRY_TIMEOUT);
	o.transport = RETRY_UNREACHABLE;
	assert_int_equal(retry_classify(&o), RETRY_TRANSIENT);
	o.transport = RETRY_HOPELESS;
	assert_int_equal(retry_classify(&o), RETRY_NEVER);
}

static void
attempts_are_counted_in_all(void **state)
{
	struct retry_state s = {.attempt = 1};
	int bucket = RETRY_BUCKET;
	uint64_t delay;

	(void)state;
	assert_true(retry_again(&s, RETRY_TRANSIENT, 3, &bucket, 0, -1, &delay));
	s.attempt = 2;
	assert_true(retry_again(&s, RETRY_TRANSIENT, 3, &bucket, 0, -1, &delay));
	s.attempt = 3;
	assert_false(retry_again(&s, RETRY_TRANSIENT, 3, &bucket, 0, -1, &delay));
	s.attempt = 1;
	assert_false(retry_again(&s, RETRY_TRANSIENT, 1, &bucket, 0, -1, &delay));
}

static void
the_delay_doubles_to_a_cap_and_is_jittered(void **state)
{
	int bucket = RETRY_BUCKET;
	uint64_t delay, last = 0;

	(void)state;
	for (int attempt = 1; attempt < 15; attempt++) {
		struct retry_state s = {.attempt = attempt};

		bucket = RETRY_BUCKET;
		assert_true(retry_again(&s, RETRY_THROTTLE, 100, &bucket, UINT32_MAX, -1, &delay));
		assert_true(delay >= last && delay <= RETRY_CAP_MS);
		assert_int_equal(retry_rest_ms(attempt, UINT32_MAX), delay);
		last = delay;
		s.attempt = attempt;
		assert_true(retry_again(&s, RETRY_THROTTLE, 100, &bucket, 0, -1, &delay));
		assert_int_equal(delay, 0);
	}
	assert_true(last > RETRY_CAP_MS - 100);
}

static void
the_service_may_ask_for_a_delay_within_bounds(void **state)
{
	struct retry_state s = {.attempt = 1};
	int bucket = RETRY_BUCKET;
	uint64_t delay;

	(void)state;
	retry_again(&s, RETRY_TRANSIENT, 9, &bucket, 0, 1234, &delay);
	assert_int_equal(delay, 1234);
	retry_again(&s, RETRY_TRANSIENT, 9, &bucket, 0, 999999999, &delay);
	assert_int_equal(delay, 5000);
	retry_again(&s, RETRY_TRANSIENT, 9, &bucket, UINT32_MAX, 1, &delay);
	assert_in_range(delay, 40, 50);
}

static void
an_empty_bucket_ends_retrying(void **state)
{
	struct retry_state s = {.attempt = 1};
	int bucket = 12;
	uint64_t delay;

	(void)state;
	assert_true(retry_again(&s, RETRY_TRANSIENT, 99, &bucket, 0, -1, &delay));
	assert_int_equal(bucket, 7);
	assert_false(retry_again(&s, RETRY_TIMEOUT, 99, &bucket, 0, -1, &delay));
	assert_true(retry_again(&s, RETRY_TRANSIENT, 99, &bucket, 0, -1, &delay));
	assert_false(retry_again(&s, RETRY_TRANSIENT, 99, &bucket, 0, -1, &delay));
	retry_success(&s, &bucket);
	assert_int_equal(bucket, 12);
	retry_success(&s, &bucket);
	assert_int_equal(bucket, 13);
	bucket = RETRY_BUCKET;
	retry_success(&s, &bucket);
	assert_int_equal(bucket, RETRY_BUCKET);
}

/* A third of all requests throttled, for ever: the bucket must not run dry. */
static void
steady_throttling_is_survived(void **state)
{
	int bucket = RETRY_BUCKET;
	unsigned n = 0;

	(void)state;
	for (int request = 0; request < 20000; request++) {
		struct retry_state s = {.attempt = 1};
		uint64_t delay;

		for (; (n = n * 1103515245 + 12345, (n >> 16) % 3) == 0; s.attempt++)
			assert_true(retry_again(&s, RETRY_THROTTLE, 100, &bucket, 0, -1, &delay));
		retry_success(&s, &bucket);
	}
}

static void
clock_and_credentials_are_mended_once(void **state)
{
	struct retry_state s = {.attempt = 1};
	int bucket = 0;
	uint64_t delay;

	(void)state;
	assert_true(retry_again(&s, RETRY_SKEW, 1, &bucket, 0, -1, &delay));
	assert_false(retry_again(&s, RETRY_SKEW, 1, &bucket, 0, -1, &delay));
	assert_true(retry_again(&s, RETRY_CREDENTIALS, 1, &bucket, 0, -1, &delay));
	assert_false(retry_again(&s, RETRY_CREDENTIALS, 1, &bucket, 0, -1, &delay));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_decide_before_the_status),
		cmocka_unit_test(the_clock_is_doubted_only_with_proof),
		cmocka_unit_test(transport_faults),
		cmocka_unit_test(attempts_are_counted_in_all),
		cmocka_unit_test(the_delay_doubles_to_a_cap_and_is_jittered),
		cmocka_unit_test(the_service_may_ask_for_a_delay_within_bounds),
		cmocka_unit_test(an_empty_bucket_ends_retrying),
		cmocka_unit_test(steady_throttling_is_survived),
		cmocka_unit_test(clock_and_credentials_are_mended_once),
	};

	return TESTS(tests);
}
