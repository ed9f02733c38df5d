#include "catalog/group.h"

#include "base/memory.h"

#include <stdlib.h>

#define SEGMENT_MIN 1024
#define SEGMENT_MAX (16 * 1024)
#define FEW 8 /* records that are searched and sorted simply */

static void
add_segment(struct shelf *shelf, struct bin *bin)
{
	size_t bytes = SEGMENT_MIN;
	struct segment *segment;

	while (bytes < SEGMENT_MAX && bytes < bin->bytes)
		bytes *= 2;
	segment = arena_get(&shelf->segments, bytes);
	segment->next = NULL;
	if (bin->last) {
		bin->last->end = bin->next;
		bin->last->next = segment;
	} else {
		bin->first = segment;
	}
	bin->last = segment;
	bin->next = segment->room;
	bin->room = bytes - sizeof(*segment);
	bin->bytes += bytes;
	shelf->bytes += bytes;
}

/* Fresh memory at the ends of so many bins is not in the cache: without this each record filed waits for it. */
static inline __attribute__((always_inline)) void
fetch_for_writing(const char *p)
{
	__builtin_prefetch(p, 1);
	__builtin_prefetch(p + 64, 1);
}

struct record *
shelf_add(struct shelf *shelf, const struct record *record)
{
	struct bin *bin = &shelf->bins[shelf->bin_bits ? record->hash >> (32 - shelf->bin_bits) : 0];
	size_t bytes = record_bytes(record);
	struct record *filed;

	if (bin->room < bytes)
		add_segment(shelf, bin);
	filed = (struct record *)bin->next;
	memcpy(filed, record, sizeof(*record));
	for (size_t at = sizeof(*record); at < bytes; at += 8)
		memcpy(bin->next + at, (const char *)record + at, 8);
	bin->next += bytes;
	bin->room -= bytes;
	bin->n++;
	fetch_for_writing(bin->next);
	return filed;
}

/* Whether a's id is b's: plain, and as many bytes. */
static inline bool
same_plain_id(const struct record *a, const struct record *b)
{
	return a->hash == b->hash && a->id_prefix == b->id_prefix && a->id_n == b->id_n &&
		(a->flags & b->flags & RECORD_PLAIN_ID) && (a->id_n <= 10 || slice_equal(record_id(a), record_id(b)));
}

static inline bool
recent_is_of_use(struct recent *recent, const struct stretch *stretch)
{
	if (recent->stretch != stretch) {
		memset(recent, 0, sizeof(*recent));
		recent->stretch = stretch;
	}
	return recent->looked < RECENT_SLOTS || recent->found > recent->looked / 8;
}

struct record *
shelf_add_first(struct shelf *shelf, const struct record *r, const struct record_tables *tables, uint64_t *superseded)
{
	struct recent *recent = &shelf->recent;
	struct record **slot, *before;

	if (!recent_is_of_use(recent, r->stretch))
		return shelf_add(shelf, r);
	slot = &recent->records[(r->hash + r->partner * 0x9e3779b1u) % RECENT_SLOTS];
	before = *slot;
	recent->looked++;
	/* one takes the place of the other where it is as large */
	if (!before || before->partner != r->partner || !same_plain_id(before, r) ||
		record_bytes(before) != record_bytes(r) || !record_order_is_known(before, r)) {
		*slot = shelf_add(shelf, r);
		return *slot;
	}
	recent->found++;
	++*superseded;
	if (record_order(r, before, tables) >= 0)
		return NULL;
	memcpy(before, r, record_bytes(r));
	return before;
}

void
shelf_clear(struct shelf *shelf)
{
	arena_free(&shelf->segments);
	memset(shelf->bins, 0, sizeof(shelf->bins));
	memset(&shelf->recent, 0, sizeof(shelf->recent));
	shelf->bytes = 0;
}

/* --- gathering ---------------------------------------------------------------------------------------------------- */

#define SLOTS_MIN 4096

/* A bin's record that counts, with its accommodation. */
struct found {
	struct record *record;
	uint32_t accommodation;
};

static void
add_accommodation(struct gatherer *g, const struct record *r, struct slice id)
{
	if (g->n == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 64;
		g->accommodations = memory_resize(g->accommodations, g->capacity, sizeof(*g->accommodations));
	}
	g->accommodations[g->n++] = (struct accommodation){.id = id, .hash = r->hash, .id_prefix = r->id_prefix};
}

/* The number of the record's accommodation. */
static uint32_t
find(struct gatherer *g, const struct record *r)
{
	struct slice id = record_id_text(r, &g->kept);
	size_t slot = r->hash & g->mask;

	while (g->slots[slot]) {
		struct accommodation *a = &g->accommodations[g->slots[slot] - 1];
		if (a->hash == r->hash && a->id_prefix == r->id_prefix && a->id.n == id.n &&
			(id.n <= 8 || slice_equal(a->id, id)))
			return g->slots[slot] - 1;
		slot = (slot + 1) & g->mask;
	}
	add_accommodation(g, r, id);
	g->slots[slot] = (uint32_t)g->n;
	return (uint32_t)g->n - 1;
}

static void
grow(struct gatherer *g)
{
	free(g->slots);
	g->mask = g->mask * 2 + 1;
	g->slots = memory_get_zeroed(g->mask + 1, sizeof(*g->slots));
	for (size_t i = 0; i < g->n; i++) {
		size_t slot = g->accommodations[i].hash & g->mask;
		while (g->slots[slot])
			slot = (slot + 1) & g->mask;
		g->slots[slot] = (uint32_t)i + 1;
	}
}

static size_t
find_in_segment(struct gatherer *g, char *p, const char *end, struct found *found)
{
	size_t n = 0;

	for (; p < end; p += record_bytes((struct record *)p)) {
		struct record *r = (struct record *)p;
		if (r->stretch->void_)
			continue;
		uint32_t accommodation = find(g, r);
		g->accommodations[accommodation].n++;
		found[n++] = (struct found){r, accommodation};
		if (g->n * 2 > g->mask)
			grow(g);
	}
	return n;
}

/* The bin's records that count: how many, in g->found. */
static size_t
find_all(struct gatherer *g, struct shelf *const *shelves, size_t n_shelves, unsigned number)
{
	size_t n = 0;

	for (size_t i = 0; i < n_shelves; i++)
		n += shelves[i]->bins[number].n;
	if (n > g->n_found_max) {
		free(g->found);
		g->found = memory_get(n * sizeof(*g->found));
		g->n_found_max = n;
	}
	g->n = 0;
	if (!g->slots) {
		g->slots = memory_get(SLOTS_MIN * sizeof(*g->slots));
		g->mask = SLOTS_MIN - 1;
	}
	memset(g->slots, 0, (g->mask + 1) * sizeof(*g->slots));
	n = 0;
	for (size_t i = 0; i < n_shelves; i++) {
		const struct bin *bin = &shelves[i]->bins[number];
		for (struct segment *s = bin->first; s; s = s->next)
			n += find_in_segment(g, s->room, s->next ? s->end : bin->next, g->found + n);
	}
	return n;
}

/* Put the records of each accommodation side by side. */
static void
place_all(struct gatherer *g, size_t n)
{
	struct record **next = arena_get(&g->kept, n * sizeof(struct record *));

	for (size_t i = 0; i < g->n; i++) {
		g->accommodations[i].records = next;
		next += g->accommodations[i].n;
		g->accommodations[i].n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct accommodation *a = &g->accommodations[g->found[i].accommodation];
		a->records[a->n++] = g->found[i].record;
	}
}

#define WHOLE_FLAGS (RECORD_COMPACT | RECORD_PLAIN_ID)

/* See the header: while the records are in the cache is the time to find out. */
static void
find_whole(struct accommodation *a, const struct shape_table *shapes)
{
	const struct record *first = a->records[0];
	uint64_t fields;

	if (first->shape == 0 || first->nulls || !first->data_n || (first->flags & WHOLE_FLAGS) != WHOLE_FLAGS)
		return;
	fields = shape_at(shapes, first->shape)->fields;
	for (uint32_t i = 1; i < a->n; i++) {
		uint32_t shape = a->records[i]->shape;
		if (shape != first->shape && (shape == 0 || shape_at(shapes, shape)->fields & ~fields))
			return;
	}
	a->id = (struct slice){first->text + first->id_at + 1, first->id_n - 2};
	a->whole = (struct slice){first->text + first->data_at, first->data_n};
}

void
gather_bin(
	struct gatherer *g, struct shelf *const *shelves, size_t n_shelves, unsigned bin, struct gathering *gathering)
{
	place_all(g, find_all(g, shelves, n_shelves, bin));
	*gathering = (struct gathering){.n = g->n};
	for (size_t i = 0; i < g->n; i++) {
		struct accommodation *a = &g->accommodations[i];
		if (a->id.n > gathering->longest_id)
			gathering->longest_id = a->id.n;
		gathering->superseded += settle(&g->settler, a);
		find_whole(a, g->settler.tables.shapes);
	}
	gathering->accommodations = arena_get(&g->kept, g->n * sizeof(*g->accommodations));
	if (g->n)
		memcpy(gathering->accommodations, g->accommodations, g->n * sizeof(*g->accommodations));
}

void
gatherer_free(struct gatherer *g)
{
	free(g->accommodations);
	free(g->found);
	free(g->slots);
	settler_free(&g->settler);
	arena_free(&g->kept);
}

/* --- settling ----------------------------------------------------------------------------------------------------- */

void
settler_free(struct settler *s)
{
	free(s->places);
	s->places = NULL;
	s->n_places = 0;
}

static void
know_partners(struct settler *s)
{
	uint32_t n = partner_count(s->tables.partners);

	if (n <= s->n_places)
		return;
	free(s->places);
	s->places = memory_get_zeroed(n, sizeof(*s->places));
	s->n_places = n;
}

/* The place + 1 of the partner's record among the first n, or 0. */
static uint32_t
place_of(const struct settler *s, const struct accommodation *a, uint32_t n, uint32_t partner)
{
	if (a->n > FEW)
		return s->places[partner]; /* NOLINT(clang-analyzer-core.NullDereference): know_partners was there */
	while (n > 0 && a->records[n - 1]->partner != partner)
		n--;
	return n;
}

static void
keep_first_of_partners(struct settler *s, struct accommodation *a)
{
	uint32_t n = 0;

	if (a->n > FEW)
		know_partners(s);
	for (uint32_t i = 0; i < a->n; i++) {
		struct record *r = a->records[i];
		uint32_t place = place_of(s, a, n, r->partner);
		if (place == 0) {
			a->records[n++] = r;
			if (a->n > FEW)
				s->places[r->partner] = n;
		} else if (record_order(r, a->records[place - 1], &s->tables) < 0) {
			a->records[place - 1] = r;
		}
	}
	if (a->n > FEW)
		for (uint32_t i = 0; i < n; i++)
			s->places[a->records[i]->partner] = 0;
	a->n = n;
}

static void
drop_equal_neighbours(struct settler *s, struct accommodation *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++)
		if (n == 0 || !record_same(a->records[n - 1], a->records[i], &s->tables))
			a->records[n++] = a->records[i];
	a->n = n;
}

static int
compare_records(const void *a, const void *b, void *tables)
{
	return record_order(*(struct record *const *)a, *(struct record *const *)b, tables);
}

static void
sort_records(const struct settler *s, struct accommodation *a)
{
	if (a->n > FEW) {
		qsort_r(a->records, a->n, sizeof(*a->records), compare_records, (void *)&s->tables);
		return;
	}
	for (uint32_t i = 1; i < a->n; i++) {
		struct record *r = a->records[i];
		uint32_t k = i;
		for (; k > 0 && record_order(r, a->records[k - 1], &s->tables) < 0; k--)
			a->records[k] = a->records[k - 1];
		a->records[k] = r;
	}
}

uint64_t
settle(struct settler *s, struct accommodation *a)
{
	uint32_t before = a->n;

	if (a->n < 2)
		return 0;
	if (s->replace)
		keep_first_of_partners(s, a);
	sort_records(s, a);
	if (!s->replace)
		drop_equal_neighbours(s, a);
	return before - a->n;
}
