#include "base/output.h"

#include "base/cleanup.h"
#include "base/command.h"
#include "base/memory.h"
#include "base/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
#define LENT_MIN (64 * 1024) /* below, copying is cheaper */

struct output output_stdout = {.fd = STDOUT_FILENO, .name = "standard output"};

/* ---- all of it */

typedef ssize_t send_some(int fd, const void *p, size_t n);

static ssize_t
lend(int fd, const void *p, size_t n)
{
	struct iovec bytes = {.iov_base = (void *)p, .iov_len = n};
	ssize_t taken = vmsplice(fd, &bytes, 1, 0);

	if (taken < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE)
		return write(fd, p, n); /* where the kernel will not have it */
	return taken;
}

static int
send_all(send_some *send, int fd, const void *p, size_t n)
{
	const char *bytes = p;

	while (n > 0) {
		ssize_t taken = send(fd, bytes, n);

		if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd ready = {.fd = fd, .events = POLLOUT};

			if (poll(&ready, 1, -1) < 0 && errno != EINTR)
				return -1;
			continue;
		}
		if (taken < 0 && errno == EINTR)
			continue;
		if (taken < 0)
			return -1;
		bytes += taken;
		n -= (size_t)taken;
	}
	return 0;
}

int
write_all(int fd, const void *p, size_t n)
{
	return send_all(write, fd, p, n);
}

/* ---- */

void
output_open(struct output *o, int fd, const char *name)
{
	struct stat status;

	*o = (struct output){.fd = fd, .name = name};
	if (fstat(fd, &status) < 0)
		return; /* a bad descriptor shows when there is something to write */
	o->is_pipe = S_ISFIFO(status.st_mode);
	if (o->is_pipe)
		pipe_widen(fd);
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

static void
send(struct output *o, send_some *way, const void *p, size_t n)
{
	if (n > 0 && send_all(way, o->fd, p, n) < 0)
		fail(o);
	o->sent += n;
}

void
output_flush(struct output *o)
{
	size_t n = o->pending.n;

	o->pending.n = 0;
	send(o, write, o->pending.p, n);
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
	send(o, write, p, n);
}

/* ---- memory that a pipe refers to */

struct output_lent {
	struct output_lent *next;
	struct buffer buffer;
	uint64_t end; /* bytes sent up to its own last one */
};

static void
remember_lent(struct output *o, struct buffer *b)
{
	struct output_lent **last = &o->lent, *lent = memory_get_zeroed(1, sizeof(*lent));

	lent->buffer = *b;
	lent->end = o->sent;
	while (*last)
		last = &(*last)->next;
	*last = lent;
}

/* The oldest buffer once all of it was read, that is when no more is unread than came after it; else an empty one. The
 * promise must still hold: meanwhile another reader may have come, and passed it on. */
static struct buffer
take_back(struct output *o)
{
	struct output_lent *oldest = o->lent;
	struct buffer buffer = {0};

	if (o->sent - oldest->end < pipe_unread(o->fd) || !pipe_is_copied(o->fd))
		return buffer;
	buffer = oldest->buffer;
	buffer.n = 0;
	o->lent = oldest->next;
	free(oldest);
	return buffer;
}

void
output_give(struct output *o, struct buffer *b)
{
	if (!o->is_pipe || b->n < LENT_MIN || !pipe_is_copied(o->fd)) {
		output_write(o, b->p, b->n);
		b->n = 0;
		return;
	}
	output_flush(o);
	o->bytes += b->n;
	send(o, lend, b->p, b->n);
	remember_lent(o, b);
	*b = take_back(o);
}

/* ---- */

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
	/* what is lent stays, as the process may go on, and the reader has not had it all */
	o->fd = -1;
	if (close(fd) < 0 && errno != EINTR)
		fail(o);
}
