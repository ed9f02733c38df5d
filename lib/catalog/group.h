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
	char *end;               /* of the records, but for the bin's last segment */
	_Alignas(8) char room[]; /* records, one behind the other */
};

struct bin {
	char *next;  /* place of the next record, */
	size_t room; /* bytes there */
	size_t n;    /* records */
	struct segment *first, *last;
	size_t bytes; /* of the segments */
};

/* The records filed last, by id and partner, so that a partner's next record of an accommodation can take the place of
 * the one before. Given up within a stretch where it finds next to nothing. */
#define RECENT_SLOTS 1024

struct recent {
	struct record *records[RECENT_SLOTS];
	const struct stretch *stretch; /* they are all of this one */
	uint32_t looked, found;
};

struct shelf {
	struct bin bins[BINS_MAX];
	unsigned bin_bits; /* 2^bin_bits bins are in use */
	size_t bytes;      /* of the segments */
	struct arena segments;
	struct recent recent;
};

/* File a copy, and borrow it until the shelf is cleared. */
struct record *shelf_add(struct shelf *shelf, const struct record *record);
/* The same where of each partner only the first record in order stays. Where that is one filed before, of the same
 * stretch, returns NULL; the new one may take its place. *superseded counts those that gave way. */
struct record *shelf_add_first(
	struct shelf *shelf, const struct record *record, const struct record_tables *tables, uint64_t *superseded);
void shelf_clear(struct shelf *shelf); /* releases all records */

/* An accommodation: its records in order, best first (only those that survive; see updates). */
struct accommodation {
	struct slice id;         /* decoded; borrowed from a record's text or the gatherer */
	uint64_t id_prefix;      /* see record.h */
	struct record **records; /* borrowed, they from the shelves and the list from the gatherer */
	struct slice whole;      /* the first record's data, where it has a value for every field that any record
	                            has and can stand for all as it is; else p is NULL. The id is a plain string
	                            then: its quotes stand around it */
	uint32_t hash;           /* see record.h */
	uint32_t n;
};

/* A bin's accommodations: borrowed from the gatherer. */
struct gathering {
	struct accommodation *accommodations;
	size_t n;
	uint64_t superseded;
	size_t longest_id;
};

/* What settles accommodations one after the other. Zero-initialised but for the first two. */
struct settler {
	bool replace; /* of each partner only the first record in order stays */
	struct record_tables tables;
	uint32_t *places; /* by partner's number: its record's place + 1; all 0 between accommodations */
	uint32_t n_places;
};
void settler_free(struct settler *settler);

/* What a thread gathers with, bin after bin. Zero-initialised but for settler. */
struct gatherer {
	struct settler settler;
	struct arena kept;                    /* what gatherings borrow */
	struct accommodation *accommodations; /* of the bin at hand, and how many records of it are of which: */
	size_t n, capacity;
	struct found *found;
	size_t n_found_max;
	uint32_t *slots; /* by hash, the number of the accommodation + 1 */
	size_t mask;
};

/* Gather bin number `bin` of all shelves; the shelves keep the records. */
void gather_bin(struct gatherer *gatherer, struct shelf *const *shelves, size_t n_shelves, unsigned bin,
	struct gathering *gathering);
void gatherer_free(struct gatherer *gatherer); /* and all gatherings with it */

/* Sort an accommodation's records, drop duplicates (and with replace, all but each partner's first). Returns how many
 * were dropped. Used for records of several runs as well. */
uint64_t settle(struct settler *settler, struct accommodation *a);

#endif
