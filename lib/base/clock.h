/* clock - time that passes: monotonic (CLOCK_MONOTONIC), so of use for durations and limits only. See instant.h for
 * the time of day. Thread safe. */
#ifndef ACC_BASE_CLOCK_H
#define ACC_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t clock_ms(void);
void clock_sleep_ms(int64_t ms); /* all of it, whatever signals come */

/* When ms will have passed, for pthread_cond_timedwait on a condition of this clock. */
struct timespec clock_deadline(int64_t ms);

#endif
