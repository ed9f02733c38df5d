/* drain_private - what the files of drain share. */
#ifndef ACC_AWS_DRAIN_PRIVATE_H
#define ACC_AWS_DRAIN_PRIVATE_H

#include "aws/batch.h"
#include "aws/drain.h"
#include "base/clock.h"
#include "io/supervise.h"

static inline bool
drain_is_out_of_time(const struct drain *d)
{
	return d->until_ms && clock_ms() >= d->until_ms;
}

static inline bool
drain_is_over(const struct drain *d)
{
	return d->broken || drain_is_out_of_time(d);
}

/* When a call of a service is given up; 0: as usual. A little of the time to tidy up is its own. */
static inline int64_t
drain_call_end(const struct drain *d)
{
	return d->until_ms ? d->until_ms + 250 : 0;
}

/* drain_receive.c: fill the batch; false when the queue had nothing new. */
bool drain_gather(struct drain *d, struct batch *batch, uint64_t most);
/* A message that failed: a run that does not follow leaves it alone when it comes back. */
void drain_leave_alone(struct drain *d, const struct batch_message *m);
void drain_warn_of_last_chance(const struct drain *d, const struct batch_message *m);

/* drain_work.c: run the command on the batch, judge, report. */
void drain_work(struct drain *d, struct batch *batch);

/* drain_report.c: count the batch; tell standard error, journal and topic what failed; metrics, if there was work. */
void drain_report(struct drain *d, const struct batch *batch, const struct verdict *verdict, uint64_t duration_ms);

/* drain_acknowledge.c: delete these, count them, and report those that could not be. */
void drain_delete(struct drain *d, struct sqs_entry *entries, size_t n);

#endif
