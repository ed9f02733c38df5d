/* sns - publish one message to a topic. Source: SNS API Reference, query protocol. */
#ifndef ACC_AWS_SNS_H
#define ACC_AWS_SNS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SNS_MESSAGE_MAX (256u << 10) /* bytes */

bool sns_is_topic(const char *arn); /* it looks like arn:aws:sns:REGION:ACCOUNT:NAME */

/* The region is the ARN's. subject: ASCII, at most 99 characters are sent. A message longer than SNS_MESSAGE_MAX is
 * cut. -1 with *error. */
int sns_publish(
	const char *topic_arn, struct slice subject, struct slice message, int64_t until_ms, struct error *error);

#endif
