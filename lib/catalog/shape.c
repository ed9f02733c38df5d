#include "catalog/shape.h"

#include "base/arena.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct shape {
	uint32_t number;         /* 0: never a shape */
	int n;
	struct slice names[SCAN_INNER_MAX];
};

struct shape_table {
	pthread_mutex_t lock;
	struct shape *shapes[SHAPES_MAX];
	size_t n;
	struct arena text;
};

#define VIEW_SHAPES 16

struct shape_view {
	struct shape_table *table;
	struct shape known[VIEW_SHAPES]; /* the last one used first to be tried is `last` */
	unsigned n, last, next;
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

static inline bool
fits(const struct shape *shape, const struct scan_record *r)
{
	if (shape->n != r->n_inner)
		return false;
	for (int i = 0; i < shape->n; i++)
		if (shape->names[i].n != r->inner[i].name_n ||
			memcmp(shape->names[i].p, r->text.p + r->inner[i].name_at, shape->names[i].n) != 0)
			return false;
	return true;
}

static bool
is_plain(const struct scan_record *r)
{
	for (int i = 0; i < r->n_inner; i++) {
		struct slice name = {r->text.p + r->inner[i].name_at, r->inner[i].name_n};
		if (memchr(name.p, '\\', name.n))
			return false;
		for (int k = 0; k < i; k++)
			if (slice_equal(name, (struct slice){r->text.p + r->inner[k].name_at, r->inner[k].name_n}))
				return false;
	}
	return r->n_inner > 0;
}

static struct shape *
add(struct shape_table *table, const struct scan_record *r)
{
	struct shape *shape = memory_get_zeroed(1, sizeof(*shape));

	shape->n = r->n_inner;
	shape->number = is_plain(r) ? (uint32_t)table->n + 1 : 0;
	for (int i = 0; i < shape->n; i++)
		shape->names[i] = arena_copy(&table->text,
			(struct slice){r->text.p + r->inner[i].name_at, r->inner[i].name_n});
	return table->shapes[table->n++] = shape;
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

uint32_t
shape_number(struct shape_view *view, const struct scan_record *r)
{
	const struct shape *found;

	if (r->n_inner <= 0)
		return 0;
	if (view->n && fits(&view->known[view->last], r))
		return view->known[view->last].number;
	for (unsigned i = 0; i < view->n; i++)
		if (fits(&view->known[i], r)) {
			view->last = i;
			return view->known[i].number;
		}
	if (!(found = find_or_add(view->table, r)))
		return 0;
	view->last = view->next;
	view->known[view->next] = *found;
	view->next = (view->next + 1) % VIEW_SHAPES;
	if (view->n < VIEW_SHAPES)
		view->n++;
	return found->number;
}
