/* fuzz - what the fuzz targets share: their entry, and what must hold whatever the input. */
#ifndef ACC_TESTS_FUZZ_H
#define ACC_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Says where what does not hold, and ends the process, for which libFuzzer keeps the input. */
#define require(truth) \
	do { \
		if (!(truth)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth); \
			abort(); \
		} \
	} while (0)

#endif
