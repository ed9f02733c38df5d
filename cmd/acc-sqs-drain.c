/* acc-sqs-drain - take S3 notifications from a queue, and delete them once their work is proved done.
 * in: nothing, a Lambda event (--event), or references (--ack).  out: object references, or what COMMAND prints. */
#include "aws/batch.h"
#include "aws/check.h"
#include "aws/client.h"
#include "aws/hold.h"
#include "aws/metrics.h"
#include "aws/sns.h"
#include "aws/sqs.h"
#include "base/command.h"
#include "base/environment.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/units.h"
#include "io/content.h"
#include "io/lines.h"
#include "io/run.h"
#include "json/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool ack, check, once, follow, trust_status, filtered;
static uint64_t batch_size = 10, window_ms, wait_ms = 20000, visibility_ms = 450000, timeout_ms, max_receives;
static const char *event_file, *deadline, *notify, *metrics_function;
static int metrics_choice = -1;

static const struct option_spec options[] = {
	{0, "ack", OPTION_FLAG, NULL, &ack, "delete the messages of the references on standard input", NULL, 0, 0},
	{0, "event", OPTION_FILE, "FILE", &event_file,
		"take the messages from a Lambda event and answer on standard output (- is standard input)", NULL, 0,
		0},
	{0, "check", OPTION_FLAG, NULL, &check, "tell what would go wrong, without consuming anything", NULL, 0, 0},
	{0, "once", OPTION_FLAG, NULL, &once, "end after one batch", NULL, 0, 0},
	{0, "follow", OPTION_FLAG, NULL, &follow, "go on for ever", NULL, 0, 0},
	{0, "batch", OPTION_NUMBER, "N", &batch_size, "messages worked on together [10]", NULL, 1, 10000},
	{0, "window", OPTION_DURATION, "TIME", &window_ms, "gather a batch for so long [0: what is there]", NULL, 0,
		3600000},
	{0, "wait", OPTION_DURATION, "TIME", &wait_ms, "wait so long for a message [20s]", NULL, 0, 20000},
	{0, "visibility", OPTION_DURATION, "TIME", &visibility_ms,
		"keep messages invisible by so much at a time [450s]", NULL, 1000, 43200000},
	{0, "deadline", OPTION_STRING, "TIME", &deadline,
		"end early enough to answer by TIME (RFC 3339, or ms since the epoch)", NULL, 0, 0},
	{0, "timeout", OPTION_DURATION, "TIME", &timeout_ms, "most time for COMMAND on one batch [no limit]", NULL,
		1, 0},
	{0, "max-receives", OPTION_NUMBER, "N", &max_receives,
		"warn of a message that was received N times [the queue's redrive policy]", NULL, 1, 1000},
	{0, "notify", OPTION_STRING, "TOPIC_ARN", &notify, "publish to SNS what failed of a batch", NULL, 0, 0},
	{0, "trust-status", OPTION_FLAG, NULL, &trust_status,
		"let the exit status decide where COMMAND leaves no journal", NULL, 0, 0},
	{0, "filtered", OPTION_FLAG, NULL, &filtered,
		"a filter of your own stands in between: do not compare counts", NULL, 0, 0},
	{0, "metrics", OPTION_CHOICE, "FORMAT", &metrics_choice,
		"print metrics of each batch to standard error [emf in a Lambda]", "emf|none", 0, 0},
	{0},
};

static const struct command command = {
	"acc-sqs-drain",
	"[OPTION]... QUEUE [-- COMMAND [ARGUMENT]...]\n"
	"--ack QUEUE < REFERENCES\n"
	"--event FILE -- COMMAND [ARGUMENT]...\n"
	"--check QUEUE [URI]... [-- COMMAND [ARGUMENT]...]",
	"Take S3 notifications from an SQS queue: print the references of their objects, or run COMMAND on them\n"
	"and delete the messages whose work is proved done.",
	options,
};

static struct {
	struct sqs_queue queue;
	struct hold *hold;             /* NULL with --event: Lambda keeps its messages itself */
	char *const *arguments;        /* of COMMAND, or NULL */
	int64_t until_ms;              /* of --deadline, on run_clock_ms; 0: none */
	struct name_set {
		uint64_t *hashes;      /* of message ids that failed in this run; owned */
		size_t n, capacity;
	} failed;
	uint64_t batches, messages, deleted, failures, objects;
	enum status status;
} drain;

/* ---- ids that this run leaves alone */

static bool
has_failed(struct slice id)
{
	uint64_t hash = hash_slice(id);

	for (size_t i = 0; i < drain.failed.n; i++)
		if (drain.failed.hashes[i] == hash)
			return true;
	return false;
}

static void
remember_failed(struct slice id)
{
	if (has_failed(id))
		return;
	if (drain.failed.n == drain.failed.capacity) {
		drain.failed.capacity = drain.failed.capacity ? drain.failed.capacity * 2 : 64;
		drain.failed.hashes = memory_resize(drain.failed.hashes, drain.failed.capacity,
			sizeof(*drain.failed.hashes));
	}
	drain.failed.hashes[drain.failed.n++] = hash_slice(id);
}

static void
worse(enum status status)
{
	drain.status = status_worse(drain.status, status);
}

/* ---- time */

/* Leaves a twentieth of what is left, but at least half a second, to tidy up and answer. */
static int64_t
parse_deadline(void)
{
	struct instant t;
	int64_t left_ms, margin_ms;
	uint64_t ms;
	struct error unused;

	if (strspn(deadline, "0123456789") == strlen(deadline) && units_number(deadline, &ms, &unused) == 0)
		t = instant_of_us((int64_t)ms * 1000);
	else if (!instant_parse(slice_of(deadline), &t, NULL))
		command_usage("--deadline '%s' is neither an RFC 3339 time nor milliseconds since the epoch", deadline);
	left_ms = (instant_to_us(t) - environment_system.now_us()) / 1000;
	margin_ms = left_ms / 20 > 500 ? left_ms / 20 : 500;
	if (margin_ms > 5000)
		margin_ms = 5000;
	left_ms -= margin_ms;
	return run_clock_ms() + (left_ms > 0 ? left_ms : 0);
}

static bool
is_out_of_time(void)
{
	return drain.until_ms && run_clock_ms() >= drain.until_ms;
}

static int64_t
command_limit(void)
{
	int64_t limit = timeout_ms ? run_clock_ms() + (int64_t)timeout_ms : 0;

	if (drain.until_ms && (!limit || drain.until_ms < limit))
		limit = drain.until_ms;
	return limit;
}

/* ---- receiving */

static void
warn_of_last_chance(const struct batch_message *m)
{
	if (max_receives && m->receive_count >= max_receives)
		message(MESSAGE_WARNING,
			"message %s%s%s was received %llu times; it goes to the dead-letter queue when it fails again",
			m->id.p, m->first_uri.n ? " about " : "", m->first_uri.n ? m->first_uri.p : "",
			(unsigned long long)m->receive_count);
}

/* 1 when it is new to the batch. */
static int
take_message(struct batch *batch, const struct sqs_message *m, uint64_t received_ms)
{
	struct batch_message *added;

	if (!follow && has_failed(m->id)) {
		message(MESSAGE_NOTE, "message %s failed before and came back; it is left alone", m->id.p);
		return 0;
	}
	for (size_t i = 0; i < batch->n; i++)
		if (slice_equal(batch->messages[i].id, m->id)) {
			/* a duplicate with a newer handle: the older one no longer deletes */
			hold_drop(drain.hold, batch->messages[i].handle);
			batch->messages[i].handle = arena_copy(&batch->arena, m->handle);
			batch->messages[i].received_ms = received_ms;
			hold_add(drain.hold, batch->messages[i].id, batch->messages[i].handle, received_ms);
			return 0;
		}
	added = batch_add(batch, m->id, m->handle, m->body, m->group, m->receive_count, received_ms);
	hold_add(drain.hold, added->id, added->handle, received_ms);
	warn_of_last_chance(added);
	return 1;
}

/* One receive: how many messages came, and *fresh of them are new. */
static size_t
receive(struct batch *batch, uint64_t room, uint64_t wait, size_t *fresh)
{
	struct arena arena = {0};
	struct sqs_message *messages;
	struct error error;
	uint64_t received_ms = http_clock_ms();
	int64_t left = drain.until_ms - run_clock_ms();
	size_t n;

	*fresh = 0;
	if (drain.until_ms && wait > (uint64_t)(left > 0 ? left : 0))
		wait = (uint64_t)(left > 0 ? left : 0);
	if (sqs_receive(&drain.queue, room < SQS_BATCH ? (unsigned)room : SQS_BATCH, (unsigned)(wait / 1000),
		    (int)(visibility_ms / 1000), &arena, &messages, &n, &error) < 0)
		command_die(&error);
	for (size_t i = 0; i < n; i++)
		*fresh += (size_t)take_message(batch, &messages[i], received_ms);
	arena_free(&arena);
	progress_done(*fresh);
	return n;
}

/* Wait for something new; false when the queue has nothing. A short poll asks only some of the queue's servers: there
 * one empty reply proves nothing. What comes back although it failed before is passed over, but not for ever. */
static bool
find_first(struct batch *batch, uint64_t most)
{
	size_t known = 0, fresh;
	int empty = 0;

	while (empty < (wait_ms >= 1000 ? 1 : 2) && known <= drain.failed.n + SQS_BATCH && !is_out_of_time()) {
		size_t n = receive(batch, most - batch->n, wait_ms, &fresh);

		if (fresh)
			return true;
		known += n;
		empty += n == 0;
	}
	return false;
}

/* Fill the batch: false when the queue had nothing new. */
static bool
gather(struct batch *batch, uint64_t most)
{
	uint64_t begun, left;
	size_t fresh;

	if (!find_first(batch, most))
		return false;
	begun = http_clock_ms();
	while (batch->n < most && !is_out_of_time()) {
		uint64_t spent = http_clock_ms() - begun;

		left = spent < window_ms ? window_ms - spent : 0;
		if (window_ms && left == 0)
			break;
		receive(batch, most - batch->n, left < wait_ms ? left : wait_ms, &fresh);
		if (fresh == 0 && window_ms == 0)
			break;
		if (fresh == 0 && (left < 1000 || wait_ms < 1000))
			http_sleep_ms(left < 100 ? left : 100);
	}
	return true;
}

/* ---- deleting */

static void
report_undeleted(const struct sqs_entry *e, struct slice id)
{
	message_at(MESSAGE_WARNING, (struct message_place){.code = "stale"},
		"message %.*s could not be deleted: %s%s%s; it will be delivered again", (int)id.n, id.p,
		e->code[0] ? e->code : "no answer", e->reason[0] ? ": " : "", e->reason);
	worse(STATUS_REFUSED);
}

/* Whether whoever reads what we print is to acknowledge a message, and we are there to keep it invisible till then. */
static bool
is_handed_on(const struct batch_message *m)
{
	return follow && !drain.arguments && m->fate == BATCH_WORK;
}

/* Delete the wanted ones, and let go of the rest. */
static void
delete_messages(struct batch *batch, const bool *wanted)
{
	struct sqs_entry *entries = memory_get_zeroed(batch->n + 1, sizeof(*entries));
	size_t *places = memory_get_zeroed(batch->n + 1, sizeof(*places));
	struct error error;
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++) {
		bool stale;

		if (is_handed_on(&batch->messages[i])) {
			hold_hand_on(drain.hold, batch->messages[i].handle);
			continue;
		}
		stale = hold_drop(drain.hold, batch->messages[i].handle);
		if (wanted[i] && stale)
			worse(STATUS_REFUSED);
		if (!wanted[i] || stale)
			continue;
		places[n] = i;
		entries[n++].handle = batch->messages[i].handle;
	}
	if (n && sqs_delete(&drain.queue, entries, n, &error) < 0)
		command_die(&error);
	for (size_t i = 0; i < n; i++)
		if (entries[i].done)
			drain.deleted++;
		else
			report_undeleted(&entries[i], batch->messages[places[i]].id);
	free(entries);
	free(places);
}

/* ---- judging */

static void
report_unknown(const struct batch_message *m)
{
	message_at(MESSAGE_ERROR, (struct message_place){.code = "unknown-message"},
		"message %.*s stays in the queue: %s", (int)m->id.n, m->id.p, m->why);
}

static void
report_failures(const struct verdict *verdict, const struct batch *batch, const struct verdict_message *judged)
{
	if (verdict->batch_failed) {
		message_at(MESSAGE_ERROR, (struct message_place){.code = "batch-failed"},
			"the batch failed, its messages stay in the queue: %s", verdict->reason);
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		if (judged[i].failed && batch->messages[i].fate == BATCH_WORK)
			message_at(MESSAGE_ERROR, (struct message_place){.code = "message-failed"},
				"message %.*s stays in the queue: %s", (int)batch->messages[i].id.n,
				batch->messages[i].id.p, judged[i].reason);
}

static void
say_metrics(const struct verdict *verdict, const struct batch *batch, uint64_t failed_objects,
	uint64_t duration_ms)
{
	struct metrics m = {batch->references.n, batch->references.n - failed_objects, failed_objects, duration_ms,
		verdict, metrics_function, environment_system.now_us() / 1000};
	struct buffer text = {0};

	metrics_describe(&text, &m);
	message(MESSAGE_NOTE, "%s", buffer_string(&text));
	text.n = 0;
	if (metrics_choice == 0) {
		metrics_format(&text, &m);
		buffer_add_byte(&text, '\n');
		/* a line that cannot be logged changes nothing in what was done */
		(void)!write(STDERR_FILENO, text.p, text.n);
	}
	buffer_free(&text);
}

static void
publish(const struct verdict *verdict, const struct batch *batch, const struct verdict_message *judged)
{
	struct buffer text = {0};
	struct error error;
	char subject[100];
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++)
		n += judged[i].failed;
	snprintf(subject, sizeof(subject), "Accommodation consolidation: %zu of %zu messages failed", n, batch->n);
	buffer_format(&text, "%zu of %zu messages failed; they stay in the queue.\n", n, batch->n);
	if (verdict->batch_failed)
		buffer_format(&text, "\nThe whole batch failed: %s\n", verdict->reason);
	buffer_add_byte(&text, '\n');
	for (size_t i = 0; i < verdict->n_failures; i++) {
		buffer_add_slice(&text, verdict->failures[i].uri);
		buffer_add_string(&text, ": ");
		buffer_add_slice(&text, verdict->failures[i].error);
		buffer_add_byte(&text, '\n');
	}
	for (size_t i = 0; i < batch->n && verdict->batch_failed; i++)
		if (batch->messages[i].first_uri.n)
			buffer_format(&text, "%s: not proved done (message %s)\n", batch->messages[i].first_uri.p,
				batch->messages[i].id.p);
	for (size_t i = 0; i < batch->n; i++)
		if (batch->messages[i].fate == BATCH_UNKNOWN)
			buffer_format(&text, "message %s: %s\n", batch->messages[i].id.p, batch->messages[i].why);
	if (sns_publish(notify, slice_of(subject), buffer_slice(&text), &error) < 0) {
		message(MESSAGE_WARNING, "%s", error.text);
		worse(STATUS_REFUSED);
	}
	buffer_free(&text);
}

static uint64_t
failed_objects(const struct batch *batch, const struct verdict_message *judged)
{
	uint64_t n = 0;

	for (size_t i = 0; i < batch->references.n; i++) {
		bool failed = false;

		for (size_t k = 0; k < batch->n_links && !failed; k++)
			failed = judged[batch->links[k].message].failed &&
				slice_equal(batch->links[k].uri, slice_of(batch->references.items[i].uri));
		n += failed;
	}
	return n;
}

/* Of a FIFO queue's group nothing may be done before what failed. */
static void
fail_followers(const struct batch *batch, struct verdict_message *judged)
{
	for (size_t i = 0; i < batch->n; i++)
		for (size_t k = i + 1; judged[i].failed && batch->messages[i].group.n && k < batch->n; k++)
			if (!judged[k].failed && slice_equal(batch->messages[i].group, batch->messages[k].group)) {
				judged[k].failed = true;
				snprintf(judged[k].reason, sizeof(judged[k].reason),
					"an earlier message of its group failed");
			}
}

/* ---- COMMAND */

static int
command_output(void)
{
	int fd;

	if (!event_file)
		return STDOUT_FILENO;
	if (command_verbosity() > 0)
		return STDERR_FILENO;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return fd < 0 ? STDERR_FILENO : fd;
}

static void
run_batch(const struct batch *batch, struct run_result *result)
{
	struct buffer references = {0};
	struct error error;
	struct run run = {.arguments = drain.arguments, .output_fd = command_output(),
		.until_ms = command_limit()};

	batch_print(batch, &references);
	run.input = buffer_slice(&references);
	if (run_command(&run, result, &error) < 0)
		command_die(&error);
	if (run.output_fd > STDERR_FILENO)
		close(run.output_fd);
	buffer_free(&references);
}

/* Judge a batch: judged[i].failed for each message. */
static void
judge(const struct batch *batch, struct run_result *result, struct verdict_message *judged,
	struct verdict *verdict)
{
	struct verdict_question question = {buffer_slice(&result->journal), batch->references.n, batch->links,
		batch->n_links, judged, batch->n, result->status, trust_status, filtered};

	verdict_judge(&question, verdict);
	if (result->timed_out) {
		verdict->batch_failed = true;
		snprintf(verdict->reason, sizeof(verdict->reason), "the command was ended: its time was up");
		for (size_t i = 0; i < batch->n; i++)
			judged[i].failed = true;
	}
}

/* Work on a batch; judged tells which of its messages failed. */
static void
work(struct batch *batch, struct verdict_message *judged)
{
	struct run_result result = {.status = 0};
	struct verdict verdict = {.batch_failed = false};
	bool any_failed = false;

	for (size_t i = 0; i < batch->n; i++)
		judged[i].id = batch->messages[i].id;
	if (batch->references.n && is_out_of_time()) {
		result.timed_out = true;
		judge(batch, &result, judged, &verdict);
	} else if (batch->references.n) {
		run_batch(batch, &result);
		judge(batch, &result, judged, &verdict);
	}
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->messages[i].fate != BATCH_WORK)
			judged[i].failed = batch->messages[i].fate == BATCH_UNKNOWN;
		if (batch->messages[i].fate == BATCH_UNKNOWN)
			report_unknown(&batch->messages[i]);
	}
	fail_followers(batch, judged);
	for (size_t i = 0; i < batch->n; i++) {
		any_failed |= judged[i].failed;
		drain.failures += judged[i].failed;
	}
	if (any_failed)
		report_failures(&verdict, batch, judged);
	say_metrics(&verdict, batch, failed_objects(batch, judged), result.duration_ms);
	if (any_failed && notify)
		publish(&verdict, batch, judged);
	if (any_failed)
		worse(STATUS_REFUSED);
	buffer_free(&result.journal);
	verdict_free(&verdict);
}

static void
finish_batch(struct batch *batch)
{
	struct verdict_message *judged = memory_get_zeroed(batch->n + 1, sizeof(*judged));
	bool *wanted = memory_get_zeroed(batch->n + 1, sizeof(*wanted));

	work(batch, judged);
	for (size_t i = 0; i < batch->n; i++) {
		wanted[i] = !judged[i].failed;
		if (judged[i].failed)
			remember_failed(batch->messages[i].id);
	}
	delete_messages(batch, wanted);
	free(judged);
	free(wanted);
}

/* ---- without COMMAND */

/* What needs no work goes at once; what is not understood is reported and left. */
static void
settle(struct batch *batch)
{
	bool *wanted = memory_get_zeroed(batch->n + 1, sizeof(*wanted));

	for (size_t i = 0; i < batch->n; i++) {
		const struct batch_message *m = &batch->messages[i];

		wanted[i] = m->fate == BATCH_NOTHING;
		if (m->fate == BATCH_UNKNOWN) {
			report_unknown(m);
			remember_failed(m->id);
			drain.failures++;
			worse(STATUS_REFUSED);
		}
	}
	delete_messages(batch, wanted);
	free(wanted);
}

static void
print_batch(const struct batch *batch)
{
	struct buffer text = {0};

	batch_print(batch, &text);
	output_add(&output_stdout, text.p, text.n);
	output_flush(&output_stdout);
	buffer_free(&text);
}

/* All that the queue holds is one list without doubles, unless one batch or no end was asked for. */
static void
drain_to_stdout(void)
{
	uint64_t most = once || follow ? batch_size : UINT64_MAX;
	struct batch batch = {.n = 0};

	do {
		while (gather(&batch, most - batch.n) && batch.n < most && !once && !follow)
			;
		drain.batches += batch.n > 0;
		drain.messages += batch.n;
		drain.objects += batch.references.n;
		print_batch(&batch);
		settle(&batch);
		batch_free(&batch);
	} while (follow && !is_out_of_time());
}

static void
drain_by_command(void)
{
	struct batch batch = {.n = 0};

	do {
		bool got = gather(&batch, batch_size);

		if (!got && !follow)
			break;
		if (batch.n == 0)
			continue;
		drain.batches++;
		drain.messages += batch.n;
		drain.objects += batch.references.n;
		finish_batch(&batch);
		batch_free(&batch);
	} while (!once && !is_out_of_time());
	batch_free(&batch);
}

static void
drain_queue(const char *queue)
{
	struct error error;

	if (sqs_open(&drain.queue, queue, &error) < 0)
		command_die(&error);
	drain.hold = hold_start(&drain.queue, (unsigned)(visibility_ms / 1000));
	if (!max_receives && drain.arguments)
		max_receives = check_max_receives(&drain.queue);
	progress_start(command_progress_mode(), command_is_quiet(), "messages");
	if (drain.arguments)
		drain_by_command();
	else
		drain_to_stdout();
	progress_stop();
	hold_stop(drain.hold);
	sqs_close(&drain.queue);
}

/* ---- --ack */

struct handles {
	struct arena arena;
	struct sqs_entry *entries;     /* owned */
	struct slice *ids;             /* owned */
	size_t n, capacity;
};

static void
add_handle(struct handles *h, struct slice id, struct slice handle)
{
	for (size_t i = 0; i < h->n; i++)
		if (slice_equal(h->entries[i].handle, handle))
			return;
	if (h->n == h->capacity) {
		h->capacity = h->capacity ? h->capacity * 2 : 64;
		h->entries = memory_resize(h->entries, h->capacity, sizeof(*h->entries));
		h->ids = memory_resize(h->ids, h->capacity, sizeof(*h->ids));
	}
	h->ids[h->n] = arena_copy(&h->arena, id);
	h->entries[h->n++] = (struct sqs_entry){.handle = arena_copy(&h->arena, handle)};
}

static void
add_reference(struct handles *h, struct slice line, uint64_t number)
{
	struct slice value, list, message_object, handle, id;
	struct error error;
	struct json_walk walk;

	if (json_parse(line, "-", &value, &error) < 0 || json_kind(value) != JSON_OBJECT) {
		message_at(MESSAGE_ERROR, (struct message_place){.uri = "-", .record = number, .code = "invalid-json"},
			"the line is no object reference");
		worse(STATUS_REFUSED);
		return;
	}
	list = json_member(value, SLICE("messages"));
	if (!list.p || json_kind(list) != JSON_ARRAY)
		return;
	for (walk = json_walk(list); json_next_element(&walk, &message_object);) {
		if (json_kind(message_object) != JSON_OBJECT)
			continue;
		handle = json_member(message_object, SLICE("receipt_handle"));
		id = json_member(message_object, SLICE("id"));
		if (handle.p && json_kind(handle) == JSON_STRING)
			add_handle(h, id.p && json_kind(id) == JSON_STRING ? json_decode(id, &h->arena) : SLICE("?"),
				json_decode(handle, &h->arena));
	}
}

static void
read_references(struct handles *h)
{
	struct lines lines;
	struct slice run, line;
	struct error error;
	uint64_t number = 0;
	int got;

	lines_open(&lines, STDIN_FILENO, "-");
	while ((got = lines_next(&lines, &run, &error)) > 0)
		while (lines_cut(&run, &line)) {
			number++;
			/* a bare URI was announced by no message */
			if (line.n && line.p[0] == '{')
				add_reference(h, line, number);
		}
	if (got < 0)
		command_die(&error);
	lines_close(&lines);
}

static void
acknowledge(const char *queue)
{
	struct handles h = {.n = 0};
	struct error error;

	read_references(&h);
	if (sqs_open(&drain.queue, queue, &error) < 0 ||
		(h.n && sqs_delete(&drain.queue, h.entries, h.n, &error) < 0))
		command_die(&error);
	for (size_t i = 0; i < h.n; i++)
		if (h.entries[i].done)
			drain.deleted++;
		else
			report_undeleted(&h.entries[i], h.ids[i]);
	drain.messages = h.n;
	free(h.entries);
	free(h.ids);
	arena_free(&h.arena);
	sqs_close(&drain.queue);
}

/* ---- --event */

static void
answer(const struct batch *batch, const struct verdict_message *judged)
{
	struct buffer text = {0};
	bool first = true;

	buffer_add_string(&text, "{\"batchItemFailures\":[");
	for (size_t i = 0; i < batch->n; i++) {
		if (!judged[i].failed)
			continue;
		buffer_add_string(&text, first ? "{\"itemIdentifier\":" : ",{\"itemIdentifier\":");
		buffer_add_json_string(&text, batch->messages[i].id);
		buffer_add_byte(&text, '}');
		first = false;
	}
	buffer_add_string(&text, "]}");
	output_add_slice(&output_stdout, buffer_slice(&text));
	output_end_line(&output_stdout);
	buffer_free(&text);
}

static void
work_on_event(void)
{
	struct buffer text = {0};
	struct batch batch = {.n = 0};
	struct arena arena = {0};
	struct event_message *messages;
	struct verdict_message *judged;
	struct error error;
	size_t n;

	if (content_read(event_file, &text, &error) < 0 ||
		event_parse(buffer_slice(&text), &arena, &messages, &n, &error) < 0)
		command_die(&error);
	for (size_t i = 0; i < n; i++)
		warn_of_last_chance(batch_add(&batch, messages[i].id, messages[i].handle, messages[i].body,
			messages[i].group, messages[i].receive_count, 0));
	judged = memory_get_zeroed(batch.n + 1, sizeof(*judged));
	drain.batches = 1;
	drain.messages = batch.n;
	drain.objects = batch.references.n;
	work(&batch, judged);
	answer(&batch, judged);
	for (size_t i = 0; i < batch.n; i++)
		drain.deleted += !judged[i].failed;
	free(judged);
	batch_free(&batch);
	arena_free(&arena);
	buffer_free(&text);
}

/* ---- */

static void
configure(const struct operands *operands)
{
	struct error error;
	size_t queues = operands->before_dashes;

	if (operands->n > operands->before_dashes)
		drain.arguments = (char *const *)(operands->values + operands->before_dashes);
	if (ack + check + (event_file != NULL) > 1)
		command_usage("--ack, --check and --event exclude one another");
	if (once && follow)
		command_usage("--once and --follow exclude one another");
	if (event_file && (queues || !drain.arguments))
		command_usage(queues ? "--event takes no QUEUE" : "--event needs a COMMAND behind --");
	if (!event_file && (queues < 1 || (queues > 1 && !check)))
		command_usage(queues ? "more than one QUEUE (a COMMAND goes behind --)" : "no QUEUE given");
	if (ack && drain.arguments)
		command_usage("--ack takes no COMMAND");
	if (operands->dashes && !drain.arguments && !ack)
		command_usage("no COMMAND behind --");
	if (deadline)
		drain.until_ms = parse_deadline();
	metrics_function = environment_system.variable("AWS_LAMBDA_FUNCTION_NAME");
	if (metrics_function && metrics_choice < 0)
		metrics_choice = 0;
	if (!metrics_function)
		metrics_function = "acc-sqs-drain";
	if (aws_start(&environment_system, &error) < 0)
		command_die(&error);
}

int
main(int argc, char *argv[])
{
	struct operands operands;

	command_begin(&command, argc, argv, &operands);
	configure(&operands);
	if (check)
		worse(check_all(operands.values, operands.n, visibility_ms, timeout_ms, max_receives));
	else if (ack)
		acknowledge(operands.values[0]);
	else if (event_file)
		work_on_event();
	else
		drain_queue(operands.values[0]);
	free(drain.failed.hashes);
	return command_finish(drain.status, (const struct journal_count[]){
		{"batches", drain.batches}, {"messages", drain.messages}, {"objects", drain.objects},
		{"deleted", drain.deleted}, {"failed", drain.failures}, {0}});
}
