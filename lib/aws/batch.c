#include "aws/batch.h"

#include "aws/notification.h"
#include "base/memory.h"

#include <stdlib.h>

static char *
copy_or_null(struct slice s)
{
	return s.n ? memory_copy(s.p, s.n) : NULL;
}

/* A message as references name it. Gives a string to free(3). */
static char *
message_text(const struct batch_message *m)
{
	struct buffer text = {0};

	buffer_add_string(&text, "{\"id\":");
	buffer_add_json_string(&text, m->id);
	if (m->handle.n) {
		buffer_add_string(&text, ",\"receipt_handle\":");
		buffer_add_json_string(&text, m->handle);
	}
	buffer_format(&text, ",\"receive_count\":%llu}", (unsigned long long)m->receive_count);
	return buffer_give(&text);
}

static void
add_object(struct batch *b, const struct batch_message *m, const struct notification_object *o)
{
	struct reference r = {.uri = memory_copy(o->uri.p, o->uri.n),
		.version_id = copy_or_null(o->version_id),
		.etag = copy_or_null(o->etag),
		.sequencer = copy_or_null(o->sequencer),
		.time = copy_or_null(o->time),
		.size = o->bytes,
		.has_size = o->has_bytes};
	struct buffer id = {0};

	buffer_add_json_string(&id, m->id);
	r.message_ids = buffer_give(&id);
	r.messages = message_text(m);
	if (b->n_links == b->links_capacity) {
		b->links_capacity = b->links_capacity ? b->links_capacity * 2 : 16;
		b->links = memory_resize(b->links, b->links_capacity, sizeof(*b->links));
	}
	b->links[b->n_links++] = (struct verdict_link){arena_copy_string(&b->arena, o->uri), (size_t)(m - b->messages),
		reference_list_add(&b->references, &r)};
}

static enum batch_fate
first_fate(enum notification_kind kind)
{
	switch (kind) {
	case NOTIFICATION_OBJECTS: return BATCH_WORK;
	case NOTIFICATION_NOTHING: return BATCH_NOTHING;
	default: return BATCH_UNKNOWN;
	}
}

struct batch_message *
batch_add(struct batch *b, const struct sqs_message *m)
{
	struct notification notification;
	struct arena scratch = {0};
	struct batch_message *added;

	if (b->n == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 16;
		b->messages = memory_resize(b->messages, b->capacity, sizeof(*b->messages));
	}
	added = &b->messages[b->n++];
	notification_parse(m->body, &scratch, &notification);
	*added = (struct batch_message){.id = arena_copy_string(&b->arena, m->id),
		.handle = arena_copy_string(&b->arena, m->handle),
		.group = arena_copy_string(&b->arena, m->group),
		.receive_count = m->receive_count,
		.fate = first_fate(notification.kind),
		.why = notification.why};
	for (size_t i = 0; i < notification.n; i++)
		add_object(b, added, &notification.objects[i]);
	if (notification.n)
		added->first_uri = arena_copy_string(&b->arena, notification.objects[0].uri);
	arena_free(&scratch);
	return added;
}

struct batch_message *
batch_find(const struct batch *b, struct slice id)
{
	for (size_t i = 0; i < b->n; i++)
		if (slice_equal(b->messages[i].id, id))
			return &b->messages[i];
	return NULL;
}

static void
replace(char **text, const char *old, const char *new)
{
	char *at = strstr(*text, old), *joined;

	if (!at)
		return;
	joined = memory_format("%.*s%s%s", (int)(at - *text), *text, new, at + strlen(old));
	free(*text);
	*text = joined;
}

void
batch_renew(struct batch *b, struct batch_message *m, const struct sqs_message *again)
{
	char *old = message_text(m), *new;

	m->handle = arena_copy_string(&b->arena, again->handle);
	m->receive_count = again->receive_count;
	new = message_text(m);
	for (size_t i = 0; i < b->n_links; i++)
		if (b->links[i].message == (size_t)(m - b->messages))
			replace(&b->references.items[b->links[i].reference].messages, old, new);
	free(old);
	free(new);
}

size_t
batch_failures(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += batch_has_failed(&b->messages[i]);
	return n;
}

void
batch_print(const struct batch *b, struct buffer *out)
{
	for (size_t i = 0; i < b->references.n; i++) {
		reference_print(out, &b->references.items[i]);
		buffer_add_byte(out, '\n');
	}
}

void
batch_free(struct batch *b)
{
	reference_list_free(&b->references);
	free(b->messages);
	free(b->links);
	arena_free(&b->arena);
	*b = (struct batch){.n = 0};
}
