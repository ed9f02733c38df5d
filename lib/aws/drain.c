#include "aws/drain_private.h"

#include "aws/check.h"
#include "aws/event.h"
#include "aws/hold.h"
#include "base/command.h"
#include "base/memory.h"
#include "base/output.h"
#include "io/content.h"

#include <stdlib.h>

/* Whether whoever reads what we print is to acknowledge a message, and we are there to keep it invisible till then. */
static bool
is_handed_on(const struct drain *d, const struct batch_message *m)
{
	return d->follow && !d->command && m->fate == BATCH_WORK;
}

static bool
is_done(const struct drain *d, const struct batch_message *m)
{
	return m->fate == BATCH_NOTHING || (d->command && m->fate == BATCH_WORK);
}

/* Delete what is done, and let go of the rest. */
static void
settle(struct drain *d, const struct batch *batch)
{
	struct sqs_entry *entries = memory_get_zeroed(batch->n + 1, sizeof(*entries));
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++) {
		const struct batch_message *m = &batch->messages[i];
		bool stale;

		if (batch_has_failed(m))
			drain_leave_alone(d, m);
		if (is_handed_on(d, m)) {
			hold_hand_on(d->hold, m->handle);
			continue;
		}
		stale = hold_drop(d->hold, m->handle);
		if (!is_done(d, m))
			continue;
		if (stale)
			d->status = status_worse(d->status, STATUS_REFUSED);
		else
			entries[n++] = (struct sqs_entry){.id = m->id, .handle = m->handle};
	}
	drain_delete(d, entries, n);
	free(entries);
}

static void
print(const struct batch *batch)
{
	struct buffer text = {0};

	batch_print(batch, &text);
	output_add(&output_stdout, text.p, text.n);
	output_flush(&output_stdout);
	buffer_free(&text);
}

/* All that the queue holds is one list without doubles, unless one batch or no end was asked for. */
static void
drain_to_stdout(struct drain *d)
{
	uint64_t most = d->once || d->follow ? d->batch_size : UINT64_MAX;
	struct batch batch = {.n = 0};

	do {
		while (drain_gather(d, &batch, most) && !d->once && !d->follow)
			;
		if (batch.n == 0)
			continue;
		print(&batch);
		drain_report(d, &batch, &(struct verdict){.batch_failed = false}, 0);
		settle(d, &batch);
		batch_free(&batch);
	} while (d->follow && !drain_is_over(d));
}

static void
drain_by_command(struct drain *d)
{
	struct batch batch = {.n = 0};

	do {
		if (drain_gather(d, &batch, d->batch_size)) {
			drain_work(d, &batch);
			settle(d, &batch);
			batch_free(&batch);
		} else if (!d->follow) {
			break;
		}
	} while (!d->once && !drain_is_over(d));
}

static void
report_deadline(struct drain *d)
{
	if (!drain_is_out_of_time(d) || d->exhausted || d->broken || d->follow || (d->once && d->batches))
		return;
	message(MESSAGE_ERROR, "the deadline ended the drain before the queue was found empty");
	d->status = status_worse(d->status, STATUS_REFUSED);
}

void
drain_queue(struct drain *d, const char *queue)
{
	struct error error;

	if (sqs_open(&d->queue, queue, &error) < 0)
		command_die(&error);
	d->hold = hold_start(&d->queue, (unsigned)(d->visibility_ms / 1000), drain_call_end(d));
	if (!d->max_receives && d->command)
		d->max_receives = check_max_receives(&d->queue);
	if (d->command)
		drain_by_command(d);
	else
		drain_to_stdout(d);
	report_deadline(d);
	hold_stop(d->hold);
	sqs_close(&d->queue);
	free(d->left_alone);
}

void
drain_event(struct drain *d, const char *path)
{
	struct buffer text = {0};
	struct batch batch = {.n = 0};
	struct error error;

	if (content_read(path, &text, &error) < 0 || event_parse(buffer_slice(&text), &batch, &error) < 0)
		command_die(&error);
	for (size_t i = 0; i < batch.n; i++)
		drain_warn_of_last_chance(d, &batch.messages[i]);
	drain_work(d, &batch);
	text.n = 0;
	event_answer(&batch, &text);
	output_add_slice(&output_stdout, buffer_slice(&text));
	output_end_line(&output_stdout);
	d->deleted = batch.n - batch_failures(&batch);
	batch_free(&batch);
	buffer_free(&text);
}
