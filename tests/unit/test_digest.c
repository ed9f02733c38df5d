#include "io/digest.h"

#include "unit.h"

/* The examples of FIPS 180-4 for SHA-256 and, below, SHA-1; those of RFC 1321, A.5, for MD5. */
#define OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void
the_published_examples_hold_and_finishing_begins_anew(void **state)
{
	static const struct {
		enum digest_kind kind;
		const char *hex;
	} older[] = {{DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72"}};
	struct digest *d = digest_new(DIGEST_SHA256);
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
	for (size_t i = 0; i < 2; i++) {
		d = digest_new(older[i].kind);
		for (int time = 0; time < 2; time++) {
			digest_add(d, "abc", 3);
			assert_int_equal(digest_finish(d, hex), strlen(older[i].hex));
			assert_string_equal(hex, older[i].hex);
		}
		digest_free(d);
	}
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
