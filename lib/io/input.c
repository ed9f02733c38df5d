#include "io/input.h"

#include "base/command.h"
#include "base/memory.h"
#include "io/codec.h"
#include "io/file.h"
#include "io/stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

struct input {
	struct input *_Atomic next; /* among the mapped ones */
	char *name;
	int fd;
	struct stat st;
	struct stream *stored, *stream; /* what is in the file, and what that decodes to */
	bool begun;
	void *map;
	size_t map_bytes;
	char last; /* byte of the map */
};

/* ---- a mapped file that somebody cuts short */

static struct input *_Atomic mapped;
static pthread_mutex_t changing_mapped = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t watched = PTHREAD_ONCE_INIT;

static void __attribute__((noreturn)) die_of_short_file(const struct input *input)
{
	struct error error;

	error_set(
		&error, STATUS_FAILED, "io", "cannot read '%s': it was cut short while it was being read", input->name);
	command_die(&error);
}

/* Who reads the mapping has called nothing that holds a lock or is amid an allocation: what is unsafe in other handlers
 * is safe here. */
static void
on_bus_error(int number, siginfo_t *info, void *context)
{
	const char *at = info->si_addr;

	(void)context;
	for (const struct input *input = atomic_load(&mapped); input; input = atomic_load(&input->next))
		if (at >= (const char *)input->map && at < (const char *)input->map + input->map_bytes)
			die_of_short_file(input);
	signal(number, SIG_DFL); /* it happens again, and ends us */
}

static void
watch_mapped(void)
{
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

static void
remember_mapped(struct input *input)
{
	pthread_once(&watched, watch_mapped);
	pthread_mutex_lock(&changing_mapped);
	atomic_store(&input->next, atomic_load(&mapped));
	atomic_store(&mapped, input);
	pthread_mutex_unlock(&changing_mapped);
}

static void
forget_mapped(struct input *input)
{
	struct input *_Atomic *link = &mapped;

	pthread_mutex_lock(&changing_mapped);
	while (atomic_load(link) != input)
		link = &atomic_load(link)->next;
	atomic_store(link, atomic_load(&input->next));
	pthread_mutex_unlock(&changing_mapped);
}

/* What is cut off within the last page reads as zeros, and its last byte was none; more is a SIGBUS. */
static void
check_mapped(const struct input *input)
{
	if (((const char *)input->map)[input->map_bytes - 1] != input->last)
		die_of_short_file(input);
}

/* ---- */

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
	input->stored = stream_of_descriptor(fd, input->name);
	input->stream = codec_decode(input->stored, input->name);
	return input;
}

void
input_close(struct input *input)
{
	if (!input)
		return;
	if (input->map) {
		check_mapped(input);
		forget_mapped(input);
		munmap(input->map, input->map_bytes);
	}
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

static bool
can_be_mapped(const struct input *input)
{
	char beginning[4];
	size_t n = 0;
	ssize_t got;

	if (input->begun || !S_ISREG(input->st.st_mode) || input->st.st_size == 0 || lseek(input->fd, 0, SEEK_CUR) != 0)
		return false;
	while (n < sizeof(beginning) && (got = pread(input->fd, beginning + n, sizeof(beginning) - n, (off_t)n)) > 0)
		n += (size_t)got;
	return n > 0 && got >= 0 && codec_recognise((struct slice){beginning, n}) == CODEC_NONE;
}

bool
input_map(struct input *input, struct slice *whole)
{
	if (!input->map) {
		size_t bytes = (size_t)input->st.st_size;
		void *map;

		if (!can_be_mapped(input) ||
			(map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, input->fd, 0)) == MAP_FAILED)
			return false;
		madvise(map, bytes, MADV_SEQUENTIAL);
		input->map = map;
		input->map_bytes = bytes;
		remember_mapped(input);
		input->last = ((const char *)map)[bytes - 1];
		/* a mapping needs no descriptor: of those a process has few, and inputs may be many */
		stream_close(input->stream);
		input->stream = input->stored = NULL;
	}
	*whole = (struct slice){input->map, input->map_bytes};
	return true;
}

uint64_t
input_consumed(const struct input *input)
{
	return input->stored->bytes;
}

uint64_t
input_bytes(const char *const *names, size_t n)
{
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		bool known = strcmp(names[i], "-") == 0 ? fstat(STDIN_FILENO, &st) == 0 : stat(names[i], &st) == 0;

		if (!known || !S_ISREG(st.st_mode))
			return 0;
		bytes += (uint64_t)st.st_size;
	}
	return bytes;
}
