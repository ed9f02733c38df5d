/* candidate - a value that a record offers for a field, and how a rule picks among them. */
#ifndef ACC_CATALOG_CANDIDATE_H
#define ACC_CATALOG_CANDIDATE_H

#include "base/buffer.h"
#include "catalog/merge.h"
#include "json/jq.h"

struct candidate {
	struct slice value; /* as it stands */
	const struct record *record;
	uint32_t place; /* the record's place in the accommodation's order, from 0 */
};

struct pick {
	bool computed;                /* the value was put together in `text`, not copied from one candidate */
	const struct candidate *from; /* whose value it is, or whose came first in it; NULL when jq made up a value */
	const char *rule;             /* which rule decided in the end */
};

struct picker {
	const struct merge_options *options;
	struct jq_program **programs; /* by program_number, compiled when first needed */
	struct buffer text;           /* of a computed value */
	struct buffer jq_input;
	struct candidate *ordered; /* scratch for rules with a list of their own */
	size_t capacity;
	uint64_t fallbacks;
};

void picker_free(struct picker *picker);

/* Pick among n (> 0) candidates, best first. */
struct pick pick_value(struct picker *picker, const struct rule *rule, const struct candidate *candidates, size_t n,
	struct slice field);

/* No candidate: null, and with --empty-is-missing also "", [] and {}. */
bool value_is_missing(struct slice value, bool empty_is_missing);

/* Append a value as its record has it, or compact when the record spans lines. */
void add_value(struct buffer *out, struct slice value, const struct record *record);

#endif
