#include "io/split.h"

#include "base/cleanup.h"
#include "base/output.h"

#include "unit.h"

#include <signal.h>
#include <sys/syscall.h>

/* A signal comes just as a line has been written to standard output. */
static bool struck_by_announcing;

ssize_t
write(int fd, const void *p, size_t n)
{
	ssize_t written = (ssize_t)syscall(SYS_write, fd, p, n);

	if (fd == STDOUT_FILENO && struck_by_announcing)
		raise(SIGTERM);
	return written;
}

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

static void
split_one_line(void *directory)
{
	struct split split = {.max_bytes = 100, .spool = {.directory = directory, .at_us = 7}};
	struct error e;
	uint64_t line = 0;

	cleanup_install();
	output_open(&output_stdout, STDOUT_FILENO, "standard output");
	assert_int_equal(spool_name_parse("%f", ENCODING_NONE, &split.spool.name, &e), 0);
	assert_int_equal(split_open(&split, &e), 0);
	assert_int_equal(split_run(&split, SLICE("1\n"), "in", &line, &e), 0);
	struck_by_announcing = true;
	split_finish(&split, &e);
}

static void
a_file_that_was_announced_stays(void **state)
{
	char directory[64], path[80];
	struct ran ran;

	(void)state;
	unit_path(directory);
	ran = run(split_one_line, directory);
	assert_int_equal(ran.status, 128 + SIGTERM);
	assert_non_null(strstr(ran.out, "\"records\":1"));
	snprintf(path, sizeof(path), "%s/7", directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_the_same_on_every_machine),
		cmocka_unit_test(equal_values_share_a_shard_however_they_are_written),
		cmocka_unit_test(names_are_taken_apart),
		cmocka_unit_test(a_file_that_was_announced_stays),
	};

	return TESTS(tests);
}
