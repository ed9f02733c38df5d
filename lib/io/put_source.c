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
put_source_open(struct manifest_line *line, struct error *error)
{
	int fd = open(line->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int cause = errno;

		error_system(error, "cannot open it");
		if (!file_is_not_at_fault(cause))
			error->status = STATUS_REFUSED;
		if (cause == ENOENT || cause == ENOTDIR)
			error->code = "missing";
	} else if (!S_ISREG(st.st_mode)) {
		refuse(error, "not-a-file", "it is not a regular file");
	} else if (line->has_bytes && line->bytes != (uint64_t)st.st_size) {
		error_set(error, STATUS_REFUSED, "size",
			"it has %llu bytes, but the manifest says %llu; it stays where it is",
			(unsigned long long)st.st_size, (unsigned long long)line->bytes);
	} else {
		line->bytes = (uint64_t)st.st_size;
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

bool
put_source_is_named(const char *path, int fd)
{
	struct stat named, file;

	return lstat(path, &named) == 0 && fstat(fd, &file) == 0 && is_same_file(&named, &file);
}

/* 1 where both names are in one directory, 0 where not, -1 with errno. */
static int
is_same_directory(const char *a, const char *b)
{
	char *of_a = memory_format("%.*s.", (int)(basename(a) - a), a);
	char *of_b = memory_format("%.*s.", (int)(basename(b) - b), b);
	struct stat first, second;
	bool known = stat(of_a, &first) == 0 && stat(of_b, &second) == 0;

	free(of_a);
	free(of_b);
	return known ? is_same_file(&first, &second) : -1;
}

/* That the file is the same does not say so: it is that of what has been moved, too. */
static int
is_same_name(const char *a, const char *b)
{
	struct stat first, second;

	if (lstat(a, &first) < 0 || lstat(b, &second) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!is_same_file(&first, &second))
		return 0;
	if (first.st_nlink == 1)
		return 1;
	return strcmp(basename(a), basename(b)) == 0 ? is_same_directory(a, b) : 0;
}

int
put_source_is_object(const char *path, const char *uri)
{
	struct error unused;
	char *stored = uri && uri_is_local(uri) ? uri_local_path(uri, &unused) : NULL;
	int same = stored ? is_same_name(path, stored) : 0;

	free(stored);
	return same;
}
