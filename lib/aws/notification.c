#include "aws/notification.h"

#include "base/memory.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "json/text.h"

#include <stdlib.h>

enum { ENVELOPES_MAX = 4 };

struct reader {
	struct arena *arena;
	struct notification *out;
	size_t capacity;
	size_t removals;
};

static void
unknown(struct reader *r, const char *why)
{
	r->out->kind = NOTIFICATION_UNKNOWN;
	r->out->why = why;
}

static bool
is_name(struct slice s)
{
	return s.n > 0 && !memchr(s.p, 0, s.n) && utf8_valid_prefix(s) == s.n;
}

static struct notification_object *
add_object(struct reader *r, struct slice bucket, struct slice key)
{
	struct notification *out = r->out;
	struct notification_object *o;
	char *uri;

	if (!is_name(bucket) || memchr(bucket.p, '/', bucket.n) || !is_name(key)) {
		unknown(r, "it names no bucket or no key");
		return NULL;
	}
	if (out->n == r->capacity) {
		struct notification_object *more = arena_get(r->arena, (r->capacity * 2 + 4) * sizeof(*more));

		if (out->n)
			memcpy(more, out->objects, out->n * sizeof(*more));
		out->objects = more;
		r->capacity = r->capacity * 2 + 4;
	}
	o = &out->objects[out->n++];
	uri = arena_get(r->arena, bucket.n + key.n + 7);
	memcpy(uri, "s3://", 5);
	memcpy(uri + 5, bucket.p, bucket.n);
	uri[5 + bucket.n] = '/';
	memcpy(uri + 6 + bucket.n, key.p, key.n);
	uri[6 + bucket.n + key.n] = 0;
	*o = (struct notification_object){.uri = {uri, 6 + bucket.n + key.n}};
	return o;
}

static void
read_size(struct slice object, struct notification_object *o)
{
	struct slice size = json_member_of(object, "size", JSON_NUMBER);

	o->has_bytes = size.p && json_natural(size, &o->bytes);
}

static bool
is_created(struct slice event)
{
	return slice_begins(event, SLICE("ObjectCreated:")) || slice_begins(event, SLICE("s3:ObjectCreated:"));
}

static bool
is_removed(struct slice event)
{
	if (slice_begins(event, SLICE("s3:")))
		event = (struct slice){event.p + 3, event.n - 3};
	return slice_begins(event, SLICE("ObjectRemoved:")) || slice_begins(event, SLICE("LifecycleExpiration:"));
}

/* Other stores that speak S3 put a name of their own before it. */
static bool
is_from_s3(struct slice source)
{
	return source.n == 0 || (source.n >= 3 && memcmp(source.p + source.n - 3, ":s3", 3) == 0);
}

static void
read_record(struct reader *r, struct slice record)
{
	struct slice event, version, s3, bucket, object;
	struct notification_object *o;

	if (json_kind(record) != JSON_OBJECT) {
		unknown(r, "a record is no object");
		return;
	}
	event = json_member_text(record, "eventName", r->arena);
	version = json_member_text(record, "eventVersion", r->arena);
	s3 = json_member_of(record, "s3", JSON_OBJECT);
	bucket = json_member_of(s3, "bucket", JSON_OBJECT);
	object = json_member_of(s3, "object", JSON_OBJECT);
	if (!object.p || !event.n || !is_from_s3(json_member_text(record, "eventSource", r->arena))) {
		unknown(r, "a record is not about an S3 object");
	} else if (version.n && !slice_begins(version, SLICE("2."))) {
		unknown(r, "its event version is not 2");
	} else if (is_removed(event)) {
		r->removals++;
	} else if (!is_created(event)) {
		unknown(r, "its event is neither a creation nor a removal");
	} else if ((o = add_object(r, json_member_text(bucket, "name", r->arena),
			    form_decode(json_member_text(object, "key", r->arena), r->arena)))) {
		o->version_id = json_member_text(object, "versionId", r->arena);
		o->etag = json_member_text(object, "eTag", r->arena);
		o->sequencer = json_member_text(object, "sequencer", r->arena);
		o->time = json_member_text(record, "eventTime", r->arena);
		read_size(object, o);
	}
}

static void
read_records(struct reader *r, struct slice records)
{
	struct json_walk walk = json_walk(records);
	struct slice record;

	while (r->out->kind != NOTIFICATION_UNKNOWN && json_next_element(&walk, &record))
		read_record(r, record);
}

static void
read_event_bridge(struct reader *r, struct slice event)
{
	struct slice type = json_member_text(event, "detail-type", r->arena);
	struct slice detail = json_member_of(event, "detail", JSON_OBJECT), bucket, object, etag;
	struct notification_object *o;

	if (slice_equal(type, SLICE("Object Deleted"))) {
		r->removals++;
		return;
	}
	if (!slice_equal(type, SLICE("Object Created"))) {
		unknown(r, "its event is neither a creation nor a removal");
		return;
	}
	bucket = json_member_of(detail, "bucket", JSON_OBJECT);
	object = json_member_of(detail, "object", JSON_OBJECT);
	if (!bucket.p || !object.p) {
		unknown(r, "it names no bucket or no key");
		return;
	}
	o = add_object(r, json_member_text(bucket, "name", r->arena), json_member_text(object, "key", r->arena));
	if (!o)
		return;
	etag = json_member_text(object, "etag", r->arena);
	o->etag = etag.n ? etag : json_member_text(object, "eTag", r->arena);
	o->version_id = json_member_text(object, "version-id", r->arena);
	o->sequencer = json_member_text(object, "sequencer", r->arena);
	o->time = json_member_text(event, "time", r->arena);
	read_size(object, o);
}

static void
read_value(struct reader *r, struct slice text, int envelopes)
{
	struct slice value, records;
	struct error unused;

	if (json_parse(text, "message", &value, &unused) < 0 || json_kind(value) != JSON_OBJECT) {
		unknown(r, "it is no JSON object");
		return;
	}
	records = json_member_of(value, "Records", JSON_ARRAY);
	if (records.p) {
		read_records(r, records);
	} else if (slice_equal(json_member_text(value, "Event", r->arena), SLICE("s3:TestEvent"))) {
		r->removals++;
	} else if (slice_equal(json_member_text(value, "Type", r->arena), SLICE("Notification")) &&
		envelopes < ENVELOPES_MAX) {
		read_value(r, json_member_text(value, "Message", r->arena), envelopes + 1);
	} else if (slice_equal(json_member_text(value, "source", r->arena), SLICE("aws.s3"))) {
		read_event_bridge(r, value);
	} else {
		unknown(r, "it is no S3 notification");
	}
}

void
notification_parse(struct slice body, struct arena *arena, struct notification *notification)
{
	struct reader r = {.arena = arena, .out = notification};

	*notification = (struct notification){.kind = NOTIFICATION_NOTHING};
	read_value(&r, body, 0);
	if (notification->kind == NOTIFICATION_UNKNOWN)
		notification->n = 0;
	else if (notification->n)
		notification->kind = NOTIFICATION_OBJECTS;
}
