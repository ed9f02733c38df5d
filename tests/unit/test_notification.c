#include "unit.h"

#include "aws/notification.h"
#include "base/buffer.h"

static struct arena arena;

static struct notification
parse(const char *body)
{
	struct notification n;

	notification_parse(slice_of(body), &arena, &n);
	return n;
}

#define RECORD(event, key, more)                                                                                       \
	"{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventTime\":\"2021-02-01T11:07:57.885Z\","             \
	"\"eventName\":\"" event "\",\"s3\":{\"bucket\":{\"name\":\"src\"},\"object\":{\"key\":\"" key "\"" more "}}}"
#define ONE(key) "{\"Records\":[" RECORD("ObjectCreated:Put", key, "") "]}"

static void
assert_uri(const char *body, const char *uri)
{
	struct notification n = parse(body);

	assert_int_equal(n.kind, NOTIFICATION_OBJECTS);
	assert_int_equal(n.n, 1);
	assert_string_equal(n.objects[0].uri.p, uri);
}

static void
keys_are_form_decoded(void **state)
{
	(void)state;
	assert_uri(ONE("year%3D2021/a+b.jsonl"), "s3://src/year=2021/a b.jsonl");
	assert_uri(ONE("a%2Bb%25c%2F%2Fd"), "s3://src/a+b%c//d");
	assert_uri(ONE("%F0%9F%98%80"), "s3://src/\xf0\x9f\x98\x80");
	assert_uri(ONE("a%0Ab"), "s3://src/a\nb");
	assert_uri(ONE("100%"), "s3://src/100%");
	assert_uri(ONE("..%2f.."), "s3://src/../..");
}

static void
what_is_known_of_the_object_is_taken(void **state)
{
	struct notification n =
		parse("{\"Records\":[" RECORD("ObjectCreated:CompleteMultipartUpload", "k",
			",\"size\":53687091200000,\"eTag\":\"e\",\"versionId\":\"v\",\"sequencer\":"
			"\"0055AED6DCD90281E5\"") "]}");

	(void)state;
	assert_int_equal(n.n, 1);
	assert_true(n.objects[0].has_bytes);
	assert_int_equal(n.objects[0].bytes, 53687091200000);
	assert_string_equal(n.objects[0].etag.p, "e");
	assert_string_equal(n.objects[0].version_id.p, "v");
	assert_string_equal(n.objects[0].sequencer.p, "0055AED6DCD90281E5");
	assert_string_equal(n.objects[0].time.p, "2021-02-01T11:07:57.885Z");
}

#define FROM(source)                                                                           \
	"{\"Records\":[{\"eventSource\":\"" source "\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{" \
	"\"bucket\":{\"name\":\"src\"},\"object\":{\"key\":\"k\"}}}]}"

static void
a_record_that_names_its_source_comes_from_s3(void **state)
{
	static const char *const others[] = {FROM("aws:ses"), FROM("aws:s3:x"), FROM("s3"), FROM("aws:s4")};

	(void)state;
	assert_uri(FROM("aws:s3"), "s3://src/k");
	assert_uri(FROM("minio:s3"), "s3://src/k");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (parse(others[i]).kind != NOTIFICATION_UNKNOWN)
			fail_msg("%s", others[i]);
}

static void
a_message_may_hold_many_records(void **state)
{
	struct notification n =
		parse("{\"Records\":[" RECORD("ObjectCreated:Put", "1", "") ","
			RECORD("ObjectRemoved:Delete", "2", "") "," RECORD("ObjectCreated:Copy", "3", "") ","
			RECORD("ObjectCreated:Post", "4", "") "," RECORD("ObjectCreated:Put", "5", "") ","
			RECORD("ObjectCreated:Put", "6", "") "]}");

	(void)state;
	assert_int_equal(n.kind, NOTIFICATION_OBJECTS);
	assert_int_equal(n.n, 5);
	assert_string_equal(n.objects[1].uri.p, "s3://src/3");
	assert_string_equal(n.objects[4].uri.p, "s3://src/6");
}

static void
envelopes_are_opened(void **state)
{
	(void)state;
	assert_uri("{\"Type\":\"Notification\",\"MessageId\":\"m\",\"Subject\":\"Amazon S3 Notification\",\"Message\":"
		   "\"{\\\"Records\\\":[{\\\"eventName\\\":\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{"
		   "\\\"name\\\":\\\"src\\\"},"
		   "\\\"object\\\":{\\\"key\\\":\\\"a+b\\\"}}}]}\"}",
		"s3://src/a b");
	/* EventBridge does not encode keys */
	assert_uri("{\"version\":\"0\",\"detail-type\":\"Object "
		   "Created\",\"source\":\"aws.s3\",\"time\":\"2021-02-01T11:07:57Z\","
		   "\"detail\":{\"bucket\":{\"name\":\"src\"},\"object\":{\"key\":\"a+b%2B "
		   "%%%.png\",\"size\":5,\"etag\":\"x\"}}}",
		"s3://src/a+b%2B %%%.png");
}

static void
some_messages_ask_for_nothing(void **state)
{
	static const char *const bodies[] = {
		"{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Time\":\"t\",\"Bucket\":\"b\"}",
		"{\"Records\":[" RECORD("ObjectRemoved:DeleteMarkerCreated", "k", "") "]}",
		"{\"Records\":[" RECORD("LifecycleExpiration:Delete", "k", "") "]}",
		"{\"Records\":[]}",
		"{\"detail-type\":\"Object Deleted\",\"source\":\"aws.s3\",\"detail\":{}}",
		"{\"Type\":\"Notification\",\"Message\":\"{\\\"Event\\\":\\\"s3:TestEvent\\\"}\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		if (parse(bodies[i]).kind != NOTIFICATION_NOTHING)
			fail_msg("%s", bodies[i]);
}

static void
anything_else_is_left_alone(void **state)
{
	static const char *const bodies[] = {"", "hello", "[]", "{}", "{\"Records\":5}", "{\"Records\":[5]}",
		"{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}",
		"{\"Records\":[" RECORD("ObjectTagging:Put", "k", "") "]}",
		"{\"Records\":[" RECORD("ObjectCreated:Put", "", "") "]}", ONE("a%00b"), ONE("%FF"), ONE("\\u0000"),
		"{\"Records\":[{\"eventVersion\":\"3.0\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{"
		"\"name\":\"b\"},"
		"\"object\":{\"key\":\"k\"}}}]}",
		"{\"Records\":[" RECORD("ObjectCreated:Put", "k", "") ",{}]}",
		"{\"Type\":\"Notification\",\"Message\":\"text\"}", "{\"Type\":\"SubscriptionConfirmation\"}",
		"{\"detail-type\":\"Object Tags Added\",\"source\":\"aws.s3\",\"detail\":{}}",
		"{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"a/"
		"b\"},\"object\":{\"key\":\"k\"}}}]}",
		"{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"object\":{\"key\":\"k\"}}}]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct notification n = parse(bodies[i]);

		if (n.kind != NOTIFICATION_UNKNOWN || n.n != 0 || !n.why)
			fail_msg("%s", bodies[i]);
	}
}

static void
a_nest_of_envelopes_ends(void **state)
{
	(void)state;
	struct buffer body = {0}, next = {0};

	buffer_add_string(&body, ONE("k"));
	for (int i = 0; i < 8; i++) {
		next.n = 0;
		buffer_add_string(&next, "{\"Type\":\"Notification\",\"Message\":");
		buffer_add_json_string(&next, buffer_slice(&body));
		buffer_add_byte(&next, '}');
		body.n = 0;
		buffer_add_slice(&body, buffer_slice(&next));
	}
	assert_int_equal(parse(buffer_string(&body)).kind, NOTIFICATION_UNKNOWN);
	buffer_free(&body);
	buffer_free(&next);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_form_decoded),
		cmocka_unit_test(what_is_known_of_the_object_is_taken),
		cmocka_unit_test(a_record_that_names_its_source_comes_from_s3),
		cmocka_unit_test(a_message_may_hold_many_records),
		cmocka_unit_test(envelopes_are_opened),
		cmocka_unit_test(some_messages_ask_for_nothing),
		cmocka_unit_test(anything_else_is_left_alone),
		cmocka_unit_test(a_nest_of_envelopes_ends),
	};
	int failed = TESTS(tests);

	arena_free(&arena);
	return failed;
}
