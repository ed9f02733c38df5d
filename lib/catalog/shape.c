#include "catalog/shape.h"

#include "base/arena.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct shape_table {
	pthread_mutex_t lock;
	struct shape *shapes[SHAPES_MAX];
	uint32_t n;
	struct slice fields[FIELDS_MAX];
	uint32_t n_fields;
	struct arena text;
};

#define VIEW_SLOTS 2048
#define LAYOUT_SLOTS 64

struct shape_view {
	struct shape_table *table;
	const struct shape *last;
	const struct shape *known[VIEW_SLOTS]; /* by a hash of the names */
	struct {
		uint32_t layout, number;
	} layouts[LAYOUT_SLOTS];
	bool table_is_full;
};

struct shape_table *
shape_table_new(void)
{
	struct shape_table *table = memory_get_zeroed(1, sizeof(*table));

	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void
shape_table_free(struct shape_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->shapes[i]);
	arena_free(&table->text);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

struct shape_view *
shape_view_new(struct shape_table *table)
{
	struct shape_view *view = memory_get_zeroed(1, sizeof(*view));

	view->table = table;
	return view;
}

void
shape_view_free(struct shape_view *view)
{
	free(view);
}

static inline struct slice
name_of(const struct scan_record *r, int i)
{
	return (struct slice){r->text.p + r->inner[i].name_at, r->inner[i].name_n};
}

static inline bool
fits(const struct shape *shape, const struct scan_record *r)
{
	if (shape->n != r->n_inner)
		return false;
	for (int i = 0; i < r->n_inner; i++)
		if (!slice_equal(shape->names[i], name_of(r, i)))
			return false;
	return true;
}

static bool
is_plain(const struct scan_record *r)
{
	for (int i = 0; i < r->n_inner; i++) {
		struct slice name = name_of(r, i);
		if (memchr(name.p, '\\', name.n))
			return false;
		for (int k = 0; k < i; k++)
			if (slice_equal(name, name_of(r, k)))
				return false;
	}
	return r->n_inner > 0;
}

static uint32_t
field_number(struct shape_table *table, struct slice name)
{
	uint32_t field = 0;

	while (field < table->n_fields && !slice_equal(table->fields[field], name))
		field++;
	if (field == table->n_fields && field < FIELDS_MAX)
		table->fields[table->n_fields++] = arena_copy(&table->text, name);
	return field;
}

/* Number the members' names; false when there are too many names. */
static bool
number_fields(struct shape_table *table, struct shape *shape)
{
	for (uint8_t i = 0; i < shape->n; i++) {
		uint32_t field = field_number(table, shape->names[i]);
		if (field == FIELDS_MAX)
			return false;
		shape->field[i] = (uint8_t)field;
		shape->member[field] = i;
		shape->fields |= 1ull << field;
	}
	return true;
}

/* What is never a shape is remembered with the number 0. */
static struct shape *
add(struct shape_table *table, const struct scan_record *r)
{
	struct shape *shape = memory_get_zeroed(1, sizeof(*shape));

	shape->n = (uint8_t)r->n_inner;
	shape->frame = 2;
	for (int i = 0; i < shape->n; i++) {
		shape->names[i] = arena_copy(&table->text, name_of(r, i));
		shape->frame += (uint32_t)shape->names[i].n + 1 + (i > 0);
	}
	table->shapes[table->n++] = shape;
	if (is_plain(r) && number_fields(table, shape))
		shape->number = table->n;
	return shape;
}

static const struct shape *
find_or_add(struct shape_table *table, const struct scan_record *r)
{
	const struct shape *found = NULL;

	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->n && !found; i++)
		if (fits(table->shapes[i], r))
			found = table->shapes[i];
	if (!found && table->n < SHAPES_MAX)
		found = add(table, r);
	pthread_mutex_unlock(&table->lock);
	return found;
}

static uint32_t
slot_of(const struct scan_record *r)
{
	uint32_t hash = (uint32_t)r->n_inner;

	for (int i = 0; i < r->n_inner; i++) {
		struct slice name = name_of(r, i);
		hash = (hash * 31 + (uint32_t)name.n) * 31 + (unsigned char)name.p[name.n / 2];
	}
	return (hash ^ hash >> 16) % VIEW_SLOTS;
}

static uint32_t
number_by_names(struct shape_view *view, const struct scan_record *r)
{
	const struct shape **slot;

	if (view->last && fits(view->last, r))
		return view->last->number;
	slot = &view->known[slot_of(r)];
	if (!*slot || !fits(*slot, r)) {
		const struct shape *found = view->table_is_full ? NULL : find_or_add(view->table, r);
		view->table_is_full |= !found;
		if (!found)
			return 0;
		*slot = found;
	}
	view->last = *slot;
	return view->last->number;
}

uint32_t
shape_number(struct shape_view *view, const struct scan_record *r)
{
	uint32_t slot = r->layout % LAYOUT_SLOTS;

	if (r->n_inner <= 0)
		return 0;
	if (!r->layout)
		return number_by_names(view, r);
	if (view->layouts[slot].layout != r->layout) {
		view->layouts[slot].number = number_by_names(view, r);
		view->layouts[slot].layout = r->layout;
	}
	return view->layouts[slot].number;
}

const struct shape *
shape_at(const struct shape_table *table, uint32_t number)
{
	return table->shapes[number - 1];
}
