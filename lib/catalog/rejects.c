#include "catalog/rejects.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct rejects {
	int fd;
	char *path;
};

static bool
is_standard_output(int fd)
{
	struct stat file, output;

	return fstat(fd, &file) == 0 && fstat(STDOUT_FILENO, &output) == 0 && S_ISREG(file.st_mode) &&
		file.st_dev == output.st_dev && file.st_ino == output.st_ino;
}

struct rejects *
rejects_open(const char *path, struct error *error)
{
	struct rejects *rejects;
	char *local;
	int fd;

	if (strncmp(path, "s3://", 5) == 0) {
		error_set(error, STATUS_USAGE, "usage",
			"cannot open '%s' for the refused records: rejects go to a file, not to s3", path);
		return NULL;
	}
	if (strcmp(path, "-") == 0) {
		error_set(error, STATUS_USAGE, "usage",
			"the refused records cannot go to '-', standard output, where the others go; name a file");
		return NULL;
	}
	if (!(local = uri_local_path(path, error))) {
		error->status = STATUS_USAGE;
		return NULL;
	}
	fd = open(local, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	free(local);
	if (fd < 0) {
		error_system(error, "cannot open '%s' for the refused records", path);
		error->status = STATUS_USAGE;
		return NULL;
	}
	if (is_standard_output(fd)) {
		close(fd);
		error_set(error, STATUS_USAGE, "usage",
			"standard output goes to '%s', too, and would overwrite the refused records; name another file",
			path);
		return NULL;
	}
	file_is_output(fd);
	rejects = memory_get_zeroed(1, sizeof(*rejects));
	rejects->fd = fd;
	rejects->path = memory_copy_string(path);
	return rejects;
}

static void __attribute__((noreturn)) give_up(const struct rejects *rejects)
{
	struct error error;

	error_system(&error, "cannot write '%s'", rejects->path);
	command_die(&error);
}

void
rejects_add(struct rejects *rejects, struct slice line)
{
	if (rejects && write_all(rejects->fd, line.p, line.n) < 0)
		give_up(rejects);
}

void
rejects_close(struct rejects *rejects)
{
	if (!rejects)
		return;
	if (close(rejects->fd) < 0 && errno != EINTR)
		give_up(rejects);
	free(rejects->path);
	free(rejects);
}

void
rejects_format(struct buffer *line, const char *code, const char *text, struct slice source, struct slice record)
{
	buffer_format(line, "{\"tool\":\"%s\",\"code\":\"%s\",\"error\":", message_tool_name(), code);
	buffer_add_json_string(line, slice_of(text));
	if (source.n > 0) {
		buffer_add_string(line, ",\"source\":");
		buffer_add_slice(line, source);
	}
	buffer_add_string(line, ",\"record\":");
	buffer_add_json_string(line, record);
	if (utf8_valid_prefix(record) < record.n) {
		buffer_add_string(line, ",\"record_base64\":\"");
		buffer_add_base64(line, record);
		buffer_add_byte(line, '"');
	}
	buffer_add_string(line, "}\n");
}
