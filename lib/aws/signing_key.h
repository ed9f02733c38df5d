/* signing_key - the keys of recent scopes: one holds for a day, and derives from the secret by four hashes. Thread
 * safe. */
#ifndef ACC_AWS_SIGNING_KEY_H
#define ACC_AWS_SIGNING_KEY_H

#include "aws/sigv4.h"

/* As sigv4_key, from memory when the same was asked for before. */
void signing_key_get(unsigned char key[32], struct slice secret, const struct sigv4_scope *scope);

#endif
