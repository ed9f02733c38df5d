/* digest - SHA-256 of bytes as they pass, as lower-case hex; or SHA-1 and MD5, where a service knows nothing better.
 *
 * Nettle's, because it uses the CPU's SHA instructions where libsodium has portable C alone (1.4 GB/s against 0.3), and
 * every byte of output passes here twice; and because it starts without memory and time, unlike OpenSSL. A digest
 * is used by one thread at a time. */
#ifndef ACC_IO_DIGEST_H
#define ACC_IO_DIGEST_H

#include "base/error.h"

#include <stddef.h>

#define DIGEST_BYTES 32    /* of the longest */
#define DIGEST_HEX_SIZE 65 /* with the NUL */

enum digest_kind { DIGEST_SHA256, DIGEST_SHA1, DIGEST_MD5 };

struct digest;

struct digest *digest_new(enum digest_kind kind); /* gives, to digest_free; ends the command when memory is out */
void digest_free(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
size_t digest_finish(struct digest *d, char hex[DIGEST_HEX_SIZE]);               /* and begin anew; gives the length */
size_t digest_finish_bytes(struct digest *d, unsigned char bytes[DIGEST_BYTES]); /* the same in binary */

/* Digest a whole regular file from its beginning, by pread(2), and copy it to the descriptor `to`
 * unless that is -1. */
int digest_file(int from, int to, char hex[DIGEST_HEX_SIZE], struct error *error);

#endif
