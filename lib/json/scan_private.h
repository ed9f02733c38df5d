/* What the parts of the scanner share; not for users of scan.h. */
#ifndef ACC_JSON_SCAN_PRIVATE_H
#define ACC_JSON_SCAN_PRIVATE_H

#include "json/scan.h"

#define SCAN_INDEX_STEP (16u << 10) /* bytes indexed at a time; a multiple of 64 that fits the first cache */
#define SCAN_SENTINELS 4

/* Where the tokens of a stretch of text begin: structural characters outside strings, opening quotes, and the
 * first byte of numbers and literals. Offsets count from the stretch's first byte, which is a record's '{'. */
struct scan_index {
	uint32_t *tokens;
	size_t n; /* tokens, without the sentinels behind them */
	size_t capacity;
	size_t bytes;     /* of text indexed so far */
	size_t bad_from;  /* bytes below hold no control character in a string, no bad escape, no bad UTF-8 */
	bool backslashes; /* there is one at least */
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

scan_indexer scan_index_avx2, scan_index_avx512, scan_index_neon;

extern struct scan_means {
	scan_indexer *index; /* NULL: plain */
	const char *name;
} scan_means;

/* White space that is looked through before a decision; with more of it the decision is made without. */
#define SPACE_MAX ((size_t)64 << 10)

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
enum plain_result plain_value(const char *p, const char *limit, const struct scan_names *names, struct slice *members,
	const char **end, struct plain_fault *fault);

/* The number at p, or NULL when it is none; limit as it is when the text ends within it. */
const char *plain_number(const char *p, const char *limit);

/* Which of the names is the raw string (with its quotes)? -1: none. */
int scan_name_of(const struct scan_names *names, struct slice raw);

struct scanner {
	struct scan_names names;
	size_t max_record;
	size_t max_text; /* max_record with what may be spared */
	int spared_name; /* of which wanted member not to count; -1: of none */
	int inner_name;  /* of which wanted member to list the members; -1: none */

	const char *p; /* the window */
	size_t n, at;  /* its length; what is not yet used up */
	bool at_end;

	struct scan_state state; /* at `at`, but for the offsets, which count from the window's begin */

	struct layouts *layouts;
	bool one_line; /* the record at `at` is known to hold no line break */
	struct scan_index index;
	const uint32_t *token; /* the next one, in index.tokens */
	const char *indexed;   /* where the index begins; NULL: there is none */
	size_t plain_until;    /* offset in the window below which the exact scanner does the work */
};

/* --- refusing ----------------------------------------------------------------------------------------------------- */

struct scan_fault {
	struct plain_fault why;
	size_t at; /* offset in the window */
};

/* Use up the window as far as `to`, and count its lines. */
void scan_advance(struct scanner *s, size_t to);
/* Go on with a skip that the last window could not finish; false when this one cannot either. */
bool scan_finish_skip(struct scanner *s);
/* Of a bad element of an array at s->at: where it ends. */
enum element_end {
	ELEMENT_ENDS,   /* *end: at the comma or bracket behind it */
	ELEMENT_NEXT,   /* *end: where the next one begins, as this one did */
	ELEMENT_UNTOLD, /* lines may tell */
	ELEMENT_UNSEEN, /* more text may tell */
};
/* no_more: there is no text behind limit. */
enum element_end scan_element_end(
	const struct scanner *s, const struct scan_fault *fault, size_t limit, bool no_more, size_t *end);
/* How far its line is indented; SIZE_MAX where it does not begin it. */
size_t scan_element_indent(const struct scanner *s);
void scan_describe_fault(struct scanner *s, struct scan_record *r, const struct scan_fault *fault);
/* Refuse what begins at s->at. */
enum scan_result scan_refuse(struct scanner *s, struct scan_record *r, const struct scan_fault *fault);
enum scan_result scan_refuse_at(
	struct scanner *s, struct scan_record *r, size_t at, const char *code, const char *reason);

/* --- by the index ------------------------------------------------------------------------------------------------- */

/* The record at s->at by its tokens: its end, or NULL when the exact scanner has to look. */
const char *tokens_record(struct scanner *s, struct scan_record *r);
/* Behind a fault the index may be out of step with the strings. Until its end the exact scanner does the work, so that
 * faults in every line do not have the same bytes indexed again and again. */
void tokens_drop(struct scanner *s);
/* Check the value whose token is *t: the token behind it, or NULL, also where white space follows the value. Nothing at
 * or beyond limit is read. */
const uint32_t *tokens_skip_value(const char *text, const uint32_t *t, const char *limit);
/* Is the value whose token is *t a string with no white space behind it? */
static inline bool
tokens_is_string(const char *text, const uint32_t *t)
{
	return text[*t] == '"' && t[1] > *t && text[t[1] - 1] == '"';
}

struct layouts *layouts_new(void);
void layouts_free(struct layouts *l);
/* As tokens_record where a record of this layout was learned before; NULL also for a good record of another one. */
const char *layouts_match(struct scanner *s, struct scan_record *r, const uint32_t **behind);
/* Learn from the good record whose '{' is s->token; r is what was found in it. */
void layouts_learn(struct scanner *s, const struct scan_record *r);

static inline bool
scan_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#endif
