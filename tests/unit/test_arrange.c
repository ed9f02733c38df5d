/* Arranging: all accommodations once, in the order of their ids' bytes, whatever the ids look like. */
#include "catalog/arrange.h"

#include "base/memory.h"

#include "unit.h"

/* Gatherings of n accommodations whose ids format makes of numbers in no order. */
static void
check(const char *format, size_t n, size_t n_gatherings)
{
	struct gathering *gatherings = memory_get_zeroed(n_gatherings, sizeof(*gatherings));
	struct arrangement arrangement;
	struct arena ids = {0};
	struct slice before = {NULL, 0};
	size_t seen = 0;

	for (size_t i = 0; i < n_gatherings; i++)
		gatherings[i].accommodations = memory_get_zeroed(n + 1, sizeof(struct accommodation));
	for (size_t i = 0; i < n; i++) {
		struct gathering *g = &gatherings[i % n_gatherings];
		char id[100];
		_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"") size_t length =
			(size_t)snprintf(id, sizeof(id), format, i * 7919 % n);
		_Pragma("GCC diagnostic pop") struct slice kept = arena_copy(&ids, (struct slice){id, length});
		g->accommodations[g->n++] = (struct accommodation){.id = kept, .id_prefix = id_prefix(kept)};
		if (length > g->longest_id)
			g->longest_id = length;
	}
	arrange(&arrangement, gatherings, n_gatherings);
	for (size_t part = 0; part < arrangement.n_parts; part++) {
		size_t in_part;
		struct arranged *all = arrangement_part(&arrangement, part, &in_part);
		for (size_t i = 0; i < in_part; i++) {
			assert_true(seen == 0 || slice_compare(before, all[i].accommodation->id) < 0);
			before = all[i].accommodation->id;
			seen++;
		}
	}
	assert_int_equal(seen, n);
	arrangement_free(&arrangement);
	for (size_t i = 0; i < n_gatherings; i++)
		free(gatherings[i].accommodations);
	free(gatherings);
	arena_free(&ids);
}

static void
ids_of_any_length_are_put_in_order(void **state)
{
	static const char *const formats[] = {"%zu", "%06zu", "%zu and more than eight bytes", "all begin alike, %zu",
		"all begin alike and have the same eight bytes next, %012zu"};
	static const size_t numbers[] = {0, 1, 2, 1000, 30011};

	(void)state;
	for (size_t f = 0; f < sizeof(formats) / sizeof(*formats); f++)
		for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
			check(formats[f], numbers[k], 1);
			check(formats[f], numbers[k], 16);
		}
}

static void
many_are_arranged_in_several_parts(void **state)
{
	struct gathering g = {
		.accommodations = memory_get_zeroed(20000, sizeof(struct accommodation)), .n = 20000, .longest_id = 5};
	struct arrangement arrangement;
	char(*ids)[8] = memory_get_zeroed(20000, sizeof(*ids));

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%05u", i);
		g.accommodations[i].id = slice_of(ids[i]);
		g.accommodations[i].id_prefix = id_prefix(slice_of(ids[i]));
	}
	arrange(&arrangement, &g, 1);
	assert_true(arrangement.n_parts > 1);
	assert_int_equal(arrangement.ends[arrangement.n_parts - 1], 20000);
	for (size_t part = 0; part < arrangement.n_parts; part++) {
		size_t n;
		arrangement_part(&arrangement, part, &n);
		assert_in_range(n, 1, PART_SIZE);
	}
	arrangement_free(&arrangement);
	free(g.accommodations);
	free(ids);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_any_length_are_put_in_order),
		cmocka_unit_test(many_are_arranged_in_several_parts),
	};

	return TESTS(tests);
}
