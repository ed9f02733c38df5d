/* hold - messages that are ours for now: kept invisible from their receipt until they are let go.
 *
 * A thread of its own extends their visibility at a third of the time-out. SQS ends all extending 12 hours after the
 * receipt. A message whose handle the queue no longer takes is stale: reported once, and never to be deleted. Thread
 * safe. */
#ifndef ACC_AWS_HOLD_H
#define ACC_AWS_HOLD_H

#include "aws/sqs.h"

#include <stdbool.h>
#include <stdint.h>

struct hold;

/* Borrows q. until_ms: when it has to be stopped, on clock_ms; 0: at any time, which then takes ten seconds at most
 * where the queue does not answer. Gives a hold to hold_stop. */
struct hold *hold_start(const struct sqs_queue *q, unsigned visibility_seconds, int64_t until_ms);
void hold_stop(struct hold *h);

/* Keep a message from now on; borrows both texts until it is dropped. received_ms: clock_ms before the receipt. */
void hold_add(struct hold *h, struct slice id, struct slice handle, uint64_t received_ms);
/* Let go of a message: true when its handle is stale. */
bool hold_drop(struct hold *h, struct slice handle);

/* Keep a message on whose work is somebody else's now, or given up, until the queue no longer takes its handle: then it
 * was deleted, which is no news. Copies what it needs. */
void hold_hand_on(struct hold *h, struct slice handle);

/* The pure part: by how many seconds to extend, 0 when it cannot be; held_seconds: since the receipt. */
unsigned hold_extension(unsigned visibility_seconds, uint64_t held_seconds);

#endif
