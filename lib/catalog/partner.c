#include "catalog/partner.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "json/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHELF_BITS 10 /* partners per shelf: shelves never move, so readers need no lock */
#define SHELVES_MAX (1u << 20)

struct partner_table {
	pthread_mutex_t lock;
	const struct name_list *listed, *denied;
	bool drop_unlisted;
	struct arena text;
	_Atomic(struct partner *) *shelves;
	atomic_uint n;
	uint32_t *slots; /* open addressing by the decoded name; number + 1 */
	size_t n_slots;
};

struct partner_table *
partner_table_new(const struct name_list *listed, const struct name_list *denied, bool drop_unlisted)
{
	struct partner_table *table = memory_get_zeroed(1, sizeof(*table));

	pthread_mutex_init(&table->lock, NULL);
	table->listed = listed;
	table->denied = denied;
	table->drop_unlisted = drop_unlisted;
	table->shelves = memory_get_zeroed(SHELVES_MAX, sizeof(*table->shelves));
	table->n_slots = 64;
	table->slots = memory_get_zeroed(table->n_slots, sizeof(*table->slots));
	return table;
}

void
partner_table_free(struct partner_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < atomic_load(&table->n); i += 1u << SHELF_BITS)
		free(atomic_load(&table->shelves[i >> SHELF_BITS]));
	free(table->shelves);
	free(table->slots);
	arena_free(&table->text);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static struct partner *
at(const struct partner_table *table, uint32_t number)
{
	return atomic_load_explicit(&table->shelves[number >> SHELF_BITS], memory_order_acquire) +
		(number & ((1u << SHELF_BITS) - 1));
}

const struct partner *
partner_at(const struct partner_table *table, uint32_t number)
{
	return at(table, number);
}

uint32_t
partner_count(const struct partner_table *table)
{
	return atomic_load(&table->n);
}

static size_t
slot_of(const struct partner_table *table, struct slice name)
{
	size_t slot = hash_slice(name) & (table->n_slots - 1);

	while (table->slots[slot] && !slice_equal(at(table, table->slots[slot] - 1)->name, name))
		slot = (slot + 1) & (table->n_slots - 1);
	return slot;
}

static void
grow(struct partner_table *table)
{
	free(table->slots);
	table->n_slots *= 2;
	table->slots = memory_get_zeroed(table->n_slots, sizeof(*table->slots));
	for (uint32_t i = 0; i < table->n; i++)
		table->slots[slot_of(table, at(table, i)->name)] = i + 1;
}

static uint32_t
add(struct partner_table *table, struct slice name, struct slice raw)
{
	uint32_t number = table->n, shelf = number >> SHELF_BITS;
	struct partner *partner;

	if (shelf == SHELVES_MAX)
		abort(); /* a thousand million partners: the records would not fit before */
	if (!table->shelves[shelf])
		atomic_store_explicit(&table->shelves[shelf], memory_get_zeroed(1u << SHELF_BITS, sizeof(*partner)),
			memory_order_release);
	partner = at(table, number);
	partner->name = arena_copy(&table->text, name);
	partner->text = arena_copy(&table->text, raw);
	partner->rank = (uint32_t)name_list_place(table->listed, name);
	partner->left_out = name_list_place(table->denied, name) < table->denied->n ||
		(table->drop_unlisted && partner->rank == table->listed->n);
	table->slots[slot_of(table, partner->name)] = number + 1;
	atomic_store(&table->n, number + 1);
	if (table->n * 2 > table->n_slots)
		grow(table);
	return number;
}

static uint32_t
find_or_add(struct partner_table *table, struct slice raw)
{
	struct arena arena = {0};
	struct slice name = json_decode(raw, &arena);
	uint32_t number;

	pthread_mutex_lock(&table->lock);
	number = table->slots[slot_of(table, name)];
	number = number ? number - 1 : add(table, name, raw);
	pthread_mutex_unlock(&table->lock);
	arena_free(&arena);
	return number;
}

/* A small direct-mapped memory of raw names. */
#define VIEW_SLOTS 256

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
	size_t slot = hash_slice(raw) % VIEW_SLOTS;
	uint32_t number;

	if (slice_equal(view->seen[slot].raw, raw) && raw.n)
		return view->seen[slot].number;
	number = find_or_add(view->table, raw);
	if (slice_equal(at(view->table, number)->text, raw)) {
		view->seen[slot].raw = at(view->table, number)->text;
		view->seen[slot].number = number;
	}
	return number;
}
