/* progress - one line on standard error that tells done/total, rate and time left.
 *
 * progress_start decides whether to show anything (see --progress); the other calls are cheap and do
 * nothing when not. A thread of its own redraws the line every 200 ms, so that work which blocks is shown as well.
 * Messages clear the line before they print. Thread safe. */
#ifndef ACC_BASE_PROGRESS_H
#define ACC_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

/* unit is shown after the numbers ("records", "objects"), or "bytes", which are shown as sizes. */
void progress_start(enum progress_mode mode, bool quiet, const char *unit);
void progress_total(uint64_t total); /* add to what is to be done; unknown while it is 0, or less than is done */
void progress_done(uint64_t done);   /* add to what is done */
void progress_stop(void);            /* erases the line; idempotent */

#endif
