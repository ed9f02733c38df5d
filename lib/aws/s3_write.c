#include "aws/s3_private.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PART_BYTES (UINT64_C(8) << 20)

static void
encryption_headers(struct s3_op *op, const char *sse)
{
	const char *key = sse ? strchr(sse, ':') : NULL;
	char kind[16];

	if (!sse)
		return;
	key = key ? strchr(key + 1, ':') : NULL;
	/* aws:kms:dsse is a kind, with or without a key */
	if (key && strncmp(key, ":dsse", 5) == 0 && (key[5] == 0 || key[5] == ':'))
		key = key[5] ? key + 5 : NULL;
	snprintf(kind, sizeof(kind), "%.*s", key ? (int)(key - sse) : (int)strlen(sse), sse);
	s3_op_header(op, "x-amz-server-side-encryption", kind);
	if (key)
		s3_op_header(op, "x-amz-server-side-encryption-aws-kms-key-id", key + 1);
}

void
s3_object_headers(struct s3_op *op, const struct s3_put *put)
{
	char name[128];

	s3_op_header(op, "Content-Type", put->content_type ? put->content_type : "application/octet-stream");
	s3_op_header(op, "x-amz-storage-class", put->storage_class);
	s3_op_header(op, "x-amz-tagging", put->tagging);
	s3_op_header(op, "x-amz-meta-acc-sha256", put->sha256);
	encryption_headers(op, put->sse);
	for (size_t i = 0; put->metadata && put->metadata[i]; i += 2) {
		snprintf(name, sizeof(name), "x-amz-meta-%s", put->metadata[i]);
		aws_header(&op->call, arena_copy(&op->arena, (struct slice){name, strlen(name) + 1}).p,
			arena_copy(&op->arena, slice_of(put->metadata[i + 1])));
	}
}

/* The checksum, and the SHA-256 that is signed, of bytes of the object. */
int
s3_sum_up(const struct s3_put *put, uint64_t from, uint64_t bytes, struct buffer *checksum, char hash[65],
	struct error *error)
{
	struct digest *digest = digest_new(DIGEST_SHA256);
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
give_meta(struct s3_op *op, struct s3_meta *meta)
{
	meta->etag = s3_copy_header(op->reply->head, "etag");
	meta->version_id = s3_copy_header(op->reply->head, "x-amz-version-id");
}

static int
put_whole(const struct s3_put *put, struct slice bucket, struct slice key, struct s3_meta *meta, struct error *error)
{
	struct buffer sum = {0};
	struct s3_op op;
	char hash[65];
	int result;

	s3_op_start(&op, "store", put->uri, "s3:PutObject", "PUT", bucket);
	result = s3_sum_up(put, 0, put->bytes, &sum, hash, error);
	if (result == 0 && put->sha256 && strcmp(hash, put->sha256) != 0)
		result = error_set(error, STATUS_REFUSED, "checksum",
			"the file for '%s' is not what its manifest says: its sha256 is %s", put->uri, hash);
	if (result == 0) {
		s3_object_headers(&op, put);
		s3_op_header(&op, "If-None-Match", put->only_new ? "*" : NULL);
		if (put->checksum)
			s3_op_header(&op, checksum_header(put->checksum), buffer_string(&sum));
		op.call.has_body = true;
		op.call.body_fd = put->fd;
		op.call.body_bytes = put->bytes;
		op.call.payload_hash = hash;
		result = s3_op_perform(&op, key, error);
	}
	if (result == 0 && http_header(op.reply->head, "etag").n == 0)
		result = error_set(error, STATUS_FAILED, "service",
			"cannot store '%s': the reply has no ETag, so nothing proves that it is stored", put->uri);
	if (result == 0)
		give_meta(&op, meta);
	buffer_free(&sum);
	s3_op_end(&op);
	return result;
}

int
s3_store_object(const struct s3_put *put, struct s3_meta *meta, struct error *error)
{
	struct slice bucket = {0}, key = {0};

	*meta = (struct s3_meta){0};
	if (s3_parse(put->uri, &bucket, &key, error) < 0)
		return -1;
	if (key.n == 0)
		return error_set(error, STATUS_REFUSED, "bad-uri", "'%s' names no object", put->uri);
	if (put->bytes > PART_BYTES)
		return s3_store_parts(put, PART_BYTES, bucket, key, meta, error);
	return put_whole(put, bucket, key, meta, error);
}
