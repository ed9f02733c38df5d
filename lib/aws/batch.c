#include "aws/batch.h"

#include "base/memory.h"

#include <stdlib.h>

static struct slice
keep(struct batch *b, struct slice s)
{
	char *p = arena_get(&b->arena, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return (struct slice){p, s.n};
}

static char *
copy_or_null(struct slice s)
{
	return s.n ? memory_copy(s.p, s.n) : NULL;
}

static void
name_message(struct reference *r, const struct batch_message *m)
{
	struct buffer text = {0}, id = {0};

	buffer_add_string(&text, "{\"id\":");
	buffer_add_json_string(&text, m->id);
	if (m->handle.n) {
		buffer_add_string(&text, ",\"receipt_handle\":");
		buffer_add_json_string(&text, m->handle);
	}
	buffer_format(&text, ",\"receive_count\":%llu}", (unsigned long long)m->receive_count);
	buffer_add_json_string(&id, m->id);
	r->messages = buffer_give(&text);
	r->message_ids = buffer_give(&id);
}

static void
add_object(struct batch *b, const struct batch_message *m, const struct notification_object *o)
{
	struct reference r = {.uri = memory_copy(o->uri.p, o->uri.n), .version_id = copy_or_null(o->version_id),
		.etag = copy_or_null(o->etag), .sequencer = copy_or_null(o->sequencer),
		.time = copy_or_null(o->time), .size = o->bytes, .has_size = o->has_bytes};

	name_message(&r, m);
	reference_list_add(&b->references, &r);
	if (b->n_links == b->links_capacity) {
		b->links_capacity = b->links_capacity ? b->links_capacity * 2 : 16;
		b->links = memory_resize(b->links, b->links_capacity, sizeof(*b->links));
	}
	b->links[b->n_links++] = (struct verdict_link){keep(b, o->uri), (size_t)(m - b->messages)};
}

struct batch_message *
batch_add(struct batch *b, struct slice id, struct slice handle, struct slice body, struct slice group,
	uint64_t receive_count, uint64_t received_ms)
{
	struct notification notification;
	struct arena scratch = {0};
	struct batch_message *m;

	if (b->n == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 16;
		b->messages = memory_resize(b->messages, b->capacity, sizeof(*b->messages));
	}
	m = &b->messages[b->n++];
	*m = (struct batch_message){.id = keep(b, id), .handle = keep(b, handle), .group = keep(b, group),
		.receive_count = receive_count, .received_ms = received_ms};
	notification_parse(body, &scratch, &notification);
	m->fate = notification.kind == NOTIFICATION_OBJECTS ? BATCH_WORK
		: notification.kind == NOTIFICATION_NOTHING ? BATCH_NOTHING : BATCH_UNKNOWN;
	m->why = notification.why;
	m->n_objects = notification.n;
	for (size_t i = 0; i < notification.n; i++)
		add_object(b, m, &notification.objects[i]);
	if (notification.n)
		m->first_uri = keep(b, notification.objects[0].uri);
	arena_free(&scratch);
	return m;
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
