/* batch - the messages that are worked on together, and the objects that they announce, each once.
 *
 * No thread safety: a batch belongs to one thread. */
#ifndef ACC_AWS_BATCH_H
#define ACC_AWS_BATCH_H

#include "aws/sqs.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "io/reference.h"
#include "io/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum batch_fate {
	BATCH_WORK,    /* it announces objects: to be deleted once their work is done */
	BATCH_NOTHING, /* understood, nothing to do: to be deleted */
	/* the others stay in the queue, see batch_has_failed */
	BATCH_UNKNOWN, /* not understood */
	BATCH_FAILED,  /* its work is not proved done */
	BATCH_BEHIND,  /* it came behind a failure of its FIFO group */
};

struct batch_message {
	struct slice id, handle, group; /* NUL-terminated, borrowed from the batch */
	uint64_t receive_count;
	enum batch_fate fate;
	const char *why;        /* of those that stay; borrowed from the batch, or static */
	struct slice first_uri; /* of its objects, for messages */
};

struct batch {
	struct arena arena;
	struct batch_message *messages; /* owned */
	size_t n, capacity;
	struct reference_list references;
	struct verdict_link *links; /* owned; in the order of the messages */
	size_t n_links, links_capacity;
};

static inline bool
batch_has_failed(const struct batch_message *m)
{
	return m->fate >= BATCH_UNKNOWN;
}

size_t batch_failures(const struct batch *b); /* how many messages have failed */

/* Add a message: its texts are copied, its body is read. Returns it; borrowed until the next call. */
struct batch_message *batch_add(struct batch *b, const struct sqs_message *m);

/* The message with this id, or NULL; borrowed until the next batch_add. */
struct batch_message *batch_find(const struct batch *b, struct slice id);

/* The message m of the batch was delivered once more: the newer handle is the one that deletes it. Copies it. */
void batch_renew(struct batch *b, struct batch_message *m, const struct sqs_message *again);

/* Append the references, one per line. */
void batch_print(const struct batch *b, struct buffer *out);

void batch_free(struct batch *b); /* b is empty and usable */

#endif
