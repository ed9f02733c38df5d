/* run - a sorted run of records on disk, and the merge of several.
 *
 * A run holds records sorted by id and, within an accommodation, in any order. It lives in an unnamed file, private to
 * the process that wrote it. While it is written, every RUN_SAMPLE_BYTES a sample of its ids is taken, so that parts of
 * several runs can be merged at the same time. */
#ifndef ACC_CATALOG_RUN_H
#define ACC_CATALOG_RUN_H

#include "base/buffer.h"
#include "base/error.h"
#include "catalog/group.h"

struct run_sample {
	struct slice id; /* decoded, owned by the run */
	uint64_t at;     /* offset of the id's first record */
};

struct run {
	int fd;
	unsigned level; /* 0: of what was held in memory; else it came of runs of the level below */
	uint64_t bytes;
	struct run_sample *samples;
	size_t n_samples;
	uint64_t sampled_to;
	struct arena ids;
};

/* Open an empty run in directory (an unnamed file). Gives a run to run_free, or NULL with *error. */
struct run *run_new(const char *directory, struct error *error);
void run_free(struct run *run);

/* Append records of one accommodation to out, in the form of a run, with what is to be kept of their texts; scratch is
 * reset, and not needed to keep all. */
void run_format(struct buffer *out, const struct accommodation *a, enum record_keep keep, struct arena *scratch);

/* Append what run_format made to the run: whole accommodations in order. Ends the command when the disk is full. */
void run_write(struct run *run, struct slice text, const char *directory);

/* Walks the accommodations of several runs in order of ids, from `from` (inclusive; p NULL: the first) up to `to`
 * (exclusive; p NULL: the last). Records of one id from all runs come together, settled. */
struct run_merge;
struct run_merge *run_merge_new(struct run *const *runs, size_t n, struct slice from, struct slice to,
	size_t buffer_bytes, bool replace, const struct record_tables *tables);
void run_merge_free(struct run_merge *merge);
/* Borrow the next accommodation until the next call; false at the end. superseded is added to. */
bool run_merge_next(struct run_merge *merge, struct accommodation *a, uint64_t *superseded);

#endif
