/* Partners: one number for one name, however it is written, and the rank that the lists give it. */
#include "catalog/partner.h"

#include "base/buffer.h"
#include "base/parallel.h"
#include "catalog.h"

struct lists {
	struct name_list listed, denied;
};

static void
lists_begin(struct lists *lists, const char *listed, const char *denied)
{
	catalog_names(&lists->listed, listed);
	catalog_names(&lists->denied, denied);
}

static void
lists_end(struct lists *lists)
{
	name_list_free(&lists->listed);
	name_list_free(&lists->denied);
}

static void
rank_is_the_place_in_the_list(void **state)
{
	struct lists lists;
	struct partner_table *table;
	struct partner_view *view;

	(void)state;
	lists_begin(&lists, "beta,alpha", "evil,beta");
	for (int drop = 0; drop < 2; drop++) {
		table = partner_table_new(&lists.listed, &lists.denied, drop);
		view = partner_view_new(table);
		static const struct {
			const char *raw;
			uint32_t rank;
			bool denied, listed;
		} examples[] = {{"\"alpha\"", 1, false, true}, {"\"beta\"", 0, true, true},
			{"\"evil\"", 2, true, false}, {"\"gamma\"", 2, false, false}, {"\"\"", 2, false, false}};
		for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
			const struct partner *p = partner_at(table, partner_number(view, slice_of(examples[i].raw)));
			assert_int_equal(p->rank, examples[i].rank);
			assert_int_equal(p->left_out, examples[i].denied || (drop && !examples[i].listed));
		}
		partner_view_free(view);
		partner_table_free(table);
	}
	lists_end(&lists);
}

static void
a_name_is_one_partner_however_it_is_written(void **state)
{
	struct lists lists;

	(void)state;
	lists_begin(&lists, "", "");
	struct partner_table *table = partner_table_new(&lists.listed, &lists.denied, false);
	struct partner_view *view = partner_view_new(table);
	uint32_t first = partner_number(view, SLICE("\"caf\\u00e9\""));
	assert_int_equal(partner_number(view, SLICE("\"caf\xc3\xa9\"")), first);
	assert_int_equal(partner_number(view, SLICE("\"\\u0063af\xc3\xa9\"")), first);
	assert_int_equal(partner_number(view, SLICE("\"caf\\u00e9\"")), first);
	assert_true(slice_equal(partner_at(table, first)->name, SLICE("caf\xc3\xa9")));
	assert_true(slice_equal(partner_at(table, first)->text, SLICE("\"caf\\u00e9\"")));
	assert_int_not_equal(partner_number(view, SLICE("\"cafe\"")), first);
	assert_int_equal(partner_count(table), 2);
	partner_view_free(view);
	partner_table_free(table);
	lists_end(&lists);
}

#define MANY 5000u

struct crowd {
	struct partner_table *table;
	uint32_t numbers[4][MANY];
};

static void
meet_all(void *context, unsigned thread)
{
	struct crowd *crowd = context;
	struct partner_view *view = partner_view_new(crowd->table);

	for (unsigned i = 0; i < MANY; i++) {
		unsigned k = thread % 2 ? MANY - 1 - i : i;
		char name[32];
		struct slice raw = {name, (size_t)snprintf(name, sizeof(name), "\"partner %u\"", k)};
		crowd->numbers[thread][k] = partner_number(view, raw);
	}
	partner_view_free(view);
}

static void
threads_that_meet_the_same_partners_agree(void **state)
{
	struct lists lists;
	static struct crowd crowd;

	(void)state;
	lists_begin(&lists, "partner 7,", "");
	crowd.table = partner_table_new(&lists.listed, &lists.denied, false);
	for (unsigned t = 0; t < 4; t++)
		memset(crowd.numbers[t], 0xff, sizeof(crowd.numbers[t]));
	parallel_run(4, meet_all, &crowd);
	assert_int_equal(partner_count(crowd.table), MANY);
	for (unsigned t = 0; t < 4; t++) {
		if (crowd.numbers[t][0] == UINT32_MAX)
			continue; /* the system gave fewer threads */
		for (unsigned i = 0; i < MANY; i++) {
			char name[32];
			snprintf(name, sizeof(name), "partner %u", i);
			assert_int_equal(crowd.numbers[t][i], crowd.numbers[0][i]);
			const struct partner *p = partner_at(crowd.table, crowd.numbers[t][i]);
			assert_true(slice_equal(p->name, slice_of(name)));
			assert_int_equal(p->rank, i != 7);
		}
	}
	partner_table_free(crowd.table);
	lists_end(&lists);
}

static void
no_table_is_freed_without_ado(void **state)
{
	(void)state;
	partner_table_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rank_is_the_place_in_the_list),
		cmocka_unit_test(a_name_is_one_partner_however_it_is_written),
		cmocka_unit_test(threads_that_meet_the_same_partners_agree),
		cmocka_unit_test(no_table_is_freed_without_ado),
	};

	return TESTS(tests);
}
