#include "base/memory.h"

#include "unit.h"

#include <sys/resource.h>
#include <sys/stat.h>

static void
copies_and_formats(void **state)
{
	char *copy = memory_copy_string("Budapest"), *bytes = memory_copy("a\0b", 3);
	char *text = memory_format("%s-%d", "x", 7), *none = memory_copy(NULL, 0);

	(void)state;
	assert_string_equal(copy, "Budapest");
	assert_memory_equal(bytes, "a\0b\0", 4);
	assert_string_equal(text, "x-7");
	assert_string_equal(none, "");
	free(copy);
	free(bytes);
	free(text);
	free(none);
}

static void
nothing_is_a_piece_of_memory_too(void **state)
{
	void *pieces[] = {memory_get(0), memory_get_zeroed(0, 8), memory_get_zeroed(8, 0), memory_resize(NULL, 0, 1)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(pieces[i]);
		free(pieces[i]);
	}
}

static void
zeroed_and_resized_memory_keeps_its_bytes(void **state)
{
	char *p = memory_get_zeroed(10, 10);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	p[99] = 'z';
	p = memory_resize(p, 1000, 100);
	assert_int_equal(p[99], 'z');
	free(p);
}

/* The sizes are read by way of volatile, or the compiler would see what comes. */
static volatile size_t huge = (size_t)1 << 60, too_huge = (size_t)1 << 63;

static void
get_too_much(void *unused)
{
	(void)unused;
	memory_get(huge);
}

static void
get_zeroed_too_much(void *unused)
{
	(void)unused;
	memory_get_zeroed(too_huge, 4);
}

static void
resize_past_all_numbers(void *unused)
{
	(void)unused;
	memory_resize(NULL, too_huge, 2);
}

static void
resize_too_much(void *unused)
{
	(void)unused;
	memory_resize(NULL, huge, 1);
}

static void
copy_too_much(void *unused)
{
	(void)unused;
	memory_copy("", too_huge + (too_huge - 1));
}

static void
a_refusal_ends_the_command_with_3(void **state)
{
	void (*const bodies[])(void *) = {
		get_too_much, get_zeroed_too_much, resize_past_all_numbers, resize_too_much, copy_too_much};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct ran ran = run(bodies[i], NULL);

		assert_int_equal(ran.status, 3);
		assert_non_null(strstr(ran.err, "acc: out of memory: cannot get "));
		ran_free(&ran);
	}
}

/* ---- limits */

struct tree {
	char root[64];
	char groups[96];
};

static void
put(const char *directory, const char *name, const char *text)
{
	char *path = memory_format("%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void
make_directory(const char *root, const char *name)
{
	char *path = memory_format("%s/%s", root, name);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static void
make_tree(struct tree *tree)
{
	strcpy(tree->root, "/tmp/acc-unit-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->groups, sizeof(tree->groups), "%s/groups", tree->root);
}

static void
remove_tree(const struct tree *tree)
{
	char *command = memory_format("rm -r %s", tree->root);

	assert_int_equal(system(command), 0);
	free(command);
}

static void
the_least_limit_of_a_group_and_its_parents_counts(void **state)
{
	struct tree tree;

	(void)state;
	make_tree(&tree);
	make_directory(tree.root, "a");
	make_directory(tree.root, "a/b");
	put(tree.root, "groups", "0::/a/b\n");
	assert_true(memory_group_limit(tree.groups, tree.root) == UINT64_MAX);
	put(tree.root, "a/b/memory.max", "max\n");
	put(tree.root, "a/memory.max", "268435456\n");
	assert_int_equal(memory_group_limit(tree.groups, tree.root), 268435456);
	put(tree.root, "a/b/memory.max", "134217728\n");
	assert_int_equal(memory_group_limit(tree.groups, tree.root), 134217728);
	put(tree.root, "memory.max", "1048576\n");
	assert_int_equal(memory_group_limit(tree.groups, tree.root), 1048576);
	remove_tree(&tree);
}

static void
version_1_of_control_groups_is_understood(void **state)
{
	struct tree tree;

	(void)state;
	make_tree(&tree);
	make_directory(tree.root, "memory");
	put(tree.root, "groups", "5:cpu:/x\nbroken\nbroken:\n4:memory:/docker/abc\n");
	assert_true(memory_group_limit(tree.groups, tree.root) == UINT64_MAX);
	put(tree.root, "memory/memory.limit_in_bytes", "536870912\n"); /* the container's own root */
	assert_int_equal(memory_group_limit(tree.groups, tree.root), 536870912);
	assert_true(memory_group_limit("/nonexistent", tree.root) == UINT64_MAX);
	remove_tree(&tree);
}

static void
limit_this_process(void *resource)
{
	struct rlimit limit = {(rlim_t)64 << 20, (rlim_t)64 << 20};

	setrlimit(*(int *)resource, &limit);
	_exit(memory_limit() == (uint64_t)64 << 20 ? 0 : 1);
}

static void
limits_of_the_process_count(void **state)
{
	int resources[] = {RLIMIT_AS, RLIMIT_DATA};

	(void)state;
	assert_in_range(memory_limit(), 1 << 20, UINT64_C(1) << 50);
	for (int i = 0; i < 2; i++) {
		struct ran ran = run(limit_this_process, &resources[i]);

		assert_int_equal(ran.status, 0);
		ran_free(&ran);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_and_formats),
		cmocka_unit_test(nothing_is_a_piece_of_memory_too),
		cmocka_unit_test(zeroed_and_resized_memory_keeps_its_bytes),
		cmocka_unit_test(a_refusal_ends_the_command_with_3),
		cmocka_unit_test(the_least_limit_of_a_group_and_its_parents_counts),
		cmocka_unit_test(version_1_of_control_groups_is_understood),
		cmocka_unit_test(limits_of_the_process_count),
	};

	return TESTS(tests);
}
