#include "aws/dynamodb.h"

#include "aws/client.h"
#include "base/memory.h"
#include "base/message.h"
#include "json/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 8 };

struct address {
	struct slice table, item, key;
};

static bool
parse(const char *uri, struct address *a)
{
	struct slice rest = slice_of(uri);
	const char *question, *slash, *option;

	*a = (struct address){.key = SLICE("ContentType")};
	if (!slice_begins(rest, SLICE("dynamodb://")))
		return false;
	rest = (struct slice){rest.p + 11, rest.n - 11};
	if ((question = memchr(rest.p, '?', rest.n))) {
		for (option = question + 1; option; option = strchr(option, '&') ? strchr(option, '&') + 1 : NULL)
			if (strncmp(option, "key=", 4) == 0)
				a->key = (struct slice){option + 4, strcspn(option + 4, "&")};
		rest.n = (size_t)(question - rest.p);
	}
	slash = memchr(rest.p, '/', rest.n);
	a->table = slash ? (struct slice){rest.p, (size_t)(slash - rest.p)} : rest;
	if (slash)
		a->item = (struct slice){slash + 1, rest.n - a->table.n - 1};
	return a->table.n > 0 && a->key.n > 0;
}

static void
add_key(struct buffer *body, const struct address *a, struct slice item)
{
	buffer_add_byte(body, '{');
	buffer_add_json_string(body, a->key);
	buffer_add_string(body, ":{\"S\":");
	buffer_add_json_string(body, item);
	buffer_add_string(body, "}}");
}

static void
first_request(struct buffer *body, const struct address *a)
{
	buffer_add_byte(body, '{');
	buffer_add_json_string(body, a->table);
	buffer_add_string(body, ":{\"Keys\":[");
	add_key(body, a, a->item.n ? a->item : SLICE("PriorityList"));
	if (!a->item.n) {
		buffer_add_byte(body, ',');
		add_key(body, a, SLICE("BlackList"));
	}
	buffer_add_string(body, "],\"ConsistentRead\":true}}");
}

static size_t
add_items(struct buffer *out, struct slice reply, struct slice table)
{
	struct slice responses = json_member_of(reply, "Responses", JSON_OBJECT), list, item;
	struct json_walk walk;
	size_t n = 0;

	list = json_member(responses, table);
	if (!list.p || json_kind(list) != JSON_ARRAY)
		return 0;
	for (walk = json_walk(list); json_next_element(&walk, &item); n++) {
		if (out->p[out->n - 1] != '[')
			buffer_add_byte(out, ',');
		buffer_add_slice(out, item);
	}
	return n;
}

static bool
has_members(struct slice object)
{
	struct json_walk walk = json_walk(object);
	struct slice name, member;

	return json_next_member(&walk, &name, &member);
}

/* One request; what the service left over goes to *left for the next. */
static int
ask(const struct address *a, const char *what, struct slice items, struct buffer *out, size_t *found,
	struct buffer *left, struct error *error)
{
	struct aws_call call = {.what = what,
		.permission = "dynamodb:BatchGetItem on the table",
		.total_ms = 20000,
		.check_crc32 = true};
	struct buffer body = {0};
	struct aws_exchange *x;
	struct aws_reply *reply;
	struct slice object, unprocessed;
	int result;

	buffer_add_string(&body, "{\"RequestItems\":");
	buffer_add_slice(&body, items);
	buffer_add_byte(&body, '}');
	aws_json_call(&call, AWS_DYNAMODB, "DynamoDB_20120810.BatchGetItem", buffer_slice(&body));
	result = aws_perform(&call, &x, &reply, error);
	if (result == 0)
		result = json_parse(buffer_slice(&reply->body), "DynamoDB's reply", &object, error);
	if (result == 0 && json_kind(object) != JSON_OBJECT)
		result = error_set(error, STATUS_FAILED, "service", "cannot %s: the reply is no JSON object", what);
	if (result == 0) {
		*found += add_items(out, object, a->table);
		unprocessed = json_member_of(object, "UnprocessedKeys", JSON_OBJECT);
		left->n = 0;
		if (has_members(unprocessed))
			buffer_add_slice(left, unprocessed);
	}
	if (result < 0 && slice_equal(reply->code, SLICE("ResourceNotFoundException")))
		error->status = STATUS_USAGE;
	aws_end(x);
	buffer_free(&body);
	return result;
}

static int
read_items(const struct address *a, const char *what, struct buffer *out, size_t *found, struct error *error)
{
	struct buffer items = {0}, left = {0};
	int result = -1;

	first_request(&items, a);
	for (int tries = 0; tries < TRIES; tries++) {
		if (tries)
			aws_rest(tries);
		result = ask(a, what, buffer_slice(&items), out, found, &left, error);
		if (result < 0 || left.n == 0)
			break;
		items.n = 0;
		buffer_add_slice(&items, buffer_slice(&left));
		result = error_set(error, STATUS_FAILED, "service",
			"cannot %s: the table throttles; give it more read capacity", what);
	}
	buffer_free(&items);
	buffer_free(&left);
	return result;
}

int
dynamodb_content(const char *uri, struct buffer *out, struct error *error)
{
	struct buffer items = {0};
	struct address a;
	char what[400];
	size_t found = 0;
	int result;

	if (!parse(uri, &a))
		return error_set(error, STATUS_USAGE, "bad-uri", "'%s' is no table (dynamodb://TABLE[/ITEM])", uri);
	snprintf(what, sizeof(what), "read '%.350s'", uri);
	if (aws_start(&environment_system, error) < 0)
		return -1;
	buffer_add_string(&items, "{\"Items\":[");
	result = read_items(&a, what, &items, &found, error);
	if (result == 0 && found == 0)
		result = error_set(error, STATUS_USAGE, "missing", "table '%.*s' has no item with %.*s = \"%.*s\"",
			(int)a.table.n, a.table.p, (int)a.key.n, a.key.p, a.item.n ? (int)a.item.n : 12,
			a.item.n ? a.item.p : "PriorityList");
	if (result == 0) {
		buffer_add_string(&items, "]}");
		buffer_add_slice(out, buffer_slice(&items));
	}
	buffer_free(&items);
	return result;
}
