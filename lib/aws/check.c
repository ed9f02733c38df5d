#include "aws/check.h"

#include "aws/s3.h"
#include "base/buffer.h"
#include "base/child.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/content.h"
#include "io/uri.h"
#include "json/jq.h"
#include "json/text.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAP_LIMIT_MS = 10000 }; /* to compile it */

static void __attribute__((format(printf, 2, 3))) problem(struct check *c, const char *format, ...)
{
	struct buffer text = {0};
	va_list list;

	va_start(list, format);
	buffer_format_list(&text, format, list);
	va_end(list);
	message(MESSAGE_ERROR, "%s", buffer_string(&text));
	buffer_free(&text);
	c->found = status_worse(c->found, STATUS_REFUSED);
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
check_settings(struct check *c, struct slice attributes, struct arena *arena)
{
	uint64_t visible = number_in(attributes, "VisibilityTimeout", arena);
	uint64_t redrive = max_receive_count(attributes, arena);

	message(MESSAGE_NOTE, "the queue holds about %llu messages, %llu more are in flight",
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessages", arena),
		(unsigned long long)number_in(attributes, "ApproximateNumberOfMessagesNotVisible", arena));
	if (c->visibility_ms < 30000)
		problem(c, "--visibility of %llu s is short: a pause of that length lets messages be delivered twice",
			(unsigned long long)c->visibility_ms / 1000);
	if (c->timeout_ms && visible * 1000 < c->timeout_ms)
		problem(c,
			"the queue's visibility timeout (%llu s) is shorter than --timeout (%llu s): "
			"raise it to six times",
			(unsigned long long)visible, (unsigned long long)c->timeout_ms / 1000);
	if (!redrive)
		problem(c, "the queue has no redrive policy: a message that always fails comes back for ever");
	else if (redrive < 5)
		problem(c, "maxReceiveCount of the redrive policy is %llu: five or more are advised",
			(unsigned long long)redrive);
	if (redrive && c->max_receives > redrive)
		problem(c, "--max-receives %llu never warns: messages go to the dead-letter queue after %llu receives",
			(unsigned long long)c->max_receives, (unsigned long long)redrive);
}

static void
check_queue(struct check *c)
{
	const char *queue = c->words[0];
	struct sqs_queue q;
	struct arena arena = {0};
	struct slice attributes;
	struct error error;

	if (sqs_open(&q, queue, &error) < 0 || sqs_attributes(&q, &arena, &attributes, &error) < 0) {
		message_error(&error);
		c->found = status_worse(c->found, error.status);
	} else {
		message(MESSAGE_NOTE, "queue '%s' can be asked", queue);
		check_settings(c, attributes, &arena);
	}
	arena_free(&arena);
	sqs_close(&q);
}

static void
check_bucket(struct check *c, const char *uri)
{
	struct slice bucket, key;
	struct s3_meta meta;
	struct error error;
	char *whole;

	if (s3_parse(uri, &bucket, &key, &error) < 0) {
		problem(c, "%s", error.text);
		return;
	}
	whole = memory_format("s3://%.*s", (int)bucket.n, bucket.p);
	if (s3_look(&(struct s3_get){.uri = whole}, &meta, &error) == 0)
		message(MESSAGE_NOTE, "bucket '%s' is there", whole);
	else if (strcmp(error.code, "missing") == 0)
		problem(c, "%s; the bucket does not exist: check its name and AWS_ENDPOINT_URL", error.text);
	else
		problem(c, "%s", error.text);
	s3_meta_free(&meta);
	free(whole);
}

static void
check_list(struct check *c, const char *list, bool deny)
{
	struct error error;

	if (c->read_list(list, deny, &error) < 0)
		problem(c, "%s list: %s", deny ? "deny" : "priority", error.text);
	else
		message(MESSAGE_NOTE, "the list '%s' has names", list);
}

static void
check_rules(struct check *c, const char *rules)
{
	struct error error;

	if (c->read_rules(rules, &error) < 0)
		problem(c, "%s", error.text);
	else
		message(MESSAGE_NOTE, "the rules '%s' can be read", rules);
}

static void
check_map(struct check *c, const char *map)
{
	struct jq_program *program = NULL;
	struct buffer text = {0};
	struct error error;

	if (content_read(map, &text, &error) == 0)
		program = jq_program_compile(buffer_string(&text), map, MAP_LIMIT_MS, &error);
	if (program)
		message(MESSAGE_NOTE, "the map '%s' can be run", map);
	else
		problem(c, "%s", error.text);
	jq_program_free(program);
	buffer_free(&text);
}

static void
check_rejects(struct check *c, const char *name)
{
	struct error error;
	struct stat st;
	char *path = NULL, *directory = NULL;

	if (strncmp(name, "s3://", 5) == 0)
		problem(c, "rejects go to a file, not to s3: '%s'", name);
	else if (!(path = uri_local_path(name, &error)))
		problem(c, "%s", error.text);
	else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		problem(c, "rejects go to a file, and '%s' is a directory", name);
	else if (access(path, W_OK) < 0 && errno != ENOENT)
		problem(c, "cannot write the rejects '%s': %s", name, strerror(errno));
	else if (access(path, F_OK) < 0 && access(dirname(directory = memory_copy_string(path)), W_OK | X_OK) < 0)
		problem(c, "cannot make the rejects '%s': %s", name, strerror(errno));
	free(directory);
	free(path);
}

/* What an address, or the argument of an option, is about. */
enum kind { BUCKET, LIST, PRIORITY, DENY, RULES, MAP, REJECTS };

static void
check_argument(struct check *c, enum kind kind, const char *argument)
{
	if (strcmp(argument, "-") == 0) /* standard input is the command's */
		return;
	switch (kind) {
	case BUCKET: check_bucket(c, argument); break;
	case LIST:
	case PRIORITY: check_list(c, argument, false); break;
	case DENY: check_list(c, argument, true); break;
	case RULES: check_rules(c, argument); break;
	case MAP: check_map(c, argument); break;
	case REJECTS: check_rejects(c, argument); break;
	}
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

/* How long the option here is, without its argument; 0: it names nothing to look at. ours: a letter may be meant. */
static size_t
option_at(const char *at, bool ours, enum kind *kind)
{
	static const struct {
		const char *name;
		size_t least; /* bytes of the name: fewer are ambiguous */
		char letter;
		enum kind kind;
	} options[] = {{"--priority", 5, 'p', PRIORITY}, {"--deny", 4, 0, DENY}, {"--rules", 4, 0, RULES},
		{"--map", 5, 0, MAP}, {"--rejects", 4, 'r', REJECTS}};
	size_t n = strcspn(at, "= \t\n");

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		*kind = options[i].kind;
		if (n >= options[i].least && strncmp(at, options[i].name, n) == 0)
			return n;
		if (ours && options[i].letter && at[0] == '-' && at[1] == options[i].letter)
			return 2;
	}
	return 0;
}

static bool
is_address(const char *at, enum kind *kind)
{
	*kind = strncmp(at, "s3://", 5) == 0 ? BUCKET : LIST;
	return *kind == BUCKET || strncmp(at, "dynamodb://", 11) == 0;
}

/* Whether a word names one of our commands, whose letters are known. */
static bool
is_ours(const char *word)
{
	size_t n = strcspn(word, " \t\n|;&<>()'\"");
	const char *slash = memrchr(word, '/', n);

	return strncmp(slash ? slash + 1 : word, "acc-", 4) == 0;
}

/* What there is to look at in a word, which may be a whole shell command. ours: it is an argument of our command. */
static void
check_word(struct check *c, const char *word, bool ours)
{
	const char *end;

	for (const char *at = word; *at; at = end) {
		bool begins = at == word || strchr(" \t\n|;&<>()'\"", at[-1]);
		enum kind kind;
		size_t n;

		if (strchr("|;&(", *at) || (*at == '\n' && (at == word || at[-1] != '\\')))
			ours = false;
		ours |= begins && is_ours(at);
		n = begins ? option_at(at, ours, &kind) : 0;
		end = at + 1;
		if (n || is_address(at, &kind)) {
			char *argument = shell_argument(at + n, &end);

			if (argument)
				check_argument(c, kind, argument);
			free(argument);
		}
	}
}

static void
check_words(struct check *c)
{
	bool ours = false;

	for (size_t i = 1; i < c->n_words; i++) {
		const char *word = c->words[i];
		enum kind kind;
		size_t n;

		ours |= is_ours(word);
		n = option_at(word, ours, &kind);
		if (n && !word[n] && i + 1 < c->n_words)
			check_argument(c, kind, c->words[++i]);
		else
			check_word(c, word, ours);
	}
}

static void
check_command(struct check *c, const char *command)
{
	int cause = child_find(command);

	if (cause)
		problem(c, "cannot run '%s': %s", command,
			strchr(command, '/') ? strerror(cause) : "there is no such command in PATH");
}

enum status
check_all(struct check *c)
{
	static const struct {
		const char *name;
		enum kind kind;
	} variables[] = {{"ACC_DEST", BUCKET}, {"ACC_REJECTS", REJECTS}, {"ACC_PRIORITY", PRIORITY}, {"ACC_DENY", DENY},
		{"ACC_RULES", RULES}, {"ACC_MAP", MAP}};

	c->found = STATUS_OK;
	check_queue(c);
	if (c->command < c->n_words)
		check_command(c, c->words[c->command]);
	check_words(c);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = environment_system.variable(variables[i].name);

		if (value && (variables[i].kind != BUCKET || strncmp(value, "s3://", 5) == 0))
			check_argument(c, variables[i].kind, value);
	}
	return c->found;
}
