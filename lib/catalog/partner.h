/* partner - the partners met in a run, numbered, each with its rank. Thread safe. */
#ifndef ACC_CATALOG_PARTNER_H
#define ACC_CATALOG_PARTNER_H

#include "base/slice.h"
#include "catalog/priority.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct partner {
	struct slice name; /* decoded; lives as long as the table */
	struct slice text; /* the same as a JSON string, compact, as it was first met */
	uint32_t rank;     /* from 0; all unlisted ones share the rank behind the last listed one */
	bool left_out;     /* denied, or unlisted with --unlisted drop */
};

/* Partners lie on shelves, which never move, so that readers need no lock. */
#define PARTNERS_PER_SHELF 1024
struct partner_table {
	_Atomic(struct partner *) *shelves;
	struct partner_names *names; /* private */
};

/* The lists are borrowed until partner_table_free; either may be empty. */
struct partner_table *partner_table_new(
	const struct name_list *listed, const struct name_list *denied, bool drop_unlisted);
void partner_table_free(struct partner_table *table);

/* A thread's own view, so that looking up a partner it has met takes no lock. */
struct partner_view;
struct partner_view *partner_view_new(struct partner_table *table);
void partner_view_free(struct partner_view *view);

/* The number of the partner whose name stands as the JSON string raw. */
uint32_t partner_number(struct partner_view *view, struct slice raw);

/* Borrow the partner with a number that partner_number gave; it never moves. */
static inline const struct partner *
partner_at(const struct partner_table *table, uint32_t number)
{
	return atomic_load_explicit(&table->shelves[number / PARTNERS_PER_SHELF], memory_order_acquire) +
		number % PARTNERS_PER_SHELF;
}

uint32_t partner_count(const struct partner_table *table);

#endif
