/* spool - the files that acc-split makes: named by the microsecond, published when complete,
 * announced by a manifest line on standard output, and waited for when too many lie about.
 *
 *     spool_open(&spool, &error);
 *     spool_begin(&spool, &file, &error);
 *     spool_add(&spool, &file, p, n, records, &error);
 *     spool_end(&spool, &file, &error);
 *
 * One thread. */
#ifndef ACC_IO_SPOOL_H
#define ACC_IO_SPOOL_H

#include "io/digest.h"
#include "io/encode.h"
#include "io/manifest.h"
#include "io/publish.h"

struct spool_name {
	struct buffer before, after; /* the %f */
};

/* "output_object-%f.jsonl" taken apart; `%%` is a percent sign. -1 with *error (STATUS_USAGE) when
 * there is not exactly one %f, or a '/', or another conversion. The encoding's extension is added
 * unless it is there. */
int spool_name_parse(const char *text, enum encoding encoding, struct spool_name *name, struct error *error);
void spool_name_free(struct spool_name *name);

struct spool_closed {
	char *name; /* in the directory; owned */
	uint64_t bytes;
};

struct spool {
	const char *directory; /* borrowed; "." leaves the names bare */
	struct spool_name name;
	enum encoding encoding;
	int64_t at_us;       /* the clock when fixed, else -1 */
	uint64_t max_bytes;  /* of files not yet taken away; 0: no bound */
	uint64_t open_bytes; /* the most that files under way take, for max_bytes */

	int directory_fd;
	int64_t last_us;             /* of the last name */
	struct spool_closed *closed; /* not yet seen gone, oldest first; only with max_bytes */
	size_t n_closed;
	uint64_t closed_bytes;
	uint64_t files, bytes; /* published */
};

struct spool_file {
	struct publication publication;
	struct encoder *encoder;
	struct digest *digest;
	struct buffer pending; /* encoded, not yet written */
	uint64_t bytes;        /* written and pending */
	uint64_t records;
	uint32_t shard; /* from 0, or MANIFEST_NO_SHARD */
	bool open;
};

int spool_open(struct spool *s, struct error *error); /* the directory, made if need be */
void spool_close(struct spool *s);

void spool_file_init(const struct spool *s, struct spool_file *f, uint32_t shard);
void spool_file_free(struct spool_file *f); /* abandons what is not ended */

/* Begin a file; waits while the files not yet taken away leave no room below max_bytes for those under way. */
int spool_begin(struct spool *s, struct spool_file *f, struct error *error);
/* Add whole lines that hold so many records. */
int spool_add(struct spool *s, struct spool_file *f, const char *p, size_t n, uint64_t records, struct error *error);
void spool_measure(struct spool_file *f); /* flush the encoder: bytes is exact but for the file's end */
void spool_finish(struct spool_file *f);  /* end the encoding: bytes is the file's size; spool_end is due */
int spool_end(struct spool *s, struct spool_file *f, struct error *error); /* publish and announce */
void spool_abandon(struct spool_file *f);

#endif
