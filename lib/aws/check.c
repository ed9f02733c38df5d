#include "aws/check.h"

#include "aws/s3.h"
#include "base/buffer.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/message.h"
#include "json/text.h"

#include <stdio.h>
#include <stdlib.h>

static enum status found;

static void __attribute__((format(printf, 1, 2))) problem(const char *format, ...)
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
	struct slice text = json_member_text(attributes, "RedrivePolicy", arena), policy;
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
check_settings(const struct check *c, struct slice attributes, struct arena *arena)
{
	uint64_t visible = number_in(attributes, "VisibilityTimeout", arena);
	uint64_t redrive = max_receive_count(attributes, arena);

	message(MESSAGE_NOTE, "the queue holds about %llu messages, %llu more are in flight",
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessages", arena),
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessagesNotVisible", arena));
	if (c->visibility_ms < 30000)
		problem("--visibility of %llu s is short: a pause of that length lets messages be delivered twice",
			(unsigned long long)c->visibility_ms / 1000);
	if (c->timeout_ms && visible * 1000 < c->timeout_ms)
		problem("the queue's visibility timeout (%llu s) is shorter than --timeout (%llu s): "
			"raise it to six times",
			(unsigned long long)visible, (unsigned long long)c->timeout_ms / 1000);
	if (!redrive)
		problem("the queue has no redrive policy: a message that always fails comes back for ever");
	else if (redrive < 5)
		problem("maxReceiveCount of the redrive policy is %llu: five or more are advised",
			(unsigned long long)redrive);
	if (redrive && c->max_receives > redrive)
		problem("--max-receives %llu never warns: messages go to the dead-letter queue after %llu receives",
			(unsigned long long)c->max_receives, (unsigned long long)redrive);
}

static void
check_queue(const struct check *c)
{
	const char *queue = c->words[0];
	struct sqs_queue q;
	struct arena arena = {0};
	struct slice attributes;
	struct error error;

	if (sqs_open(&q, queue, &error) < 0 || sqs_attributes(&q, &arena, &attributes, &error) < 0) {
		message_error(&error);
		found = status_worse(found, error.status);
	} else {
		message(MESSAGE_NOTE, "queue '%s' can be asked", queue);
		check_settings(c, attributes, &arena);
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

static void
check_list(const struct check *c, const char *list, bool deny)
{
	struct error error;

	if (strcmp(list, "-") == 0) /* standard input is the command's */
		return;
	if (c->read_list(list, deny, &error) < 0)
		problem("%s list: %s", deny ? "deny" : "priority", error.text);
	else
		message(MESSAGE_NOTE, "the list '%s' has names", list);
}

/* The argument of an option amid a shell command, to free(3); NULL when only the shell knows it. *end is behind it. */
static char *
shell_argument(const char *at, const char **end)
{
	size_t n;

	at += strspn(at, "= \t\n'\"");
	n = strcspn(at, " \t\n'\"|;&<>()");
	*end = at + n;
	return n && !memchr(at, '$', n) && !memchr(at, '`', n) ? memory_copy(at, n) : NULL;
}

static const struct {
	const char *text;
	enum { BUCKET, LIST, PRIORITY, DENY } kind;
} marks[] = {{"s3://", BUCKET}, {"dynamodb://", LIST}, {"--priority", PRIORITY}, {"--deny", DENY}};

/* What there is to look at in a word, which may be a whole shell command. Returns where to go on. */
static const char *
check_at(const struct check *c, const char *at)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		size_t n = strlen(marks[i].text);
		const char *end;
		char *argument;

		if (strncmp(at, marks[i].text, n) != 0 || (marks[i].kind >= PRIORITY && !strchr("= \t\n", at[n])))
			continue;
		argument = shell_argument(marks[i].kind >= PRIORITY ? at + n : at, &end);
		if (argument && marks[i].kind == BUCKET)
			check_bucket(argument);
		else if (argument)
			check_list(c, argument, marks[i].kind == DENY);
		free(argument);
		return end;
	}
	return at + 1;
}

static void
check_words(const struct check *c)
{
	for (size_t i = 1; i < c->n_words; i++) {
		const char *word = c->words[i];
		bool deny = strcmp(word, "--deny") == 0;

		if ((deny || strcmp(word, "--priority") == 0) && i + 1 < c->n_words)
			check_list(c, c->words[++i], deny);
		else
			while (*word)
				word = check_at(c, word);
	}
}

enum status
check_all(const struct check *c)
{
	static const char *const buckets[] = {"ACC_DEST", "ACC_REJECTS"};
	static const char *const lists[] = {"ACC_PRIORITY", "ACC_DENY"};
	const char *value;

	found = STATUS_OK;
	check_queue(c);
	check_words(c);
	for (int i = 0; i < 2; i++)
		if ((value = environment_system.variable(buckets[i])) && strncmp(value, "s3://", 5) == 0)
			check_bucket(value);
	for (int i = 0; i < 2; i++)
		if ((value = environment_system.variable(lists[i])))
			check_list(c, value, i == 1);
	return found;
}
