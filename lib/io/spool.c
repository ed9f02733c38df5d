#include "io/spool.h"

#include "base/cleanup.h"
#include "base/environment.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "io/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 << 10)
#define DIRECT_BYTES ((size_t)64 << 10)
#define WAIT_MS 10
#define WAIT_WARNING_MS 10000

static bool
ends_with(struct slice s, struct slice end)
{
	return s.n >= end.n && (end.n == 0 || memcmp(s.p + s.n - end.n, end.p, end.n) == 0);
}

static int
name_error(const char *text, struct error *error)
{
	return error_set(error, STATUS_USAGE, "usage",
		"--name '%s' must be a file name with one %%f, which becomes the microsecond", text);
}

int
spool_name_parse(const char *text, enum encoding encoding, struct spool_name *name, struct error *error)
{
	struct buffer *part = &name->before;

	*name = (struct spool_name){0};
	for (const char *c = text; *c; c++) {
		if (c[0] == '%' && c[1] == 'f' && part == &name->before) {
			part = &name->after;
			c++;
		} else if (c[0] == '%' && c[1] == '%') {
			buffer_add_byte(part, *++c);
		} else if (c[0] == '%' || c[0] == '/') {
			spool_name_free(name);
			return name_error(text, error);
		} else {
			buffer_add_byte(part, c[0]);
		}
	}
	if (part == &name->before) {
		spool_name_free(name);
		return name_error(text, error);
	}
	if (!ends_with(buffer_slice(part), slice_of(encoding_extension(encoding))))
		buffer_add_string(part, encoding_extension(encoding));
	return 0;
}

void
spool_name_free(struct spool_name *name)
{
	buffer_free(&name->before);
	buffer_free(&name->after);
}

int
spool_open(struct spool *s, struct error *error)
{
	s->last_us = INT64_MIN;
	s->directory_fd = publish_directory(s->directory, false, error);
	return s->directory_fd < 0 ? -1 : 0;
}

void
spool_close(struct spool *s)
{
	for (size_t i = 0; i < s->n_closed; i++)
		free(s->closed[i].name);
	free(s->closed);
	spool_name_free(&s->name);
	if (s->directory_fd >= 0)
		close(s->directory_fd);
	s->directory_fd = -1;
}

void
spool_file_init(const struct spool *s, struct spool_file *f, uint32_t shard)
{
	*f = (struct spool_file){.shard = shard, .publication = {.fd = -1, .lock_fd = -1}};
	f->digest = digest_new(DIGEST_SHA256);
	if (s->encoding != ENCODING_NONE)
		f->encoder = encoder_new(s->encoding);
}

void
spool_file_free(struct spool_file *f)
{
	spool_abandon(f);
	digest_free(f->digest);
	encoder_free(f->encoder);
	buffer_free(&f->pending);
}

/* Forget the closed files that somebody took away. */
static void
look_for_gone(struct spool *s)
{
	size_t kept = 0;
	struct stat st;

	for (size_t i = 0; i < s->n_closed; i++) {
		struct spool_closed *c = &s->closed[i];

		if (fstatat(s->directory_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
			s->closed_bytes -= c->bytes;
			free(c->name);
		} else {
			s->closed[kept++] = *c;
		}
	}
	s->n_closed = kept;
}

/* Nobody will take files away once the reader of the manifest is gone. */
static void
wait_a_little(void)
{
	struct pollfd reader = {.fd = output_stdout.fd, .events = 0};

	if (poll(&reader, 1, WAIT_MS) > 0 && (reader.revents & POLLERR))
		cleanup_die_of(SIGPIPE);
	if (reader.revents)
		poll(NULL, 0, WAIT_MS);
}

static void
wait_for_room(struct spool *s)
{
	uint64_t waited_ms = 0;

	if (!s->max_bytes || !s->n_closed || s->closed_bytes + s->open_bytes <= s->max_bytes)
		return;
	for (look_for_gone(s); s->n_closed && s->closed_bytes + s->open_bytes > s->max_bytes; look_for_gone(s)) {
		if (waited_ms == WAIT_WARNING_MS)
			message(MESSAGE_WARNING, "waiting until somebody takes files out of '%s' (see --max-spool)",
				s->directory);
		wait_a_little();
		waited_ms += WAIT_MS;
	}
}

int
spool_begin(struct spool *s, struct spool_file *f, struct error *error)
{
	wait_for_room(s);
	f->bytes = f->records = 0;
	f->pending.n = 0;
	f->open = publish_open(&f->publication, s->directory_fd, s->directory, error) == 0;
	return f->open ? 0 : -1;
}

static int
write_bytes(struct spool *s, struct spool_file *f, const char *p, size_t n, struct error *error)
{
	digest_add(f->digest, p, n);
	if (write_all(f->publication.fd, p, n) < 0)
		return error_system(error, "cannot write to '%s'", s->directory);
	return 0;
}

static int
write_pending(struct spool *s, struct spool_file *f, struct error *error)
{
	size_t n = f->pending.n;

	f->pending.n = 0;
	return n ? write_bytes(s, f, f->pending.p, n, error) : 0;
}

static int
add_plain(struct spool *s, struct spool_file *f, const char *p, size_t n, struct error *error)
{
	f->bytes += n;
	if (n < DIRECT_BYTES) {
		buffer_add(&f->pending, p, n);
		return f->pending.n < WRITE_BYTES ? 0 : write_pending(s, f, error);
	}
	return write_pending(s, f, error) < 0 ? -1 : write_bytes(s, f, p, n, error);
}

int
spool_add(struct spool *s, struct spool_file *f, const char *p, size_t n, uint64_t records, struct error *error)
{
	size_t before = f->pending.n;

	f->records += records;
	if (!f->encoder)
		return add_plain(s, f, p, n, error);
	encoder_add(f->encoder, p, n, &f->pending);
	f->bytes += f->pending.n - before;
	return f->pending.n < WRITE_BYTES ? 0 : write_pending(s, f, error);
}

void
spool_measure(struct spool_file *f)
{
	size_t before = f->pending.n;

	if (!f->encoder)
		return;
	encoder_flush(f->encoder, &f->pending);
	f->bytes += f->pending.n - before;
}

void
spool_finish(struct spool_file *f)
{
	size_t before = f->pending.n;

	if (!f->encoder)
		return;
	encoder_finish(f->encoder, &f->pending);
	f->bytes += f->pending.n - before;
}

static void
remember(struct spool *s, const char *name, uint64_t bytes)
{
	if (!s->max_bytes)
		return;
	if ((s->n_closed & (s->n_closed - 1)) == 0)
		s->closed = memory_resize(s->closed, s->n_closed ? 2 * s->n_closed : 1, sizeof(*s->closed));
	s->closed[s->n_closed++] = (struct spool_closed){memory_copy_string(name), bytes};
	s->closed_bytes += bytes;
}

static char *
path_of(const struct spool *s, const char *name)
{
	return strcmp(s->directory, ".") == 0
		? memory_copy_string(name)
		: memory_format("%s%s%s", s->directory, ends_with(slice_of(s->directory), SLICE("/")) ? "" : "/", name);
}

/* The line goes out at once: somebody waits for the file. Until then whatever ends us takes the file along; what was
 * announced stays. */
static void
announce(struct spool_file *f, char *path, struct cleanup *cleanup)
{
	struct manifest_line line = {
		.path = path, .bytes = f->bytes, .records = f->records, .has_records = true, .shard = f->shard};
	struct buffer text = {0};

	digest_finish(f->digest, line.sha256);
	manifest_format(&text, &line);
	output_wait(&output_stdout);
	cleanup_hold();
	output_add_slice(&output_stdout, buffer_slice(&text));
	output_end_line(&output_stdout);
	output_flush(&output_stdout);
	cleanup_cancel(cleanup);
	cleanup_release();
	buffer_free(&text);
}

static int64_t
next_us(struct spool *s)
{
	int64_t us = s->at_us >= 0 ? s->at_us : environment_system.now_us();

	if (us <= s->last_us)
		us = s->last_us + 1;
	s->last_us = us;
	return us;
}

int
spool_end(struct spool *s, struct spool_file *f, struct error *error)
{
	struct cleanup *cleanup = NULL;
	struct buffer name = {0};
	char *path = NULL;
	int linked = 0;

	if (write_pending(s, f, error) < 0)
		return -1;
	while (!linked) {
		name.n = 0;
		buffer_add_slice(&name, buffer_slice(&s->name.before));
		buffer_format(&name, "%" PRId64, next_us(s));
		buffer_add_slice(&name, buffer_slice(&s->name.after));
		cleanup_cancel(cleanup);
		free(path);
		path = path_of(s, buffer_string(&name));
		cleanup = cleanup_prepare(path);
		cleanup_hold();
		linked = publish_link(&f->publication, name.p, error);
		if (linked > 0)
			cleanup_arm(cleanup);
		cleanup_release();
	}
	if (linked > 0) {
		f->open = false;
		s->files++;
		s->bytes += f->bytes;
		remember(s, buffer_string(&name), f->bytes);
		announce(f, path, cleanup);
	} else {
		cleanup_cancel(cleanup);
	}
	free(path);
	buffer_free(&name);
	return linked < 0 ? -1 : 0;
}

void
spool_abandon(struct spool_file *f)
{
	char unused[DIGEST_HEX_SIZE];

	if (!f->open)
		return;
	publish_abandon(&f->publication);
	f->open = false;
	f->pending.n = 0;
	digest_finish(f->digest, unused);
}
