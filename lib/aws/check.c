#include "aws/check.h"

#include "aws/dynamodb.h"
#include "aws/s3.h"
#include "base/buffer.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/message.h"
#include "json/text.h"

#include <stdio.h>
#include <stdlib.h>

static enum status found;

static void __attribute__((format(printf, 1, 2)))
problem(const char *format, ...)
{
	struct buffer text = {0};
	va_list list;

	va_start(list, format);
	buffer_format_list(&text, format, list);
	va_end(list);
	message(MESSAGE_WARNING, "%s", buffer_string(&text));
	buffer_free(&text);
	found = status_worse(found, STATUS_REFUSED);
}

static struct slice
attribute(struct slice attributes, const char *name, struct arena *arena)
{
	struct slice value = json_member(attributes, slice_of(name));

	return value.p && json_kind(value) == JSON_STRING ? json_decode(value, arena) : (struct slice){"", 0};
}

static uint64_t
number_in(struct slice object, const char *name, struct arena *arena)
{
	struct slice value = json_member(object, slice_of(name));
	uint64_t n = 0;

	if (value.p && json_kind(value) == JSON_STRING)
		value = json_decode(value, arena);
	return value.p && json_natural(value, &n) ? n : 0;
}

/* The redrive policy is JSON in a string. */
static uint64_t
max_receive_count(struct slice attributes, struct arena *arena)
{
	struct slice text = attribute(attributes, "RedrivePolicy", arena), policy;
	struct error unused;

	if (!text.n || json_parse(text, "policy", &policy, &unused) < 0 || json_kind(policy) != JSON_OBJECT)
		return 0;
	return number_in(policy, "maxReceiveCount", arena);
}

uint64_t
check_max_receives(const struct sqs_queue *q)
{
	struct arena arena = {0};
	struct slice attributes;
	struct error unused;
	uint64_t n = 0;

	if (sqs_attributes(q, &arena, &attributes, &unused) == 0)
		n = max_receive_count(attributes, &arena);
	else
		message(MESSAGE_DETAIL, "%s", unused.text);
	arena_free(&arena);
	return n;
}

static void
check_settings(struct slice attributes, uint64_t visibility_ms, uint64_t timeout_ms, uint64_t max_receives,
	struct arena *arena)
{
	uint64_t visible = number_in(attributes, "VisibilityTimeout", arena);
	uint64_t redrive = max_receive_count(attributes, arena);

	message(MESSAGE_NOTE, "the queue holds about %llu messages, %llu more are in flight",
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessages", arena),
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessagesNotVisible", arena));
	if (visibility_ms < 30000)
		problem("--visibility of %llu s is short: a pause of that length lets messages be delivered twice",
			(unsigned long long)visibility_ms / 1000);
	if (timeout_ms && visible * 1000 < timeout_ms)
		problem("the queue's visibility timeout (%llu s) is shorter than --timeout (%llu s): "
			"raise it to six times",
			(unsigned long long)visible, (unsigned long long)timeout_ms / 1000);
	if (!redrive)
		problem("the queue has no redrive policy: a message that always fails comes back for ever");
	else if (redrive < 5)
		problem("maxReceiveCount of the redrive policy is %llu: five or more are advised",
			(unsigned long long)redrive);
	if (redrive && max_receives > redrive)
		problem("--max-receives %llu never warns: messages go to the dead-letter queue after %llu receives",
			(unsigned long long)max_receives, (unsigned long long)redrive);
}

static void
check_queue(const char *queue, uint64_t visibility_ms, uint64_t timeout_ms, uint64_t max_receives)
{
	struct sqs_queue q;
	struct arena arena = {0};
	struct slice attributes;
	struct error error;

	if (sqs_open(&q, queue, &error) < 0 || sqs_attributes(&q, &arena, &attributes, &error) < 0) {
		message_error(&error);
		found = status_worse(found, error.status);
	} else {
		message(MESSAGE_NOTE, "queue '%s' can be asked", queue);
		check_settings(attributes, visibility_ms, timeout_ms, max_receives, &arena);
	}
	arena_free(&arena);
	sqs_close(&q);
}

static void
check_bucket(const char *uri)
{
	struct slice bucket, key;
	struct s3_meta meta;
	struct error error;
	char *whole;

	if (s3_parse(uri, &bucket, &key, &error) < 0) {
		problem("%s", error.text);
		return;
	}
	whole = memory_format("s3://%.*s", (int)bucket.n, bucket.p);
	if (s3_look(&(struct s3_get){.uri = whole}, &meta, &error) < 0)
		problem("%s", error.text);
	else
		message(MESSAGE_NOTE, "bucket '%s' is there", whole);
	s3_meta_free(&meta);
	free(whole);
}

/* {"Items":[{"KEY":{"S":"PriorityList"},"partner_list":{"L":[...]}}]} */
static bool
has_names(struct slice json, const char *list_name)
{
	struct slice value, items, item, list, names, first;
	struct error unused;
	struct json_walk walk, inner;

	if (json_parse(json, "items", &value, &unused) < 0 || json_kind(value) != JSON_OBJECT)
		return false;
	items = json_member(value, SLICE("Items"));
	for (walk = json_walk(items); json_next_element(&walk, &item);) {
		list = json_member(item, slice_of(list_name));
		names = list.p && json_kind(list) == JSON_OBJECT ? json_member(list, SLICE("L"))
								 : (struct slice){NULL, 0};
		if (!names.p && list.p && json_kind(list) == JSON_OBJECT)
			names = json_member(list, SLICE("SS"));
		inner = json_walk(names.p ? names : SLICE("[]"));
		if (json_next_element(&inner, &first))
			return true;
	}
	return false;
}

static void
check_table(const char *uri)
{
	const char *option = strstr(uri, "list=");
	char list_name[256] = "partner_list";
	struct buffer text = {0};
	struct error error;

	if (option)
		snprintf(list_name, sizeof(list_name), "%.*s", (int)strcspn(option + 5, "&"), option + 5);
	if (dynamodb_content(uri, &text, &error) < 0)
		problem("%s", error.text);
	else if (!has_names(buffer_slice(&text), list_name))
		problem("'%s' has no names in \"%s\": an empty priority list is an error", uri, list_name);
	else
		message(MESSAGE_NOTE, "the list at '%s' has names", uri);
	buffer_free(&text);
}

/* Every address in a word; a word may be a whole shell command. */
static void
check_word(const char *word)
{
	static const char *const schemes[] = {"s3://", "dynamodb://"};

	for (int i = 0; i < 2; i++)
		for (const char *at = strstr(word, schemes[i]); at; at = strstr(at + 1, schemes[i])) {
			char *uri = memory_copy(at, strcspn(at, " \t\n'\"|;<>()"));

			if (i == 0)
				check_bucket(uri);
			else
				check_table(uri);
			free(uri);
		}
}

enum status
check_all(const char *const *values, size_t n, uint64_t visibility_ms, uint64_t timeout_ms,
	uint64_t max_receives)
{
	static const char *const variables[] = {"ACC_DEST", "ACC_PRIORITY", "ACC_DENY", "ACC_REJECTS"};

	found = STATUS_OK;
	check_queue(values[0], visibility_ms, timeout_ms, max_receives);
	for (size_t i = 1; i < n; i++)
		check_word(values[i]);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = environment_system.variable(variables[i]);

		if (value)
			check_word(value);
	}
	return found;
}
