/* child - processes that this one starts and waits for.
 *
 * Thread safe. cleanup_install sees to it that their ends are kept for us, even where our parent ignored SIGCHLD. */
#ifndef ACC_BASE_CHILD_H
#define ACC_BASE_CHILD_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

/* 0 where execvp(3) finds the program, or an errno. */
int child_find(const char *program);

/* Start the program arguments[0], looked up in PATH, with the signals that we were started with and none blocked.
 * environment: NULL for ours. 0 and *pid, to child_wait, or an errno. */
int child_spawn(
	pid_t *pid, char *const *arguments, char *const *environment, const posix_spawn_file_actions_t *actions);

/* Whether a child that is still to be waited for ends within so many ms (below 0: now). */
bool child_ends_within(pid_t pid, int ms);

/* Wait for the end of a child, and give its exit status, or 128 + the signal that ended it. CHILD_UNKNOWN where it
 * cannot be told: never 0 for what may have failed. */
#define CHILD_UNKNOWN 255
int child_wait(pid_t pid);

#endif
