#include "aws/drain_private.h"

#include "base/command.h"
#include "base/memory.h"
#include "io/lines.h"
#include "json/text.h"

#include <search.h>
#include <stdlib.h>
#include <unistd.h>

void
drain_delete(struct drain *d, struct sqs_entry *entries, size_t n)
{
	struct error error;

	if (n && sqs_delete(&d->queue, entries, n, &error) < 0)
		command_die(&error);
	for (size_t i = 0; i < n; i++) {
		const struct sqs_entry *e = &entries[i];

		d->deleted += e->done;
		if (e->done)
			continue;
		message_at(MESSAGE_ERROR, (struct message_place){.code = "stale"},
			"message %.*s could not be deleted: %s%s%s; it will be delivered again", (int)e->id.n, e->id.p,
			e->code[0] ? e->code : "no answer", e->reason[0] ? ": " : "", e->reason);
		d->status = status_worse(d->status, STATUS_REFUSED);
	}
}

struct handles {
	struct arena arena;
	struct sqs_entry *entries; /* owned */
	size_t n, capacity;
	void *seen; /* a tree of the arena's slices */
};

static int
by_handle(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static bool
is_new(struct handles *h, struct slice handle)
{
	struct slice *mine = arena_get(&h->arena, sizeof(*mine)), **found;

	*mine = handle;
	found = tsearch(mine, &h->seen, by_handle);
	return !found || *found == mine; /* without memory for the tree: to delete a message twice does no harm */
}

static void
keep(void *handle)
{
	(void)handle; /* it is the arena's */
}

static void
add_handle(struct handles *h, struct slice id, struct slice handle)
{
	if (!is_new(h, handle))
		return;
	if (h->n == h->capacity) {
		h->capacity = h->capacity ? h->capacity * 2 : 64;
		h->entries = memory_resize(h->entries, h->capacity, sizeof(*h->entries));
	}
	h->entries[h->n++] = (struct sqs_entry){.id = id.n ? id : SLICE("?"), .handle = handle};
}

static void
add_reference(struct drain *d, struct handles *h, struct slice line, uint64_t number)
{
	struct slice value, named, handle;
	struct error error;
	struct json_walk walk;

	if (json_parse(line, "-", &value, &error) < 0 || json_kind(value) != JSON_OBJECT) {
		message_at(MESSAGE_ERROR, (struct message_place){.uri = "-", .record = number, .code = "invalid-json"},
			"the line is no object reference");
		d->status = status_worse(d->status, STATUS_REFUSED);
		return;
	}
	walk = json_walk(json_member_of(value, "messages", JSON_ARRAY));
	while (json_next_element(&walk, &named)) {
		handle = json_member_text(named, "receipt_handle", &h->arena);
		if (handle.n)
			add_handle(h, json_member_text(named, "id", &h->arena), handle);
	}
}

static void
read_references(struct drain *d, struct handles *h)
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
				add_reference(d, h, line, number);
		}
	if (got < 0)
		command_die(&error);
	lines_close(&lines);
}

void
drain_acknowledge(struct drain *d, const char *queue)
{
	struct handles h = {.n = 0};
	struct error error;

	read_references(d, &h);
	if (sqs_open(&d->queue, queue, &error) < 0)
		command_die(&error);
	drain_delete(d, h.entries, h.n);
	d->messages = h.n;
	free(h.entries);
	tdestroy(h.seen, keep);
	arena_free(&h.arena);
	sqs_close(&d->queue);
}
