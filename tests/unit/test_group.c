/* Grouping: records of one id come together in their order, whatever gives way is counted. */
#include "catalog.h"

/* One line per accommodation, ids sorted: "id: data data". */
static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
told(struct catalog *c, const struct gathering *g)
{
	char *lines[CATALOG_RECORDS];
	struct buffer out = {0};

	for (size_t i = 0; i < g->n; i++) {
		const struct accommodation *a = &g->accommodations[i];
		struct buffer line = {0};

		buffer_add_slice(&line, a->id);
		buffer_add_byte(&line, ':');
		for (uint32_t k = 0; k < a->n; k++) {
			buffer_add_byte(&line, ' ');
			buffer_add_slice(&line, record_data(a->records[k], c->shapes, &c->arena));
		}
		buffer_add_byte(&line, '\n');
		lines[i] = buffer_give(&line);
	}
	if (g->n)
		qsort(lines, g->n, sizeof(*lines), by_text);
	for (size_t i = 0; i < g->n; i++) {
		buffer_add_string(&out, lines[i]);
		free(lines[i]);
	}
	return buffer_give(&out);
}

static void
check(const char *text, bool replace, uint64_t superseded, const char *expected)
{
	struct catalog c;
	struct gathering g;

	catalog_begin(&c, "beta,alpha", "");
	catalog_read(&c, text);
	catalog_gather(&c, replace, &g);
	char *got = told(&c, &g);
	assert_string_equal(got, expected);
	assert_true(g.superseded == superseded);
	free(got);
	catalog_end(&c);
}

#define R(id, partner, data, source)                                                                                   \
	"{\"accommodation_id\":" id ",\"partner_name\":\"" partner "\",\"accommodation_data\":" data                   \
	",\"_source\":{" source "}}\n"

static void
ids_come_together_by_their_decoded_text(void **state)
{
	(void)state;
	check("", true, 0, "");
	check(R("1", "alpha", "{\"a\":1}", "") R("2", "alpha", "{}", "") R("\"\\u0031\"", "beta", "{\"b\":1}", ""),
		true, 0, "1: {\"b\":1} {\"a\":1}\n2: {}\n");
	check(R("\"a long id, number 1\"", "alpha", "{}", "") R("\"a long id, number 2\"", "alpha", "{}", "")
			R("\"a long id,\\u0020number 1\"", "beta", "{\"b\":1}", ""),
		true, 0, "a long id, number 1: {\"b\":1} {}\na long id, number 2: {}\n");
}

static const char deliveries[] = R("1", "alpha", "{\"a\":1}", "\"uri\":\"u\",\"record\":1,\"time\":1")
	R("1", "beta", "{\"b\":1}", "\"uri\":\"u\",\"record\":2,\"time\":1")
		R("1", "alpha", "{\"a\":2}", "\"uri\":\"u\",\"record\":3,\"time\":3")
			R("1", "alpha", "{\"a\":3}", "\"uri\":\"u\",\"record\":4,\"time\":2")
				R("1", "beta", "{\"b\":1}", "\"uri\":\"u\",\"record\":2,\"time\":1");

static void
a_delivery_replaces_the_partners_earlier_one(void **state)
{
	(void)state;
	check(deliveries, true, 3, "1: {\"b\":1} {\"a\":2}\n");
}

static void
as_patches_all_but_equal_records_stay(void **state)
{
	(void)state;
	check(deliveries, false, 1, "1: {\"b\":1} {\"a\":2} {\"a\":3} {\"a\":1}\n");
}

/* More partners of one accommodation than are looked through one by one, and more records than are sorted simply. */
static void
many_partners_are_settled_alike(void **state)
{
	struct buffer text = {0};
	struct catalog c;
	struct gathering g;

	(void)state;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 60; i++)
			buffer_format(&text, R("1", "partner %02d", "{\"n\":%d}", "\"uri\":\"u\",\"record\":%d"),
				(i * 7) % 60, round, 1 + round);
	catalog_begin(&c, "", "");
	catalog_read(&c, buffer_string(&text));
	catalog_gather(&c, true, &g);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.accommodations[0].n, 60);
	assert_true(g.superseded == 120);
	for (uint32_t i = 0; i < 60; i++) {
		const struct record *r = g.accommodations[0].records[i];
		char name[20];
		snprintf(name, sizeof(name), "partner %02u", i);
		assert_true(slice_equal(partner_at(c.partners, r->partner)->name, slice_of(name)));
		assert_true(slice_equal(record_data(r, c.shapes, &c.arena), SLICE("{\"n\":2}")));
	}
	catalog_end(&c);
	buffer_free(&text);
}

static void
shelves_of_several_threads_are_gathered_bin_by_bin(void **state)
{
	struct shelf *shelves[2];
	struct catalog c;
	struct buffer text = {0};
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		buffer_format(&text, R("%d", "alpha", "{}", "\"uri\":\"u\",\"record\":%d"), i / 2, i);
	catalog_begin(&c, "", "");
	catalog_read(&c, buffer_string(&text));
	for (int i = 0; i < 2; i++) {
		shelves[i] = memory_get_zeroed(1, sizeof(*shelves[i]));
		shelves[i]->bin_bits = 4;
	}
	for (size_t i = 0; i < c.n; i++)
		shelf_add(shelves[i % 2], c.records[i]);
	assert_true(shelves[0]->bytes >= 75 * sizeof(struct record));
	for (unsigned bin = 0; bin < 16; bin++) {
		struct gathering g;

		catalog_gather_bin(&c, false, shelves, 2, bin, &g);
		for (size_t i = 0; i < g.n; i++) {
			assert_int_equal(g.accommodations[i].n, 2);
			assert_int_equal(g.accommodations[i].hash >> 28, bin);
		}
		n += g.n;
	}
	assert_int_equal(n, 75);
	for (int i = 0; i < 2; i++) {
		shelf_clear(shelves[i]);
		assert_int_equal(shelves[i]->bytes, 0);
		free(shelves[i]);
	}
	catalog_end(&c);
	buffer_free(&text);
}

/* Where merging by field gives the first record's data, it is known without the records. */
static void
the_first_records_data_can_stand_for_all(void **state)
{
	static const struct { const char *first, *second, *whole; } cases[] = {
		{"{\"a\":1,\"b\":\"x\"}", "{\"a\":2}", "{\"a\":1,\"b\":\"x\"}"},
		{"{\"a\":1,\"b\":2}", "{\"b\":3,\"a\":null}", "{\"a\":1,\"b\":2}"},
		{"{\"a\":1}", "{\"a\":2,\"b\":null}", NULL},
		{"{\"a\":1,\"b\":null}", "{\"a\":2}", NULL},
		{"{\"a\": 1}", "{\"a\":2}", NULL},
		{"{\"a\":1}", "{\"a\":2,\"a\":3}", NULL},
		{"{}", "{\"a\":2}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer text = {0};
		struct gathering g;
		struct catalog c;

		catalog_begin(&c, "alpha,beta", "");
		buffer_format(&text, R("7", "beta", "%s", ""), cases[i].second);
		buffer_format(&text, R("\"7\"", "alpha", "%s", ""), cases[i].first);
		catalog_read(&c, buffer_string(&text));
		catalog_gather(&c, true, &g);
		struct slice whole = g.accommodations[0].whole, id = g.accommodations[0].id;
		if (c.records[0]->shape && cases[i].whole) {
			assert_true(slice_equal(whole, slice_of(cases[i].whole)));
			assert_true(slice_equal((struct slice){id.p - 1, id.n + 2}, SLICE("\"7\"")));
		} else {
			assert_null(whole.p);
		}
		catalog_end(&c);
		buffer_free(&text);
	}
}

static void
within_a_stretch_a_partners_next_record_takes_the_place(void **state)
{
	static const char text[] = R("\"1\"", "alpha", "{\"a\":1}", "\"time\":5")
		R("\"1\"", "beta", "{\"a\":2}", "\"time\":5")
		R("\"1\"", "alpha", "{\"a\":3}", "\"time\":6") R("\"2\"", "alpha", "{\"a\":4}", "\"time\":6")
			R("\"1\"", "alpha", "{\"a\":5}", "\"time\":4")
				R("\"1\"", "alpha", "{\"a\":6,\"b\":7,\"c\":8}", "\"time\":7");
	static const bool filed[] = {true, true, false, true, false, true};
	struct stretch next = {.name = "in.jsonl"};
	struct shelf *shelf;
	struct gathering g;
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, text);
	shelf = &c.shelf;
	if (!c.records[0]->shape) /* the exact scanner lists no members: all records are as large */
		c.n = 5;
	for (size_t i = 0; i < c.n; i++) {
		uint64_t superseded = 0;
		struct record *stays = shelf_add_first(shelf, c.records[i], &c.tables, &superseded);
		assert_int_equal(superseded, !filed[i]);
		assert_int_equal(stays != NULL, i != 4); /* which is older than the one before */
	}
	c.records[0]->stretch = &next;
	assert_non_null(shelf_add_first(shelf, c.records[0], &c.tables, NULL));
	assert_int_equal(shelf->bins[0].n, c.n - 1);
	catalog_gather_bin(&c, true, &shelf, 1, 0, &g);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.superseded, c.n - 4);
	catalog_end(&c);
}

static void
where_no_partner_comes_again_the_recent_are_given_up(void **state)
{
	struct catalog c;
	struct buffer text = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		buffer_format(&text, R("\"%d\"", "alpha", "{}", ""), i);
	catalog_begin(&c, "", "");
	catalog_read(&c, buffer_string(&text));
	for (int i = 0; i < RECENT_SLOTS; i++) {
		c.records[i % 100]->hash = (uint32_t)i;
		assert_non_null(shelf_add_first(&c.shelf, c.records[i % 100], &c.tables, NULL));
	}
	assert_non_null(shelf_add_first(&c.shelf, c.records[(RECENT_SLOTS - 1) % 100], &c.tables, NULL));
	catalog_end(&c);
	buffer_free(&text);
}

static void
records_of_a_void_stretch_do_not_count(void **state)
{
	struct stretch wrong = {.name = "in.jsonl", .void_ = true};
	struct catalog c;
	struct gathering g;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, R("1", "alpha", "{\"a\":1}", "") R("2", "alpha", "{}", "") R("1", "alpha", "{\"a\":2}", ""));
	c.records[0]->stretch = c.records[1]->stretch = &wrong;
	catalog_gather(&c, true, &g);
	char *got = told(&c, &g);
	assert_string_equal(got, "1: {\"a\":2}\n");
	assert_true(g.superseded == 0);
	free(got);
	catalog_end(&c);
}

static void
a_shelf_is_cleared_with_what_it_holds(void **state)
{
	struct shelf *shelf = memory_get_zeroed(1, sizeof(*shelf));
	struct catalog c;

	(void)state;
	catalog_begin(&c, "", "");
	catalog_read(&c, R("1", "alpha", "{}", ""));
	for (int i = 0; i < 1000; i++)
		shelf_add(shelf, c.records[0]);
	assert_int_equal(shelf->bins[0].n, 1000);
	shelf_clear(shelf);
	assert_int_equal(shelf->bins[0].n, 0);
	assert_null(shelf->bins[0].first);
	free(shelf);
	catalog_end(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_come_together_by_their_decoded_text),
		cmocka_unit_test(a_delivery_replaces_the_partners_earlier_one),
		cmocka_unit_test(as_patches_all_but_equal_records_stay),
		cmocka_unit_test(many_partners_are_settled_alike),
		cmocka_unit_test(shelves_of_several_threads_are_gathered_bin_by_bin),
		cmocka_unit_test(the_first_records_data_can_stand_for_all),
		cmocka_unit_test(within_a_stretch_a_partners_next_record_takes_the_place),
		cmocka_unit_test(where_no_partner_comes_again_the_recent_are_given_up),
		cmocka_unit_test(records_of_a_void_stretch_do_not_count),
		cmocka_unit_test(a_shelf_is_cleared_with_what_it_holds),
	};

	return TESTS(tests);
}
