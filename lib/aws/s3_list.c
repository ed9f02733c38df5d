#include "aws/s3_private.h"
#include "aws/xml.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { EMPTY_PAGES_MAX = 1000, KEY_MAX = 1024 };

static struct slice
listed_key(struct arena *arena, const struct xml_node *node, const char *name, bool encoded)
{
	struct slice text = xml_text(node, name);

	return encoded ? form_decode(text, arena) : text; /* encoding-type=url has '+' for a space */
}

static bool
read_entry(struct arena *arena, const struct xml_node *node, bool encoded, struct s3_entry *e)
{
	*e = (struct s3_entry){.bytes = 0};
	if (slice_equal(node->name, SLICE("Contents"))) {
		struct slice size = xml_text(node, "Size");

		e->key = listed_key(arena, node, "Key", encoded);
		e->etag = xml_text(node, "ETag");
		e->last_modified = xml_text(node, "LastModified");
		for (size_t i = 0; i < size.n && size.p[i] >= '0' && size.p[i] <= '9'; i++)
			e->bytes = e->bytes * 10 + (uint64_t)(size.p[i] - '0');
		return true;
	}
	if (!slice_equal(node->name, SLICE("CommonPrefixes")))
		return false;
	e->key = listed_key(arena, node, "Prefix", encoded);
	e->is_prefix = true;
	return true;
}

static int
by_key(const void *a, const void *b)
{
	return slice_compare(((const struct s3_entry *)a)->key, ((const struct s3_entry *)b)->key);
}

/* A page has its keys first and its prefixes after them; handed out they are one sequence. */
static bool
hand_out(struct arena *arena, const struct xml_node *root, bool encoded, bool (*each)(void *, const struct s3_entry *),
	void *context)
{
	struct s3_entry *entries;
	size_t n = 0, capacity = 0;
	bool going = true;

	for (const struct xml_node *node = root->first; node; node = node->next)
		capacity++;
	entries = memory_get_zeroed(capacity + 1, sizeof(*entries));
	for (const struct xml_node *node = root->first; node; node = node->next)
		n += read_entry(arena, node, encoded, &entries[n]);
	qsort(entries, n, sizeof(*entries), by_key);
	for (size_t i = 0; i < n && going; i++)
		going = each(context, &entries[i]);
	free(entries);
	return going;
}

static void
list_query(struct s3_op *op, const struct s3_listing *l, struct slice token)
{
	struct buffer q = {0};

	form_add(&q, SLICE("list-type"), SLICE("2"));
	form_add(&q, SLICE("encoding-type"), SLICE("url"));
	form_add(&q, SLICE("max-keys"), SLICE("1000"));
	form_add(&q, SLICE("prefix"), l->prefix);
	if (l->delimiter)
		form_add(&q, SLICE("delimiter"), slice_of(l->delimiter));
	if (token.n)
		form_add(&q, SLICE("continuation-token"), token);
	s3_op_query(op, &q);
}

/* One page: 1 and *token when there is another, 0 at the end. */
static int
list_page(const struct s3_listing *l, struct buffer *token, bool (*each)(void *, const struct s3_entry *),
	void *context, struct error *error)
{
	struct arena arena = {0};
	const struct xml_node *root = NULL;
	struct s3_op op;
	struct slice next;
	char thing[1300];
	int result;

	snprintf(thing, sizeof(thing), "s3://%.*s/%.*s", (int)l->bucket.n, l->bucket.p, (int)l->prefix.n, l->prefix.p);
	s3_op_start(&op, "list", thing, "s3:ListBucket on the bucket", "GET", l->bucket);
	op.call.root = "ListBucketResult";
	list_query(&op, l, buffer_slice(token));
	token->n = 0;
	result = s3_op_perform(&op, (struct slice){"", 0}, error);
	if (result == 0)
		root = op.reply->document;
	if (result == 0 &&
		hand_out(&arena, root, slice_equal(xml_text(root, "EncodingType"), SLICE("url")), each, context) &&
		slice_equal(xml_text(root, "IsTruncated"), SLICE("true"))) {
		next = xml_text(root, "NextContinuationToken");
		buffer_add_slice(token, next);
		result = next.n
			? 1
			: error_set(error, STATUS_FAILED, "service",
				  "cannot list '%s': the page is not the last, but does not tell how to go on", thing);
	}
	s3_op_end(&op);
	arena_free(&arena);
	return result;
}

/* A service that leads in a circle, or on and on through pages without a key, would be followed for ever; so would one
 * whose prefixes are not below the one that was asked for, by who walks down them. Any circle of tokens meets the one
 * that is kept, which is renewed at every power of two. */
struct journey {
	const struct s3_listing *listing;
	struct buffer kept;
	uint64_t pages;
	unsigned empty;
	bool (*each)(void *, const struct s3_entry *);
	void *context;
	bool any, astray;
};

static bool
see_and_pass(void *context, const struct s3_entry *entry)
{
	struct journey *j = context;

	j->any = true;
	j->astray = entry->is_prefix &&
		(entry->key.n <= j->listing->prefix.n || entry->key.n > KEY_MAX ||
			!slice_begins(entry->key, j->listing->prefix));
	return !j->astray && j->each(j->context, entry);
}

static int
endless(const struct s3_listing *l, const char *why, struct error *error)
{
	return error_set(error, STATUS_FAILED, "service", "cannot list 's3://%.*s/%.*s': %s", (int)l->bucket.n,
		l->bucket.p, (int)l->prefix.n, l->prefix.p, why);
}

static int
check_progress(struct journey *j, struct slice token, struct error *error)
{
	j->empty = j->any ? 0 : j->empty + 1;
	j->any = false;
	if (slice_equal(buffer_slice(&j->kept), token))
		return endless(
			j->listing, "the service sent a continuation token twice, so the list has no end", error);
	if (j->empty == EMPTY_PAGES_MAX)
		return endless(j->listing, "page after page is empty, and none is the last", error);
	j->pages++;
	if ((j->pages & (j->pages - 1)) == 0) {
		j->kept.n = 0;
		buffer_add_slice(&j->kept, token);
	}
	return 0;
}

int
s3_list(const struct s3_listing *listing, bool (*each)(void *context, const struct s3_entry *entry), void *context,
	struct error *error)
{
	struct journey journey = {.listing = listing, .each = each, .context = context};
	struct buffer token = {0};
	int more;

	while ((more = list_page(listing, &token, see_and_pass, &journey, error)) > 0)
		if (check_progress(&journey, buffer_slice(&token), error) < 0) {
			more = -1;
			break;
		}
	if (journey.astray)
		more = endless(listing, "the service sent a prefix that is not below this one", error);
	buffer_free(&journey.kept);
	buffer_free(&token);
	return more;
}
