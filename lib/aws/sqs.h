/* sqs - the queue: receive, delete, keep invisible, and what a queue says of itself.
 *
 * Source: SQS API Reference, JSON protocol. All calls block and are thread safe. */
#ifndef ACC_AWS_SQS_H
#define ACC_AWS_SQS_H

#include "aws/config.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SQS_BATCH 10             /* entries per request */
#define SQS_VISIBILITY_MAX 43200 /* seconds; from the receipt, whatever is extended */

struct sqs_queue {
	char *url;                    /* owned; never NULL after sqs_open */
	char *region;                 /* owned, or NULL: the client's */
	char *name;                   /* as the user wrote it, for messages; owned */
	struct aws_endpoint endpoint; /* of the URL's host, when none is configured; authority NULL: none */
};

/* From https://..., sqs://NAME or an ARN; asks for the URL where only the name is known. -1 with *error. Gives *q to
 * sqs_close. */
int sqs_open(struct sqs_queue *q, const char *queue, struct error *error);
void sqs_close(struct sqs_queue *q);

struct sqs_message {
	struct slice id, handle, body; /* NUL-terminated, borrowed from the arena */
	uint64_t receive_count;
	struct slice group; /* MessageGroupId of a FIFO queue, or empty */
};

struct sqs_receive {
	unsigned max;          /* messages, 1 to SQS_BATCH */
	unsigned wait_seconds; /* for the first, 0 to 20 */
	unsigned visibility_seconds;
	int64_t until_ms; /* for all tries, on clock_ms; 0: no limit */
};

struct sqs_received {
	struct sqs_message messages[SQS_BATCH]; /* borrow from the arena */
	size_t n;
	size_t n_damaged; /* that came besides */
};

/* A message that does not fit its MD5 is left out, with a warning: it comes again. */
int sqs_receive(const struct sqs_queue *q, const struct sqs_receive *receive, struct arena *arena,
	struct sqs_received *received, struct error *error);

struct sqs_entry {
	struct slice id; /* for the caller's messages; the queue is not told */
	struct slice handle;
	unsigned visibility_seconds; /* from now on; for sqs_change_visibility */
	bool done;                   /* out: it was accepted */
	bool transient;              /* out: it was refused for now */
	char code[64];               /* out: why not; empty when it was not tried */
	char reason[200];
};

/* Delete, or change the visibility of, any number of messages: ten at a time, refused ones again where that helps. 0
 * when every request was answered (each entry tells its own outcome), -1 with *error. until_ms: as in sqs_receive. */
int sqs_delete(const struct sqs_queue *q, struct sqs_entry *entries, size_t n, struct error *error);
int sqs_change_visibility(
	const struct sqs_queue *q, struct sqs_entry *entries, size_t n, int64_t until_ms, struct error *error);

/* The queue's attributes as a JSON object of strings, borrowed from arena. */
int sqs_attributes(const struct sqs_queue *q, struct arena *arena, struct slice *json, struct error *error);

/* The pure part of sqs_open: true when text is a URL, sqs://NAME or an ARN; url, region, account and name borrow from
 * it or are empty. */
struct sqs_address {
	struct slice url, region, account, name;
};
bool sqs_parse(struct slice text, struct sqs_address *address);

#endif
