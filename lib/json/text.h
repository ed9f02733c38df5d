/* text - work on JSON text that is already known to be valid (scan.h). Values are slices of the text as it
 * stands, without surrounding white space. Nothing here validates. Thread safe: no state. */
#ifndef ACC_JSON_TEXT_H
#define ACC_JSON_TEXT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

static inline enum json_kind
json_kind(struct slice value)
{
	switch (value.p[0]) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case 'n': return JSON_NULL;
	default: return JSON_NUMBER;
	}
}

/* Walk the members of an object or the elements of an array, in order, duplicates included:
 *
 *     struct json_walk walk = json_walk(object);
 *     while (json_next_member(&walk, &name, &value)) ...
 *
 * name is the raw string with its quotes. Of the empty slice there is nothing to walk. */
struct json_walk {
	const char *p, *end;
};
struct json_walk json_walk(struct slice container);
bool json_next_member(struct json_walk *w, struct slice *name, struct slice *value);
bool json_next_element(struct json_walk *w, struct slice *value);

/* The decoded text of a string value (raw with quotes). Without escapes it borrows from the text, else from the
 * arena. A lone surrogate escape decodes to its three-byte generalised form. */
struct slice json_decode(struct slice string, struct arena *arena);

/* Whether the raw string (with quotes) decodes to text. */
bool json_string_is(struct slice string, struct slice text);

/* The value at a path such as .a.b."c d" below value; p is NULL when there is none. The last of duplicates. */
struct json_path {
	struct slice *names;
	size_t n;
};                                                                                  /* decoded; owned */
int json_path_parse(const char *text, struct json_path *path, struct error *error); /* gives names to json_path_free */
void json_path_free(struct json_path *path);
struct slice json_member(struct slice object, struct slice decoded_name);
/* The member if it is of this kind; p is NULL where there is no such one, or object is no object, or empty. */
struct slice json_member_of(struct slice object, const char *name, enum json_kind kind);
/* The decoded text of a member that is a string, NUL-terminated and borrowed from the arena; empty where
 * json_member_of gives none. */
struct slice json_member_text(struct slice object, const char *name, struct arena *arena);
/* With the path's names from number first_name on. */
static inline struct slice
json_find(struct slice value, const struct json_path *path, size_t first_name)
{
	for (size_t i = first_name; i < path->n && value.p; i++) {
		if (json_kind(value) != JSON_OBJECT)
			return (struct slice){NULL, 0};
		value = json_member(value, path->names[i]);
	}
	return value;
}

/* Equality as JSON values: numbers by decimal value, strings decoded, members in any order (of duplicates the
 * last counts). */
bool json_equal(struct slice a, struct slice b);
/* Equal values have equal hashes. */
uint64_t json_hash(struct slice value);
/* Order of two numbers by exact decimal value, however long (an exponent beyond 10^18 counts as that): <0, 0, >0. */
int json_compare_numbers(struct slice a, struct slice b);
/* A number's digits as an integer that fits, or false and 0 (fraction, exponent, sign or overflow). */
bool json_natural(struct slice number, uint64_t *n);
size_t json_characters(struct slice string); /* code points of the decoded string */

/* Append value without the white space between its tokens. */
void json_compact(struct buffer *out, struct slice value);

/* Validate one whole text (white space around it allowed): the value without it, or -1 with *error (code
 * "invalid-json" or "invalid-utf8", and the place) naming it after `name`. For rules, lists, events, manifests. */
int json_parse(struct slice text, const char *name, struct slice *value, struct error *error);

#endif
