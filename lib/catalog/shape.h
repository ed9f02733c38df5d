/* shape - the names of a data object's members, in their order, numbered.
 *
 * Partners send the same members in the same order again and again. Records that have a shape need no look at their
 * names to be merged field by field: the names of all shapes of a table are numbered, too, as fields. Thread safe but
 * for shape_at. */
#ifndef ACC_CATALOG_SHAPE_H
#define ACC_CATALOG_SHAPE_H

#include "json/scan.h"

#include <stdint.h>

#define SHAPES_MAX 1024
#define FIELDS_MAX 64 /* so that a word holds a set of them */

struct shape {
	uint32_t number;                    /* from 1 */
	uint8_t n;                          /* members */
	uint8_t field[SCAN_INNER_MAX];      /* by member: the number of its name */
	uint8_t member[FIELDS_MAX];         /* by field that the shape has: the member's place */
	uint64_t fields;                    /* bit f: it has field f */
	uint32_t frame;                     /* bytes of a compact object but for its values */
	struct slice names[SCAN_INNER_MAX]; /* by member: as it stands, with its quotes */
};

struct shape_table;
struct shape_table *shape_table_new(void);
void shape_table_free(struct shape_table *table);

/* A thread's own view, so that a shape it has met takes no lock. It goes with one scanner. */
struct shape_view;
struct shape_view *shape_view_new(struct shape_table *table);
void shape_view_free(struct shape_view *view);

/* The number of the shape of the members listed, from 1; 0 stands for all that have none: no list, no members, names
 * that are written with escapes or stand twice, names beyond the first FIELDS_MAX and, once there are SHAPES_MAX
 * shapes, those that the view does not remember. */
uint32_t shape_number(struct shape_view *view, const struct scan_record *record);

/* Borrow the shape with a number that shape_number gave: to this thread, or to any while none asks for numbers. */
const struct shape *shape_at(const struct shape_table *table, uint32_t number);

#endif
