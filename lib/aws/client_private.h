/* What the parts of client share: client.c makes the calls, client_request.c signs and sends each try, client_error.c
 * reads and explains what went wrong. */
#ifndef ACC_AWS_CLIENT_PRIVATE_H
#define ACC_AWS_CLIENT_PRIVATE_H

#include "aws/client.h"

struct aws_exchange {
	struct arena arena; /* the call's strings */
	struct aws_call call;
	struct aws_endpoint endpoint; /* owned, when resolved here */
	char region[64];
	struct http_stream *stream;
	struct retry_state retry;
	struct retry_outcome outcome; /* of the last try */
	struct aws_reply reply;
	struct arena reply_arena;
	struct error refused; /* not even begun; code is NULL when it was */
	int wire_status;      /* reply.status may have been corrected */
	int64_t skew_seconds; /* the last try was signed by */
	bool fresh;
	unsigned keys, refused_keys; /* serials: of the client's keys that signed the last try; of those to renew */
	char hash[65];
};

const char *client_ca_bundle(void); /* a file, or NULL */

/* Copy the call, and find its region, endpoint and payload hash; then sign it anew and send it. -1 with *error. */
int client_prepare(struct aws_exchange *x, const struct aws_call *call, struct error *error);
int client_send(struct aws_exchange *x, struct error *error);

/* Now, by the clock that the last try was signed by: seconds since the epoch. */
int64_t client_clock(const struct aws_exchange *x);
/* Correct the clock by what x->outcome says. Whoever sees it first does it for all: the others were signed before, and
 * need but another signature. Thread safe. */
void client_correct_clock(const struct aws_exchange *x);

/* Take code, message, request id and region from a bad reply. */
void client_parse_error(struct aws_exchange *x);
/* Put into words why the last try failed; error: what the transport says. */
void client_explain(struct aws_exchange *x, struct error *error);

#endif
