/* encode - bytes as they are, or compressed by gzip (RFC 1952) or zstd (RFC 8878), with a bound
 * known beforehand.
 *
 * Whoever must keep a file below a size asks encoder_fits before adding, and after encoder_flush
 * knows exactly. The same input gives the same output: no time, no name. One thread at a time. */
#ifndef ACC_IO_ENCODE_H
#define ACC_IO_ENCODE_H

#include "base/buffer.h"

#include <stdint.h>

enum encoding { ENCODING_NONE, ENCODING_GZIP, ENCODING_ZSTD };

struct encoder;

struct encoder *encoder_new(enum encoding encoding); /* gives, to encoder_free */
void encoder_free(struct encoder *e);
const char *encoding_extension(enum encoding encoding); /* "", ".gz" or ".zst" */

/* Each appends to *out whatever is ready; *out may be emptied between calls. */
void encoder_add(struct encoder *e, const void *p, size_t n, struct buffer *out);
void encoder_flush(struct encoder *e, struct buffer *out);  /* all that was added is in *out now */
void encoder_finish(struct encoder *e, struct buffer *out); /* ends the file; the encoder begins a new one */

/* How many bytes can be added since the last flush so that finishing then adds at most `room` bytes
 * to what had been put out at that flush; 0 when there is no room. */
uint64_t encoder_fits(const struct encoder *e, uint64_t room);

#endif
