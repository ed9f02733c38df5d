#include "catalog/partner.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "json/text.h"

#include <pthread.h>
#include <stdlib.h>

#define SHELVES_MAX (1u << 20)

/* How to find a partner by its name. */
struct partner_names {
	pthread_mutex_t lock;
	const struct name_list *listed, *denied;
	bool drop_unlisted;
	struct arena text;
	atomic_uint n;
	uint32_t *slots; /* open addressing by the decoded name; number + 1 */
	size_t n_slots;
};

struct partner_table *
partner_table_new(const struct name_list *listed, const struct name_list *denied, bool drop_unlisted)
{
	struct partner_table *table = memory_get_zeroed(1, sizeof(*table));
	struct partner_names *names = table->names = memory_get_zeroed(1, sizeof(*names));

	table->shelves = memory_get_zeroed(SHELVES_MAX, sizeof(*table->shelves));
	pthread_mutex_init(&names->lock, NULL);
	names->listed = listed;
	names->denied = denied;
	names->drop_unlisted = drop_unlisted;
	names->n_slots = 64;
	names->slots = memory_get_zeroed(names->n_slots, sizeof(*names->slots));
	return table;
}

void
partner_table_free(struct partner_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < partner_count(table); i += PARTNERS_PER_SHELF)
		free(atomic_load(&table->shelves[i / PARTNERS_PER_SHELF]));
	free(table->shelves);
	free(table->names->slots);
	arena_free(&table->names->text);
	pthread_mutex_destroy(&table->names->lock);
	free(table->names);
	free(table);
}

uint32_t
partner_count(const struct partner_table *table)
{
	return atomic_load(&table->names->n);
}

static size_t
slot_of(const struct partner_table *table, struct slice name)
{
	const struct partner_names *names = table->names;
	size_t slot = hash_slice(name) & (names->n_slots - 1);

	while (names->slots[slot] && !slice_equal(partner_at(table, names->slots[slot] - 1)->name, name))
		slot = (slot + 1) & (names->n_slots - 1);
	return slot;
}

static void
grow(struct partner_table *table)
{
	struct partner_names *names = table->names;

	free(names->slots);
	names->n_slots *= 2;
	names->slots = memory_get_zeroed(names->n_slots, sizeof(*names->slots));
	for (uint32_t i = 0; i < names->n; i++)
		names->slots[slot_of(table, partner_at(table, i)->name)] = i + 1;
}

static uint32_t
add(struct partner_table *table, struct slice name, struct slice raw)
{
	struct partner_names *names = table->names;
	uint32_t number = names->n, shelf = number / PARTNERS_PER_SHELF;
	struct partner *partner;

	if (shelf == SHELVES_MAX)
		abort(); /* a thousand million partners: the records would not fit before */
	if (!table->shelves[shelf])
		atomic_store_explicit(&table->shelves[shelf], memory_get_zeroed(PARTNERS_PER_SHELF, sizeof(*partner)),
			memory_order_release);
	partner = &table->shelves[shelf][number % PARTNERS_PER_SHELF];
	partner->name = arena_copy(&names->text, name);
	partner->text = arena_copy(&names->text, raw);
	partner->rank = (uint32_t)name_list_place(names->listed, name);
	partner->left_out = name_list_place(names->denied, name) < names->denied->n ||
		(names->drop_unlisted && partner->rank == names->listed->n);
	names->slots[slot_of(table, partner->name)] = number + 1;
	atomic_store(&names->n, number + 1);
	if (names->n * 2 > names->n_slots)
		grow(table);
	return number;
}

static uint32_t
find_or_add(struct partner_table *table, struct slice raw)
{
	struct arena arena = {0};
	struct slice name = json_decode(raw, &arena);
	uint32_t number;

	pthread_mutex_lock(&table->names->lock);
	number = table->names->slots[slot_of(table, name)];
	number = number ? number - 1 : add(table, name, raw);
	pthread_mutex_unlock(&table->names->lock);
	arena_free(&arena);
	return number;
}

/* A small memory of raw names: each may be in one of a few slots, so that two partners that are met by turns do not
 * drive each other out. */
#define VIEW_SLOTS 256
#define VIEW_WAYS 4

struct partner_view {
	struct partner_table *table;
	struct {
		struct slice raw;
		uint32_t number;
	} seen[VIEW_SLOTS];
};

struct partner_view *
partner_view_new(struct partner_table *table)
{
	struct partner_view *view = memory_get_zeroed(1, sizeof(*view));

	view->table = table;
	return view;
}

void
partner_view_free(struct partner_view *view)
{
	free(view);
}

uint32_t
partner_number(struct partner_view *view, struct slice raw)
{
	size_t slot = hash_slice(raw) % (VIEW_SLOTS / VIEW_WAYS) * VIEW_WAYS, way = 0;
	uint32_t number;

	for (; way < VIEW_WAYS && view->seen[slot + way].raw.n; way++)
		if (slice_equal(view->seen[slot + way].raw, raw))
			return view->seen[slot + way].number;
	number = find_or_add(view->table, raw);
	if (slice_equal(partner_at(view->table, number)->text, raw)) {
		slot += way < VIEW_WAYS ? way : number % VIEW_WAYS;
		view->seen[slot].raw = partner_at(view->table, number)->text;
		view->seen[slot].number = number;
	}
	return number;
}
