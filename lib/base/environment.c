#include "base/environment.h"

#include "base/command.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
random_bytes(void *bytes, size_t n)
{
	struct error error;
	char *p = bytes;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			error_system(&error, "cannot get random bytes");
			command_die(&error);
		}
		p += got;
		n -= (size_t)got;
	}
}

const struct environment environment_system = {variable, now_us, random_bytes};
