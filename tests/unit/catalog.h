/* catalog - what the tests of lib/catalog share: records made of text as acc-merge makes them.
 *
 *     struct catalog c;
 *     catalog_begin(&c, "alpha,beta", "");
 *     catalog_read(&c, "{\"accommodation_id\":1,...}\n");
 *     c.records, c.n
 *     catalog_end(&c); */
#ifndef ACC_TESTS_CATALOG_H
#define ACC_TESTS_CATALOG_H

#include "base/memory.h"
#include "catalog/group.h"

#include "unit.h"

#define CATALOG_RECORDS 200

struct catalog {
	struct name_list listed, denied;
	struct record_paths paths;
	struct partner_table *partners;
	struct shape_table *shapes;
	struct record_tables tables; /* the two */
	struct record_reader reader;
	struct scanner *scanner;
	struct stretch stretch;
	struct arena arena;
	struct record *records[CATALOG_RECORDS]; /* in arena */
	struct shelf shelf; /* what catalog_gather filed */
	struct gatherer gatherer;
	size_t n;
	enum record_fault fault; /* of the last record */
};

static inline void
catalog_names(struct name_list *list, const char *names)
{
	static const struct list_shape shape = {"ContentType", "PriorityList", "partner_list", false, false};
	char *argument = memory_format("%s,", names);
	struct error error;

	*list = (struct name_list){0};
	if (*names)
		assert_int_equal(name_list_read(argument, &shape, list, &error), 0);
	free(argument);
}

static inline void
catalog_begin(struct catalog *c, const char *listed, const char *denied)
{
	struct error error;

	*c = (struct catalog){.stretch = {.name = "in.jsonl"}};
	catalog_names(&c->listed, listed);
	catalog_names(&c->denied, denied);
	assert_int_equal(record_paths_parse(&c->paths, ".accommodation_id", ".partner_name", ".accommodation_data",
				 "._source.time", &error),
		0);
	c->partners = partner_table_new(&c->listed, &c->denied, false);
	c->shapes = shape_table_new();
	c->tables = (struct record_tables){c->partners, c->shapes};
	c->reader = (struct record_reader){.paths = &c->paths, .partners = partner_view_new(c->partners),
		.shapes = shape_view_new(c->shapes)};
	c->scanner = scanner_new(c->paths.names, c->paths.n_names, 1 << 20);
	scanner_list_inner(c->scanner, c->paths.data_name);
}

static inline void
catalog_end(struct catalog *c)
{
	scanner_free(c->scanner);
	record_reader_free(&c->reader);
	shape_table_free(c->shapes);
	partner_table_free(c->partners);
	record_paths_free(&c->paths);
	name_list_free(&c->listed);
	name_list_free(&c->denied);
	shelf_clear(&c->shelf);
	gatherer_free(&c->gatherer);
	arena_free(&c->arena);
}

/* Append the records of a whole input; text must outlive them. */
static inline void
catalog_read(struct catalog *c, const char *text)
{
	struct scan_record scanned;
	enum scan_result got;

	scanner_restart(c->scanner);
	scanner_window(c->scanner, text, strlen(text), true);
	while ((got = scanner_next(c->scanner, &scanned)) == SCAN_RECORD) {
		struct record *r = arena_get(&c->arena, RECORD_BYTES_MAX);

		assert_true(c->n < CATALOG_RECORDS);
		c->fault = record_read(&c->reader, &c->stretch, &scanned, r);
		if (c->fault != RECORD_GOOD)
			continue;
		c->records[c->n++] = r;
	}
	assert_int_equal(got, SCAN_END);
}

/* A bin of the shelves gathered, until the next call. */
static inline void
catalog_gather_bin(struct catalog *c, bool replace, struct shelf *const *shelves, size_t n_shelves, unsigned bin,
	struct gathering *g)
{
	gatherer_free(&c->gatherer);
	c->gatherer = (struct gatherer){.settler = {.replace = replace, .tables = c->tables}};
	gather_bin(&c->gatherer, shelves, n_shelves, bin, g);
}

/* Copies of all records gathered, those of one id together, until the next call. */
static inline void
catalog_gather(struct catalog *c, bool replace, struct gathering *g)
{
	struct shelf *shelf = &c->shelf;

	shelf_clear(shelf);
	for (size_t i = 0; i < c->n; i++)
		shelf_add(shelf, c->records[i]);
	catalog_gather_bin(c, replace, &shelf, 1, 0, g);
}

#endif
