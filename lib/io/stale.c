#include "io/stale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANDOM_LETTERS 6 /* of mkdtemp(3) and mktemp(1) */
#define DEPTH_MAX 8      /* a spool has two levels */
#define BIRTH_SECONDS 5  /* from making a directory to locking it */

bool
stale_claim(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno != EWOULDBLOCK;
	return fstat(fd, &st) < 0 || st.st_nlink > 0;
}

static bool
is_named(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && strlen(name + n) == RANDOM_LETTERS &&
		strspn(name + n, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == RANDOM_LETTERS;
}

static DIR *
open_list(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);

	if (copy >= 0 && !list)
		close(copy);
	return list;
}

static bool
is_empty(int fd)
{
	DIR *list = open_list(fd);
	size_t n = 0;

	while (list && readdir(list))
		n++;
	if (!list)
		return false;
	closedir(list);
	return n <= 2; /* . and .. */
}

/* Nothing is put into a directory before it is locked, and the mark first of all: one that is empty may be about to
 * be. */
static bool
is_ours(int fd, const struct stat *st, const char *mark)
{
	struct stat mark_st;

	if (fstatat(fd, mark, &mark_st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(mark_st.st_mode);
	return is_empty(fd) && time(NULL) - st->st_mtime >= BIRTH_SECONDS;
}

/* A descriptor with the lock on what is nobody's, or -1. */
static int
seize(int directory_fd, const char *name, const char *mark)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (st.st_mode & 0777) != 0700 || st.st_uid != geteuid() || !is_ours(fd, &st, mark) ||
		flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Everything in the directory, on its file system, but not beyond symbolic links. */
static void
empty(int fd, dev_t device, int depth)
{
	DIR *list = open_list(fd);
	struct dirent *entry;

	while (list && (entry = readdir(list))) {
		struct stat st;
		int below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0 || (errno != EISDIR && errno != EPERM) || depth == DEPTH_MAX)
			continue;
		below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		if (fstat(below, &st) == 0 && st.st_dev == device)
			empty(below, device, depth + 1);
		close(below);
		unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	if (list)
		closedir(list);
}

static bool
remove_directory(int directory_fd, const char *name, const char *mark)
{
	int fd = seize(directory_fd, name, mark);
	struct stat st;
	bool removed;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0)
		empty(fd, st.st_dev, 1);
	removed = unlinkat(directory_fd, name, AT_REMOVEDIR) == 0;
	close(fd);
	return removed;
}

size_t
stale_remove(const char *directory, const char *prefix, const char *mark)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	size_t n = 0;

	if (!list)
		return 0;
	while ((entry = readdir(list)))
		if (is_named(entry->d_name, prefix))
			n += remove_directory(dirfd(list), entry->d_name, mark);
	closedir(list);
	return n;
}
