/* What the files of s3 share: one request about a bucket, and what a reply tells of an object. */
#ifndef ACC_AWS_S3_PRIVATE_H
#define ACC_AWS_S3_PRIVATE_H

#include "aws/client.h"
#include "aws/s3.h"
#include "base/percent.h"

#define S3_PARTS_MAX 10000

/* One request about a bucket: enough to send it again to another region. */
struct s3_op {
	struct arena arena;
	struct aws_call call;
	struct aws_endpoint endpoint;
	char bucket[256], region[64], what[1400];
	struct aws_exchange *exchange;
	struct aws_reply *reply;
};

/* Prepare a request: "cannot VERB 'THING'", the permission it needs, its method. op is to be ended. */
void s3_op_start(struct s3_op *op, const char *verb, const char *thing, const char *permission, const char *method,
	struct slice bucket);
/* value is copied; NULL: no such header. */
void s3_op_header(struct s3_op *op, const char *name, const char *value);
/* Hand a query over (see form_add), and free it. */
void s3_op_query(struct s3_op *op, struct buffer *q);
/* Send it without waiting; then wait for a good reply, asking once more where the bucket turns out to be. */
int s3_op_begin(struct s3_op *op, struct slice key, struct error *error);
int s3_op_finish(struct s3_op *op, struct slice key, struct error *error);
int s3_op_perform(struct s3_op *op, struct slice key, struct error *error); /* both */
void s3_op_end(struct s3_op *op);

/* Gives a copy of a header's value, or NULL. */
char *s3_copy_header(const struct http_reply *head, const char *name);
void s3_read_meta(const struct http_reply *head, struct s3_meta *meta);

/* ---- writing */

/* What a request that makes an object says of it. */
void s3_object_headers(struct s3_op *op, const struct s3_put *put);
/* Of bytes of the object's file: the checksum, appended, and the SHA-256 that is signed. */
int s3_sum_up(const struct s3_put *put, uint64_t from, uint64_t bytes, struct buffer *checksum, char hash[65],
	struct error *error);
/* Store an object in parts of that size or more. */
int s3_store_parts(const struct s3_put *put, uint64_t part_bytes, struct slice bucket, struct slice key,
	struct s3_meta *meta, struct error *error);

#endif
