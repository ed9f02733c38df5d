#include "io/publish.h"

#include "base/environment.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLISH_MODE 0666
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Open name below fd, made when missing; takes fd. */
static int
descend(int fd, const char *name, int flags)
{
	int next = openat(fd, name, DIRECTORY_FLAGS | flags), cause;

	if (next < 0 && errno == ENOENT && (mkdirat(fd, name, 0777) == 0 || errno == EEXIST))
		next = openat(fd, name, DIRECTORY_FLAGS | flags);
	cause = errno;
	close(fd);
	errno = cause;
	return next;
}

static int
descend_all(int fd, const char *path, int flags, struct error *error)
{
	char *names = memory_copy_string(path), *rest = NULL;

	for (char *name = strtok_r(names, "/", &rest); name && fd >= 0;
		name = strtok_r(NULL, "/", &rest))
		fd = descend(fd, name, flags);
	if (fd < 0)
		error_system(error, "cannot make or open the directory '%s'", path);
	free(names);
	return fd;
}

int
publish_directory(const char *path, struct error *error)
{
	int fd = open(path, DIRECTORY_FLAGS);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		fd = open(path[0] == '/' ? "/" : ".", DIRECTORY_FLAGS);
	if (fd < 0)
		return error_system(error, "cannot open the directory '%s'", path);
	return descend_all(fd, path, 0, error);
}

int
publish_directory_at(int directory_fd, const char *path, struct error *error)
{
	int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return error_system(error, "cannot open the directory '%s'", path);
	return descend_all(fd, path, O_NOFOLLOW, error);
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
	p->cleanup = NULL;
	p->temporary = NULL;
}

static int
open_named(struct publication *p, struct error *error)
{
	unsigned char random[8];
	uint64_t number;
	char *path;

	do {
		free(p->temporary);
		cleanup_cancel(p->cleanup);
		environment_system.random(random, sizeof(random));
		memcpy(&number, random, sizeof(number));
		p->temporary = memory_format(".acc-%016llx.tmp", (unsigned long long)number);
		path = memory_format("%s/%s", p->directory, p->temporary);
		p->cleanup = cleanup_prepare(path);
		free(path);
		cleanup_hold();
		p->fd = openat(p->directory_fd, p->temporary,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, PUBLISH_MODE);
		if (p->fd >= 0)
			cleanup_arm(p->cleanup);
		cleanup_release();
	} while (p->fd < 0 && errno == EEXIST);
	if (p->fd < 0) {
		error_system(error, "cannot create a file in '%s'", p->directory);
		forget_temporary(p);
		return -1;
	}
	return 0;
}

int
publish_open(struct publication *p, int directory_fd, const char *directory, enum publish_kind kind,
	struct error *error)
{
	*p = (struct publication){.fd = -1, .directory_fd = directory_fd, .directory = directory};
	if (kind == PUBLISH_NAMELESS && (p->fd = open_nameless(directory_fd)) >= 0)
		return 0;
	return open_named(p, error);
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

/* File systems without hard links (FAT, some network ones) can still rename without replacing. */
static int
link_or_rename(struct publication *p, const char *name, bool *moved)
{
	*moved = false;
	if (linkat(p->directory_fd, p->temporary, p->directory_fd, name, 0) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return -1;
	*moved = true;
	return renameat2(p->directory_fd, p->temporary, p->directory_fd, name, RENAME_NOREPLACE);
}

static int
link_named(struct publication *p, const char *name, struct error *error)
{
	bool moved;

	if (p->fd >= 0 && close_checked(p, error) < 0)
		return -1;
	if (link_or_rename(p, name, &moved) < 0)
		return errno == EEXIST
			       ? 0
			       : error_system(error, "cannot create '%s/%s'", p->directory, name);
	if (!moved)
		unlinkat(p->directory_fd, p->temporary, 0);
	forget_temporary(p);
	return 1;
}

int
publish_link(struct publication *p, const char *name, struct error *error)
{
	char path[64];

	if (p->temporary)
		return link_named(p, name, error);
	proc_name(p->fd, path, sizeof(path));
	if (linkat(AT_FDCWD, path, p->directory_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST
			       ? 0
			       : error_system(error, "cannot create '%s/%s'", p->directory, name);
	if (close_checked(p, error) == 0)
		return 1;
	unlinkat(p->directory_fd, name, 0); /* who knows what of it was written */
	return -1;
}

int
publish_replace(struct publication *p, const char *name, struct error *error)
{
	if (p->fd >= 0 && close_checked(p, error) < 0)
		return -1;
	if (renameat(p->directory_fd, p->temporary, p->directory_fd, name) < 0)
		return error_system(error, "cannot create '%s/%s'", p->directory, name);
	forget_temporary(p);
	return 1;
}

void
publish_abandon(struct publication *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	if (p->temporary)
		cleanup_unlink(p->cleanup);
	free(p->temporary);
	p->temporary = NULL;
	p->cleanup = NULL;
}
