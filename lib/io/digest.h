/* digest - SHA-256 of bytes as they pass, as lower-case hex; or SHA-1, where a service knows nothing better.
 *
 * OpenSSL's, because it uses the CPU's SHA instructions where libsodium has portable C alone (1.5
 * GB/s against 0.3 GB/s), and every byte of output passes here twice. A digest is used by one
 * thread at a time. */
#ifndef ACC_IO_DIGEST_H
#define ACC_IO_DIGEST_H

#include "base/error.h"

#include <stddef.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE 65 /* with the NUL */

struct digest;

struct digest *digest_new(void); /* gives, to digest_free; ends the command when memory is out */
struct digest *digest_new_sha1(void);
void digest_free(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_finish(struct digest *d, char hex[DIGEST_HEX_SIZE]);                 /* and begin anew */
size_t digest_finish_bytes(struct digest *d, unsigned char bytes[DIGEST_BYTES]); /* the same in binary: how many */

/* Digest a whole regular file from its beginning, by pread(2), and copy it to the descriptor `to`
 * unless that is -1. */
int digest_file(int from, int to, char hex[DIGEST_HEX_SIZE], struct error *error);

#endif
