#include "io/lines.h"

#include "base/pipe.h"

#include <errno.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 20)

void
lines_open(struct lines *l, int fd, const char *name)
{
	*l = (struct lines){.fd = fd, .name = name};
}

void
lines_close(struct lines *l)
{
	pipe_end_promise(l->fd);
	buffer_free(&l->buffer);
}

/* Read once behind what there is; bytes read, 0 at the end. */
static ssize_t
read_more(struct lines *l, struct error *error)
{
	size_t room;
	ssize_t got;

	if (l->buffer.capacity - l->buffer.n < READ_BYTES / 2)
		buffer_reserve(&l->buffer, READ_BYTES);
	room = l->buffer.capacity - l->buffer.n;
	do
		got = read(l->fd, l->buffer.p + l->buffer.n, room);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_system(error, "cannot read '%s'", l->name);
	l->buffer.n += (size_t)got;
	l->at_end = got == 0;
	return got;
}

static void
drop_given(struct lines *l)
{
	if (!l->given)
		return;
	l->buffer.n -= l->given;
	memmove(l->buffer.p, l->buffer.p + l->given, l->buffer.n);
	l->given = 0;
}

static int
give(struct lines *l, size_t n, struct slice *run)
{
	l->given = n;
	*run = (struct slice){l->buffer.p, n};
	return 1;
}

int
lines_next(struct lines *l, struct slice *run, struct error *error)
{
	ssize_t got;
	const char *end;

	drop_given(l);
	while (!l->at_end) {
		if ((got = read_more(l, error)) < 0)
			return -1;
		end = got ? memrchr(l->buffer.p + l->buffer.n - got, '\n', (size_t)got) : NULL;
		if (end)
			return give(l, (size_t)(end + 1 - l->buffer.p), run);
		if (l->buffer.n > LINES_MAX)
			return error_set(error, STATUS_FAILED, "too-long", "'%s' has a line longer than %zu MiB",
				l->name, LINES_MAX >> 20);
	}
	if (l->buffer.n == 0 || l->buffer.p[l->buffer.n - 1] == '\n')
		return 0;
	buffer_add_byte(&l->buffer, '\n');
	return give(l, l->buffer.n, run);
}

bool
lines_cut(struct slice *run, struct slice *line)
{
	const char *end;

	if (!run->n)
		return false;
	end = memchr(run->p, '\n', run->n);
	*line = (struct slice){run->p, end ? (size_t)(end - run->p) : run->n};
	run->n -= end ? line->n + 1 : line->n;
	run->p = end ? end + 1 : run->p + line->n;
	return true;
}

bool
line_is_blank(struct slice line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			return false;
	return true;
}
