#include "io/reference.h"

#include "base/hash.h"
#include "base/memory.h"
#include "json/text.h"

#include <ctype.h>
#include <stdlib.h>

#define RECORDS_HINT "; give SOURCE '-' if standard input holds records"

void
reference_free(struct reference *r)
{
	free(r->uri);
	free(r->version_id);
	free(r->etag);
	free(r->sequencer);
	free(r->time);
	free(r->messages);
	free(r->message_ids);
	*r = (struct reference){0};
}

static bool
has_nul(struct slice s)
{
	return memchr(s.p, '\0', s.n) != NULL;
}

/* A copy of the string member, NULL when it is missing or something else. */
static char *
string_member(struct slice object, const char *name, struct arena *arena)
{
	struct slice value = json_member_of(object, name, JSON_STRING);
	struct slice text;

	if (!value.p)
		return NULL;
	text = json_decode(value, arena);
	return has_nul(text) ? NULL : memory_copy(text.p, text.n);
}

static void
copy_messages(struct slice object, struct reference *r)
{
	struct json_walk walk = json_walk(json_member_of(object, "messages", JSON_ARRAY));
	struct buffer all = {0}, ids = {0};
	struct slice message, id;

	while (json_next_element(&walk, &message)) {
		if (all.n > 0)
			buffer_add_byte(&all, ',');
		json_compact(&all, message);
		id = json_member_of(message, "id", JSON_STRING);
		if (!id.p)
			continue;
		if (ids.n > 0)
			buffer_add_byte(&ids, ',');
		buffer_add_slice(&ids, id);
	}
	r->messages = all.n > 0 ? buffer_give(&all) : NULL;
	r->message_ids = ids.n > 0 ? buffer_give(&ids) : NULL;
}

static int
parse_object(struct slice line, struct reference *r, struct error *error)
{
	struct arena arena = {0};
	struct slice object, size;
	struct error fault;

	if (json_parse(line, "the reference", &object, &fault) < 0)
		return error_set(error, STATUS_REFUSED, fault.code, "%s" RECORDS_HINT, fault.text);
	r->uri = string_member(object, "uri", &arena);
	r->version_id = string_member(object, "version_id", &arena);
	r->etag = string_member(object, "etag", &arena);
	r->sequencer = string_member(object, "sequencer", &arena);
	r->time = string_member(object, "time", &arena);
	size = json_member_of(object, "size", JSON_NUMBER);
	r->has_size = size.p && json_natural(size, &r->size);
	copy_messages(object, r);
	arena_free(&arena);
	if (r->uri && r->uri[0])
		return 0;
	reference_free(r);
	return error_set(error, STATUS_REFUSED, "invalid-reference", "no \"uri\" in the reference" RECORDS_HINT);
}

/* A file may be named "[1].jsonl". */
static bool
begins_with_record(struct slice line)
{
	size_t at = 1;

	if (line.n == 0 || line.p[0] != '[')
		return false;
	while (at < line.n && strchr(" \t\r", line.p[at]))
		at++;
	return at == line.n || line.p[at] == '{';
}

int
reference_parse(struct slice line, struct reference *r, struct error *error)
{
	*r = (struct reference){0};
	if (line.n > 0 && line.p[0] == '{')
		return parse_object(line, r, error);
	if (begins_with_record(line))
		return error_set(error, STATUS_REFUSED, "invalid-reference", "an array is no reference" RECORDS_HINT);
	if (has_nul(line))
		return error_set(error, STATUS_REFUSED, "invalid-reference", "a NUL byte in the name");
	r->uri = memory_copy(line.p, line.n);
	return 0;
}

static void
print_string(struct buffer *out, const char *name, const char *value)
{
	if (value)
		buffer_add_json_member(out, name, value);
}

void
reference_print(struct buffer *out, const struct reference *r)
{
	buffer_add_byte(out, '{');
	buffer_add_json_member(out, "uri", r->uri);
	print_string(out, "version_id", r->version_id);
	print_string(out, "etag", r->etag);
	if (r->has_size)
		buffer_format(out, ",\"size\":%llu", (unsigned long long)r->size);
	print_string(out, "time", r->time);
	print_string(out, "sequencer", r->sequencer);
	if (r->messages)
		buffer_format(out, ",\"messages\":[%s]", r->messages);
	buffer_add_byte(out, '}');
}

void
reference_set_time(struct reference *r, struct instant t)
{
	char text[INSTANT_TEXT_MAX];
	int64_t us;

	free(r->time);
	r->time = NULL;
	if (instant_is_missing(t))
		return;
	us = instant_to_us(t);
	instant_format(instant_of_us(us), us % 1000 ? 6 : us % 1000000 ? 3 : 0, text);
	r->time = memory_copy_string(text);
}

struct instant
reference_time(const struct reference *r)
{
	struct instant t;

	if (r->time && instant_parse(slice_of(r->time), &t, NULL))
		return t;
	return INSTANT_MISSING;
}

int
sequencer_compare(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	while (*a || *b) {
		int x = *a ? toupper((unsigned char)*a++) : '0';
		int y = *b ? toupper((unsigned char)*b++) : '0';

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static uint64_t
identity(const struct reference *r)
{
	uint64_t hash = hash_slice(slice_of(r->uri));

	return r->version_id ? hash * 31 + hash_slice(slice_of(r->version_id)) : hash;
}

static bool
same_object(const struct reference *a, const struct reference *b)
{
	if (strcmp(a->uri, b->uri) != 0 || !a->version_id != !b->version_id)
		return false;
	return !a->version_id || strcmp(a->version_id, b->version_id) == 0;
}

static void
list_grow(struct reference_list *list)
{
	free(list->slots);
	list->n_slots = list->n_slots ? list->n_slots * 2 : 64;
	list->slots = memory_get_zeroed(list->n_slots, sizeof(*list->slots));
	for (size_t i = 0; i < list->n; i++) {
		size_t slot = identity(&list->items[i]) & (list->n_slots - 1);

		while (list->slots[slot])
			slot = (slot + 1) & (list->n_slots - 1);
		list->slots[slot] = i + 1;
	}
}

/* Whether the comma-separated JSON texts hold this one. */
static bool
list_text_holds(const char *all, struct slice one)
{
	struct buffer array = {0};
	struct slice element;
	struct json_walk walk;
	bool found = false;

	buffer_format(&array, "[%s]", all);
	walk = json_walk(buffer_slice(&array));
	while (!found && json_next_element(&walk, &element))
		found = slice_equal(element, one);
	buffer_free(&array);
	return found;
}

static void
append_text(char **list, struct slice element)
{
	struct buffer joined = {0};

	if (*list) {
		buffer_add_string(&joined, *list);
		buffer_add_byte(&joined, ',');
	}
	buffer_add_slice(&joined, element);
	free(*list);
	*list = buffer_give(&joined);
}

/* Add the messages of `from` that `to` does not know by their id. */
static void
join_messages(struct reference *to, const struct reference *from)
{
	struct buffer array = {0};
	struct slice message;
	struct json_walk walk;

	if (!from->messages)
		return;
	buffer_format(&array, "[%s]", from->messages);
	walk = json_walk(buffer_slice(&array));
	while (json_next_element(&walk, &message)) {
		struct slice id =
			json_kind(message) == JSON_OBJECT ? json_member(message, SLICE("id")) : (struct slice){0};

		if (id.p && to->message_ids && list_text_holds(to->message_ids, id))
			continue;
		append_text(&to->messages, message);
		if (id.p && json_kind(id) == JSON_STRING)
			append_text(&to->message_ids, id);
	}
	buffer_free(&array);
}

static void
join(struct reference *old, struct reference *r)
{
	if (sequencer_compare(r->sequencer, old->sequencer) >= 0) {
		struct reference swap = *old;

		*old = *r;
		*r = swap;
		/* the messages stay in the order of arrival */
		swap = *old;
		old->messages = r->messages;
		old->message_ids = r->message_ids;
		r->messages = swap.messages;
		r->message_ids = swap.message_ids;
	}
	join_messages(old, r);
	reference_free(r);
}

size_t
reference_list_add(struct reference_list *list, struct reference *r)
{
	size_t slot;

	if ((list->n + 1) * 2 > list->n_slots)
		list_grow(list);
	slot = identity(r) & (list->n_slots - 1);
	for (; list->slots[slot]; slot = (slot + 1) & (list->n_slots - 1))
		if (same_object(&list->items[list->slots[slot] - 1], r)) {
			join(&list->items[list->slots[slot] - 1], r);
			return list->slots[slot] - 1;
		}
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 64;
		list->items = memory_resize(list->items, list->capacity, sizeof(*list->items));
	}
	list->items[list->n++] = *r;
	list->slots[slot] = list->n;
	*r = (struct reference){0};
	return list->n - 1;
}

uint64_t
reference_list_digest(const struct reference_list *list)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < list->n; i++)
		sum += hash_slice_for_all(slice_of(list->items[i].uri));
	return sum & REFERENCE_DIGEST_MASK;
}

void
reference_list_free(struct reference_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		reference_free(&list->items[i]);
	free(list->items);
	free(list->slots);
	*list = (struct reference_list){0};
}
