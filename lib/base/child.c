#include "base/child.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

int
child_find(const char *program)
{
	const char *path = getenv("PATH");

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? 0 : errno;
	for (path = path ? path : "/bin:/usr/bin"; path;) {
		size_t n = strcspn(path, ":");
		char *whole = memory_format("%.*s%s%s", (int)n, path, n ? "/" : "", program);
		bool there = access(whole, X_OK) == 0;

		free(whole);
		if (there)
			return 0;
		path = path[n] ? path + n + 1 : NULL;
	}
	return ENOENT;
}

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

bool
child_ends_within(pid_t pid, int ms)
{
	struct pollfd ended = {pidfd_open(pid, 0), POLLIN, 0};
	int64_t end = clock_ms() + ms, left = ms;
	int got;

	if (ended.fd < 0)
		return true; /* Linux before 5.3: it is waited for without end */
	while ((got = poll(&ended, 1, left > 0 ? (int)left : 0)) < 0 && errno == EINTR)
		left = end - clock_ms();
	close(ended.fd);
	return got != 0;
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
