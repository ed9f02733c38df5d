#include "aws/s3.h"

#include "aws/client.h"
#include "aws/xml.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/message.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
	READ_STALL_SECONDS = 30,
	RESUMES_WITHOUT_PROGRESS = 10,
	LIST_EMPTY_PAGES_MAX = 1000,
	PARTS_MAX = 10000,
	PARTS_IN_FLIGHT = 4,
};
#define PART_BYTES (UINT64_C(8) << 20)
#define PART_BYTES_MIN (UINT64_C(5) << 20)

/* One request about a bucket: enough to send it again to another region. */
struct op {
	struct arena arena;
	struct aws_call call;
	struct aws_endpoint endpoint;
	char bucket[256], region[64], what[1400];
	struct aws_exchange *exchange;
	struct aws_reply *reply;
};

/* ---- where a bucket is */

static struct {
	pthread_mutex_t lock;
	struct {
		char bucket[256], region[64];
	} known[64];
	size_t n;
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
	if (i < sizeof(regions.known) / sizeof(*regions.known)) {
		snprintf(regions.known[i].bucket, sizeof(regions.known[i].bucket), "%s", bucket);
		snprintf(regions.known[i].region, sizeof(regions.known[i].region), "%s", region);
		regions.n += i == regions.n;
	}
	pthread_mutex_unlock(&regions.lock);
}

/* A DNS label without dots (the certificate's wildcard has one level). */
static bool
fits_host(const char *bucket)
{
	size_t n = strlen(bucket);

	return n >= 3 && n <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
		bucket[0] != '-' && bucket[n - 1] != '-';
}

static bool
by_virtual_host(const struct op *op, struct slice key)
{
	const struct aws_config *c = aws_configuration();
	struct slice style = ini_get(&c->ini, INI_PROFILE, slice_of(c->profile), SLICE("s3"),
		SLICE("addressing_style"));

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
encoded_path(struct op *op, struct slice key, bool with_bucket)
{
	struct buffer path = {0};
	struct slice kept;

	if (with_bucket) {
		buffer_add_byte(&path, '/');
		sigv4_encode(&path, slice_of(op->bucket), false);
	}
	if (key.n || !with_bucket)
		buffer_add_byte(&path, '/');
	sigv4_encode(&path, key, true);
	kept = arena_copy(&op->arena, buffer_slice(&path));
	buffer_free(&path);
	return kept;
}

static void
op_start(struct op *op, const char *verb, const char *thing, const char *permission, const char *method,
	struct slice bucket)
{
	*op = (struct op){.call = {.service = AWS_S3, .permission = permission, .method = method,
				   .body_fd = -1, .stall_seconds = READ_STALL_SECONDS}};
	snprintf(op->what, sizeof(op->what), "%s '%.1300s'", verb, thing);
	snprintf(op->bucket, sizeof(op->bucket), "%.*s", (int)bucket.n, bucket.p);
	op->call.what = op->what;
}

static int
address(struct op *op, struct slice key, struct error *error)
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

static void
op_header(struct op *op, const char *name, const char *value)
{
	if (value)
		aws_header(&op->call, name, arena_copy(&op->arena, slice_of(value)));
}

static void
query(struct op *op, struct buffer *q, const char *name, struct slice value)
{
	(void)op;
	if (q->n)
		buffer_add_byte(q, '&');
	buffer_add_string(q, name);
	buffer_add_byte(q, '=');
	sigv4_encode(q, value, false);
}

static void
op_query(struct op *op, struct buffer *q)
{
	op->call.query = arena_copy(&op->arena, buffer_slice(q));
	buffer_free(q);
}

/* Once the service has said where the bucket is. */
static bool
is_elsewhere(const struct op *op)
{
	const struct aws_reply *r = op->reply;

	return r->region.n && r->region.n < 64 &&
		!slice_equal(r->region, slice_of(op->region)) &&
		(r->status == 301 || r->status == 307 || r->status == 400 || r->status == 403);
}

static int
op_finish(struct op *op, struct slice key, struct error *error)
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

static int
op_perform(struct op *op, struct slice key, struct error *error)
{
	if (address(op, key, error) < 0)
		return -1;
	op->exchange = aws_begin(&op->call);
	return op_finish(op, key, error);
}

static void
op_end(struct op *op)
{
	aws_end(op->exchange);
	aws_endpoint_free(&op->endpoint);
	arena_free(&op->arena);
	*op = (struct op){.exchange = NULL};
}

/* ---- what a reply tells of an object */

static char *
copy_header(const struct http_reply *head, const char *name)
{
	struct slice value = http_header(head, name);

	return value.p ? memory_copy(value.p, value.n) : NULL;
}

static char *
header_time(const struct http_reply *head, const char *name)
{
	struct slice value = http_header(head, name);
	time_t t = value.n ? curl_getdate(value.p, NULL) : -1;
	char text[INSTANT_TEXT_MAX];

	if (t < 0)
		return NULL;
	instant_format((struct instant){t, 0}, 0, text);
	return memory_copy_string(text);
}

static void
read_meta(const struct http_reply *head, struct s3_meta *meta)
{
	meta->has_bytes = head->length >= 0;
	meta->bytes = head->length >= 0 ? (uint64_t)head->length : 0;
	meta->etag = copy_header(head, "etag");
	meta->version_id = copy_header(head, "x-amz-version-id");
	meta->last_modified = header_time(head, "last-modified");
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

/* ---- reading */

struct s3_download {
	struct op op;
	char *uri, *version_id, *etag;
	bool requester_pays, headed, whole_checked;
	size_t window;
	struct error refused;
	struct slice bucket, key;      /* of uri */
	struct s3_meta meta;
	uint64_t at;                   /* bytes handed out so far */
	uint64_t progress;             /* at, when it was resumed last */
	int resumes;                   /* without progress */
	struct checksum checksum;
	char *expected;                /* its value */
};

static void
ask(struct s3_download *d)
{
	struct buffer q = {0};
	char range[64];

	op_end(&d->op);
	op_start(&d->op, "read", d->uri, d->version_id ? "s3:GetObjectVersion" : "s3:GetObject", "GET", d->bucket);
	d->op.call.stream = true;
	d->op.call.window = d->window;
	if (d->version_id)
		query(&d->op, &q, "versionId", slice_of(d->version_id));
	op_query(&d->op, &q);
	if (d->at) {
		snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)d->at);
		op_header(&d->op, "Range", range);
	} else {
		op_header(&d->op, "x-amz-checksum-mode", "ENABLED");
	}
	op_header(&d->op, "If-Match", d->etag);
	op_header(&d->op, "x-amz-request-payer", d->requester_pays ? "requester" : NULL);
	if (address(&d->op, d->key, &d->refused) == 0) {
		d->op.exchange = aws_begin(&d->op.call);
		d->refused.code = NULL;
	}
}

struct s3_download *
s3_open(const struct s3_get *get)
{
	struct s3_download *d = memory_get_zeroed(1, sizeof(*d));

	d->uri = memory_copy_string(get->uri);
	d->version_id = get->version_id && *get->version_id ? memory_copy_string(get->version_id) : NULL;
	d->etag = get->etag && *get->etag ? memory_copy_string(get->etag) : NULL;
	d->requester_pays = get->requester_pays;
	d->window = get->window;
	if (s3_parse(d->uri, &d->bucket, &d->key, &d->refused) < 0)
		return d;
	if (d->key.n == 0)
		error_set(&d->refused, STATUS_REFUSED, "bad-uri", "'%s' names no object", d->uri);
	else
		ask(d);
	return d;
}

static void
choose_checksum(struct s3_download *d)
{
	const struct http_reply *head = d->op.reply->head;
	struct slice type = http_header(head, "x-amz-checksum-type");

	for (enum checksum_kind kind = CHECKSUM_CRC32C; kind <= CHECKSUM_SHA256; kind++) {
		struct slice value = http_header(head, checksum_header(kind));

		if (!value.n || memchr(value.p, '-', value.n) || slice_equal(type, SLICE("COMPOSITE")))
			continue;
		d->expected = memory_copy(value.p, value.n);
		checksum_start(&d->checksum, kind);
		return;
	}
}

static int
changed(const struct s3_download *d, struct error *error)
{
	return error_set(error, STATUS_FAILED, "changed",
		"cannot read '%s': it was replaced while it was being read, or is not the one announced", d->uri);
}

int
s3_head(struct s3_download *d, const struct s3_meta **meta, struct error *error)
{
	*meta = &d->meta;
	if (d->headed)
		return 0;
	if (d->refused.code) {
		*error = d->refused;
		return -1;
	}
	if (op_finish(&d->op, d->key, error) < 0)
		return strcmp(error->code, "precondition") == 0 ? changed(d, error) : -1;
	if (d->op.reply->status != 200)
		return error_set(error, STATUS_FAILED, "service", "cannot read '%s': HTTP %d was not asked for",
			d->uri, d->op.reply->status);
	read_meta(d->op.reply->head, &d->meta);
	choose_checksum(d);
	return d->headed = true, 0;
}

/* Bytes of a new reply that were had already: the server may not know ranges. */
static int
skip(struct s3_download *d, uint64_t n, struct error *error)
{
	char *scrap = memory_get(64 << 10);
	ssize_t got = 1;

	while (n > 0 && got > 0) {
		got = aws_read(d->op.exchange, scrap, n < 64 << 10 ? (size_t)n : 64 << 10, error);
		n -= got > 0 ? (uint64_t)got : 0;
	}
	free(scrap);
	return n ? -1 : 0;
}

static int
check_resumed(struct s3_download *d, struct error *error)
{
	const struct http_reply *head = d->op.reply->head;
	struct slice etag = http_header(head, "etag"), range = http_header(head, "content-range");
	unsigned long long from, to, all;

	if (!slice_equal(etag, slice_of(d->meta.etag)))
		return changed(d, error);
	if (head->status == 200)
		return skip(d, d->at, error);
	if (!range.n || sscanf(range.p, "bytes %llu-%llu/%llu", &from, &to, &all) != 3 || from != d->at ||
		(d->meta.has_bytes && all != d->meta.bytes))
		return error_set(error, STATUS_FAILED, "service",
			"cannot read '%s': the server sent another range than was asked for", d->uri);
	return 0;
}

/* Go on where it broke, after error. */
static int
resume(struct s3_download *d, struct error *error)
{
	if (!d->meta.etag || ++d->resumes > RESUMES_WITHOUT_PROGRESS)
		return -1;
	if (d->at > d->progress)
		d->resumes = 1;
	d->progress = d->at;
	message(MESSAGE_DETAIL, "%s: %s; going on at byte %llu", d->uri, error->text, (unsigned long long)d->at);
	http_sleep_ms(d->resumes > 1 ? (uint64_t)50 << (d->resumes < 8 ? d->resumes : 8) : 0);
	if (!d->etag)
		d->etag = memory_copy_string(d->meta.etag);
	ask(d);
	if (d->refused.code) {
		*error = d->refused;
		return -1;
	}
	if (op_finish(&d->op, d->key, error) < 0)
		return strcmp(error->code, "precondition") == 0 ? changed(d, error) : -1;
	return check_resumed(d, error);
}

static int
check_whole(struct s3_download *d, struct error *error)
{
	struct buffer value = {0};
	bool same = true;

	if (d->expected && !d->whole_checked) {
		checksum_value(&d->checksum, &value);
		same = slice_equal(buffer_slice(&value), slice_of(d->expected));
		buffer_free(&value);
	}
	d->whole_checked = true;
	return same ? 0 : error_set(error, STATUS_FAILED, "checksum",
		"cannot read '%s': what came does not fit its %s", d->uri, checksum_header(d->checksum.kind));
}

ssize_t
s3_read(struct s3_download *d, void *p, size_t n, struct error *error)
{
	const struct s3_meta *meta;
	ssize_t got;

	if (s3_head(d, &meta, error) < 0)
		return -1;
	for (;;) {
		got = aws_read(d->op.exchange, p, n, error);
		if (got > 0 && meta->has_bytes && d->at + (uint64_t)got > meta->bytes)
			return error_set(error, STATUS_FAILED, "service", "cannot read '%s': more bytes came "
				"than it has", d->uri);
		if (got == 0 && meta->has_bytes && d->at < meta->bytes)
			got = error_set(error, STATUS_FAILED, "network", "the reply ended early");
		if (got >= 0)
			break;
		if (resume(d, error) < 0) {
			struct error cause = *error;

			return strncmp(cause.text, "cannot ", 7) == 0 ? -1 : error_set(error, STATUS_FAILED,
				"network", "cannot read '%s': %.900s", d->uri, cause.text);
		}
	}
	if (got == 0)
		return check_whole(d, error);
	if (d->expected)
		checksum_add(&d->checksum, p, (size_t)got);
	d->at += (uint64_t)got;
	return got;
}

bool
s3_ready(struct s3_download *d)
{
	return d->refused.code || aws_ready(d->op.exchange);
}

void
s3_close(struct s3_download *d)
{
	if (!d)
		return;
	op_end(&d->op);
	s3_meta_free(&d->meta);
	checksum_end(&d->checksum);
	free(d->expected);
	free(d->uri);
	free(d->version_id);
	free(d->etag);
	free(d);
}

static char *
hex_of_base64(struct slice text)
{
	unsigned char bytes[48];
	unsigned value = 0;
	size_t n = 0, bits = 0;
	struct buffer hex = {0};

	for (size_t i = 0; i < text.n && text.p[i] != '='; i++) {
		static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
		const char *digit = strchr(digits, text.p[i]);

		if (!digit || n == sizeof(bytes))
			return NULL;
		value = value << 6 | (unsigned)(digit - digits);
		if ((bits += 6) >= 8)
			bytes[n++] = (unsigned char)(value >> (bits -= 8));
	}
	if (n != 32)
		return NULL;
	buffer_add_hex(&hex, bytes, n);
	return buffer_give(&hex);
}

static void
read_sha256(const struct http_reply *head, struct s3_meta *meta)
{
	struct slice sum = http_header(head, "x-amz-checksum-sha256");
	struct slice ours = http_header(head, "x-amz-meta-acc-sha256");
	struct slice type = http_header(head, "x-amz-checksum-type");

	if (sum.n && !memchr(sum.p, '-', sum.n) && !slice_equal(type, SLICE("COMPOSITE")))
		meta->sha256 = hex_of_base64(sum);
	if (!meta->sha256 && ours.n == 64)
		meta->sha256 = memory_copy(ours.p, ours.n);
}

int
s3_look(const struct s3_get *get, struct s3_meta *meta, struct error *error)
{
	struct slice bucket = {0}, key = {0};
	struct buffer q = {0};
	struct op op;
	int result;

	*meta = (struct s3_meta){0};
	if (s3_parse(get->uri, &bucket, &key, error) < 0)
		return -1;
	op_start(&op, "look at", get->uri, "s3:GetObject", "HEAD", bucket);
	if (get->version_id && *get->version_id)
		query(&op, &q, "versionId", slice_of(get->version_id));
	op_query(&op, &q);
	if (key.n)
		op_header(&op, "x-amz-checksum-mode", "ENABLED");
	op_header(&op, "x-amz-request-payer", get->requester_pays ? "requester" : NULL);
	result = op_perform(&op, key, error);
	if (result == 0) {
		read_meta(op.reply->head, meta);
		read_sha256(op.reply->head, meta);
	}
	op_end(&op);
	return result;
}

/* ---- listing */

/* encoding-type=url is form encoding: '+' is a space. */
static struct slice
url_decode(struct arena *arena, struct slice text)
{
	char *out = arena_get(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char hex[3] = {0};

		if (text.p[i] == '%' && i + 2 < text.n) {
			memcpy(hex, text.p + i + 1, 2);
			out[n++] = (char)strtoul(hex, NULL, 16);
			i += 2;
		} else {
			out[n++] = text.p[i] == '+' ? ' ' : text.p[i];
		}
	}
	return (struct slice){out, n};
}

static struct slice
listed_key(struct arena *arena, const struct xml_node *node, const char *name, bool encoded)
{
	struct slice text = xml_text(node, name);

	return encoded ? url_decode(arena, text) : text;
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
hand_out(struct arena *arena, const struct xml_node *root, bool encoded,
	bool (*each)(void *, const struct s3_entry *), void *context)
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
list_query(struct op *op, const struct s3_listing *l, struct slice token)
{
	struct buffer q = {0};
	char page[16];

	snprintf(page, sizeof(page), "%u", l->page ? l->page : 1000);
	query(op, &q, "list-type", SLICE("2"));
	query(op, &q, "encoding-type", SLICE("url"));
	query(op, &q, "max-keys", slice_of(page));
	query(op, &q, "prefix", l->prefix);
	if (l->delimiter)
		query(op, &q, "delimiter", slice_of(l->delimiter));
	if (token.n)
		query(op, &q, "continuation-token", token);
	else if (l->start_after.n)
		query(op, &q, "start-after", l->start_after);
	op_query(op, &q);
	op_header(op, "x-amz-request-payer", l->requester_pays ? "requester" : NULL);
}

/* One page: 1 and *token when there is another, 0 at the end. */
static int
list_page(const struct s3_listing *l, struct buffer *token,
	bool (*each)(void *, const struct s3_entry *), void *context, struct error *error)
{
	struct arena arena = {0};
	struct xml_node *root = NULL;
	struct op op;
	struct slice next;
	char thing[1300];
	int result;

	snprintf(thing, sizeof(thing), "s3://%.*s/%.*s", (int)l->bucket.n, l->bucket.p, (int)l->prefix.n,
		l->prefix.p);
	op_start(&op, "list", thing, "s3:ListBucket on the bucket", "GET", l->bucket);
	op.call.root = "ListBucketResult";
	list_query(&op, l, buffer_slice(token));
	token->n = 0;
	result = op_perform(&op, (struct slice){"", 0}, error);
	if (result == 0 && !(root = xml_parse(buffer_slice(&op.reply->body), &arena, error)))
		result = -1;
	if (result == 0 && hand_out(&arena, root, slice_equal(xml_text(root, "EncodingType"), SLICE("url")),
				   each, context) &&
		slice_equal(xml_text(root, "IsTruncated"), SLICE("true"))) {
		next = xml_text(root, "NextContinuationToken");
		buffer_add_slice(token, next);
		result = next.n ? 1 : error_set(error, STATUS_FAILED, "service",
			"cannot list '%s': the page is not the last, but does not tell how to go on", thing);
	}
	op_end(&op);
	arena_free(&arena);
	return result;
}

/* A service that leads in a circle, or on and on through pages without a key, would be followed for ever. Any circle of
 * tokens meets the one that is kept, which is renewed at every power of two. */
struct journey {
	struct buffer kept;
	uint64_t pages;
	unsigned empty;
	bool (*each)(void *, const struct s3_entry *);
	void *context;
	bool any;
};

static bool
see_and_pass(void *context, const struct s3_entry *entry)
{
	struct journey *j = context;

	j->any = true;
	return j->each(j->context, entry);
}

static int
check_progress(struct journey *j, const struct s3_listing *l, struct slice token, struct error *error)
{
	bool circle = slice_equal(buffer_slice(&j->kept), token);

	j->empty = j->any ? 0 : j->empty + 1;
	j->any = false;
	if (circle || j->empty == LIST_EMPTY_PAGES_MAX)
		return error_set(error, STATUS_FAILED, "service", "cannot list 's3://%.*s/%.*s': %s", (int)l->bucket.n,
			l->bucket.p, (int)l->prefix.n, l->prefix.p,
			circle ? "the service sent a continuation token twice, so the list has no end"
			       : "page after page is empty, and none is the last");
	j->pages++;
	if ((j->pages & (j->pages - 1)) == 0) {
		j->kept.n = 0;
		buffer_add_slice(&j->kept, token);
	}
	return 0;
}

int
s3_list(const struct s3_listing *listing, bool (*each)(void *context, const struct s3_entry *entry),
	void *context, struct error *error)
{
	struct journey journey = {.each = each, .context = context};
	struct buffer token = {0};
	int more;

	while ((more = list_page(listing, &token, see_and_pass, &journey, error)) > 0)
		if (check_progress(&journey, listing, buffer_slice(&token), error) < 0) {
			more = -1;
			break;
		}
	buffer_free(&journey.kept);
	buffer_free(&token);
	return more;
}

/* ---- writing */

static void
encryption_headers(struct op *op, const char *sse)
{
	const char *key = sse ? strchr(sse, ':') : NULL;
	char kind[16];

	if (!sse)
		return;
	key = key ? strchr(key + 1, ':') : NULL;
	/* aws:kms:dsse is a kind, not a key */
	if (key && strcmp(key, ":dsse") == 0)
		key = NULL;
	snprintf(kind, sizeof(kind), "%.*s", key ? (int)(key - sse) : (int)strlen(sse), sse);
	op_header(op, "x-amz-server-side-encryption", kind);
	if (key)
		op_header(op, "x-amz-server-side-encryption-aws-kms-key-id", key + 1);
}

static void
object_headers(struct op *op, const struct s3_put *put)
{
	char name[128];

	op_header(op, "Content-Type", put->content_type ? put->content_type : "application/octet-stream");
	op_header(op, "x-amz-storage-class", put->storage_class);
	op_header(op, "x-amz-tagging", put->tagging);
	op_header(op, "x-amz-request-payer", put->requester_pays ? "requester" : NULL);
	op_header(op, "x-amz-meta-acc-sha256", put->sha256);
	encryption_headers(op, put->sse);
	for (size_t i = 0; put->metadata && put->metadata[i] && op->call.n_headers < AWS_HEADERS_MAX - 4; i += 2) {
		snprintf(name, sizeof(name), "x-amz-meta-%s", put->metadata[i]);
		aws_header(&op->call, arena_copy(&op->arena, (struct slice){name, strlen(name) + 1}).p,
			arena_copy(&op->arena, slice_of(put->metadata[i + 1])));
	}
}

/* The checksum, and the SHA-256 that is signed, of bytes of the object. */
static int
sum_up(const struct s3_put *put, uint64_t from, uint64_t bytes, struct buffer *checksum, char hash[65],
	struct error *error)
{
	struct digest *digest = digest_new();
	char *block = memory_get(256 << 10);
	struct checksum c;
	ssize_t got = 1;

	checksum_start(&c, put->checksum);
	while (bytes > 0 && got > 0) {
		size_t want = bytes < 256 << 10 ? (size_t)bytes : 256 << 10;

		got = pread(put->fd, block, want, (off_t)from);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		if (got > 0) {
			digest_add(digest, block, (size_t)got);
			checksum_add(&c, block, (size_t)got);
			from += (uint64_t)got;
			bytes -= (uint64_t)got;
		}
	}
	digest_finish(digest, hash);
	if (put->checksum)
		checksum_value(&c, checksum);
	checksum_end(&c);
	digest_free(digest);
	free(block);
	if (got < 0)
		return error_system(error, "cannot read the file for '%s'", put->uri);
	return bytes ? error_set(error, STATUS_FAILED, "io", "the file for '%s' shrank", put->uri) : 0;
}

static void
sum_text(const struct s3_put *put, struct buffer *checksum, char hash[65])
{
	struct checksum c;

	checksum_start(&c, put->checksum);
	checksum_add(&c, put->text.p, put->text.n);
	if (put->checksum)
		checksum_value(&c, checksum);
	checksum_end(&c);
	sigv4_hash(hash, put->text);
}

static uint64_t
put_size(const struct s3_put *put)
{
	return put->fd < 0 ? put->text.n : put->bytes;
}

static void
give_meta(struct op *op, struct s3_meta *meta)
{
	meta->etag = copy_header(op->reply->head, "etag");
	meta->version_id = copy_header(op->reply->head, "x-amz-version-id");
}

static int
put_whole(const struct s3_put *put, struct slice bucket, struct slice key, struct s3_meta *meta,
	struct error *error)
{
	struct buffer sum = {0};
	struct op op;
	char hash[65];
	int result = 0;

	op_start(&op, "store", put->uri, "s3:PutObject", "PUT", bucket);
	if (put->fd < 0)
		sum_text(put, &sum, hash);
	else
		result = sum_up(put, 0, put->bytes, &sum, hash, error);
	if (result == 0 && put->sha256 && strcmp(hash, put->sha256) != 0)
		result = error_set(error, STATUS_REFUSED, "checksum",
			"the file for '%s' is not what its manifest says: its sha256 is %s", put->uri, hash);
	if (result == 0) {
		object_headers(&op, put);
		op_header(&op, "If-None-Match", put->only_new ? "*" : NULL);
		if (put->checksum)
			op_header(&op, checksum_header(put->checksum), buffer_string(&sum));
		op.call.has_body = true;
		op.call.body = put->text;
		op.call.body_fd = put->fd;
		op.call.body_bytes = put_size(put);
		op.call.payload_hash = hash;
		result = op_perform(&op, key, error);
	}
	if (result == 0)
		give_meta(&op, meta);
	buffer_free(&sum);
	op_end(&op);
	return result;
}

/* ---- in parts */

struct part {
	struct op op;
	unsigned number;
	char hash[65];
};

struct upload {
	const struct s3_put *put;
	struct slice bucket, key;
	char *id;
	uint64_t part_bytes;
	unsigned parts;
	struct buffer list;            /* <Part> elements so far */
};

static int
upload_begin(struct upload *u, struct error *error)
{
	struct arena arena = {0};
	struct buffer q = {0};
	struct op op;
	struct slice id;
	int result;

	op_start(&op, "begin to store", u->put->uri, "s3:PutObject", "POST", u->bucket);
	query(&op, &q, "uploads", (struct slice){NULL, 0});
	op_query(&op, &q);
	object_headers(&op, u->put);
	if (u->put->checksum)
		op_header(&op, "x-amz-checksum-algorithm", checksum_algorithm(u->put->checksum));
	op.call.has_body = true;
	op.call.root = "InitiateMultipartUploadResult";
	result = op_perform(&op, u->key, error);
	if (result == 0) {
		id = xml_text(xml_parse(buffer_slice(&op.reply->body), &arena, error), "UploadId");
		u->id = id.n ? memory_copy(id.p, id.n) : NULL;
		if (!u->id)
			result = error_set(error, STATUS_FAILED, "service",
				"cannot store '%s': the reply has no upload id", u->put->uri);
	}
	op_end(&op);
	arena_free(&arena);
	return result;
}

static int
part_begin(struct upload *u, struct part *part, unsigned number, struct error *error)
{
	uint64_t from = (uint64_t)(number - 1) * u->part_bytes;
	uint64_t bytes = u->put->bytes - from < u->part_bytes ? u->put->bytes - from : u->part_bytes;
	struct buffer q = {0}, sum = {0};
	char text[16];
	int result;

	part->number = number;
	op_start(&part->op, "store a part of", u->put->uri, "s3:PutObject", "PUT", u->bucket);
	snprintf(text, sizeof(text), "%u", number);
	query(&part->op, &q, "partNumber", slice_of(text));
	query(&part->op, &q, "uploadId", slice_of(u->id));
	op_query(&part->op, &q);
	result = sum_up(u->put, from, bytes, &sum, part->hash, error);
	if (u->put->checksum)
		op_header(&part->op, checksum_header(u->put->checksum), buffer_string(&sum));
	buffer_free(&sum);
	op_header(&part->op, "x-amz-request-payer", u->put->requester_pays ? "requester" : NULL);
	part->op.call.has_body = true;
	part->op.call.body_fd = u->put->fd;
	part->op.call.body_offset = from;
	part->op.call.body_bytes = bytes;
	part->op.call.payload_hash = part->hash;
	if (result < 0 || address(&part->op, u->key, error) < 0)
		return -1;
	part->op.exchange = aws_begin(&part->op.call);
	return 0;
}

static void
add_xml(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&':
			buffer_add_string(out, "&amp;");
			break;
		case '<':
			buffer_add_string(out, "&lt;");
			break;
		case '>':
			buffer_add_string(out, "&gt;");
			break;
		case '"':
			buffer_add_string(out, "&quot;");
			break;
		default:
			buffer_add_byte(out, text.p[i]);
		}
}

static int
part_finish(struct upload *u, struct part *part, struct error *error)
{
	int result = op_finish(&part->op, u->key, error);
	const char *header = checksum_header(u->put->checksum);

	if (result == 0) {
		struct slice etag = http_header(part->op.reply->head, "etag");

		buffer_format(&u->list, "<Part><PartNumber>%u</PartNumber><ETag>", part->number);
		add_xml(&u->list, etag);
		buffer_add_string(&u->list, "</ETag>");
		for (size_t i = 0; header && i < part->op.call.n_headers; i++)
			if (slice_equal(part->op.call.headers[i].name, slice_of(header))) {
				const char *name = checksum_algorithm(u->put->checksum);

				buffer_format(&u->list, "<Checksum%s>", name);
				add_xml(&u->list, part->op.call.headers[i].value);
				buffer_format(&u->list, "</Checksum%s>", name);
			}
		buffer_add_string(&u->list, "</Part>");
	}
	op_end(&part->op);
	return result;
}

static int
upload_parts(struct upload *u, struct error *error)
{
	struct part parts[PARTS_IN_FLIGHT] = {0};
	struct error unused;
	unsigned begun = 0, finished = 0;
	int result = 0;

	while (result == 0 && finished < u->parts) {
		if (begun < u->parts && begun - finished < PARTS_IN_FLIGHT) {
			result = part_begin(u, &parts[begun % PARTS_IN_FLIGHT], begun + 1, error);
			begun++;
		} else {
			result = part_finish(u, &parts[finished % PARTS_IN_FLIGHT], error);
			finished++;
		}
	}
	(void)unused;
	for (unsigned i = 0; i < PARTS_IN_FLIGHT; i++)
		op_end(&parts[i].op);
	return result;
}

/* "...-3" was put together from three parts. */
static int
check_parts(const struct upload *u, struct slice etag, struct error *error)
{
	const char *dash = etag.n ? memrchr(etag.p, '-', etag.n) : NULL;
	char digits[12] = "";
	unsigned long parts;

	if (!dash)
		return 0;
	snprintf(digits, sizeof(digits), "%.*s", (int)(etag.n - (size_t)(dash + 1 - etag.p)), dash + 1);
	parts = strtoul(digits, NULL, 10);
	return parts == u->parts ? 0 : error_set(error, STATUS_FAILED, "service",
		"cannot store '%s': the service made it of %lu parts, not %u", u->put->uri, parts, u->parts);
}

static int
upload_complete(struct upload *u, struct s3_meta *meta, struct error *error)
{
	struct buffer body = {0}, q = {0};
	struct arena arena = {0};
	struct slice etag;
	struct op op;
	int result;

	buffer_add_string(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	buffer_add_slice(&body, buffer_slice(&u->list));
	buffer_add_string(&body, "</CompleteMultipartUpload>");
	op_start(&op, "store", u->put->uri, "s3:PutObject", "POST", u->bucket);
	query(&op, &q, "uploadId", slice_of(u->id));
	op_query(&op, &q);
	op_header(&op, "Content-Type", "application/xml");
	op_header(&op, "If-None-Match", u->put->only_new ? "*" : NULL);
	op_header(&op, "x-amz-request-payer", u->put->requester_pays ? "requester" : NULL);
	op.call.has_body = true;
	op.call.body = buffer_slice(&body);
	op.call.root = "CompleteMultipartUploadResult";
	op.call.stall_seconds = 300; /* the service may take minutes to put it together */
	result = op_perform(&op, u->key, error);
	if (result == 0) {
		etag = xml_text(xml_parse(buffer_slice(&op.reply->body), &arena, error), "ETag");
		meta->etag = etag.n ? memory_copy(etag.p, etag.n) : NULL;
		meta->version_id = copy_header(op.reply->head, "x-amz-version-id");
		result = check_parts(u, etag, error);
	}
	op_end(&op);
	arena_free(&arena);
	buffer_free(&body);
	return result;
}

static void
upload_abort(struct upload *u)
{
	struct buffer q = {0};
	struct error error;
	struct op op;

	op_start(&op, "give up the parts of", u->put->uri, "s3:AbortMultipartUpload", "DELETE", u->bucket);
	query(&op, &q, "uploadId", slice_of(u->id));
	op_query(&op, &q);
	if (op_perform(&op, u->key, &error) < 0 && strcmp(error.code, "missing") != 0)
		message(MESSAGE_WARNING, "%s; its parts stay behind (a lifecycle rule can remove them)",
			error.text);
	op_end(&op);
}

static int
check_sha256(const struct s3_put *put, struct error *error)
{
	struct s3_put plain = *put;
	struct buffer unused = {0};
	char hash[65];

	plain.checksum = CHECKSUM_NONE;
	if (!put->sha256)
		return 0;
	if (sum_up(&plain, 0, put->bytes, &unused, hash, error) < 0)
		return -1;
	return strcmp(hash, put->sha256) == 0 ? 0 : error_set(error, STATUS_REFUSED, "checksum",
		"the file for '%s' is not what its manifest says: its sha256 is %s", put->uri, hash);
}

static int
put_parts(const struct s3_put *put, uint64_t part_bytes, struct slice bucket, struct slice key,
	struct s3_meta *meta, struct error *error)
{
	struct s3_put in_parts = *put;
	struct upload u = {.put = &in_parts, .bucket = bucket, .key = key, .part_bytes = part_bytes};
	int result;

	/* Each part is signed with its SHA-256, which the service checks: as checksum of the whole, a hash of
	 * hashes, it would tell nobody anything. */
	if (put->checksum == CHECKSUM_SHA256)
		in_parts.checksum = CHECKSUM_NONE;
	while (put->bytes / u.part_bytes >= PARTS_MAX)
		u.part_bytes *= 2;
	u.parts = (unsigned)((put->bytes + u.part_bytes - 1) / u.part_bytes);
	if (check_sha256(put, error) < 0 || upload_begin(&u, error) < 0)
		return -1;
	result = upload_parts(&u, error);
	if (result == 0)
		result = upload_complete(&u, meta, error);
	if (result < 0)
		upload_abort(&u);
	free(u.id);
	buffer_free(&u.list);
	return result;
}

int
s3_store_object(const struct s3_put *put, struct s3_meta *meta, struct error *error)
{
	uint64_t part_bytes = put->part_bytes ? put->part_bytes : PART_BYTES;
	struct slice bucket = {0}, key = {0};

	*meta = (struct s3_meta){0};
	if (s3_parse(put->uri, &bucket, &key, error) < 0)
		return -1;
	if (key.n == 0)
		return error_set(error, STATUS_REFUSED, "bad-uri", "'%s' names no object", put->uri);
	if (part_bytes < PART_BYTES_MIN)
		part_bytes = PART_BYTES_MIN;
	if (put->fd >= 0 && put->bytes > part_bytes)
		return put_parts(put, part_bytes, bucket, key, meta, error);
	return put_whole(put, bucket, key, meta, error);
}
