/* s3_objects - s3:// as a scheme of io/object.h: listed by prefix, glob and date, read as verified streams. */
#include "aws/client.h"
#include "aws/dynamodb.h"
#include "aws/s3.h"
#include "aws/schemes.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/content.h"
#include "io/object.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	UNDATED_LEVELS = 3, /* so deep is a date looked for before all below is listed at once */
	WINDOW = 256 << 10,
	WINDOW_LARGE = 1 << 20,
	RANGES = 3,      /* so many more at a time of an object that is too large to be held */
	WHOLE_TRIES = 4, /* of an object that comes damaged */
};

/* An object that is not as it should be harms no other; a service that refuses does. */
static void
set_reach(struct error *error)
{
	static const char *const alone[] = {"missing", "unreadable", "changed", "checksum", "bad-uri"};

	for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
		if (strcmp(error->code, alone[i]) == 0)
			error->status = STATUS_REFUSED;
}

/* ---- reading */

/* Of objects whose size nobody said beforehand a share is reserved; what exceeds it is counted here, for all. */
static _Atomic size_t unforeseen_bytes;

enum { UNFORESEEN_SHARE = 16 };

struct object_stream {
	struct stream stream;
	size_t unforeseen; /* its part of unforeseen_bytes */
	struct s3_download *download;
	struct buffer whole; /* of an object that was read and verified at once */
	size_t taken;
	bool is_whole;
};

static ssize_t
object_read(struct stream *stream, void *p, size_t n, struct error *error)
{
	struct object_stream *s = (struct object_stream *)stream;
	ssize_t got;

	if (s->is_whole) {
		size_t have = s->whole.n - s->taken;

		have = have < n ? have : n;
		if (have)
			memcpy(p, s->whole.p + s->taken, have);
		s->taken += have;
		return (ssize_t)have;
	}
	got = s3_read(s->download, p, n, error);
	if (got < 0)
		set_reach(error);
	return got;
}

static void
object_close(struct stream *stream)
{
	struct object_stream *s = (struct object_stream *)stream;

	s3_close(s->download);
	buffer_free(&s->whole);
	atomic_fetch_sub(&unforeseen_bytes, s->unforeseen);
	free(s);
}

static const struct stream_kind object_stream_kind = {object_read, object_close};

/* Whether so many bytes that nobody reserved may be held. */
static bool
claim(struct object_stream *s, uint64_t bytes, size_t memory)
{
	if (s->unforeseen)
		return bytes <= s->unforeseen;
	if (bytes > memory)
		return false;
	if (atomic_fetch_add(&unforeseen_bytes, (size_t)bytes) + bytes > memory) {
		atomic_fetch_sub(&unforeseen_bytes, (size_t)bytes);
		return false;
	}
	s->unforeseen = (size_t)bytes;
	return true;
}

/* Whether the object may be held whole. */
static bool
may_hold(struct object_stream *s, const struct reference *r, uint64_t bytes, size_t memory)
{
	if (bytes > memory)
		return false;
	if (r->has_size ? bytes <= r->size : bytes <= memory / UNFORESEEN_SHARE)
		return true;
	return claim(s, bytes, memory);
}

/* By how many ranges more at a time an object is read that cannot be held. */
static unsigned
ranges_within(size_t memory)
{
	uint64_t ranges = memory / 2 / S3_RANGE_BYTES;

	return ranges < RANGES ? (unsigned)ranges : RANGES;
}

static void
read_ahead(struct object_stream *s, const struct reference *r, size_t memory)
{
	unsigned ranges = ranges_within(memory);
	bool reserved = r->has_size && r->size > memory;

	if (reserved || claim(s, ranges * S3_RANGE_BYTES, memory))
		s3_read_ahead(s->download, ranges, NULL);
}

static int
open_once(struct object_stream *s, const struct s3_get *get, const struct reference *r, size_t memory,
	struct object_facts *facts, struct error *error)
{
	const struct s3_meta *meta;

	s->download = s3_open(get);
	if (s3_head(s->download, &meta, error) < 0)
		return -1;
	facts->has_size = meta->has_bytes;
	facts->size = meta->bytes;
	facts->time = r->time ? INSTANT_MISSING : s3_modified(meta);
	s->is_whole = meta->has_bytes && may_hold(s, r, meta->bytes, memory);
	if (!s->is_whole) {
		read_ahead(s, r, memory);
		return 0;
	}
	s->whole.n = 0;
	if (s3_read_whole(s->download, &s->whole, error) < 0)
		return -1;
	facts->whole = buffer_slice(&s->whole);
	return 0;
}

static struct stream *
s3_scheme_open(const struct reference *r, size_t memory, struct object_facts *facts, struct error *error)
{
	struct s3_get get = {.uri = r->uri,
		.version_id = r->version_id,
		.bytes = r->has_size ? r->size : 0,
		.window = r->has_size && r->size > WINDOW_LARGE ? WINDOW_LARGE : WINDOW};
	struct object_stream *s;
	int opened = -1;

	if (aws_start(&environment_system, error) < 0)
		return NULL;
	s = memory_get_zeroed(1, sizeof(*s));
	s->stream = (struct stream){.kind = &object_stream_kind, .live = true};
	for (int i = 0; i < WHOLE_TRIES && opened < 0; i++) {
		if (i)
			message(MESSAGE_NOTE, "%s; trying again", error->text);
		s3_close(s->download);
		opened = open_once(s, &get, r, memory, facts, error);
		if (opened < 0 && strcmp(error->code, "checksum") != 0)
			break;
	}
	if (opened < 0) {
		set_reach(error);
		object_close(&s->stream);
		return NULL;
	}
	if (s->is_whole) {
		s3_close(s->download); /* its connection is free for the next */
		s->download = NULL;
	}
	return &s->stream;
}

static size_t
s3_scheme_memory(const struct reference *r, size_t most)
{
	if (!r->has_size)
		return most / UNFORESEEN_SHARE;
	if (r->size <= most)
		return (size_t)r->size + WINDOW;
	return 2 * WINDOW_LARGE + (r->size < S3_RANGES_FROM ? 0 : ranges_within(most) * S3_RANGE_BYTES);
}

/* ---- listing */

struct lister {
	const struct selection *selection;
	object_found *found;
	void *context;
	struct slice bucket;
	struct glob *glob;  /* of the whole key, or NULL */
	size_t glob_levels; /* '/' in the pattern before its first "**" */
	bool stopped;
};

static size_t
count_slashes(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

static void
emit(struct lister *l, const struct s3_entry *e, struct instant time)
{
	struct reference r = {
		.uri = memory_format("s3://%.*s/%.*s", (int)l->bucket.n, l->bucket.p, (int)e->key.n, e->key.p),
		.size = e->bytes,
		.has_size = true};

	if (e->etag.n > 2 && e->etag.p[0] == '"') /* as notifications have it */
		r.etag = memory_copy(e->etag.p + 1, e->etag.n - 2);
	reference_set_time(&r, time);
	if (!l->found(l->context, &r, NULL))
		l->stopped = true;
}

static int list_prefix(struct lister *l, struct slice prefix, struct error *error);

/* Whether it pays to look at the next level before all below is listed. */
static bool
may_prune_below(const struct lister *l, struct slice prefix)
{
	size_t level = count_slashes(prefix);
	enum period_verdict verdict = period_of_path(&l->selection->period, prefix);

	if (l->glob && level < l->glob_levels)
		return true;
	if (period_is_all(&l->selection->period))
		return false;
	if (verdict == PERIOD_UNDATED)
		return level < UNDATED_LEVELS;
	return !memmem(prefix.p, prefix.n, "day=", 4);
}

struct page {
	struct lister *lister;
	struct error *error;
	int result;
};

static bool
take_entry(void *context, const struct s3_entry *e)
{
	struct page *page = context;
	struct lister *l = page->lister;
	struct instant time = INSTANT_MISSING;

	if (e->is_prefix) {
		if ((!l->glob || glob_may_match_below(l->glob, e->key)) && selection_may_hold(l->selection, e->key))
			page->result = list_prefix(l, e->key, page->error);
		return page->result == 0 && !l->stopped;
	}
	/* what the console makes to show a folder */
	if (e->key.n == 0 || (e->key.p[e->key.n - 1] == '/' && e->bytes == 0) || memchr(e->key.p, 0, e->key.n))
		return true;
	if (e->last_modified.n)
		instant_parse(e->last_modified, &time, NULL);
	if ((!l->glob || glob_matches(l->glob, e->key)) && selection_admits(l->selection, e->key, e->key, time))
		emit(l, e, time);
	return !l->stopped;
}

static int
list_prefix(struct lister *l, struct slice prefix, struct error *error)
{
	struct page page = {l, error, 0};
	struct s3_listing listing = {
		.bucket = l->bucket, .prefix = prefix, .delimiter = may_prune_below(l, prefix) ? "/" : NULL};
	int result = s3_list(&listing, take_entry, &page, error);

	return page.result < 0 ? -1 : result;
}

static int
list_pattern(struct lister *l, struct slice key, struct error *error)
{
	char *pattern = memory_format("%.*s%s", (int)key.n, key.p, key.p[key.n - 1] == '/' ? "**" : "");
	const char *deep = strstr(pattern, "**");
	size_t fixed = glob_fixed_prefix(pattern), literal = strcspn(pattern, "*?[\\");
	int result;

	l->glob = glob_compile(pattern);
	l->glob_levels = count_slashes((struct slice){pattern, deep ? (size_t)(deep - pattern) : strlen(pattern)});
	/* within a segment S3 can tell by the prefix, too, unless levels are walked */
	result = list_prefix(l,
		(struct slice){
			pattern, count_slashes((struct slice){pattern, fixed}) >= l->glob_levels ? literal : fixed},
		error);
	glob_free(l->glob);
	free(pattern);
	return result;
}

static int
list_one(struct lister *l, const char *source, struct slice key, struct error *error)
{
	bool undated =
		!period_is_all(&l->selection->period) && period_of_path(&l->selection->period, key) == PERIOD_UNDATED;
	struct reference r = {.uri = NULL};
	struct s3_meta meta = {0};
	bool missing = false;

	if ((l->selection->look || undated) && s3_look(&(struct s3_get){.uri = source}, &meta, error) < 0) {
		if (strcmp(error->code, "missing") != 0)
			return -1;
		set_reach(error);
		missing = true;
	}
	if (missing || selection_admits(l->selection, key, key, s3_modified(&meta))) {
		if (meta.has_bytes) {
			emit(l, &(struct s3_entry){.key = key, .bytes = meta.bytes, .etag = slice_of(meta.etag)},
				s3_modified(&meta));
		} else {
			r.uri = memory_copy_string(source);
			l->found(l->context, &r, missing ? error : NULL);
		}
	}
	s3_meta_free(&meta);
	return 0;
}

static int
s3_scheme_list(
	const char *source, const struct selection *selection, object_found *found, void *context, struct error *error)
{
	struct lister l = {.selection = selection, .found = found, .context = context};
	struct slice key;
	char *text;
	int result;

	if (aws_start(&environment_system, error) < 0 || s3_parse(source, &l.bucket, &key, error) < 0)
		return -1;
	text = memory_copy(key.p, key.n);
	if (key.n && !selection->raw && glob_is_pattern(text))
		result = list_pattern(&l, key, error);
	else if (key.n == 0 || key.p[key.n - 1] == '/')
		result = list_prefix(&l, key, error);
	else
		result = list_one(&l, source, key, error);
	free(text);
	if (result < 0)
		set_reach(error);
	return result;
}

static const struct object_scheme s3_scheme = {"s3", s3_scheme_list, s3_scheme_open, s3_scheme_memory};

void
aws_register_objects(void)
{
	object_register(&s3_scheme);
}

/* ---- small texts */

static int
s3_content(const char *uri, struct buffer *out, struct error *error)
{
	struct s3_download *d;
	ssize_t got;

	if (aws_start(&environment_system, error) < 0)
		return -1;
	d = s3_open(&(struct s3_get){.uri = uri});
	do {
		buffer_reserve(out, 64 << 10);
		got = s3_read(d, out->p + out->n, 64 << 10, error);
		out->n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && out->n <= CONTENT_MAX);
	s3_close(d);
	if (got > 0)
		return error_set(error, STATUS_USAGE, "too-long", "'%s' is longer than %u bytes", uri, CONTENT_MAX);
	if (got < 0 && (strcmp(error->code, "missing") == 0 || strcmp(error->code, "no-bucket") == 0))
		error->status = STATUS_USAGE;
	return got < 0 ? -1 : 0;
}

void
aws_register_content(void)
{
	content_register("s3", s3_content);
	content_register("dynamodb", dynamodb_content);
}
