#include "catalog/priority.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/content.h"
#include "json/text.h"

#include <stdlib.h>
#include <strings.h>

void
name_list_free(struct name_list *list)
{
	free(list->names);
	free(list->slots);
	arena_free(&list->text);
	*list = (struct name_list){0};
}

/* Where name is, or would be; meaningless in an empty list. */
static size_t
slot_of(const struct name_list *list, struct slice name)
{
	size_t slot = list->n_slots ? hash_slice(name) & (list->n_slots - 1) : 0;

	while (list->n_slots && list->slots[slot] && !slice_equal(list->names[list->slots[slot] - 1], name))
		slot = (slot + 1) & (list->n_slots - 1);
	return slot;
}

size_t
name_list_place(const struct name_list *list, struct slice name)
{
	size_t slot = slot_of(list, name);

	return list->n && list->slots[slot] ? list->slots[slot] - 1 : list->n;
}

static void
make_room(struct name_list *list)
{
	if (2 * list->n < list->n_slots)
		return;
	free(list->slots);
	list->n_slots = list->n_slots ? 2 * list->n_slots : 16;
	list->slots = memory_get_zeroed(list->n_slots, sizeof(*list->slots));
	list->names = memory_resize(list->names, list->n_slots, sizeof(*list->names));
	for (size_t i = 0; i < list->n; i++)
		list->slots[slot_of(list, list->names[i])] = i + 1;
}

static void
add_name(struct name_list *list, struct slice name, const char *source)
{
	if (name_list_place(list, name) < list->n) {
		message(MESSAGE_WARNING, "%s: '%.*s' stands twice in the list; its first place counts", source,
			(int)name.n, name.p);
		return;
	}
	make_room(list);
	list->names[list->n] = arena_copy(&list->text, name);
	list->slots[slot_of(list, name)] = list->n + 1;
	list->n++;
}

static int
not_a_name(const char *source, struct slice value, struct error *error)
{
	int shown = value.n > 40 ? 40 : (int)value.n;

	return error_set(error, STATUS_USAGE, "bad-list", "%s: %.*s is no partner name; the list holds strings only",
		source, shown, value.p);
}

/* place counts from 1 */
static int
add_string(struct name_list *list, struct slice value, size_t place, const char *source, struct error *error)
{
	struct arena arena = {0};

	if (json_kind(value) != JSON_STRING)
		return not_a_name(source, value, error);
	if (value.n == 2)
		return error_set(error, STATUS_USAGE, "bad-list",
			"%s: name %zu of the list is empty, and would match no partner", source, place);
	add_name(list, json_decode(value, &arena), source);
	arena_free(&arena);
	return 0;
}

/* An array of strings, or (typed) of {"S":"..."}. */
static int
add_array(struct name_list *list, struct slice array, bool typed, const char *source, struct error *error)
{
	struct json_walk walk = json_walk(array);
	struct slice value;

	for (size_t place = 1; json_next_element(&walk, &value); place++) {
		if (typed) {
			struct slice inner = json_kind(value) == JSON_OBJECT ? json_member(value, SLICE("S"))
									     : (struct slice){NULL, 0};
			if (!inner.p)
				return not_a_name(source, value, error);
			value = inner;
		}
		if (add_string(list, value, place, source, error) < 0)
			return -1;
	}
	return 0;
}

/* The partition key's string in an item, quotes and all; p is NULL when the item has none. */
static struct slice
item_key(struct slice item, const char *key_name)
{
	struct json_walk walk = json_walk(item);
	struct slice name, value;

	while (json_next_member(&walk, &name, &value))
		if (name.n == strlen(key_name) + 2 && strncasecmp(name.p + 1, key_name, name.n - 2) == 0)
			return json_member_of(value, "S", JSON_STRING);
	return (struct slice){NULL, 0};
}

/* Is item the one that shape asks for? An item that has no such key is, where it is the only one. */
static bool
is_wanted(struct slice item, const struct list_shape *shape, bool only)
{
	struct slice key = item_key(item, shape->key_name);

	return key.p ? json_string_is(key, slice_of(shape->item)) : only;
}

static int
add_item(struct name_list *list, struct slice item, const struct list_shape *shape, const char *source,
	struct error *error)
{
	struct slice attribute = json_member_of(item, shape->list_name, JSON_OBJECT), names;

	if (!attribute.p)
		return error_set(error, STATUS_USAGE, "bad-list", "%s: the item has no attribute '%s' (see ?list=)",
			source, shape->list_name);
	if ((names = json_member_of(attribute, "L", JSON_ARRAY)).p)
		return add_array(list, names, true, source, error);
	if ((names = json_member_of(attribute, "SS", JSON_ARRAY)).p)
		return add_array(list, names, false, source, error);
	return error_set(
		error, STATUS_USAGE, "bad-list", "%s: attribute '%s' is no list of strings", source, shape->list_name);
}

/* The wanted one of an array of items; p is NULL when it is not there. */
static struct slice
find_item(struct slice items, const struct list_shape *shape)
{
	struct json_walk walk = json_walk(items);
	struct slice item, found = {NULL, 0};

	while (json_next_element(&walk, &item))
		if (json_kind(item) == JSON_OBJECT && is_wanted(item, shape, false))
			found = item;
	return found;
}

/* All tables' items of a BatchGetItem reply: the wanted one. */
static struct slice
find_response(struct slice responses, const struct list_shape *shape)
{
	struct json_walk walk = json_walk(responses);
	struct slice table, items, found = {NULL, 0};

	while (!found.p && json_next_member(&walk, &table, &items))
		if (json_kind(items) == JSON_ARRAY)
			found = find_item(items, shape);
	return found;
}

static int
add_object(struct name_list *list, struct slice object, const struct list_shape *shape, const char *source,
	struct error *error)
{
	struct slice inner, item = {NULL, 0};

	if ((inner = json_member_of(object, "Item", JSON_OBJECT)).p)
		item = is_wanted(inner, shape, true) ? inner : item;
	else if ((inner = json_member_of(object, "Items", JSON_ARRAY)).p)
		item = find_item(inner, shape);
	else if ((inner = json_member_of(object, "Responses", JSON_OBJECT)).p)
		item = find_response(inner, shape);
	else
		item = is_wanted(object, shape, true) ? object : item;
	if (item.p)
		return add_item(list, item, shape, source, error);
	if (shape->may_be_absent)
		return 0;
	return error_set(error, STATUS_USAGE, "no-list", "%s: there is no item whose %s is '%s'", source,
		shape->key_name, shape->item);
}

static struct slice
without_blanks(struct slice name)
{
	while (name.n && strchr(" \t\r", name.p[0]))
		name.p++, name.n--;
	while (name.n && strchr(" \t\r", name.p[name.n - 1]))
		name.n--;
	return name;
}

static void
add_lines(struct name_list *list, struct slice text, const char *source)
{
	while (text.n) {
		const char *newline = memchr(text.p, '\n', text.n);
		size_t n = newline ? (size_t)(newline - text.p) : text.n, used = newline ? n + 1 : n;
		const char *hash = memchr(text.p, '#', n);
		struct slice line = without_blanks((struct slice){text.p, hash ? (size_t)(hash - text.p) : n});

		if (line.n)
			add_name(list, line, source);
		text.p += used;
		text.n -= used;
	}
}

static char
first_character(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return text.p[i];
	return 0;
}

static int
parse_text(struct slice text, const char *source, const struct list_shape *shape, struct name_list *list,
	struct error *error)
{
	struct slice value;

	if (slice_begins(text, SLICE("\xef\xbb\xbf")))
		text = (struct slice){text.p + 3, text.n - 3};
	switch (first_character(text)) {
	case '[':
		return json_parse(text, source, &value, error) < 0 ? -1 : add_array(list, value, false, source, error);
	case '{':
		return json_parse(text, source, &value, error) < 0 ? -1 : add_object(list, value, shape, source, error);
	default: add_lines(list, text, source); return 0;
	}
}

int
name_list_parse(struct slice text, const char *source, const struct list_shape *shape, struct name_list *list,
	struct error *error)
{
	*list = (struct name_list){0};
	if (parse_text(text, source, shape, list, error) < 0)
		return name_list_free(list), -1;
	if (list->n == 0 && !shape->may_be_absent) {
		name_list_free(list);
		return error_set(error, STATUS_USAGE, "empty-list",
			"%s: the list is empty; with it %s, so nothing is done", source,
			shape->denies ? "nobody would be left out" : "every partner would count the same");
	}
	return 0;
}

void
name_list_split(const char *text, bool trim, const char *source, struct name_list *list)
{
	*list = (struct name_list){0};
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ",");
		struct slice name = {p, n};

		if (trim)
			name = without_blanks(name);
		if (name.n)
			add_name(list, name, source);
		p += n + (p[n] == ',');
	}
}

static int
split_partners(const char *argument, struct name_list *list, struct error *error)
{
	name_list_split(argument, true, argument, list);
	if (list->n == 0)
		return error_set(error, STATUS_USAGE, "empty-list", "'%s' names no partner", argument);
	return 0;
}

static bool
is_uri(const char *argument)
{
	const char *colon = strstr(argument, "://");

	return colon && strcspn(argument, ",/") >= (size_t)(colon - argument);
}

int
name_list_read(const char *argument, const struct list_shape *shape, struct name_list *list, struct error *error)
{
	struct buffer text = {0};
	int status;

	if (!is_uri(argument) && strchr(argument, ','))
		return split_partners(argument, list, error);
	*list = (struct name_list){0};
	if (!*argument)
		return error_set(error, STATUS_USAGE, "empty-list", "the list of partners is named by an empty text");
	status = content_read(argument, &text, error);
	if (status < 0 && strcmp(error->code, "missing") == 0 && !strchr(argument, '/'))
		error_set(error, STATUS_USAGE, "missing", "%s (a list of one name ends in a comma: '%s,')", error->text,
			argument);
	if (status == 0)
		status = name_list_parse(buffer_slice(&text), argument, shape, list, error);
	buffer_free(&text);
	return status;
}

/* The value of ?name= in a dynamodb URI, to free(3), or the default's copy. */
static char *
query_value(const char *uri, const char *name, const char *otherwise)
{
	const char *p = strchr(uri, '?');
	size_t n = strlen(name);

	for (; p; p = strchr(p + 1, '&'))
		if (strncmp(p + 1, name, n) == 0 && p[n + 1] == '=')
			return memory_copy(p + n + 2, strcspn(p + n + 2, "&"));
	return memory_copy_string(otherwise);
}

/* dynamodb://TABLE without an item? */
static bool
is_whole_table(const char *argument)
{
	return strncmp(argument, "dynamodb://", 11) == 0 && argument[11 + strcspn(argument + 11, "/?")] != '/';
}

/* dynamodb://TABLE/ITEM: the item; else otherwise. To free(3). */
static char *
item_name(const char *argument, const char *otherwise)
{
	const char *slash = strncmp(argument, "dynamodb://", 11) == 0 ? strchr(argument + 11, '/') : NULL;

	return slash ? memory_copy(slash + 1, strcspn(slash + 1, "?")) : memory_copy_string(otherwise);
}

/* A misspelt parameter would have another list read than the one that was meant. */
static int
check_parameters(const char *argument, struct error *error)
{
	const char *p = strncmp(argument, "dynamodb://", 11) == 0 ? strchr(argument, '?') : NULL;

	for (; p; p = strchr(p + 1, '&'))
		if (strncmp(p + 1, "key=", 4) != 0 && strncmp(p + 1, "list=", 5) != 0)
			return error_set(error, STATUS_USAGE, "usage",
				"%s: '%.*s' is no parameter of a list (there are key=NAME and list=NAME)", argument,
				(int)strcspn(p + 1, "&"), p + 1);
	return 0;
}

static int
read_one(const char *argument, bool denies, struct name_list *list, struct error *error)
{
	char *key = query_value(argument, "key", "ContentType");
	char *attribute = query_value(argument, "list", "partner_list");
	char *wanted = item_name(argument, denies ? "BlackList" : "PriorityList");
	struct list_shape shape = {key, wanted, attribute, false, denies};
	int status = name_list_read(argument, &shape, list, error);

	free(key);
	free(attribute);
	free(wanted);
	return status;
}

/* Both lists of one table from one reading of it. */
static int
read_table(const char *table, struct name_list *listed, struct name_list *denied, struct error *error)
{
	char *key = query_value(table, "key", "ContentType"), *attribute = query_value(table, "list", "partner_list");
	struct list_shape priority = {key, "PriorityList", attribute, false, false};
	struct list_shape deny = {key, "BlackList", attribute, true, true};
	struct buffer text = {0};
	int status = content_read(table, &text, error);

	if (status == 0)
		status = name_list_parse(buffer_slice(&text), table, &priority, listed, error);
	if (status == 0)
		status = name_list_parse(buffer_slice(&text), table, &deny, denied, error);
	buffer_free(&text);
	free(key);
	free(attribute);
	return status;
}

/* Add the names of --deny to those that are denied already. */
static int
deny_more(const char *argument, struct name_list *denied, struct error *error)
{
	struct name_list more;
	int status = read_one(argument, true, &more, error);

	for (size_t i = 0; status == 0 && i < more.n; i++)
		if (name_list_place(denied, more.names[i]) == denied->n)
			add_name(denied, more.names[i], argument);
	if (status == 0)
		name_list_free(&more);
	return status;
}

int
name_lists_read(
	const char *priority, const char *deny, struct name_list *listed, struct name_list *denied, struct error *error)
{
	int status = 0;

	*listed = *denied = (struct name_list){0};
	if ((priority && check_parameters(priority, error) < 0) || (deny && check_parameters(deny, error) < 0))
		return -1;
	if (priority && is_whole_table(priority))
		status = read_table(priority, listed, denied, error);
	else if (priority)
		status = read_one(priority, false, listed, error);
	if (status == 0 && deny)
		status = deny_more(deny, denied, error);
	if (status < 0) {
		name_list_free(listed);
		name_list_free(denied);
	}
	return status;
}
