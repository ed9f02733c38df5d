#include "aws/drain_private.h"

#include "base/clock.h"
#include "base/command.h"
#include "base/journal.h"
#include "base/memory.h"

#include <stdlib.h>

static int64_t
command_limit(const struct drain *d)
{
	int64_t limit = d->timeout_ms ? clock_ms() + (int64_t)d->timeout_ms : 0;

	if (d->until_ms && (!limit || d->until_ms < limit))
		limit = d->until_ms;
	return limit;
}

static void
run(const struct drain *d, const struct batch *batch, struct supervised *result)
{
	struct buffer references = {0};
	struct error error;
	struct supervision command = {
		.arguments = d->command, .output_fd = d->command_output, .until_ms = command_limit(d)};

	batch_print(batch, &references);
	command.input = buffer_slice(&references);
	if (supervise(&command, result, &error) < 0)
		command_die(&error);
	buffer_free(&references);
}

/* Find out what of a batch's work is done. */
static void
judge(const struct drain *d, struct batch *batch, const struct supervised *result, struct verdict *verdict)
{
	struct verdict_message *judged = memory_get_zeroed(batch->n, sizeof(*judged));
	struct verdict_question question = {.journal = buffer_slice(&result->journal),
		.n_references = batch->references.n,
		.references_digest = reference_list_digest(&batch->references),
		.links = batch->links,
		.n_links = batch->n_links,
		.messages = judged,
		.n_messages = batch->n,
		.exit_status = result->status,
		.timed_out = result->timed_out,
		.trust_status = d->trust_status,
		.filtered = d->filtered,
		.pipe = journal_pipe(d->command_output)};

	for (size_t i = 0; i < batch->n; i++)
		judged[i].id = batch->messages[i].id;
	verdict_judge(&question, verdict);
	for (size_t i = 0; i < batch->n; i++) {
		struct batch_message *m = &batch->messages[i];

		if (m->fate != BATCH_WORK || !judged[i].failed)
			continue;
		m->fate = BATCH_FAILED;
		m->why = arena_copy_string(&batch->arena, slice_of(judged[i].reason)).p;
	}
	free(judged);
}

/* Of a FIFO queue's group nothing may be done before what failed. */
static void
fail_followers(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		const struct batch_message *first = &batch->messages[i];

		for (size_t k = i + 1; batch_has_failed(first) && first->group.n && k < batch->n; k++) {
			struct batch_message *m = &batch->messages[k];

			if (batch_has_failed(m) || !slice_equal(first->group, m->group))
				continue;
			m->fate = BATCH_BEHIND;
			m->why = "an earlier message of its group failed";
		}
	}
}

void
drain_work(struct drain *d, struct batch *batch)
{
	struct supervised result = {.status = 0};
	struct verdict verdict = {.batch_failed = false};

	if (batch->references.n) {
		result.timed_out = drain_is_out_of_time(d);
		if (!result.timed_out)
			run(d, batch, &result);
		judge(d, batch, &result, &verdict);
	}
	fail_followers(batch);
	drain_report(d, batch, &verdict, result.duration_ms);
	buffer_free(&result.journal);
	verdict_free(&verdict);
}
