#include "base/output.h"

#include "base/cleanup.h"
#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
#define PIPE_BYTES (1024 * 1024)

struct output output_stdout = {.fd = STDOUT_FILENO, .name = "standard output"};

int
write_all(int fd, const void *p, size_t n)
{
	const char *bytes = p;

	while (n > 0) {
		ssize_t written = write(fd, bytes, n);

		if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd ready = {.fd = fd, .events = POLLOUT};

			if (poll(&ready, 1, -1) < 0 && errno != EINTR)
				return -1;
			continue;
		}
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

void
output_open(struct output *o, int fd, const char *name)
{
	struct stat status;

	*o = (struct output){.fd = fd, .name = name};
	if (fstat(fd, &status) < 0)
		return; /* a bad descriptor shows when there is something to write */
	if (S_ISFIFO(status.st_mode))
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* a wish; users have a quota */
	o->line_buffered = S_ISCHR(status.st_mode) && isatty(fd);
}

static void __attribute__((noreturn)) fail(const struct output *o)
{
	struct error error;

	if (errno == EPIPE)
		cleanup_die_of(SIGPIPE);
	error_system(&error, o == &output_stdout ? "cannot write to %s" : "cannot write '%s'", o->name);
	command_die(&error);
}

void
output_flush(struct output *o)
{
	size_t n = o->pending.n;

	o->pending.n = 0;
	if (n > 0 && write_all(o->fd, o->pending.p, n) < 0)
		fail(o);
}

void
output_wait(const struct output *o)
{
	struct pollfd ready = {.fd = o->fd, .events = POLLOUT};

	while (poll(&ready, 1, -1) < 0 && errno == EINTR)
		;
}

void
output_write(struct output *o, const void *p, size_t n)
{
	output_flush(o);
	o->bytes += n;
	if (write_all(o->fd, p, n) < 0)
		fail(o);
}

void
output_add(struct output *o, const void *p, size_t n)
{
	if (n >= BLOCK) {
		output_write(o, p, n);
		return;
	}
	if (o->pending.n + n > BLOCK)
		output_flush(o);
	if (o->pending.capacity < BLOCK)
		buffer_reserve(&o->pending, BLOCK);
	buffer_add(&o->pending, p, n);
	o->bytes += n;
}

void
output_end_line(struct output *o)
{
	output_add(o, "\n", 1);
	if (o->line_buffered)
		output_flush(o);
}

void
output_close(struct output *o)
{
	int fd = o->fd;

	if (fd < 0)
		return;
	output_flush(o);
	buffer_free(&o->pending);
	o->fd = -1;
	if (close(fd) < 0 && errno != EINTR)
		fail(o);
}
