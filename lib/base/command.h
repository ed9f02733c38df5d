/* command - the manners all commands share: --help, --version, -q, -v, --log-format, --progress,
 * --journal, the exit status, and the one place that closes standard output.
 *
 *     static const struct command command = { "acc-split", "[OPTION]... [FILE]...", "...", options };
 *
 *     int
 *     main(int argc, char *argv[])
 *     {
 *             struct operands operands;
 *
 *             command_begin(&command, argc, argv, &operands);
 *             ...
 *             return command_finish(status, counts);
 *     }
 */
#ifndef ACC_BASE_COMMAND_H
#define ACC_BASE_COMMAND_H

#include "base/error.h"
#include "base/journal.h"
#include "base/message.h"
#include "base/options.h"
#include "base/output.h"
#include "base/progress.h"

struct command {
	const char *name;
	const char *usage;   /* what follows the name in the usage line; lines separated by '\n' */
	const char *purpose; /* one or two sentences for --help */
	const struct option_spec *options;
};

/* Parse the arguments and set up messages, signals, journal and output; a standard descriptor that is closed stays
 * unusable, and is taken by nothing else. Handles --help and --version
 * (status 0) and wrong usage (status 2) itself: then it does not return. */
void command_begin(const struct command *command, int argc, char *argv[], struct operands *operands);

/* Raise the limit of open files to what the system grants: for who may have hundreds open at a time. */
void command_allow_open_files(void);

/* Whether and how to show progress; quiet as given. For progress_start. */
enum progress_mode command_progress_mode(void);
bool command_is_quiet(void);
int command_verbosity(void); /* -1 quiet, 0, 1 (-v), 2 (-v -v) */

/* Wrong usage found after parsing: prints "acc-x: TEXT (see acc-x --help)", journals, exits 2. */
void command_usage(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Print e, write `done` to the journal, remove temporary files and end with e->status. Any thread. */
void command_die(const struct error *e) __attribute__((noreturn));

/* Close standard output, write `done` with counts (ends with a NULL name), say the counts with -v,
 * and return the status for main. */
int command_finish(enum status status, const struct journal_count *counts);

#endif
