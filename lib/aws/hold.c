#include "aws/hold.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { MARGIN_SECONDS = 30, EXTENSION_MAX_MS = 10000 };

struct held {
	struct slice id, handle;
	uint64_t received_ms;
	bool stale;
	bool handed_on; /* handle is owned, and nobody asks for it again */
};

struct hold {
	const struct sqs_queue *q;
	unsigned visibility;
	int64_t until_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	struct held *list; /* owned */
	size_t n, capacity;
};

unsigned
hold_extension(unsigned visibility_seconds, uint64_t held_seconds)
{
	uint64_t left = held_seconds + MARGIN_SECONDS < SQS_VISIBILITY_MAX
		? SQS_VISIBILITY_MAX - MARGIN_SECONDS - held_seconds
		: 0;

	return left < visibility_seconds ? (unsigned)left : visibility_seconds;
}

static bool
is_stale_code(const char *code)
{
	return strstr(code, "ReceiptHandleIsInvalid") || strstr(code, "MessageNotInflight") ||
		strcmp(code, "InvalidParameterValue") == 0;
}

static void
mark_stale(struct hold *h, const struct sqs_entry *e)
{
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->n; i++)
		if (slice_equal(h->list[i].handle, e->handle) && !h->list[i].stale) {
			h->list[i].stale = true;
			if (h->list[i].handed_on)
				continue;
			message_at(MESSAGE_ERROR, (struct message_place){.code = "stale"},
				"message %.*s is no longer ours (%s); it is left to be delivered again",
				(int)h->list[i].id.n, h->list[i].id.p, e->code);
		}
	pthread_mutex_unlock(&h->lock);
}

static void
extend(struct hold *h, struct sqs_entry *entries, size_t n)
{
	int64_t until_ms = clock_ms() + EXTENSION_MAX_MS;
	struct error error;

	if (n == 0)
		return;
	if (h->until_ms && h->until_ms < until_ms)
		until_ms = h->until_ms;
	if (sqs_change_visibility(h->q, entries, n, until_ms, &error) < 0)
		message(MESSAGE_WARNING, "%s", error.text);
	for (size_t i = 0; i < n; i++)
		if (!entries[i].done && is_stale_code(entries[i].code))
			mark_stale(h, &entries[i]);
		else if (!entries[i].done && entries[i].code[0])
			message(MESSAGE_WARNING, "cannot keep a message invisible: %s: %s", entries[i].code,
				entries[i].reason);
}

/* Of what was handed on nobody says that it is over. */
static void
forget_handed_on(struct hold *h, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		struct held *m = &h->list[i];

		if (m->handed_on && (m->stale || !hold_extension(h->visibility, (now - m->received_ms) / 1000)))
			free((char *)m->handle.p);
		else
			h->list[kept++] = *m;
	}
	h->n = kept;
}

/* Of copies, so that the lock is free while the queue is asked, and what is done with meanwhile can be let go. */
static void
extend_all(struct hold *h)
{
	int64_t now = clock_ms();
	struct arena handles = {0};
	struct sqs_entry *entries = memory_get_zeroed(h->n, sizeof(*entries));
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		unsigned seconds = hold_extension(h->visibility, (now - h->list[i].received_ms) / 1000);

		if (!h->list[i].stale && seconds)
			entries[n++] = (struct sqs_entry){
				.handle = arena_copy(&handles, h->list[i].handle), .visibility_seconds = seconds};
	}
	pthread_mutex_unlock(&h->lock);
	extend(h, entries, n);
	pthread_mutex_lock(&h->lock);
	forget_handed_on(h, now);
	arena_free(&handles);
	free(entries);
}

static void *
run(void *data)
{
	struct hold *h = data;
	struct timespec next = clock_deadline(h->visibility * 1000 / 3);

	pthread_mutex_lock(&h->lock);
	while (!h->stopping) {
		if (pthread_cond_timedwait(&h->changed, &h->lock, &next) == 0)
			continue;
		next = clock_deadline(h->visibility * 1000 / 3);
		if (!h->stopping && h->n)
			extend_all(h);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hold *
hold_start(const struct sqs_queue *q, unsigned visibility_seconds, int64_t until_ms)
{
	struct hold *h = memory_get_zeroed(1, sizeof(*h));
	pthread_condattr_t attributes;
	sigset_t all, old;

	h->q = q;
	h->visibility = visibility_seconds;
	h->until_ms = until_ms;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&h->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	parallel_start(&h->thread, run, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return h;
}

void
hold_stop(struct hold *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].handed_on)
			free((char *)h->list[i].handle.p);
	free(h->list);
	free(h);
}

void
hold_add(struct hold *h, struct slice id, struct slice handle, uint64_t received_ms)
{
	pthread_mutex_lock(&h->lock);
	if (h->n == h->capacity) {
		h->capacity = h->capacity ? h->capacity * 2 : 16;
		h->list = memory_resize(h->list, h->capacity, sizeof(*h->list));
	}
	h->list[h->n++] = (struct held){.id = id, .handle = handle, .received_ms = received_ms};
	pthread_mutex_unlock(&h->lock);
}

/* With the lock; NULL: it is not held. */
static struct held *
find(struct hold *h, struct slice handle)
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->list[i].handed_on && slice_equal(h->list[i].handle, handle))
			return &h->list[i];
	return NULL;
}

bool
hold_drop(struct hold *h, struct slice handle)
{
	struct held *m;
	bool stale = false;

	pthread_mutex_lock(&h->lock);
	if ((m = find(h, handle))) {
		stale = m->stale;
		*m = h->list[--h->n];
	}
	pthread_mutex_unlock(&h->lock);
	return stale;
}

void
hold_hand_on(struct hold *h, struct slice handle)
{
	struct held *m;

	pthread_mutex_lock(&h->lock);
	if ((m = find(h, handle)))
		*m = (struct held){.handle = {memory_copy(handle.p, handle.n), handle.n},
			.received_ms = m->received_ms,
			.stale = m->stale,
			.handed_on = true};
	pthread_mutex_unlock(&h->lock);
}
