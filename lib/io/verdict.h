/* verdict - whether a journal proves that a batch's work is done, and for which of its messages it is not.
 *
 * Pure: journal text and references in, verdict out. What is not proved has failed: only then may a message be deleted
 * that the verdict does not fail. The rules are those of acc(7), THE JOURNAL. See base/journal.h for the lines. */
#ifndef ACC_IO_VERDICT_H
#define ACC_IO_VERDICT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct verdict_link { /* one per message and object that it announced */
	struct slice uri;
	size_t message;   /* its place in messages */
	size_t reference; /* one number for all links to one version of an object */
};

struct verdict_message {
	struct slice id;
	bool failed;      /* out */
	char reason[400]; /* out: of the first failure */
};

struct verdict_question {
	struct slice journal;       /* its text */
	size_t n_references;        /* given to the command */
	uint64_t references_digest; /* of them, reference_list_digest */
	const struct verdict_link *links;
	size_t n_links;
	struct verdict_message *messages; /* filled in */
	size_t n_messages;
	int exit_status;   /* of the command: 0 to 255, or 128 + signal */
	bool timed_out;    /* it was ended, or not begun, because its time was up */
	bool trust_status; /* a command that leaves nothing in the journal is judged by its status */
	bool filtered;     /* somebody else's filter stands in between: no counts */
	uint64_t pipe;     /* that the command's standard output is (journal_pipe), or 0 */
};

enum verdict_tool { VERDICT_FETCH, VERDICT_MERGE, VERDICT_SPLIT, VERDICT_PUT, VERDICT_TOOLS };

/* What the journal counts, summed over the processes of a tool; for the metrics. */
struct verdict_counts {
	uint64_t references, references_digest, objects, failed_objects, skipped_objects, refused_objects;
	uint64_t read, represented, superseded, left_out, refused, written, stored;
	uint64_t bytes_in, bytes_out, files;
	uint64_t duration_ms; /* of the longest */
	bool present;
};

struct verdict_failure {  /* an object and why, for people */
	struct slice uri; /* as in the journal, JSON decoded; borrowed from the verdict */
	struct slice error;
	struct slice tool;
};

struct verdict {
	bool batch_failed; /* every message has failed */
	char reason[400];  /* why */
	struct verdict_counts tools[VERDICT_TOOLS];
	struct verdict_failure *failures; /* owned, as what they borrow */
	size_t n_failures, n_unlisted;    /* beyond a thousand they are only counted */
	void *memory;
};

/* Gives *verdict to verdict_free. */
void verdict_judge(const struct verdict_question *question, struct verdict *verdict);
void verdict_free(struct verdict *verdict);

#endif
