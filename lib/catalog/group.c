#include "catalog/group.h"

#include "base/memory.h"

#include <stdlib.h>

#define SEGMENT_FIRST 16
#define SEGMENT_MAX 256
#define CHAIN_MAX 32 /* partners looked through one by one */

void
shelf_add(struct shelf *shelf, const struct record *record)
{
	struct bin *bin = &shelf->bins[shelf->bin_bits ? record->hash >> (64 - shelf->bin_bits) : 0];

	if (!bin->last || bin->last->n == bin->last->capacity) {
		uint32_t capacity = bin->last ? bin->last->capacity * 2 : SEGMENT_FIRST;
		if (capacity > SEGMENT_MAX)
			capacity = SEGMENT_MAX;
		size_t bytes = sizeof(struct segment) + capacity * sizeof(struct record);
		struct segment *segment = memory_get(bytes);
		segment->next = NULL;
		segment->n = 0;
		segment->capacity = capacity;
		if (bin->last)
			bin->last->next = segment;
		else
			bin->first = segment;
		bin->last = segment;
		shelf->bytes += bytes;
	}
	bin->last->records[bin->last->n++] = *record;
	bin->n++;
}

static void
clear_bin(struct bin *bin)
{
	for (struct segment *s = bin->first, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	*bin = (struct bin){0};
}

void
shelf_clear(struct shelf *shelf)
{
	for (unsigned i = 0; i < 1u << shelf->bin_bits; i++)
		clear_bin(&shelf->bins[i]);
	shelf->bytes = 0;
}

void
gathering_free(struct gathering *g)
{
	free(g->accommodations);
	free(g->records);
	arena_free(&g->ids);
	*g = (struct gathering){0};
}

/* File r with its accommodation; true when a record (r or another) gave way. */
static bool
file_record(struct accommodation *a, struct record *r, bool replace, const struct partner_table *partners)
{
	uint32_t looked = 0;

	for (struct record **link = &a->first; replace && *link; link = &(*link)->next) {
		struct record *other = *link;
		if (looked++ == CHAIN_MAX) {
			a->unsettled = true;
			break;
		}
		if (other->partner != r->partner)
			continue;
		if (record_order(r, other, partners) < 0) {
			r->next = other->next;
			*link = r;
		}
		return true;
	}
	r->next = a->first;
	a->first = r;
	a->n++;
	return false;
}

struct table {
	uint32_t *slots; /* number of the accommodation + 1 */
	size_t mask;
};

static struct accommodation *
find(struct gathering *g, struct table *table, struct record *r, struct slice id)
{
	size_t slot = r->hash & table->mask;

	while (table->slots[slot]) {
		struct accommodation *a = &g->accommodations[table->slots[slot] - 1];
		if (a->hash == r->hash && a->id_prefix == r->id_prefix && a->id.n == id.n &&
			(id.n <= 8 || slice_equal(a->id, id)))
			return a;
		slot = (slot + 1) & table->mask;
	}
	if (g->n == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 64;
		g->accommodations = memory_resize(g->accommodations, g->capacity, sizeof(*g->accommodations));
	}
	table->slots[slot] = (uint32_t)++g->n;
	g->accommodations[g->n - 1] = (struct accommodation){.id = id, .hash = r->hash, .id_prefix = r->id_prefix};
	if (id.n > g->longest_id)
		g->longest_id = id.n;
	return &g->accommodations[g->n - 1];
}

static void
grow(const struct gathering *g, struct table *table)
{
	free(table->slots);
	table->mask = table->mask * 2 + 1;
	table->slots = memory_get_zeroed(table->mask + 1, sizeof(*table->slots));
	for (size_t i = 0; i < g->n; i++) {
		size_t slot = g->accommodations[i].hash & table->mask;
		while (table->slots[slot])
			slot = (slot + 1) & table->mask;
		table->slots[slot] = (uint32_t)i + 1;
	}
}

void
gather_bin(struct gathering *g, struct shelf *const *shelves, size_t n_shelves, unsigned bin, bool replace,
	const struct partner_table *partners)
{
	struct table table = {memory_get_zeroed(1024, sizeof(*table.slots)), 1023};
	struct record_array scratch = {0};

	for (size_t i = 0; i < n_shelves; i++)
		for (struct segment *s = shelves[i]->bins[bin].first; s; s = s->next)
			for (uint32_t k = 0; k < s->n; k++) {
				struct record *r = &s->records[k];
				if (r->stretch->void_)
					continue;
				struct accommodation *a = find(g, &table, r, record_id_text(r, &g->ids));
				g->superseded += file_record(a, r, replace, partners);
				if (g->n * 2 > table.mask)
					grow(g, &table);
			}
	free(table.slots);
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++) {
		g->superseded += settle(&g->accommodations[i], replace, partners, &scratch);
		n += g->accommodations[i].n;
	}
	free(scratch.p);
	struct record *next = g->records = memory_get((n ? n : 1) * sizeof(*next));
	for (size_t i = 0; i < g->n; i++)
		next = lay_out(&g->accommodations[i], next);
	for (size_t i = 0; i < n_shelves; i++)
		clear_bin(&shelves[i]->bins[bin]);
}

/* --- settling ----------------------------------------------------------------------------------------------------- */

static int
compare_records(const void *a, const void *b, void *partners)
{
	return record_order(*(struct record *const *)a, *(struct record *const *)b, partners);
}

static int
by_partner_then_place(const void *a, const void *b, void *records)
{
	const struct record_array *all = records;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (all->p[x]->partner != all->p[y]->partner)
		return all->p[x]->partner < all->p[y]->partner ? -1 : 1;
	return (x > y) - (x < y);
}

/* Of the sorted records, keep each partner's first. */
static void
keep_first_of_partners(struct record_array *records)
{
	uint32_t *places = memory_get(records->n * sizeof(*places));
	size_t n = 0;

	for (size_t i = 0; i < records->n; i++)
		places[i] = (uint32_t)i;
	qsort_r(places, records->n, sizeof(*places), by_partner_then_place, records);
	uint32_t partner = records->p[places[0]]->partner;
	for (size_t i = 1; i < records->n; i++) {
		uint32_t next = records->p[places[i]]->partner;
		if (next == partner)
			records->p[places[i]] = NULL;
		partner = next;
	}
	for (size_t i = 0; i < records->n; i++)
		if (records->p[i])
			records->p[n++] = records->p[i];
	records->n = n;
	free(places);
}

static void
drop_equal_neighbours(struct record_array *records, const struct partner_table *partners)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n; i++)
		if (n == 0 || !record_same(records->p[n - 1], records->p[i], partners))
			records->p[n++] = records->p[i];
	records->n = n;
}

static void
sort_records(struct record_array *records, const struct partner_table *partners)
{
	if (records->n > 8) {
		qsort_r(records->p, records->n, sizeof(*records->p), compare_records, (void *)partners);
		return;
	}
	for (size_t i = 1; i < records->n; i++)
		for (size_t k = i; k > 0 && record_order(records->p[k], records->p[k - 1], partners) < 0; k--) {
			struct record *swapped = records->p[k];
			records->p[k] = records->p[k - 1];
			records->p[k - 1] = swapped;
		}
}

uint64_t
settle(struct accommodation *a, bool replace, const struct partner_table *partners, struct record_array *scratch)
{
	uint32_t before = a->n;

	if (a->n < 2)
		return 0;
	scratch->n = 0;
	for (struct record *r = a->first; r; r = r->next) {
		if (scratch->n == scratch->capacity) {
			scratch->capacity = scratch->capacity ? scratch->capacity * 2 : 64;
			scratch->p = memory_resize(scratch->p, scratch->capacity, sizeof(*scratch->p));
		}
		scratch->p[scratch->n++] = r;
	}
	sort_records(scratch, partners);
	if (!replace)
		drop_equal_neighbours(scratch, partners);
	else if (a->unsettled)
		keep_first_of_partners(scratch);
	a->first = scratch->p[0]; /* NOLINT(clang-analyzer-core.NullDereference): a->n tells of two at least */
	for (size_t i = 0; i + 1 < scratch->n; i++)
		scratch->p[i]->next = scratch->p[i + 1];
	scratch->p[scratch->n - 1]->next = NULL;
	a->n = (uint32_t)scratch->n;
	a->unsettled = false;
	return before - a->n;
}

struct record *
lay_out(struct accommodation *a, struct record *out)
{
	a->records = out;
	for (const struct record *r = a->first; r; r = r->next)
		*out++ = *r;
	a->first = NULL;
	return out;
}
