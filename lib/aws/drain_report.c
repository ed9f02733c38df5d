#include "aws/drain_private.h"

#include "aws/metrics.h"
#include "aws/sns.h"
#include "base/environment.h"
#include "base/journal.h"
#include "base/memory.h"
#include "base/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *
code_of(const struct batch_message *m)
{
	return m->fate == BATCH_UNKNOWN ? "unknown-message" : "message-failed";
}

static void
report_message(const struct batch_message *m)
{
	message_at(MESSAGE_ERROR, (struct message_place){.code = code_of(m)}, "message %s stays in the queue: %s",
		m->id.p, m->why);
}

static void
write_journal(const struct batch *batch)
{
	struct buffer id = {0};

	for (size_t i = 0; i < batch->n; i++) {
		const struct batch_message *m = &batch->messages[i];

		if (!batch_has_failed(m))
			continue;
		id.n = 0;
		buffer_add_byte(&id, '[');
		buffer_add_json_string(&id, m->id);
		buffer_add_byte(&id, ']');
		journal_failed(m->first_uri.n ? m->first_uri.p : "", buffer_slice(&id), code_of(m), m->why);
	}
	buffer_free(&id);
}

static void
report_failures(const struct batch *batch, const struct verdict *verdict)
{
	for (size_t i = 0; i < batch->n; i++)
		if (batch->messages[i].fate == BATCH_UNKNOWN)
			report_message(&batch->messages[i]);
	if (verdict->batch_failed)
		message_at(MESSAGE_ERROR, (struct message_place){.code = "batch-failed"},
			"the batch failed, its messages stay in the queue: %s", verdict->reason);
	for (size_t i = 0; i < batch->n && !verdict->batch_failed; i++)
		if (batch->messages[i].fate > BATCH_UNKNOWN)
			report_message(&batch->messages[i]);
}

static uint64_t
failed_objects(const struct batch *batch)
{
	bool *failed = memory_get_zeroed(batch->references.n + 1, sizeof(*failed));
	uint64_t n = 0;

	for (size_t i = 0; i < batch->n_links; i++)
		failed[batch->links[i].reference] |= batch_has_failed(&batch->messages[batch->links[i].message]);
	for (size_t i = 0; i < batch->references.n; i++)
		n += failed[i];
	free(failed);
	return n;
}

static void
tell_metrics(const struct drain *d, const struct batch *batch, const struct verdict *verdict, uint64_t duration_ms)
{
	uint64_t objects = batch->references.n, failed = failed_objects(batch);
	struct metrics m = {objects, objects - failed, failed, duration_ms, verdict, d->function,
		environment_system.now_us() / 1000};
	struct buffer text = {0};

	metrics_describe(&text, &m);
	message(MESSAGE_NOTE, "%s", buffer_string(&text));
	text.n = 0;
	if (d->metrics) {
		metrics_format(&text, &m);
		buffer_add_byte(&text, '\n');
		/* a line that cannot be logged changes nothing in what was done */
		(void)!write(STDERR_FILENO, text.p, text.n);
	}
	buffer_free(&text);
}

static bool
is_listed(const struct verdict *verdict, struct slice uri)
{
	for (size_t i = 0; i < verdict->n_failures; i++)
		if (slice_equal(verdict->failures[i].uri, uri))
			return true;
	return false;
}

/* Every object of which something is known; of a batch that failed, and behind a failure, the others, too. */
static void
list_objects(struct buffer *out, const struct batch *batch, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->n_failures; i++) {
		buffer_add_slice(out, verdict->failures[i].uri);
		buffer_add_string(out, ": ");
		buffer_add_slice(out, verdict->failures[i].error);
		buffer_add_byte(out, '\n');
	}
	if (verdict->n_unlisted)
		buffer_format(out, "and %zu more\n", verdict->n_unlisted);
	for (size_t i = 0; i < batch->n_links; i++) {
		const struct verdict_link *link = &batch->links[i];
		const struct batch_message *m = &batch->messages[link->message];

		if (m->fate != BATCH_BEHIND && !(m->fate == BATCH_FAILED && verdict->batch_failed))
			continue;
		if (!is_listed(verdict, link->uri))
			buffer_format(out, "%s: %s (message %s)\n", link->uri.p, m->why, m->id.p);
	}
}

static void
publish(struct drain *d, const struct batch *batch, const struct verdict *verdict)
{
	struct buffer text = {0};
	struct error error;
	char subject[100];
	size_t n = batch_failures(batch);

	snprintf(subject, sizeof(subject), "Accommodation consolidation: %zu of %zu messages failed", n, batch->n);
	buffer_format(&text, "%zu of %zu messages failed; they stay in the queue.\n", n, batch->n);
	if (verdict->batch_failed)
		buffer_format(&text, "\nThe whole batch failed: %s\n", verdict->reason);
	buffer_add_byte(&text, '\n');
	list_objects(&text, batch, verdict);
	for (size_t i = 0; i < batch->n; i++)
		if (batch->messages[i].fate == BATCH_UNKNOWN)
			buffer_format(&text, "message %s: %s\n", batch->messages[i].id.p, batch->messages[i].why);
	if (sns_publish(d->topic, slice_of(subject), buffer_slice(&text), drain_call_end(d), &error) < 0) {
		message(MESSAGE_WARNING, "%s", error.text);
		d->status = status_worse(d->status, STATUS_REFUSED);
	}
	buffer_free(&text);
}

void
drain_report(struct drain *d, const struct batch *batch, const struct verdict *verdict, uint64_t duration_ms)
{
	size_t failed = batch_failures(batch);

	d->batches++;
	d->messages += batch->n;
	d->objects += batch->references.n;
	d->failed += failed;
	if (failed)
		d->status = status_worse(d->status, STATUS_REFUSED);
	report_failures(batch, verdict);
	write_journal(batch);
	if (d->command)
		tell_metrics(d, batch, verdict, duration_ms);
	if (failed && d->topic)
		publish(d, batch, verdict);
}
