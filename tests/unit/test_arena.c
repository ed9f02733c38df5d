#include "base/arena.h"

#include "unit.h"

static void
pieces_are_aligned_and_stay_where_they_are(void **state)
{
	struct arena a = {0};
	unsigned char *pieces[2000];

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		pieces[i] = arena_get(&a, i);
		assert_int_equal((uintptr_t)pieces[i] % 8, 0);
		memset(pieces[i], (int)(i & 255), i);
	}
	for (size_t i = 0; i < 2000; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(pieces[i][k], i & 255);
	assert_true(a.bytes >= 1999000);
	arena_free(&a);
	assert_int_equal(a.bytes, 0);
}

static void
a_large_piece_leaves_the_room_of_the_newest_chunk_in_use(void **state)
{
	struct arena a = {0};
	char *first, *next;

	(void)state;
	first = arena_get(&a, 8);
	memset(arena_get(&a, 1 << 20), 1, 1 << 20);
	next = arena_get(&a, 8);
	assert_ptr_equal(next, first + 8);
	arena_free(&a);
}

static void
the_first_piece_may_be_larger_than_a_chunk(void **state)
{
	struct arena a = {0};

	(void)state;
	memset(arena_get(&a, 10 << 20), 1, 10 << 20);
	memset(arena_get(&a, 100), 2, 100);
	arena_free(&a);
}

static void
a_copy_is_the_same_bytes_elsewhere(void **state)
{
	struct arena a = {0};
	struct slice hotel = SLICE("The Budapest Hotel"), copy = arena_copy(&a, hotel);

	(void)state;
	assert_true(slice_equal(copy, hotel));
	assert_ptr_not_equal(copy.p, hotel.p);
	assert_int_equal(arena_copy(&a, (struct slice){NULL, 0}).n, 0);
	arena_free(&a);
}

static void
a_reset_arena_owns_one_chunk_and_is_used_again(void **state)
{
	struct arena a = {0};
	size_t bytes;

	(void)state;
	arena_reset(&a); /* of an empty arena: nothing */
	for (int i = 0; i < 1000; i++)
		arena_get(&a, 1000);
	bytes = a.bytes;
	arena_reset(&a);
	assert_true(a.bytes > 0 && a.bytes < bytes);
	bytes = a.bytes;
	memset(arena_get(&a, 1000), 3, 1000);
	assert_int_equal(a.bytes, bytes);
	arena_free(&a);
	assert_null(a.chunks);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_stay_where_they_are),
		cmocka_unit_test(a_large_piece_leaves_the_room_of_the_newest_chunk_in_use),
		cmocka_unit_test(the_first_piece_may_be_larger_than_a_chunk),
		cmocka_unit_test(a_copy_is_the_same_bytes_elsewhere),
		cmocka_unit_test(a_reset_arena_owns_one_chunk_and_is_used_again),
	};

	return TESTS(tests);
}
