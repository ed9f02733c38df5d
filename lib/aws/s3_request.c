#include "aws/s3_private.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/message.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_STALL_SECONDS = 30, REGIONS_KNOWN = 64 };

/* ---- where a bucket is */

static struct {
	pthread_mutex_t lock;
	struct {
		char bucket[256], region[64];
	} known[REGIONS_KNOWN];
	size_t n, oldest; /* the one that gives way to the next when all are in use */
} regions = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
known_region(const char *bucket, char region[64])
{
	bool found = false;

	pthread_mutex_lock(&regions.lock);
	for (size_t i = 0; i < regions.n && !found; i++)
		if (strcmp(regions.known[i].bucket, bucket) == 0) {
			memcpy(region, regions.known[i].region, sizeof(regions.known[i].region));
			found = true;
		}
	pthread_mutex_unlock(&regions.lock);
	return found;
}

static void
learn_region(const char *bucket, const char *region)
{
	size_t i;

	pthread_mutex_lock(&regions.lock);
	for (i = 0; i < regions.n && strcmp(regions.known[i].bucket, bucket) != 0; i++)
		;
	if (i == REGIONS_KNOWN)
		i = regions.oldest++ % REGIONS_KNOWN;
	snprintf(regions.known[i].bucket, sizeof(regions.known[i].bucket), "%s", bucket);
	snprintf(regions.known[i].region, sizeof(regions.known[i].region), "%s", region);
	regions.n += i == regions.n;
	pthread_mutex_unlock(&regions.lock);
}

/* A DNS label without dots (the certificate's wildcard has one level). */
static bool
fits_host(const char *bucket)
{
	size_t n = strlen(bucket);

	return n >= 3 && n <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && bucket[0] != '-' &&
		bucket[n - 1] != '-';
}

static bool
by_virtual_host(const struct s3_op *op, struct slice key)
{
	const struct aws_config *c = aws_configuration();
	struct slice style =
		ini_get(&c->ini, INI_PROFILE, slice_of(c->profile), SLICE("s3"), SLICE("addressing_style"));

	if (!fits_host(op->bucket) || slice_equal(key, SLICE("soap")))
		return false;
	if (slice_equal(style, SLICE("virtual")))
		return true;
	return !op->endpoint.custom && !slice_equal(style, SLICE("path"));
}

int
s3_parse(const char *uri, struct slice *bucket, struct slice *key, struct error *error)
{
	const char *name, *slash;

	if (strncmp(uri, "s3://", 5) != 0)
		return error_set(error, STATUS_REFUSED, "bad-uri", "'%s' is not an s3:// address", uri);
	name = uri + 5;
	if (strncmp(name, "arn:", 4) == 0)
		return error_set(error, STATUS_REFUSED, "bad-uri",
			"'%s': an access point is named by its alias, not by its ARN (s3://ALIAS/KEY)", uri);
	slash = strchr(name, '/');
	*bucket = slash ? (struct slice){name, (size_t)(slash - name)} : slice_of(name);
	*key = slash ? slice_of(slash + 1) : (struct slice){"", 0};
	if (bucket->n == 0 || bucket->n > 255)
		return error_set(error, STATUS_REFUSED, "bad-uri", "'%s' names no bucket (s3://BUCKET/KEY)", uri);
	if (key->n > 1024)
		return error_set(
			error, STATUS_REFUSED, "bad-uri", "the key of '%.200s...' is longer than 1024 bytes", uri);
	return 0;
}

/* ---- a request */

static struct slice
encoded_path(struct s3_op *op, struct slice key, bool with_bucket)
{
	struct buffer path = {0};
	struct slice kept;

	if (with_bucket) {
		buffer_add_byte(&path, '/');
		percent_encode(&path, slice_of(op->bucket), false);
	}
	if (key.n || !with_bucket)
		buffer_add_byte(&path, '/');
	percent_encode(&path, key, true);
	kept = arena_copy(&op->arena, buffer_slice(&path));
	buffer_free(&path);
	return kept;
}

void
s3_op_start(struct s3_op *op, const char *verb, const char *thing, const char *permission, const char *method,
	struct slice bucket)
{
	*op = (struct s3_op){.call = {.service = AWS_S3,
				     .permission = permission,
				     .method = method,
				     .body_fd = -1,
				     .stall_seconds = READ_STALL_SECONDS}};
	snprintf(op->what, sizeof(op->what), "%s '%.1300s'", verb, thing);
	snprintf(op->bucket, sizeof(op->bucket), "%.*s", (int)bucket.n, bucket.p);
	op->call.what = op->what;
}

static int
address(struct s3_op *op, struct slice key, struct error *error)
{
	const char *region;
	bool virtual_host;

	if (!known_region(op->bucket, op->region)) {
		if (!(region = aws_region(AWS_S3, error)))
			return -1;
		snprintf(op->region, sizeof(op->region), "%s", region);
	}
	aws_endpoint_free(&op->endpoint);
	if (aws_endpoint_resolve(aws_configuration(), AWS_S3, op->region, &op->endpoint, error) < 0)
		return -1;
	virtual_host = by_virtual_host(op, key);
	op->call.region = op->region;
	op->call.endpoint = &op->endpoint;
	op->call.host_label = virtual_host ? op->bucket : NULL;
	op->call.path = encoded_path(op, key, !virtual_host);
	return 0;
}

void
s3_op_header(struct s3_op *op, const char *name, const char *value)
{
	if (value)
		aws_header(&op->call, name, arena_copy(&op->arena, slice_of(value)));
}

void
s3_op_query(struct s3_op *op, struct buffer *q)
{
	op->call.query = arena_copy(&op->arena, buffer_slice(q));
	buffer_free(q);
}

/* Once the service has said where the bucket is. */
static bool
is_elsewhere(const struct s3_op *op)
{
	const struct aws_reply *r = op->reply;

	return r->region.n && r->region.n < 64 && !slice_equal(r->region, slice_of(op->region)) &&
		(r->status == 301 || r->status == 307 || r->status == 400 || r->status == 403);
}

int
s3_op_finish(struct s3_op *op, struct slice key, struct error *error)
{
	char region[64];

	if (aws_finish(op->exchange, &op->reply, error) == 0)
		return 0;
	if (!is_elsewhere(op))
		return -1;
	snprintf(region, sizeof(region), "%.*s", (int)op->reply->region.n, op->reply->region.p);
	message(MESSAGE_NOTE, "bucket '%s' is in region %s", op->bucket, region);
	learn_region(op->bucket, region);
	aws_end(op->exchange);
	op->exchange = NULL;
	op->reply = NULL;
	if (address(op, key, error) < 0)
		return -1;
	return aws_perform(&op->call, &op->exchange, &op->reply, error);
}

int
s3_op_begin(struct s3_op *op, struct slice key, struct error *error)
{
	if (address(op, key, error) < 0)
		return -1;
	if (slice_equal(aws_config_value(aws_configuration(), "AWS_REQUEST_PAYER", NULL), SLICE("requester")))
		aws_header(&op->call, "x-amz-request-payer", SLICE("requester"));
	op->exchange = aws_begin(&op->call);
	return 0;
}

int
s3_op_perform(struct s3_op *op, struct slice key, struct error *error)
{
	return s3_op_begin(op, key, error) < 0 ? -1 : s3_op_finish(op, key, error);
}

void
s3_op_end(struct s3_op *op)
{
	aws_end(op->exchange);
	aws_endpoint_free(&op->endpoint);
	arena_free(&op->arena);
	*op = (struct s3_op){.exchange = NULL};
}

/* ---- what a reply tells of an object */

char *
s3_copy_header(const struct http_reply *head, const char *name)
{
	struct slice value = http_header(head, name);

	return value.p ? memory_copy(value.p, value.n) : NULL;
}

void
s3_read_meta(const struct http_reply *head, struct s3_meta *meta)
{
	meta->has_bytes = head->length >= 0;
	meta->bytes = head->length >= 0 ? (uint64_t)head->length : 0;
	meta->etag = s3_copy_header(head, "etag");
	meta->version_id = s3_copy_header(head, "x-amz-version-id");
	meta->last_modified = s3_copy_header(head, "last-modified");
}

struct instant
s3_modified(const struct s3_meta *meta)
{
	time_t t = meta->last_modified ? curl_getdate(meta->last_modified, NULL) : -1;

	return t < 0 ? INSTANT_MISSING : (struct instant){t, 0};
}

void
s3_meta_free(struct s3_meta *meta)
{
	free(meta->etag);
	free(meta->version_id);
	free(meta->last_modified);
	free(meta->sha256);
	*meta = (struct s3_meta){0};
}
