/* environment - the seam through which clock, randomness and variables come in, so that tests can
 * fix them. Production code uses environment_system. */
#ifndef ACC_BASE_ENVIRONMENT_H
#define ACC_BASE_ENVIRONMENT_H

#include <stddef.h>
#include <stdint.h>

struct environment {
	const char *(*variable)(const char *name); /* as getenv(3), an empty value is NULL; borrows */
	int64_t (*now_us)(void);                   /* microseconds since the epoch */
	void (*random)(void *bytes, size_t n);     /* unpredictable bytes */
};

extern const struct environment environment_system;

#endif
