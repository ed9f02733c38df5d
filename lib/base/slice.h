/* slice - a borrowed run of bytes. It owns nothing: whoever made it says how long it lives. */
#ifndef ACC_BASE_SLICE_H
#define ACC_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p; /* not NUL-terminated; may be NULL when n is 0 */
	size_t n;      /* bytes */
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* Borrow a NUL-terminated string; NULL becomes the empty slice. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order by bytes, a prefix before what it begins: <0, 0, >0 as memcmp(3). */
static inline int
slice_compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool
slice_begins(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Copy to out, and say what is behind the copy, as mempcpy(3) does; quick where it is short. */
static inline char *
slice_put(char *out, struct slice s)
{
	if (s.n > 32) {
		memcpy(out, s.p, s.n);
	} else if (s.n >= 16) {
		memcpy(out, s.p, 16);
		memcpy(out + s.n - 16, s.p + s.n - 16, 16);
	} else if (s.n >= 8) {
		memcpy(out, s.p, 8);
		memcpy(out + s.n - 8, s.p + s.n - 8, 8);
	} else if (s.n >= 4) {
		memcpy(out, s.p, 4);
		memcpy(out + s.n - 4, s.p + s.n - 4, 4);
	} else {
		for (size_t i = 0; i < s.n; i++)
			out[i] = s.p[i];
	}
	return out + s.n;
}

#endif
