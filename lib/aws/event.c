#include "aws/event.h"

#include "json/text.h"

static int
add_message(struct batch *batch, struct slice record, struct error *error)
{
	struct sqs_message m = {.receive_count = 1};
	struct slice attributes;
	struct arena arena = {0};
	uint64_t count;

	m.id = json_member_text(record, "messageId", &arena);
	if (!m.id.n) {
		arena_free(&arena);
		return error_set(error, STATUS_USAGE, "invalid-event",
			"the event has a record without \"messageId\": it is not from an SQS queue");
	}
	m.handle = json_member_text(record, "receiptHandle", &arena);
	m.body = json_member_text(record, "body", &arena);
	attributes = json_member_of(record, "attributes", JSON_OBJECT);
	if (json_natural(json_member_text(attributes, "ApproximateReceiveCount", &arena), &count))
		m.receive_count = count;
	m.group = json_member_text(attributes, "MessageGroupId", &arena);
	batch_add(batch, &m);
	arena_free(&arena);
	return 0;
}

int
event_parse(struct slice text, struct batch *batch, struct error *error)
{
	struct slice value, records, record;
	struct json_walk walk;

	if (json_parse(text, "the event", &value, error) < 0)
		return -1;
	records = json_member_of(value, "Records", JSON_ARRAY);
	if (!records.p)
		return error_set(error, STATUS_USAGE, "invalid-event",
			"the event has no \"Records\": it is not from an SQS queue");
	for (walk = json_walk(records); json_next_element(&walk, &record);)
		if (add_message(batch, record, error) < 0)
			return -1;
	return 0;
}

static bool
is_told(const struct batch *batch, size_t before, struct slice id)
{
	for (size_t i = 0; i < before; i++)
		if (batch_has_failed(&batch->messages[i]) && slice_equal(batch->messages[i].id, id))
			return true;
	return false;
}

void
event_answer(const struct batch *batch, struct buffer *out)
{
	const char *separator = "";

	buffer_add_string(out, "{\"batchItemFailures\":[");
	for (size_t i = 0; i < batch->n; i++) {
		const struct batch_message *m = &batch->messages[i];

		if (!batch_has_failed(m) || is_told(batch, i, m->id))
			continue;
		buffer_format(out, "%s{\"itemIdentifier\":", separator);
		buffer_add_json_string(out, m->id);
		buffer_add_byte(out, '}');
		separator = ",";
	}
	buffer_add_string(out, "]}");
}
