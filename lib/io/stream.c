#include "io/stream.h"

#include "base/memory.h"
#include "base/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct descriptor_stream {
	struct stream stream;
	int fd;
	const char *name;
};

static ssize_t
descriptor_read(struct stream *stream, void *p, size_t n, struct error *error)
{
	struct descriptor_stream *d = (struct descriptor_stream *)stream;

	for (;;) {
		ssize_t got = read(d->fd, p, n);

		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		error_system(error, "cannot read '%s'", d->name);
		error->status = errno == ENOMEM || d->fd == STDIN_FILENO ? STATUS_FAILED : STATUS_REFUSED;
		return -1;
	}
}

static void
descriptor_close(struct stream *stream)
{
	struct descriptor_stream *d = (struct descriptor_stream *)stream;

	if (d->fd != STDIN_FILENO)
		close(d->fd);
	else
		pipe_end_promise(d->fd);
	free(d);
}

struct stream *
stream_of_descriptor(int fd, const char *name)
{
	static const struct stream_kind kind = {descriptor_read, descriptor_close};
	struct descriptor_stream *d = memory_get_zeroed(1, sizeof(*d));
	struct stat st;

	d->stream.kind = &kind;
	d->stream.live = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	d->fd = fd;
	d->name = name;
	return &d->stream;
}

struct memory_stream {
	struct stream stream;
	struct slice rest;
};

static ssize_t
memory_stream_read(struct stream *stream, void *p, size_t n, struct error *error)
{
	struct memory_stream *m = (struct memory_stream *)stream;
	size_t take = n < m->rest.n ? n : m->rest.n;

	(void)error;
	if (take == 0)
		return 0;
	memcpy(p, m->rest.p, take);
	m->rest.p += take;
	m->rest.n -= take;
	return (ssize_t)take;
}

static void
memory_stream_close(struct stream *stream)
{
	free(stream);
}

struct stream *
stream_of_memory(struct slice bytes)
{
	static const struct stream_kind kind = {memory_stream_read, memory_stream_close};
	struct memory_stream *m = memory_get_zeroed(1, sizeof(*m));

	m->stream.kind = &kind;
	m->rest = bytes;
	return &m->stream;
}
