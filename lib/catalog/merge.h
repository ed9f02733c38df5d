/* merge - what the records of one accommodation come to: one consolidated record, as text.
 *
 * A merger holds what a thread reuses between accommodations (and its compiled jq programs); one per thread. */
#ifndef ACC_CATALOG_MERGE_H
#define ACC_CATALOG_MERGE_H

#include "base/buffer.h"
#include "catalog/group.h"
#include "catalog/rules.h"

enum merge_mode { MERGE_FIELDS, MERGE_RECORD };

struct merge_options {
	const struct rules *rules;
	const struct record_paths *paths;
	struct record_tables tables; /* no thread adds to them while accommodations are merged; shapes may be NULL */
	enum merge_mode mode;
	bool empty_is_missing;
	bool explain;
	bool latest;                    /* print the surviving records themselves */
	const struct name_list *fields; /* --fields, or NULL for all */
	_Atomic bool *fields_met;       /* by place in `fields`: set when a result has the field; or NULL */
};

/* Whether merging takes no more from a record that has a shape than its values (see merge_shaped.h). */
bool merge_takes_values(const struct merge_options *options);

struct merger;

/* options are borrowed until merger_free. Gives a merger to merger_free. */
struct merger *merger_new(const struct merge_options *options);
void merger_free(struct merger *merger);

/* Append the output lines of an accommodation (its records in order) to out: one, or with `latest` one per record.
 * Returns how many lines. */
uint64_t merge_accommodation(struct merger *merger, const struct accommodation *a, struct buffer *out);

/* How often a rule found no candidate it can work on, or a jq program failed, so that priority decided. */
uint64_t merger_fallbacks(const struct merger *merger);

#endif
