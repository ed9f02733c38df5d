/* drain - take S3 notifications from a queue or a Lambda event, have their objects worked on, and delete the messages
 * whose work is proved done.
 *
 *     struct drain drain = {.batch_size = 10, ..., .command = command};
 *
 *     drain_queue(&drain, "sqs://arrivals");
 *     return drain.status;
 *
 * The command gets the references of a batch on its standard input and a journal of its own; what this does not prove
 * done (io/verdict.h) has failed, and stays in the queue. Without a command the references go to standard output, and
 * who reads them acknowledges. What fails is reported, counted and passed over; what makes the rest pointless ends the
 * command. The functions are for one thread and want aws_start. */
#ifndef ACC_AWS_DRAIN_H
#define ACC_AWS_DRAIN_H

#include "aws/sqs.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct drain {
	/* set by the caller, who keeps what they point to */
	uint64_t batch_size; /* messages; without a command it counts with once or follow only */
	uint64_t window_ms;  /* gather a batch for so long; 0: what is there */
	uint64_t wait_ms;    /* for a message */
	uint64_t visibility_ms;
	uint64_t timeout_ms;         /* for the command on one batch; 0: no limit */
	uint64_t max_receives;       /* warn from the nth receipt of a message on; 0: what the redrive policy says */
	int64_t until_ms;            /* be done by then, on clock_ms; 0: no limit */
	bool once, follow;           /* end after one batch; never end */
	bool trust_status, filtered; /* see verdict.h */
	char *const *command;        /* ends with NULL; NULL: none */
	int command_output;          /* its standard output; 1 leaves it ours */
	const char *topic;           /* an ARN to publish failures to, or NULL */
	const char *function;        /* the metrics' dimension */
	bool metrics;                /* print them to standard error */

	/* results */
	uint64_t batches, messages, objects, deleted, failed; /* all but objects and batches: messages */
	enum status status;                                   /* STATUS_REFUSED when something failed */

	/* private */
	struct sqs_queue queue;
	bool broken;          /* the queue gives no more; what came before is worked on */
	bool exhausted;       /* the queue had nothing new */
	bool reached;         /* it has answered once */
	int outages;          /* receives in a row that failed since */
	struct hold *hold;    /* NULL with an event: Lambda keeps its messages itself */
	uint64_t *left_alone; /* hashes of the ids of messages that failed in this run; owned */
	size_t n_left_alone, left_alone_capacity;
};

/* Until the queue is empty, or as once, follow and until_ms say. */
void drain_queue(struct drain *d, const char *queue);

/* Work on the event in a file ("-": standard input) and print the answer, see event.h. */
void drain_event(struct drain *d, const char *path);

/* Delete the messages that the references on standard input name. */
void drain_acknowledge(struct drain *d, const char *queue);

#endif
