/* record - a catalog record as the merge sees it: a few words that point into its text. */
#ifndef ACC_CATALOG_RECORD_H
#define ACC_CATALOG_RECORD_H

#include "base/arena.h"
#include "base/instant.h"
#include "base/slice.h"
#include "catalog/known_source.h"
#include "catalog/partner.h"
#include "catalog/shape.h"
#include "json/scan.h"
#include "json/text.h"

#include <stdbool.h>
#include <stdint.h>

#define JQ_RULE_LIMIT_MS 10000

/* Where records stand: a stretch of an input, read by one thread. The first three are for bare records (those without a
 * _source). */
struct stretch {
	const char *name;  /* the input's name as given, "-" for standard input; borrowed */
	uint64_t lines;    /* before it */
	uint64_t elements; /* before it */
	bool void_;        /* it was cut at the wrong place and read again: its records do not count */
	unsigned source;   /* the serial of what most of its records say in their _source (known_source.h), or 0: */
	struct slice uri;  /* decoded, */
	struct instant time;
};

/* A value of the data's members in the record's text: these offsets are short, as are records that list values. */
struct record_value {
	uint16_t at, n;
};

/* What only some records have: those whose time and uri are not their stretch's. */
struct record_origin {
	struct instant time;
	uint32_t source_at, source_n; /* _source when it is an object, else source_n is 0 */
};

/* Of varying size: behind it lie its origin, where it has one, and the values of its shape's members
 * (record_bytes, record_values). Everything but text and stretch holds wherever it is copied to. */
struct record {
	const char *text; /* borrowed from its block */
	const struct stretch *stretch;
	uint64_t id_prefix; /* the decoded id's first eight bytes, zeros behind, so that they order as numbers */
	uint32_t hash;      /* of the decoded id */
	uint32_t text_n;
	uint32_t id_at, id_n; /* the id as it stands (a string with its quotes, or a number) */
	uint32_t data_at;
	uint32_t data_n;  /* 0: of the data only the values are in the text (RECORD_KEEP_VALUES) */
	uint32_t partner; /* its number */
	uint32_t place;   /* line (or element) within the stretch, from 1; or see RECORD_HAS_STRETCH_SOURCE */
	uint32_t nulls;   /* bit i: the shape's member i is null */
	uint16_t shape;   /* of the data, or 0 (shape.h) */
	uint8_t flags;
	uint8_t n_values; /* as many as the shape has members */
};

enum {
	RECORD_SPANS_LINES = 1, /* has line breaks between its tokens */
	RECORD_IN_ARRAY = 2,    /* place counts elements */
	RECORD_BAD_TIME = 4,    /* its time was none, and counts as missing */
	RECORD_COMPACT = 8,     /* has a shape, and no white space between the tokens of the data object itself */
	RECORD_PLAIN_ID = 16,   /* the id is a string without escapes */
	RECORD_NUMBER_ID = 32,
	RECORD_HAS_ORIGIN = 64,
	RECORD_HAS_STRETCH_SOURCE = 128, /* the stretch has its uri and time, place its number */
};

#define RECORD_VALUES_MAX SCAN_INNER_MAX
#define RECORD_BYTES_MAX \
	(sizeof(struct record) + sizeof(struct record_origin) + RECORD_VALUES_MAX * sizeof(struct record_value))

/* Room for any record. */
union record_room {
	struct record record;
	uint64_t words[(RECORD_BYTES_MAX + 7) / 8];
};

static inline struct record_origin *
record_origin(const struct record *r)
{
	return r->flags & RECORD_HAS_ORIGIN ? (struct record_origin *)(r + 1) : NULL;
}

static inline struct record_value *
record_values(const struct record *r)
{
	return (struct record_value *)((char *)(r + 1) +
		(r->flags & RECORD_HAS_ORIGIN ? sizeof(struct record_origin) : 0));
}

static inline struct slice
record_value(const struct record *r, unsigned member)
{
	struct record_value value = record_values(r)[member];

	return (struct slice){r->text + value.at, value.n};
}

/* All of it, a multiple of 8. */
static inline size_t
record_bytes(const struct record *r)
{
	return sizeof(*r) + (r->flags & RECORD_HAS_ORIGIN ? sizeof(struct record_origin) : 0) +
		(((size_t)r->n_values * sizeof(struct record_value) + 7) & ~(size_t)7);
}

static inline struct instant
record_time(const struct record *r)
{
	const struct record_origin *origin = record_origin(r);

	if (r->flags & RECORD_HAS_STRETCH_SOURCE)
		return r->stretch->time;
	return origin ? origin->time : INSTANT_MISSING;
}

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

/* The data object: borrowed from the text, or written to arena where the text has only its values. */
struct slice record_data(const struct record *r, const struct shape_table *shapes, struct arena *arena);

/* How many bytes it has. */
static inline size_t
record_data_bytes(const struct record *r, const struct shape_table *shapes)
{
	return r->data_n ? r->data_n : shape_at(shapes, r->shape)->frame + r->id_at; /* the values are before it */
}

/* Empty where there is none, or where the stretch has it. */
static inline struct slice
record_source(const struct record *r)
{
	const struct record_origin *origin = record_origin(r);

	if (!origin || !origin->source_n)
		return (struct slice){NULL, 0};
	return (struct slice){r->text + origin->source_at, origin->source_n};
}

/* Where the parts of a record are: --key, --partner, --data, --time. */
struct record_paths {
	struct json_path key, partner, data, time;
	struct slice names[SCAN_MEMBERS_MAX]; /* the top-level members to look out for; the first is _source */
	int n_names;
	int key_name, partner_name, data_name, time_name; /* places in names of the paths' first steps */
	bool time_is_of_source; /* the time lies in _source, and is not the record's number there */
};

/* Parse the four paths (text as given). -1 with *error. Gives *paths to record_paths_free. */
int record_paths_parse(struct record_paths *paths, const char *key, const char *partner, const char *data,
	const char *time, struct error *error);
void record_paths_free(struct record_paths *paths);

/* What a thread reads records with. Zero-initialised but for the first four; record_reader_free releases the two views
 * and all behind them. The records' stretches borrow from it until then. */
struct record_reader {
	const struct record_paths *paths; /* borrowed */
	bool whole;                       /* records keep their own _source */
	struct partner_view *partners;
	struct shape_view *shapes;
	struct known_source known;
	struct arena uris; /* of stretches; the last one, and the serial of what it stands in: */
	struct slice uri;
	unsigned uri_serial;
	struct arena scratch; /* decoded pieces of one record */
};
void record_reader_free(struct record_reader *reader);

/* Make a record of what the scanner found in stretch, or say why it is refused. record has room for
 * RECORD_BYTES_MAX. */
enum record_fault {
	RECORD_GOOD,
	RECORD_NO_ID,
	RECORD_BAD_ID,
	RECORD_NO_PARTNER,
	RECORD_BAD_PARTNER,
	RECORD_NO_DATA,
	RECORD_BAD_DATA
};
enum record_fault record_read(struct record_reader *reader, struct stretch *stretch, const struct scan_record *scanned,
	struct record *record);

/* Give the record a text of its own, kept in texts: all of it; or only what merging takes from it, its id, its data and
 * its position, so that record_text is no record any more and record_time_text finds nothing; or of the data, too, only
 * the values, where the record has a shape to tell the rest: less than half of it, often. */
enum record_keep { RECORD_KEEP_WHOLE, RECORD_KEEP_PARTS, RECORD_KEEP_VALUES };
void record_keep(struct record *r, enum record_keep what, struct arena *texts);

/* The position: the decoded uri (borrowed from the text, the stretch or arena; p NULL where _source has none) and the
 * record's number. */
struct position {
	struct slice uri;
	uint64_t record;
};
struct position record_position(const struct record *r, struct arena *arena);
bool record_is_bare(const struct record *r);

/* The decoded text of the id. */
struct slice record_id_text(const struct record *r, struct arena *arena);
/* The first eight bytes of a text as a number that orders as they do; a shorter text has zeros behind. */
uint64_t id_prefix(struct slice text);

/* What records refer to by number. */
struct record_tables {
	const struct partner_table *partners;
	const struct shape_table *shapes;
};

/* The order of records of one accommodation: <0 when a comes first. Of records that are one (record_same) the one with
 * the higher spelling of the id comes first, then the higher text, so that the choice does not hang on the order of the
 * input. Texts compare as they are printed: of a record that spans lines without the white space between its tokens. */
int record_order(const struct record *a, const struct record *b, const struct record_tables *tables);
/* Of two records of one partner and one stretch: does their order stay as it is when the stretch's lines and elements
 * become known? */
bool record_order_is_known(const struct record *a, const struct record *b);
/* Equal in rank, time, partner, position and data: one record. */
bool record_same(const struct record *a, const struct record *b, const struct record_tables *tables);

/* The raw JSON value at the time's path, or p NULL. Not of a record whose text is not whole (record_keep). */
struct slice record_time_text(const struct record *r, const struct record_paths *paths);

#endif
