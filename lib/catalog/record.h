/* record - a catalog record as the merge sees it: a few words that point into its text. */
#ifndef ACC_CATALOG_RECORD_H
#define ACC_CATALOG_RECORD_H

#include "base/arena.h"
#include "base/instant.h"
#include "base/slice.h"
#include "catalog/partner.h"
#include "catalog/shape.h"
#include "json/scan.h"
#include "json/text.h"

#include <stdbool.h>
#include <stdint.h>

#define JQ_RULE_LIMIT_MS 10000

/* Where a bare record (one without a _source.uri) stands: a stretch of an input. */
struct stretch {
	const char *name;     /* the input's name as given, "-" for standard input; borrowed */
	uint64_t lines;       /* before it */
	uint64_t elements;    /* before it */
	bool void_;           /* it was cut at the wrong place and read again: its records do not count */
};

struct record {
	const char *text;          /* borrowed from its block */
	uint32_t text_n;
	uint32_t id_at, id_n;      /* the id as it stands (a string with its quotes, or a number) */
	uint32_t data_at, data_n;
	uint32_t source_at, source_n; /* _source when it is an object, else source_n is 0 */
	uint32_t partner;          /* its number */
	uint32_t place;            /* line (or element) within the stretch, from 1; of a record read back: low half */
	uint32_t flags;
	uint32_t shape;            /* of the data, or 0 (shape.h) */
	uint32_t nulls;            /* bit i: the shape's member i is null */
	uint64_t id_prefix;        /* the decoded id's first eight bytes, zeros behind, so that they order as numbers */
	const struct stretch *stretch;
	struct instant time;
	union {
		uint64_t hash;         /* of the decoded id, until records are grouped */
		struct record *next;   /* of the same accommodation */
	};
};

enum {
	RECORD_SPANS_LINES = 1, /* has line breaks between its tokens */
	RECORD_IN_ARRAY = 2,    /* place counts elements */
	RECORD_BAD_TIME = 4,    /* its time was none, and counts as missing */
	RECORD_PLAIN_ID = 16,   /* the id is a string without escapes */
	RECORD_COMPACT = 8,     /* has a shape, and no white space between the tokens of the data object itself */
};

static inline struct slice
record_text(const struct record *r)
{
	return (struct slice){r->text, r->text_n};
}

static inline struct slice
record_id(const struct record *r)
{
	return (struct slice){r->text + r->id_at, r->id_n};
}

static inline struct slice
record_data(const struct record *r)
{
	return (struct slice){r->text + r->data_at, r->data_n};
}

static inline struct slice
record_source(const struct record *r)
{
	return (struct slice){r->text + r->source_at, r->source_n};
}

/* Where the parts of a record are: --key, --partner, --data, --time. */
struct record_shape {
	struct json_path key, partner, data, time;
	struct slice names[SCAN_MEMBERS_MAX]; /* the top-level members to look out for; the first is _source */
	int n_names;
	int key_name, partner_name, data_name, time_name; /* places in names of the paths' first steps */
};

/* Parse the four paths (text as given). -1 with *error. Gives the shape to record_shape_free. */
int record_shape_parse(struct record_shape *shape, const char *key, const char *partner, const char *data,
	const char *time, struct error *error);
void record_shape_free(struct record_shape *shape);

/* Make a record of what the scanner found. NULL on success, or the static word why it is refused; *missing names the
 * option that says where the part should be. The caller sets stretch. */
enum record_fault {
	RECORD_GOOD, RECORD_NO_ID, RECORD_BAD_ID, RECORD_NO_PARTNER, RECORD_BAD_PARTNER, RECORD_NO_DATA, RECORD_BAD_DATA
};
enum record_fault record_read(const struct record_shape *shape, const struct scan_record *scanned,
	struct partner_view *partners, struct shape_view *shapes, struct arena *scratch, struct record *record);

/* The position: the decoded uri (borrowed from the text, the stretch or arena) and the record's number. */
struct position { struct slice uri; uint64_t record; };
struct position record_position(const struct record *r, struct arena *arena);
bool record_is_bare(const struct record *r);

/* The decoded text of the id. */
struct slice record_id_text(const struct record *r, struct arena *arena);
/* The first eight bytes of a text as a number that orders as they do; a shorter text has zeros behind. */
uint64_t id_prefix(struct slice text);

/* The order of records of one accommodation: <0 when a comes first. Of records that are one (record_same) the higher
 * text comes first, so that the choice does not hang on the order of the input. */
int record_order(const struct record *a, const struct record *b, const struct partner_table *partners);
/* Equal in rank, time, partner, position and data: one record. */
bool record_same(const struct record *a, const struct record *b, const struct partner_table *partners);

/* The raw JSON value at the shape's time, or p NULL. */
struct slice record_time_text(const struct record *r, const struct record_shape *shape);

#endif
