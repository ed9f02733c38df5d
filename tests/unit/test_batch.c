#include "unit.h"

#include "aws/batch.h"
#include "base/memory.h"

#include <stdlib.h>

static const char body[] = "{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
			   "\"object\":{\"key\":\"k\",\"sequencer\":\"%s\"}}}]}";

static void
add(struct batch *batch, const char *id, const char *handle, const char *text, uint64_t receive_count)
{
	batch_add(batch, &(struct sqs_message){.id = slice_of(id), .handle = slice_of(handle), .body = slice_of(text),
		.receive_count = receive_count});
}

static void
assert_printed(const struct batch *batch, const char *text)
{
	struct buffer out = {0};

	batch_print(batch, &out);
	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static void
a_batch_names_each_object_once(void **state)
{
	struct batch batch = {.n = 0};
	char *first = memory_format(body, "0A"), *second = memory_format(body, "0B");

	(void)state;
	add(&batch, "m1", "h1", second, 1);
	add(&batch, "m2", "h2", first, 2);
	add(&batch, "m3", "h3", "junk", 1);
	assert_printed(&batch, "{\"uri\":\"s3://b/k\",\"sequencer\":\"0B\",\"messages\":[{\"id\":\"m1\","
		"\"receipt_handle\":\"h1\",\"receive_count\":1},{\"id\":\"m2\",\"receipt_handle\":\"h2\","
		"\"receive_count\":2}]}\n");
	assert_int_equal(batch.references.n, 1);
	assert_int_equal(batch.n_links, 2);
	assert_int_equal(batch.links[1].message, 1);
	assert_int_equal(batch.links[1].reference, 0);
	assert_int_equal(batch.messages[2].fate, BATCH_UNKNOWN);
	assert_int_equal(batch_failures(&batch), 1);
	batch_free(&batch);
	free(first);
	free(second);
}

static void
a_message_that_comes_again_has_its_newer_handle(void **state)
{
	struct batch batch = {.n = 0};
	char *text = memory_format(body, "0A");

	(void)state;
	add(&batch, "m1", "h", text, 1);
	add(&batch, "m2", "h", text, 1);
	batch_renew(&batch, batch_find(&batch, SLICE("m2")),
		&(struct sqs_message){.id = SLICE("m2"), .handle = SLICE("\"new\""), .receive_count = 2});
	assert_null(batch_find(&batch, SLICE("m")));
	assert_string_equal(batch.messages[1].handle.p, "\"new\"");
	assert_printed(&batch, "{\"uri\":\"s3://b/k\",\"sequencer\":\"0A\",\"messages\":[{\"id\":\"m1\","
		"\"receipt_handle\":\"h\",\"receive_count\":1},{\"id\":\"m2\",\"receipt_handle\":\"\\\"new\\\"\","
		"\"receive_count\":2}]}\n");
	batch_free(&batch);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_names_each_object_once),
		cmocka_unit_test(a_message_that_comes_again_has_its_newer_handle),
	};

	return TESTS(tests);
}
