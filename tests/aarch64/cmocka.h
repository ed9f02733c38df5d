/* cmocka - as much of it as the unit tests use, for where the library is not: the cross toolchain has none.
 * Found instead of the system's header by tests/aarch64/aarch64.mk alone. A failed assertion ends the program. */
#ifndef ACC_TESTS_AARCH64_CMOCKA_H
#define ACC_TESTS_AARCH64_CMOCKA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*body)(void **state);
};

#define cmocka_unit_test(function) {#function, function}

static const char *cmocka_running = "?";

static inline void __attribute__((noreturn, format(printf, 3, 4)))
cmocka_fail(const char *file, int line, const char *format, ...)
{
	va_list list;

	fflush(stdout);
	fprintf(stderr, "%s:%d: %s: ", file, line, cmocka_running);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(1);
}

static inline void
cmocka_same_strings(const char *file, int line, const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		cmocka_fail(file, line, "\"%s\" is not \"%s\"", a, b);
}

static inline void
cmocka_same_numbers(const char *file, int line, const char *what, uintmax_t a, uintmax_t b, bool wanted)
{
	if ((a == b) != wanted)
		cmocka_fail(file, line, "%s: %ju, %ju", what, a, b);
}

#define CMOCKA_HERE __FILE__, __LINE__
#define fail_msg(...) cmocka_fail(CMOCKA_HERE, __VA_ARGS__)
#define print_message(...) printf(__VA_ARGS__)
#define assert_true(c) ((c) ? (void)0 : cmocka_fail(CMOCKA_HERE, "not true: %s", #c))
#define assert_false(c) ((c) ? cmocka_fail(CMOCKA_HERE, "not false: %s", #c) : (void)0)
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))
#define assert_int_equal(a, b) \
	cmocka_same_numbers(CMOCKA_HERE, #a " == " #b, (uintmax_t)(a), (uintmax_t)(b), true)
#define assert_int_not_equal(a, b) \
	cmocka_same_numbers(CMOCKA_HERE, #a " != " #b, (uintmax_t)(a), (uintmax_t)(b), false)
#define assert_string_equal(a, b) cmocka_same_strings(CMOCKA_HERE, (a), (b))
#define assert_memory_equal(a, b, n) assert_true(memcmp((a), (b), (n)) == 0)

#define cmocka_run_group_tests(tests, setup, teardown) cmocka_run((tests), sizeof(tests) / sizeof(*(tests)))

static inline int
cmocka_run(const struct CMUnitTest *tests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *state = NULL;

		cmocka_running = tests[i].name;
		tests[i].body(&state);
		printf("ok %zu - %s\n", i + 1, tests[i].name);
	}
	return 0;
}

#endif
