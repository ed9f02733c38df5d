/* shape - the names of a data object's members, in their order, numbered.
 *
 * Partners send the same members in the same order again and again. Records of one shape need no look at their names to
 * be merged field by field, and where the best record has all values, none at the other records' texts. Thread safe. */
#ifndef ACC_CATALOG_SHAPE_H
#define ACC_CATALOG_SHAPE_H

#include "json/scan.h"

#include <stdint.h>

struct shape_table;
struct shape_table *shape_table_new(void);
void shape_table_free(struct shape_table *table);

/* A thread's own view, so that a shape it has met takes no lock. */
struct shape_view;
struct shape_view *shape_view_new(struct shape_table *table);
void shape_view_free(struct shape_view *view);

/* The number of the shape of the members listed, from 1; 0 stands for all that have none: no list, no members, names
 * that are written with escapes or stand twice, and shapes beyond the first SHAPES_MAX. */
#define SHAPES_MAX 1024
uint32_t shape_number(struct shape_view *view, const struct scan_record *record);

#endif
