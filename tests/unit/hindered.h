/* hindered - a system that lacks what files are published with. */
#ifndef ACC_TESTS_HINDERED_H
#define ACC_TESTS_HINDERED_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

static bool named;   /* as where the file system knows no files without a name */
static int no_links; /* why the next one is not made; then they are again */

int
openat(int fd, const char *path, int flags, ...)
{
	mode_t mode;
	va_list list;

	va_start(list, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (named && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

int
linkat(int from, const char *path, int to, const char *name, int flags)
{
	if (no_links) {
		errno = no_links;
		no_links = 0;
		return -1;
	}
	return (int)syscall(SYS_linkat, from, path, to, name, flags);
}

#endif
