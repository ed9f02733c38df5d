#include "aws/drain_private.h"

#include "aws/hold.h"
#include "aws/http.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/hash.h"
#include "base/memory.h"

enum { OUTAGE_REST_MAX_MS = 60 * 1000 };

static bool
is_left_alone(const struct drain *d, struct slice id)
{
	uint64_t hash = hash_slice(id);

	for (size_t i = 0; i < d->n_left_alone; i++)
		if (d->left_alone[i] == hash)
			return true;
	return false;
}

void
drain_leave_alone(struct drain *d, const struct batch_message *m)
{
	if (d->follow || is_left_alone(d, m->id))
		return;
	if (d->n_left_alone == d->left_alone_capacity) {
		d->left_alone_capacity = d->left_alone_capacity ? d->left_alone_capacity * 2 : 64;
		d->left_alone = memory_resize(d->left_alone, d->left_alone_capacity, sizeof(*d->left_alone));
	}
	d->left_alone[d->n_left_alone++] = hash_slice(m->id);
}

void
drain_warn_of_last_chance(const struct drain *d, const struct batch_message *m)
{
	if (d->max_receives && m->receive_count >= d->max_receives)
		message(MESSAGE_WARNING,
			"message %s%s%s was received %llu times; it goes to the dead-letter queue when it fails again",
			m->id.p, m->first_uri.n ? " about " : "", m->first_uri.n ? m->first_uri.p : "",
			(unsigned long long)m->receive_count);
}

/* Whether it is new to the batch. */
static bool
take_message(struct drain *d, struct batch *batch, const struct sqs_message *m, uint64_t received_ms)
{
	struct batch_message *taken;
	bool fresh;

	if (is_left_alone(d, m->id)) {
		message(MESSAGE_NOTE, "message %s failed before and came back; it is left alone", m->id.p);
		/* Kept till the end: each time that it comes back brings it nearer to the dead-letter queue. */
		hold_add(d->hold, m->id, m->handle, received_ms);
		hold_hand_on(d->hold, m->handle);
		return false;
	}
	taken = batch_find(batch, m->id);
	fresh = !taken;
	if (fresh) {
		taken = batch_add(batch, m);
		drain_warn_of_last_chance(d, taken);
	} else {
		hold_drop(d->hold, taken->handle);
		batch_renew(batch, taken, m);
	}
	hold_add(d->hold, taken->id, taken->handle, received_ms);
	return fresh;
}

static uint64_t
time_left_ms(const struct drain *d)
{
	int64_t left = d->until_ms - clock_ms();

	if (!d->until_ms)
		return UINT64_MAX;
	return left > 0 ? (uint64_t)left : 0;
}

/* What came before is printed or worked on all the same. */
static void
give_up(struct drain *d, const struct batch *batch, const struct error *error)
{
	if (batch->n == 0)
		command_die(error);
	message_error(error);
	d->broken = true;
	d->status = status_worse(d->status, error->status);
}

static bool
is_outage(const struct error *error)
{
	return strcmp(error->code, "network") == 0 || strcmp(error->code, "service") == 0;
}

/* Who follows a queue does so through an outage: what he holds stays held. */
static void
sit_out(struct drain *d, const struct error *error)
{
	uint64_t rest = (uint64_t)1000 << d->outages;

	message_error(error);
	clock_sleep_ms(rest < OUTAGE_REST_MAX_MS ? rest : OUTAGE_REST_MAX_MS);
	if (d->outages < 10)
		d->outages++;
}

/* One receive: how many messages came, and *fresh of them are new. */
static size_t
receive(struct drain *d, struct batch *batch, uint64_t most, uint64_t wait_ms, size_t *fresh)
{
	struct arena arena = {0};
	struct sqs_received received;
	struct error error;
	uint64_t received_ms = clock_ms(), left_ms = time_left_ms(d), room = most - batch->n;
	struct sqs_receive how = {.max = room < SQS_BATCH ? (unsigned)room : SQS_BATCH,
		.wait_seconds = (unsigned)((wait_ms < left_ms ? wait_ms : left_ms) / 1000),
		.visibility_seconds = (unsigned)(d->visibility_ms / 1000),
		.until_ms = drain_call_end(d)};

	*fresh = 0;
	if (sqs_receive(&d->queue, &how, &arena, &received, &error) == 0)
		d->reached = true, d->outages = 0;
	else if (d->follow && d->reached && is_outage(&error))
		sit_out(d, &error);
	else
		give_up(d, batch, &error);
	for (size_t i = 0; i < received.n; i++)
		*fresh += take_message(d, batch, &received.messages[i], received_ms);
	arena_free(&arena);
	progress_done(*fresh);
	return received.n + received.n_damaged;
}

/* Wait for something new; false when the queue has nothing. A short poll asks only some of the queue's servers: there
 * one empty reply proves nothing. What comes back although it failed before is passed over, but not for ever. */
static bool
find_first(struct drain *d, struct batch *batch, uint64_t most)
{
	size_t known = 0, fresh;
	int empty = 0;

	for (d->exhausted = false; !d->exhausted && !drain_is_over(d);) {
		bool hurried = d->wait_ms >= 1000 && time_left_ms(d) < 1000;
		size_t n = receive(d, batch, most, d->wait_ms, &fresh);

		if (fresh)
			return true;
		known += n;
		if (n == 0 && hurried) { /* a short poll, as there was no time for a long one */
			clock_sleep_ms(100);
			continue;
		}
		empty += n == 0;
		d->exhausted = empty >= (d->wait_ms >= 1000 ? 1 : 2) || known > d->n_left_alone + SQS_BATCH;
	}
	return false;
}

bool
drain_gather(struct drain *d, struct batch *batch, uint64_t most)
{
	uint64_t begun, left;
	size_t fresh;

	if (!find_first(d, batch, most))
		return false;
	begun = clock_ms();
	while (batch->n < most && !drain_is_over(d)) {
		uint64_t spent = clock_ms() - begun;

		left = spent < d->window_ms ? d->window_ms - spent : 0;
		if (d->window_ms && left == 0)
			break;
		receive(d, batch, most, left < d->wait_ms ? left : d->wait_ms, &fresh);
		if (fresh == 0 && d->window_ms == 0)
			break;
		if (fresh == 0 && (left < 1000 || d->wait_ms < 1000))
			clock_sleep_ms(left < 100 ? left : 100);
	}
	return true;
}
