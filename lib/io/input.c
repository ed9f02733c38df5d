#include "io/input.h"

#include "base/memory.h"
#include "io/codec.h"
#include "io/file.h"
#include "io/stream.h"

#include <sys/mman.h>
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

struct input *
input_open(const char *name, struct error *error)
{
	struct input *input;
	struct stat st;
	int fd = file_open(name, &st, error);

	if (fd < 0)
		return NULL;
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
	size_t n = 0;
	ssize_t got;

	if (input->begun || !S_ISREG(input->st.st_mode) || input->st.st_size == 0 ||
		lseek(input->fd, 0, SEEK_CUR) != 0)
		return false;
	while (n < sizeof(beginning) &&
		(got = pread(input->fd, beginning + n, sizeof(beginning) - n, (off_t)n)) > 0)
		n += (size_t)got;
	if (n == 0 || got < 0 || codec_recognise((struct slice){beginning, n}) != CODEC_NONE)
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
	return file_time(&input->st);
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
