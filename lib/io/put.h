/* put - store the files of a manifest, several at a time, and print their receipts in the
 * manifest's order.
 *
 *     put_start(&put);
 *     put_line(&put, line, n)     for each line of the manifest; or put_file(&put, path)
 *     put_finish(&put, &error);
 *
 * A file that is refused is reported and passed over; what makes the rest pointless ends the
 * command, once the files that are under way are stored or not, and have their receipts. These
 * functions are for one thread. */
#ifndef ACC_IO_PUT_H
#define ACC_IO_PUT_H

#include "io/feedback.h"
#include "io/store.h"

#include <pthread.h>

#define PUT_JOBS_MAX 256

enum if_exists { IF_EXISTS_RENAME, IF_EXISTS_FAIL, IF_EXISTS_OVERWRITE, IF_EXISTS_SKIP };

struct put_task;

struct put {
	/* set by the caller */
	struct store *store;
	const struct feedback *feedback;
	const char *key;          /* a template that key_check has passed */
	const char *manifest_key; /* for the list of receipts; NULL: none */
	int64_t at_us;
	enum if_exists if_exists;
	unsigned jobs;
	bool keep, discard_refused;
	bool dry_run; /* with one job only */

	/* results, to be read after put_finish; objects and bytes_out count what was there already
	 * by an earlier attempt of ours, records also what --if-exists skip passed over */
	uint64_t files, objects, records, already, skipped, refused, bytes_out;

	/* private */
	pthread_mutex_t mutex;
	pthread_cond_t work, room;
	struct put_task *ring;
	size_t ring_size, head, next, tail; /* printed up to head, taken up to next, filled up to tail */
	unsigned running;
	bool closing, has_failed;
	struct error failure;
	struct buffer receipts;
	void *claims; /* of a dry run, or where a key is taken once; a tree of tsearch(3) */
};

void put_start(struct put *p);
/* Both borrow during the call, and wait while too much is under way. number: of the line in its input, from 1. */
void put_line(struct put *p, struct slice line, uint64_t number);
void put_file(struct put *p, const char *path); /* which is not empty; the file stays */
int put_finish(struct put *p, struct error *error);

/* For a check before anything is done: the address that an object would have, and that of the list of receipts. Give a
 * string to free(3), or NULL with *error where the store cannot have such a key. */
char *put_sample_uri(const struct put *p, struct error *error);
char *put_manifest_uri(const struct put *p, struct error *error); /* not where manifest_key is NULL */

#endif
