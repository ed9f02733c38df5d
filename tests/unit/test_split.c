#include "io/split.h"

#include "unit.h"

static uint32_t
shard_of(const char *value, uint32_t shards)
{
	struct arena arena = {0};
	struct buffer scratch = {0};
	uint32_t shard = split_shard(slice_of(value), shards, &arena, &scratch);

	arena_free(&arena);
	buffer_free(&scratch);
	return shard;
}

/* XXH64 with seed 0, as the algorithm's author publishes: "" ef46db3751d8e999, "a"
 * d24ec4f1a98c6e5b, "abc" 44bc2cf5ad770999. */
static void
shards_are_the_same_on_every_machine(void **state)
{
	(void)state;
	assert_int_equal(shard_of("\"\"", 1000003), 0xef46db3751d8e999 % 1000003);
	assert_int_equal(shard_of("\"a\"", 1000003), 0xd24ec4f1a98c6e5b % 1000003);
	assert_int_equal(shard_of("\"abc\"", 1000003), 0x44bc2cf5ad770999 % 1000003);
	assert_int_equal(shard_of("\"abc\"", 1), 0);
}

static void
equal_values_share_a_shard_however_they_are_written(void **state)
{
	(void)state;
	assert_int_equal(shard_of("\"\\u0061\"", 1024), shard_of("\"a\"", 1024));
	assert_int_equal(shard_of("[1, 2]", 1024), shard_of("[1,2]", 1024));
	assert_int_equal(shard_of("7", 1024), shard_of("\"7\"", 1024));
}

static void
names_are_taken_apart(void **state)
{
	struct spool_name name;
	struct error e;

	(void)state;
	assert_int_equal(spool_name_parse("a%%-%f.jsonl", ENCODING_ZSTD, &name, &e), 0);
	assert_true(slice_equal(buffer_slice(&name.before), SLICE("a%-")));
	assert_true(slice_equal(buffer_slice(&name.after), SLICE(".jsonl.zst")));
	spool_name_free(&name);
	assert_int_equal(spool_name_parse("%f", ENCODING_NONE, &name, &e), 0);
	assert_int_equal(name.before.n + name.after.n, 0);
	spool_name_free(&name);
	assert_int_equal(spool_name_parse("%f%d", ENCODING_NONE, &name, &e), -1);
	assert_int_equal(e.status, STATUS_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_the_same_on_every_machine),
		cmocka_unit_test(equal_values_share_a_shard_however_they_are_written),
		cmocka_unit_test(names_are_taken_apart),
	};

	return TESTS(tests);
}
