/* scan - find the records in a run of bytes: validating, zero-copy, one pass.
 *
 * The input is JSON Lines, any sequence of JSON values, or JSON arrays of records over any number of
 * lines; a byte order mark and CRLF are accepted. Every value at the top level and every element of a
 * top-level array is a candidate record. A record is a JSON object (RFC 8259) in UTF-8 that nests no
 * deeper than SCAN_DEPTH_MAX and is no longer than max_record (scanner_spare). Anything else is refused with its place,
 * and scanning goes on behind it:
 *
 *  - at the top level, at the line after the one where the bad record began; when it spans lines, at the
 *    first later line that begins with '{' or '[';
 *  - in an array, behind the bad element where its end can be told by its brackets; else at the next one that
 *    begins as it does, with the same first member; else at the next line that begins with '{' (after white
 *    space and a comma), indented no more than the bad one.
 *
 * A comma that is missing between the lines of an array has the record before it refused, and so has, at the top level,
 * one that ends the line of a record over lines. While the next ones have the same, they are good: it is not what they
 * seemed to be, an array or records without one.
 *
 * The scanner reads windows that the caller owns. At SCAN_MORE the caller gives a new window which begins
 * with the unread rest (scanner_rest) and holds more, or says that there is no more:
 *
 *     s = scanner_new(names, n_names, max_record);
 *     for (;;) {
 *             scanner_window(s, p, n, at_end);
 *             while ((got = scanner_next(s, &record)) == SCAN_RECORD || got == SCAN_REFUSED)
 *                     ...;
 *             if (got == SCAN_END)
 *                     break;
 *             ... keep scanner_rest(s), read more behind it ...
 *     }
 *
 * Four implementations (AVX-512, AVX2, NEON, plain C) give identical results; scan_level chooses. A scanner is
 * used by one thread at a time; scanners share nothing. */
#ifndef ACC_JSON_SCAN_H
#define ACC_JSON_SCAN_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define SCAN_DEPTH_MAX 512 /* the record itself is level 1 */
#define SCAN_MEMBERS_MAX 8
#define SCAN_INNER_MAX 32
#define SCAN_RECORD_DEFAULT (16u << 20)
#define SCAN_SPARED_MAX ((size_t)64 << 10)

enum scan_result {
	SCAN_RECORD,  /* *record describes a good record */
	SCAN_REFUSED, /* record->code and record->reason say why; record->text is what there is of it */
	SCAN_MORE,    /* the window is used up; give the next one */
	SCAN_END,     /* all input was seen */
};

enum scan_skip {
	SKIP_NOTHING,
	SKIP_LINE,    /* to the next line */
	SKIP_LINES,   /* to the next line that begins with { or [, in an array after space and a comma */
	SKIP_ELEMENT, /* to the comma or bracket behind an array's element */
};

/* A member of the member that scanner_list_inner named. */
struct scan_inner {
	uint32_t name_at, name_n; /* the name with its quotes, in the record's text */
	uint32_t value_at, value_n;
};

struct scan_record {
	struct slice text;                      /* the record without surrounding white space; borrowed from the window.
	                           Of a refused record: from its first byte to where scanning goes on, or to
	                           the end of the line */
	struct slice members[SCAN_MEMBERS_MAX]; /* values of the wanted top-level members, text as it stands,
	                           the last of duplicates; p is NULL where there is none */
	struct scan_inner inner[SCAN_INNER_MAX];
	int n_inner;        /* -1: not listed (too many, the exact scanner was at work, or nobody asked) */
	bool inner_compact; /* no white space between the listed member's own tokens */
	uint32_t layout;    /* not 0: the listed names are those of every other record of this scanner with this
	                           number, in the same order */
	uint64_t line;      /* where the record begins, from 1 */
	uint64_t element;   /* the record's place among all of the input, refused ones too, from 1 */
	bool in_array;
	bool spans_lines;    /* text holds line breaks between its tokens */
	bool cut;            /* of a refused record: text is not all of it (it was longer than max_record) */
	const char *code;    /* refused: a static word: "invalid-json", "invalid-utf8", "not-an-object",
	                           "too-deep", "too-long" */
	const char *reason;  /* refused: a static phrase for people, such as "unexpected end of the line" */
	uint64_t column;     /* refused: byte of the line where the fault is, from 1 */
	uint64_t fault_line; /* refused: the line where the fault is */
};

struct scanner; /* see scan_private.h; allocate with scanner_new */

/* names: decoded member names to look out for, at most SCAN_MEMBERS_MAX; borrowed until scanner_free.
 * max_record in bytes. Gives a scanner to scanner_free. */
struct scanner *scanner_new(const struct slice *names, int n_names, size_t max_record);
void scanner_free(struct scanner *s);

/* List the members of the wanted member number `name`, too, when it is an object and it costs next to nothing. -1: of
 * none. */
void scanner_list_inner(struct scanner *s, int name);

/* Let the wanted member number `name`, where it is an object, not count for max_record: up to SCAN_SPARED_MAX bytes
 * of it, with name and comma. A record is then not refused for what was added to it. */
void scanner_spare(struct scanner *s, int name);

/* Begin anew with another input. */
void scanner_restart(struct scanner *s);

/* Borrow the window [p, p + n) until the next call of scanner_window. It must begin with the bytes that
 * scanner_rest left of the last one. at_end: nothing follows. */
void scanner_window(struct scanner *s, const char *p, size_t n, bool at_end);

enum scan_result scanner_next(struct scanner *s, struct scan_record *record);

/* After SCAN_MORE: the bytes of the window not yet used up, at most about max_record of them. */
struct slice scanner_rest(const struct scanner *s);

/* Where a scanner stands between two windows: another one that resumes there, with a window that begins with what was
 * left of the last one, goes on as this one would. Offsets count from where it stands. */
struct scan_state {
	bool begun; /* a byte order mark can no longer come */
	bool in_array;
	bool after_value; /* in an array: a comma or the end must come before the next element */
	bool comma;       /* in an array: an element must follow */
	bool loose;       /* what should separate the last records did not: that it does not is no news */

	enum scan_skip skip; /* what to do before the next record */
	int skip_depth;
	bool skip_in_string, skip_escaped;
	size_t bad_indent; /* how far the line of the last bad element is indented; SIZE_MAX: it begins within one */

	uint64_t line, elements; /* lines begun and elements seen, refused ones too */
	ptrdiff_t line_begin;    /* of the line it stands in; never positive */
	ptrdiff_t used;          /* behind the last byte used up that was no white space */
	ptrdiff_t opened;        /* of the last '[' of an array that begins its line */
};
struct scan_state scanner_state(const struct scanner *s);
void scanner_resume(struct scanner *s, const struct scan_state *state);

/* At the begin of a line where a record begins; line and elements as at an input's begin. */
struct scan_state scan_state_at_line(bool in_array, bool loose);

/* In an array that is never closed SCAN_END comes after one last SCAN_REFUSED ("invalid-json", "the array
 * is not closed") with an empty text, which is no record and not counted as element. */

/* NARROW is AVX2 where there is AVX-512, else as SIMD. Without a call it is SIMD; the variable ACC_SIMD (off, avx2)
 * says what is used at most. For tests. AVX-512 is taken from the processors on that have VBMI2: on older ones it slows
 * the clock down. */
enum scan_level { SCAN_PLAIN, SCAN_SIMD_NARROW, SCAN_SIMD };
void scan_level(enum scan_level level);
const char *scan_level_name(void); /* "avx512", "avx2", "neon" or "plain" */

#endif
