#include "io/content_remote.h"

#include "base/child.h"
#include "base/memory.h"
#include "io/content.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 64 << 10, ENVIRONMENT_MAX = 4096 };

static char *
helper_path(void)
{
	char own[4096], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n > 0) {
		own[n] = '\0';
		slash = strrchr(own, '/');
		path = memory_format("%.*s/acc-fetch", (int)(slash - own), own);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return memory_copy_string("acc-fetch");
}

/* Ours without the journal: what a helper does is none of the chain's business. Owned array of borrowed strings. */
static char **
helper_environment(void)
{
	size_t n = 0, kept = 0;
	char **list;

	while (environ[n])
		n++;
	list = memory_get_zeroed(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "ACC_JOURNAL=", 12) != 0)
			list[kept++] = environ[i];
	return list;
}

static pid_t
start(const char *uri, int out, int err, struct error *error)
{
	char *path = helper_path(), **environment = helper_environment();
	const char *arguments[] = {path, "--content", "--", uri, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int failed;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	failed = child_spawn(&pid, (char *const *)arguments, environment, &actions);
	posix_spawn_file_actions_destroy(&actions);
	if (failed) {
		errno = failed;
		error_system(error, "cannot read '%s': cannot run acc-fetch", uri);
		pid = -1;
	}
	free(path);
	free(environment);
	return pid;
}

/* What there is to read: false at the end. */
static bool
take(int fd, struct buffer *text, size_t max)
{
	ssize_t got;

	buffer_reserve(text, 64 << 10);
	got = read(fd, text->p + text->n, 64 << 10);
	if (got > 0 && text->n <= max)
		text->n += (size_t)got;
	return got > 0 || (got < 0 && errno == EINTR);
}

static void
read_both(int out_fd, int err_fd, struct buffer *out, struct buffer *err)
{
	struct pollfd fds[] = {{out_fd, POLLIN, 0}, {err_fd, POLLIN, 0}};

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents && !take(out_fd, out, CONTENT_MAX))
			fds[0].fd = -1;
		if (fds[1].revents && !take(err_fd, err, MESSAGE_MAX))
			fds[1].fd = -1;
		fds[0].revents = fds[1].revents = 0;
	}
}

static int
give_error(int status, struct buffer *err, const char *uri, struct error *error)
{
	static const char name[] = "acc-fetch: ";
	struct slice line = buffer_slice(err);
	const char *end = line.n ? memchr(line.p, '\n', line.n) : NULL;

	if (end)
		line.n = (size_t)(end - line.p);
	if (slice_begins(line, SLICE(name)))
		line = (struct slice){line.p + sizeof(name) - 1, line.n - sizeof(name) + 1};
	if (line.n == 0)
		return error_set(error, STATUS_FAILED, "helper", "cannot read '%s': acc-fetch ended with status %d",
			uri, status);
	return error_set(
		error, status == STATUS_USAGE ? STATUS_USAGE : STATUS_FAILED, "remote", "%.*s", (int)line.n, line.p);
}

static int
content_by_helper(const char *uri, struct buffer *out, struct error *error)
{
	struct buffer err = {0};
	int fds[4], status = 0, result = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_system(error, "cannot read '%s'", uri);
	if (pipe2(fds + 2, O_CLOEXEC) < 0) {
		close(fds[0]);
		close(fds[1]);
		return error_system(error, "cannot read '%s'", uri);
	}
	pid = start(uri, fds[1], fds[3], error);
	close(fds[1]);
	close(fds[3]);
	if (pid > 0) {
		read_both(fds[0], fds[2], out, &err);
		status = child_wait(pid);
		if (status != 0)
			result = give_error(status, &err, uri, error);
		else if (out->n > CONTENT_MAX)
			result = error_set(
				error, STATUS_USAGE, "too-long", "'%s' is longer than %u bytes", uri, CONTENT_MAX);
	} else {
		result = -1;
	}
	close(fds[0]);
	close(fds[2]);
	buffer_free(&err);
	return result;
}

void
content_register_remote(void)
{
	content_register("s3", content_by_helper);
	content_register("dynamodb", content_by_helper);
}
