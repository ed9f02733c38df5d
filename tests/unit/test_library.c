#include "unit.h"

#include "base/library.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* zlib's, handed on under their own names. */
#define FUNCTIONS(each) each(zlibVersion) each(crc32)
LIBRARY("libz.so.1", FUNCTIONS)
HAND_ON(const char *, zlibVersion, (void), ())
HAND_ON(uLong, crc32, (uLong before, const Bytef *p, uInt n), (before, p, n))

static void
functions_hand_on(void **state)
{
	(void)state;
	assert_null(theirs.crc32);
	assert_int_equal(crc32(0, (const Bytef *)"123456789", 9), 0xcbf43926);
	assert_ptr_not_equal(theirs.crc32, crc32);
	assert_int_equal(zlibVersion()[0], '1');
}

static void
open_nothing(void *unused)
{
	(void)unused;
	library_open("libthere-is-none.so.1");
}

static void
find_nothing(void *unused)
{
	(void)unused;
	library_find(library_open("libz.so.1"), "there_is_none");
}

static void
what_is_not_there_ends_the_command(void **state)
{
	struct ran ran = run(open_nothing, NULL);

	(void)state;
	assert_int_equal(ran.status, 3);
	assert_non_null(strstr(ran.err, "cannot load libthere-is-none.so.1: "));
	assert_non_null(strstr(ran.err, "No such file or directory"));
	ran_free(&ran);
	ran = run(find_nothing, NULL);
	assert_int_equal(ran.status, 3);
	assert_non_null(strstr(ran.err, "cannot load there_is_none: "));
	ran_free(&ran);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_hand_on),
		cmocka_unit_test(what_is_not_there_ends_the_command),
	};

	return TESTS(tests);
}
