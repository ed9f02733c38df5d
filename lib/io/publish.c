#include "io/publish.h"

#include "base/environment.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PUBLISH_MODE 0666
#define STALE_SECONDS 3600
#define TEMPORARY_PREFIX ".acc-"
#define TEMPORARY_SUFFIX ".tmp"
#define TEMPORARY_DIGITS 16
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int
publish_sync_names(int directory_fd)
{
	return fsync(directory_fd) < 0 && errno != EINVAL ? -1 : 0;
}

/* Open name below fd, made when missing; takes fd. */
static int
descend(int fd, const char *name, int flags, bool synced)
{
	int next = openat(fd, name, DIRECTORY_FLAGS | flags), cause;

	if (next < 0 && errno == ENOENT && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST) &&
		(!synced || publish_sync_names(fd) == 0))
		next = openat(fd, name, DIRECTORY_FLAGS | flags);
	cause = errno;
	close(fd);
	errno = cause;
	return next;
}

/* A name that cannot be there, whatever is tried, is refused; all else that errno says is a failure. */
static int
refuse_name(struct error *error, const char *what, const char *name)
{
	bool refused = errno == ENOTDIR || errno == EISDIR || errno == ELOOP || errno == ENAMETOOLONG;

	error_system(error, "cannot %s '%s'", what, name);
	if (refused) {
		error->status = STATUS_REFUSED;
		error->code = "bad-key";
	}
	return -1;
}

static int
descend_all(int fd, const char *path, int flags, bool synced, struct error *error)
{
	char *names = memory_copy_string(path), *rest = NULL;

	for (char *name = strtok_r(names, "/", &rest); name && fd >= 0; name = strtok_r(NULL, "/", &rest))
		fd = descend(fd, name, flags, synced);
	if (fd < 0)
		refuse_name(error, "make or open the directory", path);
	free(names);
	return fd;
}

int
publish_directory(const char *path, bool synced, struct error *error)
{
	int fd = open(path, DIRECTORY_FLAGS);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		fd = open(path[0] == '/' ? "/" : ".", DIRECTORY_FLAGS);
	if (fd < 0)
		return error_system(error, "cannot open the directory '%s'", path);
	return descend_all(fd, path, 0, synced, error);
}

int
publish_directory_at(int directory_fd, const char *path, struct error *error)
{
	int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return error_system(error, "cannot open the directory '%s'", path);
	return descend_all(fd, path, O_NOFOLLOW, true, error);
}

static void
proc_name(int fd, char *name, size_t size)
{
	snprintf(name, size, "/proc/self/fd/%d", fd);
}

/* -1 when the file system or a missing /proc does not allow it. */
static int
open_nameless(int directory_fd)
{
	char name[64];
	int fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, PUBLISH_MODE);

	if (fd < 0)
		return -1;
	proc_name(fd, name, sizeof(name));
	if (faccessat(AT_FDCWD, name, F_OK, 0) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
forget_temporary(struct publication *p)
{
	cleanup_cancel(p->cleanup);
	free(p->temporary);
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	p->cleanup = NULL;
	p->temporary = NULL;
	p->lock_fd = -1;
}

/* Closing fd leaves the lock to its duplicate. */
static void
lock(struct publication *p)
{
	if (flock(p->fd, LOCK_SH | LOCK_NB) == 0)
		p->lock_fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
}

static void
choose_temporary(struct publication *p)
{
	unsigned char random[8];
	uint64_t number;
	char *path;

	forget_temporary(p);
	environment_system.random(random, sizeof(random));
	memcpy(&number, random, sizeof(number));
	p->temporary =
		memory_format(TEMPORARY_PREFIX "%0*llx" TEMPORARY_SUFFIX, TEMPORARY_DIGITS, (unsigned long long)number);
	path = memory_format("%s/%s", p->directory, p->temporary);
	p->cleanup = cleanup_prepare(path);
	free(path);
}

static int
link_nameless(const struct publication *p, const char *name)
{
	char path[64];

	proc_name(p->fd, path, sizeof(path));
	return linkat(AT_FDCWD, path, p->directory_fd, name, AT_SYMLINK_FOLLOW);
}

/* Give the file a temporary name: one that is still to be made, or the nameless one that is open. */
static int
take_temporary(struct publication *p, struct error *error)
{
	bool is_open = p->fd >= 0;
	int taken;

	do {
		choose_temporary(p);
		if (is_open)
			lock(p);
		cleanup_hold();
		if (is_open)
			taken = link_nameless(p, p->temporary);
		else
			taken = p->fd = openat(p->directory_fd, p->temporary,
				O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, PUBLISH_MODE);
		if (taken >= 0)
			cleanup_arm(p->cleanup);
		cleanup_release();
	} while (taken < 0 && errno == EEXIST);
	if (taken >= 0 && !is_open)
		lock(p);
	if (taken < 0) {
		error_system(error, "cannot create a file in '%s'", p->directory);
		forget_temporary(p);
		return -1;
	}
	return 0;
}

int
publish_open(struct publication *p, int directory_fd, const char *directory, struct error *error)
{
	*p = (struct publication){.fd = -1, .directory_fd = directory_fd, .directory = directory, .lock_fd = -1};
	p->fd = open_nameless(directory_fd);
	return p->fd >= 0 ? 0 : take_temporary(p, error);
}

int
publish_sync(struct publication *p, struct error *error)
{
	if (fsync(p->fd) < 0)
		return error_system(error, "cannot write to '%s'", p->directory);
	return 0;
}

static int
close_checked(struct publication *p, struct error *error)
{
	int fd = p->fd;

	p->fd = -1;
	if (close(fd) < 0 && errno != EINTR)
		return error_system(error, "cannot write to '%s'", p->directory);
	return 0;
}

/* A link that was made, and made again as the first reply was lost (NFS), is said to exist. Leaves errno as it is. */
static bool
is_linked(const struct publication *p, const char *name)
{
	struct stat temporary, there;
	int cause = errno;
	bool linked = fstatat(p->directory_fd, p->temporary, &temporary, AT_SYMLINK_NOFOLLOW) == 0 &&
		fstatat(p->directory_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && temporary.st_dev == there.st_dev &&
		temporary.st_ino == there.st_ino;

	errno = cause;
	return linked;
}

/* File systems without hard links (FAT, some network ones) can still rename without replacing. */
static int
link_or_rename(struct publication *p, const char *name, bool *moved)
{
	*moved = false;
	if (linkat(p->directory_fd, p->temporary, p->directory_fd, name, 0) == 0 ||
		(errno == EEXIST && is_linked(p, name)))
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
		return -1;
	*moved = true;
	return renameat2(p->directory_fd, p->temporary, p->directory_fd, name, RENAME_NOREPLACE);
}

static int
cannot_create(const struct publication *p, const char *name, struct error *error)
{
	int cause = errno;
	char *path = memory_format("%s/%s", p->directory, name);

	errno = cause;
	refuse_name(error, "create", path);
	free(path);
	return -1;
}

static int
link_named(struct publication *p, const char *name, struct error *error)
{
	bool moved;

	if (p->fd >= 0 && close_checked(p, error) < 0)
		return -1;
	if (link_or_rename(p, name, &moved) < 0)
		return errno == EEXIST ? 0 : cannot_create(p, name, error);
	if (!moved)
		unlinkat(p->directory_fd, p->temporary, 0);
	forget_temporary(p);
	return 1;
}

int
publish_link(struct publication *p, const char *name, struct error *error)
{
	if (p->temporary)
		return link_named(p, name, error);
	if (link_nameless(p, name) < 0)
		return errno == EEXIST ? 0 : cannot_create(p, name, error);
	if (close_checked(p, error) == 0)
		return 1;
	unlinkat(p->directory_fd, name, 0); /* who knows what of it was written */
	return -1;
}

int
publish_replace(struct publication *p, const char *name, struct error *error)
{
	if (!p->temporary && take_temporary(p, error) < 0)
		return -1;
	if (p->fd >= 0 && close_checked(p, error) < 0)
		return -1;
	if (renameat(p->directory_fd, p->temporary, p->directory_fd, name) < 0)
		return cannot_create(p, name, error);
	forget_temporary(p);
	return 1;
}

void
publish_abandon(struct publication *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	cleanup_unlink(p->cleanup);
	p->cleanup = NULL;
	forget_temporary(p);
}

bool
publish_is_temporary(const char *name)
{
	const size_t prefix = strlen(TEMPORARY_PREFIX);

	return strncmp(name, TEMPORARY_PREFIX, prefix) == 0 &&
		strspn(name + prefix, "0123456789abcdef") == TEMPORARY_DIGITS &&
		strcmp(name + prefix + TEMPORARY_DIGITS, TEMPORARY_SUFFIX) == 0;
}

static void
remove_stale(int directory_fd, const char *name)
{
	int fd = openat(directory_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		time(NULL) - st.st_mtime >= STALE_SECONDS && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(directory_fd, name, 0);
	close(fd);
}

void
publish_sweep(int directory_fd)
{
	int fd = openat(directory_fd, ".", DIRECTORY_FLAGS);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (publish_is_temporary(entry->d_name))
			remove_stale(directory_fd, entry->d_name);
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
}
