/* stream - bytes that are pulled from somewhere: a file, a decoder, a download.
 *
 * A kind of stream embeds struct stream as its first member and fills in the table. A stream is used by
 * one thread at a time; different streams share nothing. */
#ifndef ACC_IO_STREAM_H
#define ACC_IO_STREAM_H

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>
#include <sys/types.h>

struct stream;

struct stream_kind {
	/* Read at most n (>0) bytes to p: how many came, 0 at the end, or -1 with *error. All bytes that came before
	 * a fault are delivered before the fault is. An error's status tells how far it reaches: STATUS_REFUSED,
	 * this object alone is bad; STATUS_FAILED, nothing else will work either. */
	ssize_t (*read)(struct stream *stream, void *p, size_t n, struct error *error);
	void (*close)(struct stream *stream); /* takes stream */
};

struct stream {
	const struct stream_kind *kind;
	uint64_t bytes; /* delivered so far */
	bool live;      /* a read may wait for somebody who is slow: a pipe, a terminal, a socket */
};

static inline ssize_t
stream_read(struct stream *stream, void *p, size_t n, struct error *error)
{
	ssize_t got = stream->kind->read(stream, p, n, error);

	if (got > 0)
		stream->bytes += (uint64_t)got;
	return got;
}

static inline void
stream_close(struct stream *stream)
{
	if (stream)
		stream->kind->close(stream);
}

/* Give a stream over an open descriptor, which it takes (closed with it, unless it is 0). name is for
 * messages; borrowed. */
struct stream *stream_of_descriptor(int fd, const char *name);

/* Give a stream over bytes that stay the caller's. */
struct stream *stream_of_memory(struct slice bytes);

#endif
