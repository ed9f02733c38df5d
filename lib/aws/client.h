/* client - a signed call to a service: resolved, signed anew for each try, retried, its errors put into words.
 *
 * One per process: configuration, credentials, retry budget, clock offset and region are shared by all threads. Every
 * call here may block and is thread safe, an exchange itself is for one thread at a time. */
#ifndef ACC_AWS_CLIENT_H
#define ACC_AWS_CLIENT_H

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/http.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AWS_HEADERS_MAX 32

struct aws_call {
	enum aws_service service;
	const char *what;       /* for messages: "read 's3://b/k'"; follows "cannot" */
	const char *permission; /* what the role needs for it, such as "s3:GetObject" */
	const char *method;
	const char *region;                  /* NULL: the client's */
	const struct aws_endpoint *endpoint; /* NULL: the service's in that region */
	const char *host_label;              /* goes in front of the endpoint's host with a '.'; or NULL */
	struct slice path;                   /* percent-encoded, begins with '/', behind the endpoint's prefix */
	struct slice query;                  /* percent-encoded, without '?' */
	struct sigv4_header headers[AWS_HEADERS_MAX]; /* besides host, date, token and payload hash */
	size_t n_headers;
	bool has_body;
	struct slice body; /* borrowed until the end, as is body_fd; see http_request */
	int body_fd;
	uint64_t body_offset, body_bytes;
	const char *payload_hash;         /* hex SHA-256 of the body; NULL: computed (from memory only) */
	uint64_t total_ms, stall_seconds; /* of a try */
	int64_t until_ms;                 /* for all tries, on clock_ms; 0: no limit */
	size_t window;
	char *into; /* where the body of a good reply goes, borrowed to the end; see http_request */
	size_t into_bytes;
	size_t reply_max;            /* bytes of the reply's body; 0: 64M */
	bool stream;                 /* leave the body of a good reply to be read */
	const char *root;            /* the XML element that a good reply must have, or NULL */
	bool check_crc32;            /* of the reply, by x-amz-crc32 */
	bool anonymous;              /* not signed */
	const struct aws_keys *keys; /* NULL: the client's */
};

struct aws_reply {
	int status;                                     /* HTTP; 0 when no reply came */
	const struct http_reply *head;                  /* borrowed until aws_end */
	struct buffer body;                             /* owned by the exchange */
	struct xml_node *document;                      /* the body, where the call names its root; owned likewise */
	struct slice code, message, request_id, region; /* of an error; region: where the bucket is */
};

struct aws_exchange;

/* Read configuration and credentials' sources. The first call counts; -1 with *error (STATUS_USAGE). */
int aws_start(const struct environment *environment, struct error *error);
const struct aws_config *aws_configuration(void);

/* The region for a service; "us-east-1" where it does not matter (S3, and configured endpoints). NULL with *error. */
const char *aws_region(enum aws_service service, struct error *error);

/* Start without waiting. Strings of call are copied, call->body is borrowed. Gives an exchange to aws_end. */
struct aws_exchange *aws_begin(const struct aws_call *call);
/* Wait for a good reply (2xx), trying again as due: 0, or -1 with *error. *reply stays until aws_end. */
int aws_finish(struct aws_exchange *x, struct aws_reply **reply, struct error *error);
/* Read the body of a streamed reply; see http_read. */
ssize_t aws_read(struct aws_exchange *x, void *p, size_t n, struct error *error);
/* Read the rest of it to *body, at most max bytes: 0, or -1, when *body has what came before. */
int aws_read_all(struct aws_exchange *x, struct buffer *body, size_t max, struct error *error);
void aws_end(struct aws_exchange *x);

/* begin and finish; *x is to be ended whatever is returned. */
int aws_perform(const struct aws_call *call, struct aws_exchange **x, struct aws_reply **reply, struct error *error);

/* Wait before what a reply left undone is asked for once more, after `tries` tries. */
void aws_rest(int tries);

void aws_header(struct aws_call *call, const char *name, struct slice value);

/* A JSON call of SQS or DynamoDB: POST / with X-Amz-Target. */
void aws_json_call(struct aws_call *call, enum aws_service service, const char *target, struct slice body);

#endif
