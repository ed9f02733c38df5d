/* cleanup - temporary files that must not outlive the command, whichever way it ends.
 *
 * A registered path, a file or a directory that is empty once the other paths are gone, is removed by cleanup_run,
 * which runs at a signal (HUP INT QUIT TERM USR1 USR2 ALRM VTALRM XCPU XFSZ), before command_die, and at exit. After a
 * signal the process ends as that signal ends it.
 * Thread safe; cleanup_run is async-signal-safe. */
#ifndef ACC_BASE_CLEANUP_H
#define ACC_BASE_CLEANUP_H

#include <signal.h>
#include <spawn.h>

struct cleanup;

/* Install the signal handlers, and ignore SIGPIPE (writers see EPIPE, see output.h). Handlers a parent
 * has set to ignore (nohup) stay ignored, but for SIGCHLD: the ends of children would be lost. */
void cleanup_install(void);

struct cleanup *cleanup_add(const char *path); /* borrows path's text (copied); gives a registration */
/* The same in two steps, for a file that is still to be made: all that can fail comes first, and until cleanup_arm
 * nobody touches the path. */
struct cleanup *cleanup_prepare(const char *path);
void cleanup_arm(struct cleanup *c);
/* Between hold and release neither a signal nor another thread's cleanup_close gets at us: a file made there is armed
 * before the end. What is done in between is short: a signal waits a second at most, and other threads that make files.
 * It may end the command. */
void cleanup_hold(void);
void cleanup_release(void);
/* The last cleanup_run, before _exit. Not for signal handlers. */
void cleanup_close(void);
void cleanup_cancel(struct cleanup *c); /* takes c: the file is published or gone; NULL is fine */
void cleanup_unlink(struct cleanup *c); /* takes c: removes the file or empty directory now */
void cleanup_run(void);

/* End as this signal would end us, after cleanup_run: quietly by SIGPIPE where a reader closed our standard output. */
void cleanup_die_of(int signal_number) __attribute__((noreturn));

/* Add the signals that end this process, but those that our parent has us ignore (nohup). */
void cleanup_add_signals(sigset_t *set);
/* In a forked child, before exec: the signals as they were before cleanup_install. */
void cleanup_restore_signals(void);
/* The same for one that is spawned, with no signal blocked. */
void cleanup_restore_spawned_signals(posix_spawnattr_t *attributes);

#endif
