/* event - what a Lambda function gets of an SQS queue, and its answer. Pure.
 *
 * Source: Lambda Developer Guide, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event source". */
#ifndef ACC_AWS_EVENT_H
#define ACC_AWS_EVENT_H

#include "aws/batch.h"
#include "base/error.h"

/* Add the event's messages to the batch. -1 with *error (STATUS_USAGE) when it is none. */
int event_parse(struct slice text, struct batch *batch, struct error *error);

/* Append {"batchItemFailures":[{"itemIdentifier":"..."}]} with the messages that have failed, each id once. */
void event_answer(const struct batch *batch, struct buffer *out);

#endif
