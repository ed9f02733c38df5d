#include "io/put_source.h"

#include "base/memory.h"
#include "io/codec.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/lines.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a name alone does not say: the records, unless the file is compressed. */
static int
count_records(int fd, struct manifest_line *line, struct error *error)
{
	char beginning[4];
	ssize_t n = pread(fd, beginning, sizeof(beginning), 0);
	struct lines lines;
	struct slice run, record;
	int got;

	if (n > 0 && codec_recognise((struct slice){beginning, (size_t)n}) != CODEC_NONE)
		return 0;
	line->has_records = true;
	line->records = 0;
	lines_open(&lines, fd, line->path);
	while ((got = lines_next(&lines, &run, error)) > 0)
		while (lines_cut(&run, &record))
			line->records += !line_is_blank(record);
	lines_close(&lines);
	return got;
}

static int
refuse(struct error *error, const char *code, const char *text)
{
	return error_set(error, STATUS_REFUSED, code, "%s", text);
}

/* O_NONBLOCK: a named pipe must not hold us up. */
int
put_source_open(struct manifest_line *line, struct stat *opened, struct error *error)
{
	int fd = open(line->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, opened) < 0) {
		int cause = errno;

		error_system(error, "cannot open it");
		if (!file_is_not_at_fault(cause))
			error->status = STATUS_REFUSED;
		if (cause == ENOENT || cause == ENOTDIR)
			error->code = "missing";
	} else if (!S_ISREG(opened->st_mode)) {
		refuse(error, "not-a-file", "it is not a regular file");
	} else if (line->has_bytes && line->bytes != (uint64_t)opened->st_size) {
		error_set(error, STATUS_REFUSED, "size",
			"it has %llu bytes, but the manifest says %llu; it stays where it is",
			(unsigned long long)opened->st_size, (unsigned long long)line->bytes);
	} else {
		line->bytes = (uint64_t)opened->st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int
put_source_check(int fd, const char *expected, struct error *error)
{
	char hex[DIGEST_HEX_SIZE];

	if (digest_file(fd, -1, hex, error) < 0)
		return -1;
	return strcmp(hex, expected) == 0
		? 0
		: refuse(error, "checksum", "its sha256 is not what the manifest says; it stays where it is");
}

int
put_source_complete(int fd, struct manifest_line *line, struct error *error)
{
	if (!line->has_records && count_records(fd, line, error) < 0)
		return -1;
	return line->sha256[0] ? 0 : digest_file(fd, -1, line->sha256, error);
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
has_changed(const struct stat *before, const struct stat *now)
{
	return !is_same_file(before, now) || before->st_size != now->st_size ||
		before->st_ctim.tv_sec != now->st_ctim.tv_sec || before->st_ctim.tv_nsec != now->st_ctim.tv_nsec;
}

/* Does path lie where it is to be stored, and is the object itself? 1 or 0, or -1 with errno where that cannot be
 * told. */
static int
is_object(const char *path, const char *uri)
{
	struct stat file, object;
	struct error unused;
	char *stored = uri && uri_is_local(uri) ? uri_local_path(uri, &unused) : NULL;
	int same = 0;

	if (stored && (lstat(path, &file) < 0 || lstat(stored, &object) < 0))
		same = errno == ENOENT ? 0 : -1;
	else if (stored)
		same = is_same_file(&file, &object);
	free(stored);
	return same;
}

const char *
put_source_remove(const char *path, const struct stat *opened, const char *uri)
{
	struct stat now;
	int same = is_object(path, uri);

	if (same < 0)
		return strerror(errno);
	if (same)
		return NULL;
	if (stat(path, &now) < 0)
		return errno == ENOENT ? NULL : strerror(errno);
	if (opened && has_changed(opened, &now))
		return "it has changed since it was read";
	return unlink(path) < 0 && errno != ENOENT ? strerror(errno) : NULL;
}
