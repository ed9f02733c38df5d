/* batch - the messages that are worked on together, and the objects that they announce, each once. */
#ifndef ACC_AWS_BATCH_H
#define ACC_AWS_BATCH_H

#include "aws/notification.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "io/verdict.h"
#include "io/reference.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum batch_fate {
	BATCH_WORK,      /* it announces objects: to be deleted once their work is done */
	BATCH_NOTHING,   /* understood, nothing to do: to be deleted */
	BATCH_UNKNOWN,   /* not understood: left alone */
};

struct batch_message {
	struct slice id, handle, group; /* NUL-terminated, borrowed from the batch */
	uint64_t receive_count, received_ms;
	enum batch_fate fate;
	const char *why;         /* of BATCH_UNKNOWN; static */
	size_t n_objects;
	struct slice first_uri;  /* of its objects, for messages */
};

struct batch {
	struct arena arena;
	struct batch_message *messages; /* owned */
	size_t n, capacity;
	struct reference_list references;
	struct verdict_link *links;     /* owned */
	size_t n_links, links_capacity;
};

/* Add a message: its texts are copied. Returns it; borrowed until the next call. */
struct batch_message *batch_add(struct batch *b, struct slice id, struct slice handle, struct slice body,
	struct slice group, uint64_t receive_count, uint64_t received_ms);

/* Append the references, one per line. */
void batch_print(const struct batch *b, struct buffer *out);

void batch_free(struct batch *b); /* b is empty and usable */

#endif
