/* check - look at what a drain will need, without consuming anything. Findings are warnings, what is well is a note. */
#ifndef ACC_AWS_CHECK_H
#define ACC_AWS_CHECK_H

#include "aws/sqs.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* values[0] is the queue; the others are URIs, or a command and its arguments: every s3:// and dynamodb:// address in
 * them is looked at, as those of ACC_DEST, ACC_PRIORITY, ACC_DENY and ACC_REJECTS. 0 for a time or number that was not
 * given. STATUS_OK, STATUS_REFUSED when something would go wrong, STATUS_FAILED when the queue itself is out of
 * reach. */
enum status check_all(const char *const *values, size_t n, uint64_t visibility_ms, uint64_t timeout_ms,
	uint64_t max_receives);

/* maxReceiveCount of the queue's redrive policy, or 0 when there is none or it may not be seen. */
uint64_t check_max_receives(const struct sqs_queue *q);

#endif
