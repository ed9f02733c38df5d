/* metrics - what a batch came to: one line in CloudWatch's embedded metric format, and the same for people. Pure.
 *
 * Source: CloudWatch User Guide, "Embedded metric format specification". Namespace AccommodationConsolidator, dimension
 * Function. */
#ifndef ACC_AWS_METRICS_H
#define ACC_AWS_METRICS_H

#include "base/buffer.h"
#include "io/verdict.h"

#include <stdint.h>

struct metrics {
	uint64_t objects_received, objects_processed, objects_failed, duration_ms;
	const struct verdict *verdict; /* borrowed */
	const char *function;          /* the dimension's value */
	int64_t now_ms;                /* since the epoch */
};

void metrics_format(struct buffer *out, const struct metrics *metrics); /* without newline */
void metrics_describe(struct buffer *out, const struct metrics *metrics);

#endif
