/* What the parts of the scanner share; not for users of scan.h. */
#ifndef ACC_JSON_SCAN_PRIVATE_H
#define ACC_JSON_SCAN_PRIVATE_H

#include "json/scan.h"

#define SCAN_INDEX_STEP (32u << 10) /* bytes indexed at a time; a multiple of 64 that fits the first cache */
#define SCAN_SENTINELS 4

/* Where the tokens of a stretch of text begin: structural characters outside strings, opening quotes, and the
 * first byte of numbers and literals. Offsets count from the stretch's first byte, which is a record's '{'. */
struct scan_index {
	uint32_t *tokens;
	size_t n;             /* tokens, without the sentinels behind them */
	size_t capacity;
	size_t bytes;         /* of text indexed so far */
	size_t bad_from;      /* bytes below hold no control character in a string, no bad escape, no bad UTF-8 */
	bool backslashes;     /* there is one at least */
	/* carried from one block of 64 bytes to the next */
	uint64_t in_string, escaped, scalar;
	unsigned char utf8_state[64];
};

/* What vectors tell of 64 bytes: a bit per byte, the first lowest. */
struct classes {
	uint64_t quotes, backslashes, operators, spaces, controls;
	bool ascii; /* all of them */
};

/* Append the tokens of text[index->bytes, end) to the index. Reads nothing at or beyond text + limit; the bytes up to
 * limit are looked at to check an escape that crosses end. */
typedef void scan_indexer(struct scan_index *index, const char *text, size_t end, size_t limit);

scan_indexer scan_index_avx2, scan_index_neon;

/* How a value ended that was read byte by byte. */
enum plain_result {
	PLAIN_VALUE,      /* *end is behind it */
	PLAIN_INCOMPLETE, /* the text ended within it */
	PLAIN_FAULT,      /* code, reason and *end (where) are set */
};

struct plain_fault {
	const char *code, *reason;
};

struct scan_names {
	struct slice names[SCAN_MEMBERS_MAX];
	int n;
	uint8_t of_length[64]; /* bit i: names[i].n % 64 is this */
};

/* Validate the value at p; members (SCAN_MEMBERS_MAX, may be NULL) receives the wanted members when it is an object. */
enum plain_result plain_value(const char *p, const char *limit, const struct scan_names *names,
	struct slice *members, const char **end, struct plain_fault *fault);

/* The number at p, or NULL when it is none; limit as it is when the text ends within it. */
const char *plain_number(const char *p, const char *limit);

/* Which of the names is the raw string (with its quotes)? -1: none. */
int scan_name_of(const struct scan_names *names, struct slice raw);

static inline bool
scan_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
