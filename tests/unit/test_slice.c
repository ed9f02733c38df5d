#include "base/hash.h"
#include "base/slice.h"

#include "unit.h"

static void
order_is_by_bytes(void **state)
{
	(void)state;
	assert_true(slice_compare(SLICE("10"), SLICE("9")) < 0);
	assert_true(slice_compare(SLICE("a"), SLICE("aa")) < 0);
	assert_true(slice_compare(SLICE("\xc3\xa9"), SLICE("z")) > 0);
	assert_int_equal(slice_compare(slice_of(NULL), SLICE("")), 0);
	assert_int_equal(slice_compare(SLICE("a\0b"), SLICE("a\0b")), 0);
}

static void
equality_and_beginnings(void **state)
{
	(void)state;
	assert_true(slice_equal(slice_of("x"), SLICE("x")));
	assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(slice_equal(SLICE("a"), SLICE("ab")));
	assert_true(slice_begins(SLICE("s3://bucket"), SLICE("s3://")));
	assert_true(slice_begins(SLICE("x"), slice_of(NULL)));
	assert_false(slice_begins(SLICE("s3:"), SLICE("s3://")));
}

static void
equal_slices_have_equal_hashes(void **state)
{
	char text[] = "accommodation";

	(void)state;
	assert_int_equal(hash_slice(SLICE("accommodation")), hash_slice(slice_of(text)));
	assert_int_not_equal(hash_slice(SLICE("101")), hash_slice(SLICE("102")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_by_bytes),
		cmocka_unit_test(equality_and_beginnings),
		cmocka_unit_test(equal_slices_have_equal_hashes),
	};

	return TESTS(tests);
}
