/* store - where finished files go: a directory, or what a command has registered for a scheme.
 *
 * Calls on an open store may come from several threads at once, each for its own object. */
#ifndef ACC_IO_STORE_H
#define ACC_IO_STORE_H

#include "base/error.h"
#include "base/options.h"
#include "io/manifest.h"

#include <stdbool.h>
#include <stdint.h>

enum store_checksum { STORE_CHECKSUM_SHA256, STORE_CHECKSUM_CRC32C, STORE_CHECKSUM_NONE };

/* What the object should carry; a directory has no use for any of it. Strings are NULL when not
 * asked for. */
struct store_options {
	const char *sse; /* "AES256", "aws:kms[:KEY]" or "aws:kms:dsse[:KEY]" */
	const char *storage_class;
	const char *content_type;
	enum store_checksum checksum;
	struct option_list tags;     /* "name=value" */
	struct option_list metadata; /* "name=value" */
};

struct store_object {
	const char *key;    /* raw */
	int fd;             /* a regular file, read by pread(2); borrowed */
	uint64_t bytes;     /* its size */
	const char *sha256; /* of its content, hex; never empty */
};

enum store_condition {
	STORE_CREATE, /* only where nothing has the key, decided by the store itself */
	STORE_OVERWRITE,
};

enum store_result {
	STORE_ERROR = -1, /* *error; STATUS_REFUSED: this object cannot be stored, others can */
	STORE_DONE,       /* stored, durable, and proved to have the sha256 */
	STORE_TAKEN,      /* STORE_CREATE: the key is taken */
};

enum store_presence { STORE_UNKNOWN = -1, STORE_ABSENT, STORE_SAME, STORE_OTHER };

struct store {
	const struct store_class *class;
};

struct store_class {
	const char *scheme; /* without "://" */

	/* Borrows both for the store's life. Does not touch the destination yet. Gives a store to
	 * close, or NULL. */
	struct store *(*open)(const char *destination, const struct store_options *options, struct error *error);
	void (*close)(struct store *store);

	/* Whether an object can have the key: 0, or -1 with *error (STATUS_REFUSED, code "bad-key"). To be asked before
	 * put and look. */
	int (*check_key)(struct store *store, const char *key, struct error *error);

	/* The address of a key, for receipts and messages. Gives a string to free(3). */
	char *(*uri)(struct store *store, const char *key);

	/* Store the object. With STORE_DONE etag and version_id of *receipt are filled where the
	 * store has them (given, see receipt_free); the caller fills the rest. */
	enum store_result (*put)(struct store *store, const struct store_object *object, enum store_condition condition,
		struct receipt *receipt, struct error *error);

	/* What is at the object's key now: STORE_SAME when it has the object's size and sha256;
	 * then as put. */
	enum store_presence (*look)(
		struct store *store, const struct store_object *object, struct receipt *receipt, struct error *error);
};

extern const struct store_class store_directory; /* "file"; also opens plain paths */

/* class is borrowed for ever. Before any store_open; one thread. */
void store_register(const struct store_class *class);
/* What the destination's scheme registered: see open above; NULL for "-", nothing, and schemes that nobody knows. */
struct store *store_open(const char *destination, const struct store_options *options, struct error *error);

#endif
