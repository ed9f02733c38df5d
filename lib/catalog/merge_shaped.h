/* merge_shaped - the data of records that have shapes, merged field by field without a look at their names. For what
 * the first candidate of a field decides: the rule is priority, and all fields are wanted. */
#ifndef ACC_CATALOG_MERGE_SHAPED_H
#define ACC_CATALOG_MERGE_SHAPED_H

#include "base/buffer.h"
#include "catalog/group.h"

/* Do all of them have a shape? */
bool merge_is_shaped(struct record *const *records, uint32_t n);

/* Append the consolidated data object of the n records in order, which all have shapes. */
void merge_shaped(const struct shape_table *shapes, struct record *const *records, uint32_t n, struct buffer *out);

/* Append the consolidated record's line of an accommodation that has `whole`. */
void merge_whole(const struct accommodation *a, struct buffer *out);

#endif
