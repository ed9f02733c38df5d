#include "aws/s3_private.h"
#include "aws/xml.h"
#include "base/memory.h"
#include "base/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_IN_FLIGHT = 4, UPLOADS_MAX = 3 };

struct part {
	struct s3_op op;
	unsigned number;
	char hash[65];
};

struct upload {
	const struct s3_put *put;
	struct slice bucket, key;
	char *id;
	uint64_t part_bytes;
	unsigned parts;
	struct buffer list; /* <Part> elements so far */
};

static int
upload_begin(struct upload *u, struct error *error)
{
	struct buffer q = {0};
	struct s3_op op;
	struct slice id;
	int result;

	s3_op_start(&op, "begin to store", u->put->uri, "s3:PutObject", "POST", u->bucket);
	form_add(&q, SLICE("uploads"), (struct slice){NULL, 0});
	s3_op_query(&op, &q);
	s3_object_headers(&op, u->put);
	if (u->put->checksum)
		s3_op_header(&op, "x-amz-checksum-algorithm", checksum_algorithm(u->put->checksum));
	op.call.has_body = true;
	op.call.root = "InitiateMultipartUploadResult";
	result = s3_op_perform(&op, u->key, error);
	if (result == 0) {
		id = xml_text(op.reply->document, "UploadId");
		u->id = id.n ? memory_copy(id.p, id.n) : NULL;
		if (!u->id)
			result = error_set(error, STATUS_FAILED, "service",
				"cannot store '%s': the reply has no upload id", u->put->uri);
	}
	s3_op_end(&op);
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
	s3_op_start(&part->op, "store a part of", u->put->uri, "s3:PutObject", "PUT", u->bucket);
	snprintf(text, sizeof(text), "%u", number);
	form_add(&q, SLICE("partNumber"), slice_of(text));
	form_add(&q, SLICE("uploadId"), slice_of(u->id));
	s3_op_query(&part->op, &q);
	result = s3_sum_up(u->put, from, bytes, &sum, part->hash, error);
	if (u->put->checksum)
		s3_op_header(&part->op, checksum_header(u->put->checksum), buffer_string(&sum));
	buffer_free(&sum);
	part->op.call.has_body = true;
	part->op.call.body_fd = u->put->fd;
	part->op.call.body_offset = from;
	part->op.call.body_bytes = bytes;
	part->op.call.payload_hash = part->hash;
	return result < 0 ? -1 : s3_op_begin(&part->op, u->key, error);
}

static void
add_xml(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&': buffer_add_string(out, "&amp;"); break;
		case '<': buffer_add_string(out, "&lt;"); break;
		case '>': buffer_add_string(out, "&gt;"); break;
		case '"': buffer_add_string(out, "&quot;"); break;
		default: buffer_add_byte(out, text.p[i]);
		}
}

static int
part_finish(struct upload *u, struct part *part, struct error *error)
{
	int result = s3_op_finish(&part->op, u->key, error);
	const char *header = checksum_header(u->put->checksum);
	struct slice etag = {0};

	if (result == 0) {
		etag = http_header(part->op.reply->head, "etag");
		if (etag.n == 0)
			result = error_set(error, STATUS_FAILED, "service",
				"cannot store a part of '%s': the reply has no ETag", u->put->uri);
	}
	if (result == 0) {
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
	s3_op_end(&part->op);
	return result;
}

static int
upload_parts(struct upload *u, struct error *error)
{
	struct part parts[PARTS_IN_FLIGHT] = {0};
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
	for (unsigned i = 0; i < PARTS_IN_FLIGHT; i++)
		s3_op_end(&parts[i].op);
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
	return parts == u->parts
		? 0
		: error_set(error, STATUS_FAILED, "service",
			  "cannot store '%s': the service made it of %lu parts, not %u", u->put->uri, parts, u->parts);
}

static int
upload_complete(struct upload *u, struct s3_meta *meta, struct error *error)
{
	struct buffer body = {0}, q = {0};
	struct slice etag;
	struct s3_op op;
	int result;

	buffer_add_string(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	buffer_add_slice(&body, buffer_slice(&u->list));
	buffer_add_string(&body, "</CompleteMultipartUpload>");
	s3_op_start(&op, "store", u->put->uri, "s3:PutObject", "POST", u->bucket);
	form_add(&q, SLICE("uploadId"), slice_of(u->id));
	s3_op_query(&op, &q);
	s3_op_header(&op, "Content-Type", "application/xml");
	s3_op_header(&op, "If-None-Match", u->put->only_new ? "*" : NULL);
	op.call.has_body = true;
	op.call.body = buffer_slice(&body);
	op.call.root = "CompleteMultipartUploadResult";
	op.call.stall_seconds = 300; /* the service may take minutes to put it together */
	result = s3_op_perform(&op, u->key, error);
	if (result == 0) {
		etag = xml_text(op.reply->document, "ETag");
		meta->etag = etag.n ? memory_copy(etag.p, etag.n) : NULL;
		meta->version_id = s3_copy_header(op.reply->head, "x-amz-version-id");
		result = check_parts(u, etag, error);
	}
	s3_op_end(&op);
	buffer_free(&body);
	return result;
}

static void
upload_abort(struct upload *u)
{
	struct buffer q = {0};
	struct error error;
	struct s3_op op;

	s3_op_start(&op, "give up the parts of", u->put->uri, "s3:AbortMultipartUpload", "DELETE", u->bucket);
	form_add(&q, SLICE("uploadId"), slice_of(u->id));
	s3_op_query(&op, &q);
	if (s3_op_perform(&op, u->key, &error) < 0 && strcmp(error.code, "missing") != 0)
		message(MESSAGE_WARNING, "%s; its parts stay behind (a lifecycle rule can remove them)", error.text);
	s3_op_end(&op);
}

/* A completion whose reply was lost hears of no such upload when it is tried again. */
static bool
is_stored(const struct s3_put *put, struct s3_meta *meta)
{
	struct error unused;

	if (!put->sha256 || s3_look(&(struct s3_get){.uri = put->uri}, meta, &unused) < 0)
		return false;
	if (meta->sha256 && strcmp(meta->sha256, put->sha256) == 0 && meta->has_bytes && meta->bytes == put->bytes)
		return true;
	s3_meta_free(meta);
	return false;
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
	if (s3_sum_up(&plain, 0, put->bytes, &unused, hash, error) < 0)
		return -1;
	return strcmp(hash, put->sha256) == 0
		? 0
		: error_set(error, STATUS_REFUSED, "checksum",
			  "the file for '%s' is not what its manifest says: its sha256 is %s", put->uri, hash);
}

static int
upload_once(struct upload *u, struct s3_meta *meta, struct error *error)
{
	int result;

	u->list.n = 0;
	if (upload_begin(u, error) < 0)
		return -1;
	result = upload_parts(u, error);
	if (result == 0)
		result = upload_complete(u, meta, error);
	if (result < 0 && strcmp(error->code, "missing") == 0 && is_stored(u->put, meta))
		result = 0;
	if (result < 0)
		upload_abort(u);
	free(u->id);
	u->id = NULL;
	return result;
}

/* An upload that is not there any more is begun anew: so S3 wants it where another writer came between (409). */
int
s3_store_parts(const struct s3_put *put, uint64_t part_bytes, struct slice bucket, struct slice key,
	struct s3_meta *meta, struct error *error)
{
	struct s3_put in_parts = *put;
	struct upload u = {.put = &in_parts, .bucket = bucket, .key = key, .part_bytes = part_bytes};
	int result;

	/* Each part is signed with its SHA-256, which the service checks: as checksum of the whole, a hash of
	 * hashes, it would tell nobody anything. */
	if (put->checksum == CHECKSUM_SHA256)
		in_parts.checksum = CHECKSUM_NONE;
	while (put->bytes / u.part_bytes >= S3_PARTS_MAX)
		u.part_bytes *= 2;
	u.parts = (unsigned)((put->bytes + u.part_bytes - 1) / u.part_bytes);
	if (check_sha256(put, error) < 0)
		return -1;
	for (int i = 1; (result = upload_once(&u, meta, error)) < 0 && strcmp(error->code, "missing") == 0; i++) {
		if (i == UPLOADS_MAX)
			break;
		message(MESSAGE_NOTE, "%s; uploading it again", error->text);
	}
	buffer_free(&u.list);
	return result;
}
