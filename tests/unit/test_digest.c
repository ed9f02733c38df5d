#include "io/digest.h"

#include "unit.h"

/* The examples of FIPS 180-4 for SHA-256, and below for SHA-1. */
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void
the_published_examples_hold_and_finishing_begins_anew(void **state)
{
	struct digest *d = digest_new();
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	digest_finish(d, hex);
	assert_string_equal(hex, OF_NOTHING);
	digest_add(d, "a", 1);
	digest_add(d, "bc", 2);
	digest_finish(d, hex);
	assert_string_equal(hex, OF_ABC);
	digest_free(d);
	digest_free(NULL);
	d = digest_new_sha1();
	for (int i = 0; i < 2; i++) {
		digest_add(d, "abc", 3);
		digest_finish(d, hex);
		assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
	}
	digest_free(d);
}

static void
a_file_is_read_from_its_beginning_and_copied(void **state)
{
	FILE *from = tmpfile(), *to = tmpfile();
	char hex[DIGEST_HEX_SIZE], *text;
	struct error e;
	size_t n;

	(void)state;
	assert_int_equal(write(fileno(from), "abc", 3), 3);
	assert_int_equal(digest_file(fileno(from), fileno(to), hex, &e), 0);
	assert_string_equal(hex, OF_ABC);
	assert_int_equal(digest_file(fileno(to), -1, hex, &e), 0);
	assert_string_equal(hex, OF_ABC);
	text = unit_read(to, &n);
	assert_string_equal(text, "abc");
	free(text);
	fclose(from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_examples_hold_and_finishing_begins_anew),
		cmocka_unit_test(a_file_is_read_from_its_beginning_and_copied),
	};

	return TESTS(tests);
}
