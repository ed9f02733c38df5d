/* check - look at what a drain will need, without consuming anything. Findings are warnings, what is well is a note. */
#ifndef ACC_AWS_CHECK_H
#define ACC_AWS_CHECK_H

#include "aws/sqs.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct check {
	/* The first is the queue; the others are addresses, or a command and its arguments. */
	const char *const *words;
	size_t n_words;
	size_t command;                                   /* where that begins among them; n_words without one */
	uint64_t visibility_ms, timeout_ms, max_receives; /* 0 when not given */
	/* Read a list of partners as --priority or --deny does: -1 with *error, if only because it is empty. */
	int (*read_list)(const char *list, bool deny, struct error *error);
	int (*read_rules)(const char *rules, struct error *error); /* as --rules does */
	enum status found;                                         /* so far */
};

/* Ask for the queue, look for the command, and look at what stands in the words: s3:// buckets, dynamodb:// lists, and
 * the arguments of --priority, --deny, --rules, --map and --rejects; so with ACC_DEST, ACC_PRIORITY and the like.
 * STATUS_OK, STATUS_REFUSED when something would go wrong, STATUS_FAILED when the queue itself is out of reach. */
enum status check_all(struct check *c);

/* maxReceiveCount of the queue's redrive policy, or 0 when there is none or it may not be seen. */
uint64_t check_max_receives(const struct sqs_queue *q);

#endif
