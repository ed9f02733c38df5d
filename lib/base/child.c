#include "base/child.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int
child_spawn(pid_t *pid, char *const *arguments, char *const *environment, const posix_spawn_file_actions_t *actions)
{
	posix_spawnattr_t attributes;
	int failed = posix_spawnattr_init(&attributes);

	if (failed)
		return failed;
	cleanup_restore_spawned_signals(&attributes);
	failed = posix_spawnp(pid, arguments[0], actions, &attributes, arguments, environment ? environment : environ);
	posix_spawnattr_destroy(&attributes);
	return failed;
}

int
child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CHILD_UNKNOWN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
