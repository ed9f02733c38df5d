#include "base/memory.h"

#include "base/cleanup.h"
#include "base/command.h"
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define BULK ((size_t)256 << 10) /* from this many bytes on */

static void __attribute__((noreturn)) out_of_memory(size_t bytes)
{
	static const char text[] = "out of memory\n";
	static _Thread_local bool again;
	struct error error;

	/* Saying so needs some memory of its own. */
	if (again) {
		write_all(STDERR_FILENO, text, sizeof(text) - 1);
		cleanup_run();
		_exit(STATUS_FAILED);
	}
	again = true;
	error_set(&error, STATUS_FAILED, "out-of-memory", "out of memory: cannot get %zu bytes", bytes);
	command_die(&error);
}

void *
memory_get(size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);

	if (!p)
		out_of_memory(bytes);
	return p;
}

void *
memory_get_zeroed(size_t count, size_t bytes)
{
	void *p = calloc(count ? count : 1, bytes ? bytes : 1);

	if (!p)
		out_of_memory(bytes > SIZE_MAX / (count ? count : 1) ? SIZE_MAX : count * bytes);
	return p;
}

void *
memory_resize(void *p, size_t count, size_t bytes)
{
	size_t all;

	if (__builtin_mul_overflow(count, bytes, &all))
		out_of_memory(SIZE_MAX);
	p = realloc(p, all ? all : 1);
	if (!p)
		out_of_memory(all);
	return p;
}

void *
memory_get_bulk(size_t bytes)
{
	void *p;

	if (bytes < BULK)
		return memory_get(bytes);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		out_of_memory(bytes);
	/* Linux before 5.14 does not know it; the pages come one by one then. */
	madvise(p, bytes, MADV_POPULATE_WRITE);
	return p;
}

void
memory_free_bulk(void *p, size_t bytes)
{
	if (bytes < BULK)
		free(p);
	else
		munmap(p, bytes);
}

char *
memory_copy_string(const char *s)
{
	return memory_copy(s, strlen(s));
}

char *
memory_copy(const void *p, size_t bytes)
{
	char *copy;

	if (bytes == SIZE_MAX)
		out_of_memory(bytes);
	copy = memory_get(bytes + 1);
	if (bytes)
		memcpy(copy, p, bytes);
	copy[bytes] = '\0';
	return copy;
}

char *
memory_format(const char *format, ...)
{
	va_list list;
	char *text;
	int n;

	va_start(list, format);
	n = vasprintf(&text, format, list);
	va_end(list);
	if (n < 0)
		out_of_memory(0);
	return text;
}

/* The number in a file of the control group; UINT64_MAX for "max" or where there is none. */
static uint64_t
number_in(const char *path)
{
	unsigned long long number;
	FILE *file = fopen(path, "re");
	uint64_t limit = UINT64_MAX;

	if (!file)
		return limit;
	if (fscanf(file, "%llu", &number) == 1)
		limit = number;
	fclose(file);
	return limit;
}

/* The least limit of group and its parents. In a container the group's own path may not be there,
 * as the mount shows the container's part of the tree only; its root is asked in any case. */
static uint64_t
least_limit(const char *root, const char *group, const char *file)
{
	uint64_t least = UINT64_MAX;
	size_t n = strlen(group);

	for (;;) {
		char *path = memory_format("%s%.*s/%s", root, (int)n, group, file);
		uint64_t limit = number_in(path);

		free(path);
		if (limit < least)
			least = limit;
		if (n == 0)
			return least;
		while (n > 0 && group[n - 1] != '/')
			n--;
		if (n > 0)
			n--;
	}
}

static uint64_t
group_limit(char *line, const char *mount)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;
	uint64_t limit;
	char *root;

	if (!group)
		return UINT64_MAX;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (controllers[1] == '\0')
		return least_limit(mount, group, "memory.max");
	if (strcmp(controllers + 1, "memory") != 0)
		return UINT64_MAX;
	root = memory_format("%s/memory", mount);
	limit = least_limit(root, group, "memory.limit_in_bytes");
	free(root);
	return limit;
}

uint64_t
memory_group_limit(const char *groups, const char *mount)
{
	FILE *file = fopen(groups, "re");
	uint64_t least = UINT64_MAX;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return least;
	while (getline(&line, &size, file) >= 0) {
		uint64_t limit = group_limit(line, mount);

		if (limit < least)
			least = limit;
	}
	free(line);
	fclose(file);
	return least;
}

uint64_t
memory_limit(void)
{
	uint64_t least = memory_group_limit("/proc/self/cgroup", "/sys/fs/cgroup");
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	struct rlimit limit;

	if (pages > 0 && page > 0 && (uint64_t)pages * (uint64_t)page < least)
		least = (uint64_t)pages * (uint64_t)page;
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < least)
		least = limit.rlim_cur;
	if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < least)
		least = limit.rlim_cur;
	return least;
}
