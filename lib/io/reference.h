/* reference - the name of one object, with what is known about it and the messages that announced it.
 *
 *     {"uri":"s3://src/data.jsonl","version_id":"...","etag":"...","size":463318,"time":"2021-02-01T11:07:57.885Z",
 *      "sequencer":"...","messages":[{"id":"...","receipt_handle":"...","receive_count":1}]}
 *
 * Only uri is needed. See acc(7), FORMATS. */
#ifndef ACC_IO_REFERENCE_H
#define ACC_IO_REFERENCE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct reference {
	/* all strings are owned; NULL where unknown */
	char *uri;
	char *version_id, *etag, *sequencer;
	char *time;        /* RFC 3339 */
	char *messages;    /* JSON text: the elements of the array, without its brackets */
	char *message_ids; /* JSON text: the ids' strings, separated by commas */
	uint64_t size;     /* bytes; meaningful with has_size */
	bool has_size;
};

void reference_free(struct reference *r); /* releases the strings; r is empty */

/* Parse one line of standard input: a JSON object, or a bare URI. *r gives its strings to reference_free. -1 with
 * *error (STATUS_REFUSED, code "invalid-json", "invalid-utf8" or "invalid-reference"). */
int reference_parse(struct slice line, struct reference *r, struct error *error);

/* Append the JSON object, members in the order above, without newline. */
void reference_print(struct buffer *out, const struct reference *r);

void reference_set_time(struct reference *r, struct instant t); /* to the microsecond, no trailing zeros by threes */
struct instant reference_time(const struct reference *r);       /* missing when there is none that can be read */

/* A list without doubles: one entry per uri and version, in the order of first appearance. Of several references
 * without version to one uri the highest sequencer's facts count (S3: compare as hexadecimal strings, the shorter
 * one padded with zeros on the right), the later one's among equals; the messages of all are kept, each id once. */
struct reference_list {
	struct reference *items;
	size_t n, capacity;
	size_t *slots; /* 1 + place in items, 0 is free */
	size_t n_slots;
};
/* Takes the strings; *r is empty. Returns its place in items. */
size_t reference_list_add(struct reference_list *list, struct reference *r);
/* What tells one set of objects from another, whatever their order: of their uris, in 53 bits, so that every reader of
 * JSON numbers has it exactly. That of two lists together is the sum of theirs in these bits. 0 for none. */
#define REFERENCE_DIGEST_MASK ((UINT64_C(1) << 53) - 1)
uint64_t reference_list_digest(const struct reference_list *list);
void reference_list_free(struct reference_list *list);

/* <0, 0, >0; a missing one is lowest. */
int sequencer_compare(const char *a, const char *b);

#endif
