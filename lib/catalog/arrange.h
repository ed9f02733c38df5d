/* arrange - accommodations of several gatherings in the order of their ids, in parts that can be worked on at once. */
#ifndef ACC_CATALOG_ARRANGE_H
#define ACC_CATALOG_ARRANGE_H

#include "catalog/group.h"

#define PART_SIZE 4096 /* accommodations */

struct arranged {
	uint64_t prefix; /* of the id, or of what follows in it behind what all ids begin with */
	const struct accommodation *accommodation;
};

struct arrangement {
	struct arranged *all, *room;
	size_t n;     /* in each */
	size_t *ends; /* of the parts in all */
	size_t n_parts, capacity;
};

/* Part k holds ids below those of part k + 1; within a part they are not sorted yet. A part holds PART_SIZE at most,
 * unless ids have the same prefix. Gives the arrangement to arrangement_free; it borrows the gatherings. */
void arrange(struct arrangement *arrangement, const struct gathering *gatherings, size_t n);
void arrangement_free(struct arrangement *arrangement);

/* Sort part number `part` and borrow it. Different threads may sort different parts. */
struct arranged *arrangement_part(struct arrangement *arrangement, size_t part, size_t *n);

#endif
