#include "base/pipe.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define PROMISE 0x616363 /* which byte of the pipe is locked; no other program locks any */

void
pipe_widen(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

static void
set_lock(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = PROMISE, .l_len = 1};

	fcntl(fd, F_SETLK, &lock);
}

void
pipe_promise_to_copy(int fd)
{
	set_lock(fd, F_RDLCK); /* without it the writer copies */
}

void
pipe_end_promise(int fd)
{
	set_lock(fd, F_UNLCK);
}

bool
pipe_is_copied(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = PROMISE, .l_len = 1};

	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_RDLCK;
}

size_t
pipe_unread(int fd)
{
	int bytes;

	return ioctl(fd, FIONREAD, &bytes) == 0 && bytes >= 0 ? (size_t)bytes : SIZE_MAX;
}
