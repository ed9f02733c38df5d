#include "io/file.h"

#include "base/pipe.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUTS_MAX 4

static struct output_file {
	dev_t device;
	ino_t inode;
} outputs[OUTPUTS_MAX];
static size_t n_outputs;

void
file_is_output(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (n_outputs == OUTPUTS_MAX)
		abort();
	outputs[n_outputs++] = (struct output_file){st.st_dev, st.st_ino};
}

static bool
is_output(const struct stat *st)
{
	for (size_t i = 0; i < n_outputs; i++)
		if (outputs[i].device == st->st_dev && outputs[i].inode == st->st_ino)
			return true;
	return false;
}

bool
file_is_not_at_fault(int cause)
{
	return cause == EMFILE || cause == ENFILE || cause == ENOMEM;
}

int
file_error(const char *name, struct error *error)
{
	int cause = errno;

	error_system(error, "cannot open '%s'", name);
	if (cause == ENOENT || cause == ENOTDIR)
		error->code = "missing";
	if (!file_is_not_at_fault(cause))
		error->status = STATUS_REFUSED;
	return -1;
}

static int
open_descriptor(const char *name, struct error *error)
{
	char *path;
	int fd;

	if (strcmp(name, "-") == 0)
		return STDIN_FILENO;
	if (!uri_is_local(name))
		return error_set(error, STATUS_REFUSED, "bad-uri",
			"cannot open '%s': it is no file; acc-fetch reads objects", name);
	path = uri_local_path(name, error);
	if (!path)
		return -1;
	do
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		file_error(name, error);
	free(path);
	return fd;
}

static int
check_descriptor(const char *name, int fd, struct stat *st, struct error *error)
{
	if (fstat(fd, st) < 0)
		return file_error(name, error);
	if (S_ISDIR(st->st_mode))
		return error_set(error, STATUS_REFUSED, "directory", "cannot read '%s': it is a directory", name);
	if (is_output(st))
		return error_set(error, STATUS_REFUSED, "own-output",
			"cannot read '%s': this command writes to it; write elsewhere, or leave it out", name);
	if (S_ISFIFO(st->st_mode)) {
		pipe_widen(fd);
		pipe_promise_to_copy(fd);
	}
	if (S_ISREG(st->st_mode))
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int
file_open(const char *name, struct stat *st, struct error *error)
{
	int fd = open_descriptor(name, error);

	if (fd < 0)
		return -1;
	if (check_descriptor(name, fd, st, error) < 0) {
		if (fd == STDIN_FILENO && strcmp(error->code, "own-output") != 0)
			error->status = STATUS_FAILED; /* who gave it to us is at fault, not what is in it */
		if (fd != STDIN_FILENO)
			close(fd);
		return -1;
	}
	return fd;
}

struct instant
file_time(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return INSTANT_MISSING;
	return (struct instant){st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec * UINT64_C(1000000000)};
}
