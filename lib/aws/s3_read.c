#include "aws/s3_private.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"

#include <stdio.h>
#include <stdlib.h>

enum { RESUMES_WITHOUT_PROGRESS = 10, BROKEN = -2 };

/* Bytes of an object on their way. */
struct range {
	struct s3_op op;
	uint64_t from, at, end; /* at moves as they are read */
	char *space;            /* where they land until they are read, or NULL; owned */
};

struct s3_download {
	char *uri, *version_id;
	bool headed, whole_checked;
	size_t window;
	uint64_t told; /* its bytes, where the store does not say; or 0 */
	struct error refused;
	struct slice bucket, key; /* of uri */
	struct s3_meta meta;
	struct range *ranges[1 + S3_RANGES_MAX]; /* owned; in the object's order, the first is being read */
	size_t n_ranges;
	size_t most_ranges;          /* 0: the object is read by one request */
	char *spaces[S3_RANGES_MAX]; /* owned, to be used again */
	size_t n_spaces;
	uint64_t begun;    /* bytes that ranges were begun for */
	char *into;        /* of the object's first byte, or NULL */
	uint64_t at;       /* bytes handed out so far */
	uint64_t progress; /* at, when it was resumed last */
	int resumes;       /* without progress */
	struct checksum checksum;
	char *expected; /* its value */
};

static struct range *
add_range(struct s3_download *d)
{
	return d->ranges[d->n_ranges++] = memory_get_zeroed(1, sizeof(struct range));
}

static void
drop_range(struct s3_download *d)
{
	struct range *r = d->ranges[0];

	s3_op_end(&r->op);
	if (r->space)
		d->spaces[d->n_spaces++] = r->space;
	free(r);
	memmove(d->ranges, d->ranges + 1, --d->n_ranges * sizeof(*d->ranges));
}

/* Where the next bytes of a range come to, whichever range is waited for; or NULL. */
static char *
landing(const struct s3_download *d, const struct range *r)
{
	if (d->into)
		return d->into + r->at;
	return r->space ? r->space + (r->at - r->from) : NULL;
}

static int
ask(struct s3_download *d, struct range *r, struct error *error)
{
	struct s3_op *op = &r->op;
	struct buffer q = {0};
	char range[64];

	s3_op_end(op);
	s3_op_start(op, "read", d->uri, d->version_id ? "s3:GetObjectVersion" : "s3:GetObject", "GET", d->bucket);
	op->call.stream = true;
	op->call.window = d->window;
	if (d->version_id)
		form_add(&q, SLICE("versionId"), slice_of(d->version_id));
	s3_op_query(op, &q);
	if (!d->headed) {
		s3_op_header(op, "x-amz-checksum-mode", "ENABLED");
	} else if (d->meta.has_bytes) {
		snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)r->at,
			(unsigned long long)(r->end - 1));
		s3_op_header(op, "Range", range);
		op->call.into = landing(d, r);
		op->call.into_bytes = (size_t)(r->end - r->at);
	} else {
		snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)r->at);
		s3_op_header(op, "Range", range);
	}
	s3_op_header(op, "If-Match", d->meta.etag);
	return s3_op_begin(op, d->key, error);
}

struct s3_download *
s3_open(const struct s3_get *get)
{
	struct s3_download *d = memory_get_zeroed(1, sizeof(*d));

	d->uri = memory_copy_string(get->uri);
	d->version_id = get->version_id && *get->version_id ? memory_copy_string(get->version_id) : NULL;
	d->window = get->window;
	d->told = get->bytes;
	if (s3_parse(d->uri, &d->bucket, &d->key, &d->refused) < 0)
		return d;
	if (d->key.n == 0) {
		error_set(&d->refused, STATUS_REFUSED, "bad-uri", "'%s' names no object", d->uri);
	} else if (ask(d, add_range(d), &d->refused) == 0) {
		d->refused.code = NULL;
	}
	return d;
}

static void
choose_checksum(struct s3_download *d, const struct http_reply *head)
{
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
	return error_set(
		error, STATUS_FAILED, "changed", "cannot read '%s': it was replaced while it was being read", d->uri);
}

/* Wait for the reply to a range. */
static int
finish(struct s3_download *d, struct range *r, struct error *error)
{
	if (s3_op_finish(&r->op, d->key, error) == 0)
		return 0;
	return strcmp(error->code, "precondition") == 0 ? changed(d, error) : -1;
}

int
s3_head(struct s3_download *d, const struct s3_meta **meta, struct error *error)
{
	struct range *r = d->ranges[0];

	*meta = &d->meta;
	if (d->headed)
		return 0;
	if (d->refused.code) {
		*error = d->refused;
		return -1;
	}
	if (finish(d, r, error) < 0)
		return -1;
	if (r->op.reply->status != 200)
		return error_set(error, STATUS_FAILED, "service", "cannot read '%s': HTTP %d was not asked for", d->uri,
			r->op.reply->status);
	s3_read_meta(r->op.reply->head, &d->meta);
	choose_checksum(d, r->op.reply->head);
	d->begun = r->end = d->meta.has_bytes ? d->meta.bytes : UINT64_MAX;
	return d->headed = true, 0;
}

/* ---- ranges */

void
s3_read_ahead(struct s3_download *d, unsigned ranges, char *into)
{
	struct range *r = d->ranges[0];

	if (!d->headed || !d->meta.has_bytes || d->meta.bytes < S3_RANGES_FROM || !d->meta.etag || !ranges ||
		!slice_equal(http_header(r->op.reply->head, "accept-ranges"), SLICE("bytes")))
		return;
	d->most_ranges = 1 + (ranges < S3_RANGES_MAX ? ranges : S3_RANGES_MAX);
	d->into = into;
	/* what is on its way already is the first of them */
	d->begun = r->end = S3_RANGE_BYTES;
}

static int
begin_ranges(struct s3_download *d, struct error *error)
{
	while (d->n_ranges < d->most_ranges && d->begun < d->meta.bytes) {
		struct range *r = add_range(d);
		uint64_t left = d->meta.bytes - d->begun;

		if (!d->into)
			r->space = d->n_spaces ? d->spaces[--d->n_spaces] : memory_get(S3_RANGE_BYTES);
		r->from = r->at = d->begun;
		r->end = d->begun += left < S3_RANGE_BYTES ? left : S3_RANGE_BYTES;
		if (ask(d, r, error) < 0)
			return -1;
	}
	return 0;
}

/* Bytes of a new reply that were had already: the server may not know ranges. BROKEN with *error. */
static int
skip(struct s3_download *d, struct range *r, uint64_t n, struct error *error)
{
	char *scrap = memory_get(64 << 10);
	ssize_t got = 1;

	while (n > 0 && got > 0) {
		got = aws_read(r->op.exchange, scrap, n < 64 << 10 ? (size_t)n : 64 << 10, error);
		n -= got > 0 ? (uint64_t)got : 0;
	}
	free(scrap);
	if (n && got == 0)
		error_set(error, STATUS_FAILED, "service", "cannot read '%s': the reply ended early", d->uri);
	return n ? BROKEN : 0;
}

/* 0, or with *error -1 for good, or BROKEN: it may go better with another reply. */
static int
check_range(struct s3_download *d, struct range *r, struct error *error)
{
	const struct http_reply *head = r->op.reply->head;
	struct slice etag = http_header(head, "etag"), range = http_header(head, "content-range");
	unsigned long long from, to, all;

	if (!slice_equal(etag, slice_of(d->meta.etag)))
		return changed(d, error);
	if (head->status == 200 && !d->most_ranges)
		return skip(d, r, r->at, error);
	if (!range.n || sscanf(range.p, "bytes %llu-%llu/%llu", &from, &to, &all) != 3 || from != r->at ||
		(d->meta.has_bytes && all != d->meta.bytes))
		return error_set(error, STATUS_FAILED, "service",
			"cannot read '%s': the server sent another range than was asked for", d->uri);
	return 0;
}

/* Ask for the first range from where it broke, after error. */
static int
resume(struct s3_download *d, struct error *error)
{
	struct range *r = d->ranges[0];
	int checked;

	do {
		if (!d->meta.etag || ++d->resumes > RESUMES_WITHOUT_PROGRESS)
			return -1;
		if (d->at > d->progress)
			d->resumes = 1;
		d->progress = d->at;
		message(MESSAGE_DETAIL, "%s: %s; going on at byte %llu", d->uri, error->text,
			(unsigned long long)d->at);
		clock_sleep_ms(d->resumes > 1 ? (uint64_t)50 << (d->resumes < 8 ? d->resumes : 8) : 0);
		if (ask(d, r, error) < 0 || finish(d, r, error) < 0)
			return -1;
	} while ((checked = check_range(d, r, error)) == BROKEN);
	return checked;
}

/* Go to the range that the next byte is in, and wait for its reply. */
static int
next_range(struct s3_download *d, struct error *error)
{
	struct range *r = d->ranges[0];

	if (r->at == r->end && d->at < d->meta.bytes)
		drop_range(d);
	if (begin_ranges(d, error) < 0)
		return -1;
	r = d->ranges[0];
	if (r->op.reply)
		return 0;
	return finish(d, r, error) < 0 || check_range(d, r, error) != 0 ? -1 : 0;
}

/* ---- the bytes */

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
	return same ? 0
		    : error_set(error, STATUS_FAILED, "checksum", "cannot read '%s': what came does not fit its %s",
			      d->uri, checksum_header(d->checksum.kind));
}

static void
take(struct s3_download *d, const char *p, size_t n)
{
	if (d->expected)
		checksum_add(&d->checksum, p, n);
	d->ranges[0]->at += n;
	d->at += n;
}

/* What came of the first range; a reply that ends early is an error. */
static ssize_t
read_range(struct s3_download *d, void *p, size_t n, struct error *error)
{
	struct range *r = d->ranges[0];
	uint64_t left = r->end - r->at;
	ssize_t got;

	if (d->most_ranges && left < n)
		n = (size_t)left;
	if (n == 0)
		return 0;
	got = aws_read(r->op.exchange, r->space ? landing(d, r) : p, n, error);
	if (got > 0 && r->space)
		memcpy(p, landing(d, r), (size_t)got);
	if (got == 0 && (d->meta.has_bytes ? left > 0 : d->at < d->told))
		return error_set(error, STATUS_FAILED, "network", "the reply ended early");
	return got < 0 && left == 0 ? 0 : got;
}

static int
broken(const struct s3_download *d, struct error *error)
{
	struct error cause = *error;

	return strncmp(cause.text, "cannot ", 7) == 0
		? -1
		: error_set(error, STATUS_FAILED, "network", "cannot read '%s': %.900s", d->uri, cause.text);
}

ssize_t
s3_read(struct s3_download *d, void *p, size_t n, struct error *error)
{
	const struct s3_meta *meta;
	ssize_t got;

	if (s3_head(d, &meta, error) < 0 || (d->most_ranges && next_range(d, error) < 0))
		return -1;
	while ((got = read_range(d, p, n, error)) < 0)
		if (resume(d, error) < 0)
			return broken(d, error);
	if (got == 0)
		return check_whole(d, error);
	if (meta->has_bytes && d->at + (uint64_t)got > meta->bytes)
		return error_set(
			error, STATUS_FAILED, "service", "cannot read '%s': more bytes came than it has", d->uri);
	take(d, p, (size_t)got);
	return got;
}

int
s3_read_whole(struct s3_download *d, struct buffer *out, struct error *error)
{
	const struct s3_meta *meta;
	ssize_t got;
	char end;

	if (s3_head(d, &meta, error) < 0)
		return -1;
	if (meta->bytes >= S3_RANGES_FROM) {
		buffer_reserve(out, (size_t)meta->bytes);
		s3_read_ahead(d, S3_RANGES_MAX, out->p);
	} else {
		struct error unused; /* the reads below meet it again */

		aws_read_all(d->ranges[0]->op.exchange, out, (size_t)meta->bytes, &unused);
		if (out->n > meta->bytes)
			return error_set(error, STATUS_FAILED, "service",
				"cannot read '%s': more bytes came than it has", d->uri);
		take(d, out->p, out->n);
	}
	buffer_reserve(out, (size_t)meta->bytes - out->n);
	while (out->n < meta->bytes) {
		got = s3_read(d, out->p + out->n, (size_t)meta->bytes - out->n, error);
		if (got < 0)
			return -1;
		out->n += (size_t)got;
	}
	return s3_read(d, &end, 1, error) < 0 ? -1 : 0;
}

void
s3_close(struct s3_download *d)
{
	if (!d)
		return;
	while (d->n_ranges)
		drop_range(d);
	while (d->n_spaces)
		free(d->spaces[--d->n_spaces]);
	s3_meta_free(&d->meta);
	checksum_end(&d->checksum);
	free(d->expected);
	free(d->uri);
	free(d->version_id);
	free(d);
}

/* ---- a look */

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
	struct s3_op op;
	int result;

	*meta = (struct s3_meta){0};
	if (s3_parse(get->uri, &bucket, &key, error) < 0)
		return -1;
	s3_op_start(&op, "look at", get->uri, key.n ? "s3:GetObject" : "s3:ListBucket", "HEAD", bucket);
	if (get->version_id && *get->version_id)
		form_add(&q, SLICE("versionId"), slice_of(get->version_id));
	s3_op_query(&op, &q);
	if (key.n)
		s3_op_header(&op, "x-amz-checksum-mode", "ENABLED");
	result = s3_op_perform(&op, key, error);
	if (result == 0) {
		s3_read_meta(op.reply->head, meta);
		read_sha256(op.reply->head, meta);
	}
	s3_op_end(&op);
	return result;
}
