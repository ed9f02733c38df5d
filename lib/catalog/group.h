/* group - records binned by the hash of their ids and gathered into accommodations.
 *
 * A shelf belongs to one thread while it reads: it files records into bins without a lock. Then each bin, of all
 * shelves together, is gathered by one thread. */
#ifndef ACC_CATALOG_GROUP_H
#define ACC_CATALOG_GROUP_H

#include "catalog/record.h"

#define BINS_MAX 256

struct segment {
	struct segment *next;
	uint32_t n, capacity;
	struct record records[];
};

struct bin {
	struct segment *first, *last;
	size_t n;
};

struct shelf {
	struct bin bins[BINS_MAX];
	unsigned bin_bits;      /* 2^bin_bits bins are in use */
	size_t bytes;           /* owned by the segments */
};

void shelf_add(struct shelf *shelf, const struct record *record);
void shelf_clear(struct shelf *shelf); /* releases all segments */

/* An accommodation: its records in order, best first (only those that survive; see updates). */
struct accommodation {
	struct slice id;        /* decoded; borrowed from a record's text or the gathering's arena */
	uint64_t hash;
	uint64_t id_prefix;     /* see record.h */
	struct record *first;   /* linked by next, until settled */
	struct record *records; /* once settled: all of them, side by side */
	uint32_t n;
	bool unsettled;         /* so many partners that duplicates are left for the sort to find */
};

struct gathering {
	struct accommodation *accommodations;
	size_t n, capacity;
	uint64_t superseded;
	size_t longest_id;
	struct record *records; /* all accommodations' */
	struct arena ids;
};

/* Gather bin number `bin` of all shelves. replace: of each partner only the first record in order stays. What stays is
 * copied, and the shelves' bin is emptied. */
void gather_bin(struct gathering *g, struct shelf *const *shelves, size_t n_shelves, unsigned bin, bool replace,
	const struct partner_table *partners);
void gathering_free(struct gathering *g);

/* Sort an accommodation's linked records, drop duplicates (and with replace, all but each partner's first). Returns how
 * many were dropped. Used for records of several runs as well. scratch grows and is reused between calls. */
struct record_array { struct record **p; size_t n, capacity; };
uint64_t settle(
	struct accommodation *a, bool replace, const struct partner_table *partners, struct record_array *scratch);
/* Copy the settled records to out, side by side: a->n of them. Returns the place behind them. */
struct record *lay_out(struct accommodation *a, struct record *out);

#endif
