/* manifest - the lines between acc-split and acc-put, and the receipts behind it. Pure functions.
 *
 *     {"path":"out/output_object-1.jsonl","bytes":499812,"records":2113,"sha256":"<hex>","shard":3}
 *     {"uri":"file:///srv/out/output_object-1.jsonl","bytes":499812,"records":2113,"sha256":"<hex>"}
 */
#ifndef ACC_IO_MANIFEST_H
#define ACC_IO_MANIFEST_H

#include "base/buffer.h"
#include "base/error.h"
#include "io/digest.h"

#include <stdint.h>

#define MANIFEST_NO_SHARD UINT32_MAX

struct manifest_line {
	char *path; /* a plain file name; of a parsed line owned */
	uint64_t bytes, records;
	char sha256[DIGEST_HEX_SIZE]; /* lower case, or empty when unknown */
	uint32_t shard;               /* from 0, or MANIFEST_NO_SHARD */
	bool has_bytes, has_records;
	bool bare; /* a file name alone: not ours to remove */
};

/* Parse a line without its '\n'. One that does not begin with '{' is a bare file name. -1 with
 * *error (STATUS_REFUSED, code "invalid-manifest"). Gives *line to manifest_line_free. */
int manifest_parse(struct slice text, struct manifest_line *line, struct error *error);
void manifest_line_free(struct manifest_line *line);

void manifest_format(struct buffer *out, const struct manifest_line *line); /* without '\n' */

struct receipt {
	char *uri; /* owned */
	uint64_t bytes, records;
	bool has_records;
	char sha256[DIGEST_HEX_SIZE]; /* or empty */
	char *etag, *version_id;      /* owned, or NULL */
};

void receipt_format(struct buffer *out, const struct receipt *receipt); /* without '\n' */
void receipt_free(struct receipt *receipt);

#endif
