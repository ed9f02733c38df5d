#include "io/input.h"

#include "base/memory.h"
#include "io/codec.h"
#include "io/stream.h"
#include "io/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct input {
	char *name;
	int fd;
	struct stat st;
	struct stream *stream;
	bool begun;
	void *map;
	size_t map_bytes;
};

static int
refuse(const char *name, struct error *error)
{
	int cause = errno;

	error_system(error, "cannot open '%s'", name);
	if (cause == ENOENT || cause == ENOTDIR)
		error->code = "missing";
	if (cause != EMFILE && cause != ENFILE && cause != ENOMEM)
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
	path = uri_local_path(name, error);
	if (!path)
		return -1;
	do
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		refuse(name, error);
	free(path);
	return fd;
}

static int
check_descriptor(const char *name, int fd, struct stat *st, struct error *error)
{
	if (fstat(fd, st) < 0)
		return refuse(name, error);
	if (S_ISDIR(st->st_mode))
		return error_set(error, STATUS_REFUSED, "directory",
			"cannot read '%s': it is a directory", name);
#ifdef F_SETPIPE_SZ
	if (S_ISFIFO(st->st_mode))
		fcntl(fd, F_SETPIPE_SZ, 1 << 20);
#endif
	if (S_ISREG(st->st_mode))
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

struct input *
input_open(const char *name, struct error *error)
{
	struct input *input;
	struct stat st;
	int fd = open_descriptor(name, error);

	if (fd < 0)
		return NULL;
	if (check_descriptor(name, fd, &st, error) < 0) {
		if (fd != STDIN_FILENO)
			close(fd);
		return NULL;
	}
	input = memory_get_zeroed(1, sizeof(*input));
	input->name = memory_copy_string(name);
	input->fd = fd;
	input->st = st;
	input->stream = codec_decode(stream_of_descriptor(fd, input->name), input->name);
	return input;
}

void
input_close(struct input *input)
{
	if (!input)
		return;
	if (input->map)
		munmap(input->map, input->map_bytes);
	stream_close(input->stream);
	free(input->name);
	free(input);
}

ssize_t
input_read(struct input *input, void *p, size_t n, struct error *error)
{
	input->begun = true;
	return stream_read(input->stream, p, n, error);
}

bool
input_map(struct input *input, struct slice *whole)
{
	char beginning[4];
	ssize_t got;

	if (input->begun || !S_ISREG(input->st.st_mode) || input->st.st_size == 0 ||
		lseek(input->fd, 0, SEEK_CUR) != 0)
		return false;
	got = pread(input->fd, beginning, sizeof(beginning), 0);
	if (got <= 0 || codec_recognise((struct slice){beginning, (size_t)got}) != CODEC_NONE)
		return false;
	if (!input->map) {
		size_t bytes = (size_t)input->st.st_size;
		void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, input->fd, 0);

		if (map == MAP_FAILED)
			return false;
		madvise(map, bytes, MADV_SEQUENTIAL);
		input->map = map;
		input->map_bytes = bytes;
	}
	*whole = (struct slice){input->map, input->map_bytes};
	return true;
}

const char *
input_name(const struct input *input)
{
	return input->name;
}

struct instant
input_time(const struct input *input)
{
	if (!S_ISREG(input->st.st_mode))
		return INSTANT_MISSING;
	return (struct instant){input->st.st_mtim.tv_sec,
		(uint64_t)input->st.st_mtim.tv_nsec * UINT64_C(1000000000)};
}

bool
input_size(const struct input *input, uint64_t *bytes)
{
	*bytes = (uint64_t)input->st.st_size;
	return S_ISREG(input->st.st_mode);
}

bool
input_is_live(const struct input *input)
{
	return input->stream->live;
}
