/* What a _source says is known again where nothing but the record's number differs. */
#include "base/memory.h"
#include "catalog/known_source.h"

#include "unit.h"

#define SOURCE(uri, record, time) "{\"uri\":\"" uri "\",\"record\":" record ",\"time\":\"" time "\"}"

static bool
recalls(struct known_source *known, const char *source, int64_t seconds)
{
	uint64_t number;

	return known_source_recall(known, slice_of(source), &number) && known->time.seconds == seconds;
}

static void
remember(struct known_source *known, const char *source, int64_t seconds)
{
	known_source_remember(known, slice_of(source), (struct instant){.seconds = seconds});
}

static void
another_number_has_the_same_time(void **state)
{
	struct known_source known = {.serial = 0};

	(void)state;
	assert_false(recalls(&known, SOURCE("u", "1", "t"), 7));
	remember(&known, SOURCE("u", "1", "t"), 7);
	assert_true(recalls(&known, SOURCE("u", "1", "t"), 7));
	assert_true(recalls(&known, SOURCE("u", "123456", "t"), 7));
	known_source_free(&known);
}

static void
anything_else_has_not(void **state)
{
	static const char *const others[] = {SOURCE("v", "1", "t"), SOURCE("u", "1", "T"), SOURCE("u", "-1", "t"),
		SOURCE("u", "1.5", "t"), SOURCE("u", "1,\"time\":\"x\"", "t"), SOURCE("u", "\"1\"", "t"),
		"{\"uri\":\"u\",\"record\":1}", "{}"};
	struct known_source known = {.serial = 0};

	(void)state;
	remember(&known, SOURCE("u", "1", "t"), 7);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(recalls(&known, others[i], 7));
	assert_true(recalls(&known, SOURCE("u", "2", "t"), 7));
	known_source_free(&known);
}

static void
without_a_number_nothing_is_remembered(void **state)
{
	struct known_source known = {.serial = 0};

	(void)state;
	remember(&known, SOURCE("u", "1", "t"), 7);
	remember(&known, "{\"uri\":\"u\",\"time\":\"t\"}", 8);
	assert_false(recalls(&known, "{\"uri\":\"u\",\"time\":\"t\"}", 8));
	assert_false(recalls(&known, SOURCE("u", "1", "t"), 7));
	known_source_free(&known);
}

static void
where_all_differ_it_is_not_tried_for_each(void **state)
{
	struct known_source known = {.serial = 0};
	int remembered = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char *source = memory_format(SOURCE("%d", "1", "t"), i);
		assert_false(recalls(&known, source, 7));
		remember(&known, source, 7);
		remembered += recalls(&known, source, 7) ? 1 : 0;
		known.missed = (unsigned)i + 1;
		free(source);
	}
	assert_in_range(remembered, 16, 100);
	known_source_free(&known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_number_has_the_same_time),
		cmocka_unit_test(anything_else_has_not),
		cmocka_unit_test(without_a_number_nothing_is_remembered),
		cmocka_unit_test(where_all_differ_it_is_not_tried_for_each),
	};

	return TESTS(tests);
}
