#include "aws/sqs.h"

#include "aws/client.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/digest.h"
#include "json/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 6, PARSE_TRIES = 3, TIMEOUT_MS = 30000, REPLY_MAX = 16 << 20 };

/* ---- addresses */

static struct slice
next_field(struct slice *rest, char separator)
{
	const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
	struct slice field = end ? (struct slice){rest->p, (size_t)(end - rest->p)} : *rest;

	*rest = end ? (struct slice){end + 1, rest->n - field.n - 1} : (struct slice){NULL, 0};
	return field;
}

/* sqs.REGION.amazonaws.com, sqs-fips.REGION..., sqs.REGION.api.aws, and the old REGION.queue.amazonaws.com. */
static struct slice
region_of_host(struct slice host)
{
	struct slice rest = host, first, second;

	first = next_field(&rest, '.');
	second = next_field(&rest, '.');
	if (!slice_begins(rest, SLICE("amazonaws.com")) && !slice_begins(rest, SLICE("api.a")))
		return (struct slice){NULL, 0};
	if (slice_equal(first, SLICE("sqs")) || slice_equal(first, SLICE("sqs-fips")))
		return second;
	return slice_equal(second, SLICE("queue")) ? first : (struct slice){NULL, 0};
}

static bool
parse_arn(struct slice text, struct sqs_address *a)
{
	struct slice rest = text;

	next_field(&rest, ':');
	next_field(&rest, ':');
	if (!slice_equal(next_field(&rest, ':'), SLICE("sqs")))
		return false;
	a->region = next_field(&rest, ':');
	a->account = next_field(&rest, ':');
	a->name = rest;
	return a->name.n > 0;
}

bool
sqs_parse(struct slice text, struct sqs_address *a)
{
	struct slice rest;

	*a = (struct sqs_address){.url = {NULL, 0}};
	if (slice_begins(text, SLICE("arn:")))
		return parse_arn(text, a);
	if (slice_begins(text, SLICE("sqs://"))) {
		a->name = (struct slice){text.p + 6, text.n - 6};
		return a->name.n > 0 && !memchr(a->name.p, '/', a->name.n);
	}
	if (!slice_begins(text, SLICE("https://")) && !slice_begins(text, SLICE("http://")))
		return false;
	rest = text;
	next_field(&rest, '/');
	next_field(&rest, '/');
	a->region = region_of_host(next_field(&rest, '/'));
	a->account = next_field(&rest, '/');
	a->name = rest;
	a->url = text;
	return a->account.n > 0;
}

/* ---- calls */

static void
begin_call(struct aws_call *call, const struct sqs_queue *q, const char *target, const char *what,
	const char *permission, struct buffer *body)
{
	*call = (struct aws_call){.what = what,
		.permission = permission,
		.region = q->region,
		.total_ms = TIMEOUT_MS,
		.reply_max = REPLY_MAX};
	aws_json_call(call, AWS_SQS, target, buffer_slice(body));
	if (q->endpoint.authority)
		call->endpoint = &q->endpoint;
}

static int
perform_once(const struct aws_call *call, struct arena *arena, struct slice *object, bool *damaged, struct error *error)
{
	struct aws_exchange *x;
	struct aws_reply *reply;
	int result = aws_perform(call, &x, &reply, error);

	*damaged = false;
	if (result == 0) {
		struct slice text = arena_copy(arena, buffer_slice(&reply->body));
		struct error why;

		*damaged = json_parse(text, "SQS's reply", object, &why) < 0 || json_kind(*object) != JSON_OBJECT;
		if (*damaged)
			result = error_set(
				error, STATUS_FAILED, "service", "cannot %s: the reply is no JSON object", call->what);
	}
	aws_end(x);
	return result;
}

/* A good status with a damaged text is as good as no reply: every call here may be made again. */
static int
perform(const struct aws_call *call, struct arena *arena, struct slice *object, struct error *error)
{
	bool damaged = true;
	int result = -1;

	for (int i = 0; damaged && i < PARSE_TRIES; i++)
		result = perform_once(call, arena, object, &damaged, error);
	return result;
}

static int
ask_url(struct sqs_queue *q, const struct sqs_address *a, struct error *error)
{
	struct buffer body = {0};
	struct arena arena = {0};
	struct aws_call call;
	struct slice object, url;
	char what[300];
	int result;

	buffer_add_string(&body, "{\"QueueName\":");
	buffer_add_json_string(&body, a->name);
	if (a->account.n) {
		buffer_add_string(&body, ",\"QueueOwnerAWSAccountId\":");
		buffer_add_json_string(&body, a->account);
	}
	buffer_add_byte(&body, '}');
	snprintf(what, sizeof(what), "find queue '%.250s'", q->name);
	begin_call(&call, q, "AmazonSQS.GetQueueUrl", what, "sqs:GetQueueUrl", &body);
	result = perform(&call, &arena, &object, error);
	if (result == 0) {
		url = json_member_text(object, "QueueUrl", &arena);
		if (url.n)
			q->url = memory_copy(url.p, url.n);
		else
			result = error_set(error, STATUS_FAILED, "service", "cannot %s: the reply has no URL", what);
	}
	buffer_free(&body);
	arena_free(&arena);
	return result;
}

/* When no endpoint is configured, a URL's own host is asked. */
static void
take_endpoint(struct sqs_queue *q, const struct sqs_address *a)
{
	struct aws_endpoint configured;
	struct error unused;
	bool custom;

	if (aws_endpoint_resolve(aws_configuration(), AWS_SQS, "us-east-1", &configured, &unused) < 0)
		return;
	custom = configured.custom;
	aws_endpoint_free(&configured);
	if (custom || !aws_endpoint_parse(a->url, &q->endpoint))
		return;
	free(q->endpoint.prefix);
	q->endpoint.prefix = memory_copy_string("");
	if (!q->region && !a->region.n) {
		/* A host of somebody's own: the region is only a word to sign. */
		const char *region = aws_region(AWS_SQS, &unused);

		q->region = memory_copy_string(region ? region : "us-east-1");
	}
}

int
sqs_open(struct sqs_queue *q, const char *queue, struct error *error)
{
	struct sqs_address a;

	*q = (struct sqs_queue){.url = NULL};
	if (strchr(queue, '@'))
		return error_set(error, STATUS_USAGE, "usage",
			"the queue's URL has a user name or password (not shown): leave it out");
	if (!sqs_parse(slice_of(queue), &a))
		return error_set(error, STATUS_USAGE, "usage",
			"'%s' is no queue (give its https URL, sqs://NAME or its ARN)", queue);
	q->name = memory_copy_string(queue);
	if (a.region.n)
		q->region = memory_copy(a.region.p, a.region.n);
	if (a.url.n) {
		q->url = memory_copy(a.url.p, a.url.n);
		take_endpoint(q, &a);
		return 0;
	}
	return ask_url(q, &a, error);
}

void
sqs_close(struct sqs_queue *q)
{
	free(q->url);
	free(q->region);
	free(q->name);
	aws_endpoint_free(&q->endpoint);
	*q = (struct sqs_queue){.url = NULL};
}

static uint64_t
number_of(struct slice text)
{
	uint64_t n = 0;

	return json_natural(text, &n) ? n : 0;
}

/* The hex MD5 of the body that the service sends along; nothing to compare where there is none. */
static bool
fits_md5(struct slice body, struct slice given)
{
	struct digest *md5;
	char hex[DIGEST_HEX_SIZE];
	size_t n;

	if (!given.n)
		return true;
	md5 = digest_new(DIGEST_MD5);
	digest_add(md5, body.p, body.n);
	n = digest_finish(md5, hex);
	digest_free(md5);
	return given.n == n && strncasecmp(given.p, hex, n) == 0;
}

/* False: it came damaged, and comes again. To work on another object than the one announced, or to take two messages
 * without id for one, would lose one of them. */
static bool
read_message(struct slice object, struct sqs_message *m, struct arena *arena)
{
	struct slice attributes = json_member_of(object, "Attributes", JSON_OBJECT);

	*m = (struct sqs_message){json_member_text(object, "MessageId", arena),
		json_member_text(object, "ReceiptHandle", arena), json_member_text(object, "Body", arena), 1, {"", 0}};
	if (!m->id.n || !m->handle.n || !fits_md5(m->body, json_member_text(object, "MD5OfBody", arena))) {
		message(MESSAGE_WARNING, "message '%s' came damaged; it will be delivered again", m->id.p);
		return false;
	}
	if (!attributes.p)
		return true;
	m->receive_count = number_of(json_member_text(attributes, "ApproximateReceiveCount", arena));
	m->group = json_member_text(attributes, "MessageGroupId", arena);
	return true;
}

int
sqs_receive(const struct sqs_queue *q, const struct sqs_receive *receive, struct arena *arena,
	struct sqs_received *received, struct error *error)
{
	struct buffer body = {0};
	struct aws_call call;
	struct slice object = {0}, element;
	struct json_walk walk;
	char what[300];
	int result;

	received->n = received->n_damaged = 0;
	buffer_add_string(&body, "{\"QueueUrl\":");
	buffer_add_json_string(&body, slice_of(q->url));
	buffer_format(&body, ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%u,\"VisibilityTimeout\":%u",
		receive->max, receive->wait_seconds, receive->visibility_seconds);
	/* both the new name and the one that older servers know */
	buffer_add_string(&body, ",\"MessageSystemAttributeNames\":[\"All\"],\"AttributeNames\":[\"All\"]}");
	snprintf(what, sizeof(what), "receive from '%.250s'", q->name);
	begin_call(&call, q, "AmazonSQS.ReceiveMessage", what, "sqs:ReceiveMessage", &body);
	call.total_ms = receive->wait_seconds * 1000 + 20000;
	call.stall_seconds = receive->wait_seconds + 15;
	call.until_ms = receive->until_ms;
	result = perform(&call, arena, &object, error);
	buffer_free(&body);
	if (result < 0)
		return -1;
	walk = json_walk(json_member_of(object, "Messages", JSON_ARRAY));
	while (received->n < SQS_BATCH && json_next_element(&walk, &element))
		if (json_kind(element) == JSON_OBJECT && read_message(element, &received->messages[received->n], arena))
			received->n++;
		else
			received->n_damaged++;
	return 0;
}

/* ---- batches */

struct batch_request {
	const struct sqs_queue *q;
	const char *target, *what, *permission;
	bool visibility;  /* goes with each entry */
	int64_t until_ms; /* as in struct aws_call */
};

static void
batch_body(struct buffer *body, const struct batch_request *b, struct sqs_entry *const *entries, size_t n)
{
	buffer_add_string(body, "{\"QueueUrl\":");
	buffer_add_json_string(body, slice_of(b->q->url));
	buffer_add_string(body, ",\"Entries\":[");
	for (size_t i = 0; i < n; i++) {
		buffer_format(body, "%s{\"Id\":\"%zu\",\"ReceiptHandle\":", i ? "," : "", i);
		buffer_add_json_string(body, entries[i]->handle);
		if (b->visibility)
			buffer_format(body, ",\"VisibilityTimeout\":%u", entries[i]->visibility_seconds);
		buffer_add_byte(body, '}');
	}
	buffer_add_string(body, "]}");
}

static struct sqs_entry *
entry_of(struct slice object, struct sqs_entry *const *entries, size_t n, struct arena *arena)
{
	struct slice id = json_member_text(object, "Id", arena);
	uint64_t i;

	return id.n && json_natural(id, &i) && i < n ? entries[i] : NULL;
}

/* A fault of the sender's stays one, unless it says that there was too much at once. */
static void
take_refusal(struct slice element, struct sqs_entry *e, struct arena *arena)
{
	struct slice fault = json_member(element, SLICE("SenderFault"));

	snprintf(e->code, sizeof(e->code), "%s", json_member_text(element, "Code", arena).p);
	snprintf(e->reason, sizeof(e->reason), "%s", json_member_text(element, "Message", arena).p);
	e->transient = !fault.p || !slice_equal(fault, SLICE("true")) || strstr(e->code, "hrottl");
}

static void
take_results(struct slice reply, const char *member, bool done, struct sqs_entry *const *entries, size_t n,
	struct arena *arena)
{
	struct json_walk walk = json_walk(json_member_of(reply, member, JSON_ARRAY));
	struct slice element;

	while (json_next_element(&walk, &element)) {
		struct sqs_entry *e = json_kind(element) == JSON_OBJECT ? entry_of(element, entries, n, arena) : NULL;

		if (!e)
			continue;
		e->done = done;
		if (!done)
			take_refusal(element, e, arena);
	}
}

static bool
may_go_again(const struct sqs_entry *e)
{
	return !e->done && (e->code[0] == 0 || e->transient);
}

static int
send_batch(const struct batch_request *b, struct sqs_entry *const *entries, size_t n, struct error *error)
{
	struct buffer body = {0};
	struct arena arena = {0};
	struct aws_call call;
	struct slice reply;
	char what[300];
	int result;

	batch_body(&body, b, entries, n);
	snprintf(what, sizeof(what), "%s '%.200s'", b->what, b->q->name);
	begin_call(&call, b->q, b->target, what, b->permission, &body);
	call.until_ms = b->until_ms;
	result = perform(&call, &arena, &reply, error);
	if (result == 0) {
		take_results(reply, "Successful", true, entries, n, &arena);
		take_results(reply, "Failed", false, entries, n, &arena);
	}
	buffer_free(&body);
	arena_free(&arena);
	return result;
}

/* Ten of those that are still to be done, from *from on. */
static size_t
choose(struct sqs_entry *entries, size_t n, size_t *from, struct sqs_entry **chosen)
{
	size_t count = 0;

	for (; *from < n && count < SQS_BATCH; (*from)++)
		if (may_go_again(&entries[*from]))
			chosen[count++] = &entries[*from];
	return count;
}

/* What is refused for some is tried for the others; where there is no answer, there will be none. */
static int
run_batches(const struct batch_request *b, struct sqs_entry *entries, size_t n, struct error *error)
{
	struct sqs_entry *chosen[SQS_BATCH];
	bool left = true;
	int result = 0;

	for (size_t i = 0; i < n; i++) {
		entries[i].done = false;
		entries[i].code[0] = entries[i].reason[0] = 0;
	}
	for (int tries = 0; left && result == 0 && tries < TRIES; tries++) {
		size_t from = 0, count;

		if (tries)
			aws_rest(tries);
		while ((count = choose(entries, n, &from, chosen)) > 0)
			if (send_batch(b, chosen, count, error) < 0) {
				result = -1;
				if (strcmp(error->code, "network") == 0)
					return -1;
			}
		left = false;
		for (size_t i = 0; i < n; i++)
			left |= may_go_again(&entries[i]);
	}
	return result;
}

int
sqs_delete(const struct sqs_queue *q, struct sqs_entry *entries, size_t n, struct error *error)
{
	struct batch_request b = {
		q, "AmazonSQS.DeleteMessageBatch", "delete messages of", "sqs:DeleteMessage", false, 0};

	return run_batches(&b, entries, n, error);
}

int
sqs_change_visibility(
	const struct sqs_queue *q, struct sqs_entry *entries, size_t n, int64_t until_ms, struct error *error)
{
	struct batch_request b = {q, "AmazonSQS.ChangeMessageVisibilityBatch", "keep messages invisible in",
		"sqs:ChangeMessageVisibility", true, until_ms};

	return run_batches(&b, entries, n, error);
}

int
sqs_attributes(const struct sqs_queue *q, struct arena *arena, struct slice *json, struct error *error)
{
	struct buffer body = {0};
	struct aws_call call;
	struct slice object = {0};
	char what[300];
	int result;

	buffer_add_string(&body, "{\"QueueUrl\":");
	buffer_add_json_string(&body, slice_of(q->url));
	buffer_add_string(&body, ",\"AttributeNames\":[\"All\"]}");
	snprintf(what, sizeof(what), "ask for the attributes of '%.200s'", q->name);
	begin_call(&call, q, "AmazonSQS.GetQueueAttributes", what, "sqs:GetQueueAttributes", &body);
	result = perform(&call, arena, &object, error);
	buffer_free(&body);
	if (result < 0)
		return -1;
	*json = json_member_of(object, "Attributes", JSON_OBJECT);
	if (!json->p)
		*json = SLICE("{}");
	return 0;
}
