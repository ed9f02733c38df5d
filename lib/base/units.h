/* units - numbers as people write them in options. All return 0, or -1 with *error set
 * (STATUS_USAGE, code "usage") and a text that names the thing given. */
#ifndef ACC_BASE_UNITS_H
#define ACC_BASE_UNITS_H

#include "base/error.h"

#include <stdint.h>

/* Plain decimal. */
int units_number(const char *text, uint64_t *number, struct error *error);

/* 64K 500KB 1.5G; K M G T are 1024, KB MB GB TB 1000. */
int units_size(const char *text, uint64_t *bytes, struct error *error);

/* 90, 90s, 1.5m, 2h, 1d; a bare number is seconds. */
int units_duration(const char *text, uint64_t *ms, struct error *error);

#endif
