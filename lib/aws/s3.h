/* s3 - the object store: list, read, look, write.
 *
 * A bucket is addressed by virtual host where its name allows and the endpoint is AWS's own, else by path
 * (addressing_style in the profile's s3 section decides otherwise). A bucket that turns out to be in another region
 * is asked there once, and remembered. With AWS_REQUEST_PAYER=requester every request says so. Keys are raw bytes. All
 * calls block unless they say not; thread safe, a download is for one thread at a time. Errors: STATUS_FAILED, code
 * "missing" (404), "no-bucket", "unreadable" (archived, or a version that marks a removal), "denied" (AccessDenied),
 * "access" (otherwise 403, or the keys are at fault), "precondition" (412), "changed", "checksum", "service",
 * "network". */
#ifndef ACC_AWS_S3_H
#define ACC_AWS_S3_H

#include "aws/checksum.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The bucket and key of s3://bucket/key, borrowed from uri; key may be empty. -1 with *error (STATUS_REFUSED,
 * "bad-uri"). */
int s3_parse(const char *uri, struct slice *bucket, struct slice *key, struct error *error);

/* ---- reading */

struct s3_get {
	const char *uri;        /* borrowed by s3_open */
	const char *version_id; /* or NULL */
	size_t window;          /* bytes read ahead; 0: 256K */
	uint64_t bytes; /* as who names it says; 0: it is not known. Looked at where the store tells no length */
};

#define S3_RANGES_FROM (UINT64_C(16) << 20) /* bytes of an object that pays to be read in ranges, */
#define S3_RANGE_BYTES (UINT64_C(8) << 20)  /* each of so many, */
#define S3_RANGES_MAX 8                     /* at most so many ahead of the one that is read */

struct s3_meta {
	uint64_t bytes;
	bool has_bytes;
	char *etag, *version_id, *last_modified; /* owned; NULL when the reply had none; last_modified as in HTTP */
	char *sha256;                            /* hex, when the store knows it; of a look alone */
};
void s3_meta_free(struct s3_meta *meta);
struct instant s3_modified(const struct s3_meta *meta); /* last_modified; may be missing */

struct s3_download;

/* Ask for an object; does not wait. Gives a download to s3_close. */
struct s3_download *s3_open(const struct s3_get *get);
/* Wait until the object is there: 0 and *meta borrowed until s3_close, or -1. */
int s3_head(struct s3_download *d, const struct s3_meta **meta, struct error *error);
/* Read at most n bytes; 0 at the end, when length and checksum were found right. A connection that breaks is taken up
 * again where it broke, on the same ETag. -1 with *error. */
ssize_t s3_read(struct s3_download *d, void *p, size_t n, struct error *error);
/* After s3_head, before the first read: have a large object sent by so many ranges more at a time, each on its own
 * connection, where one is slower than the line. It is read in order as ever; every range must be of the same ETag.
 * Each keeps up to S3_RANGE_BYTES ahead, or puts them to into, room for all of the object: the reads must then be
 * given into, and where the one before left off. A smaller object, or a store without ranges, is read as ever. */
void s3_read_ahead(struct s3_download *d, unsigned ranges, char *into);
/* Read all of an object whose size is known to *out, which must be empty: as s3_read to the end. 0, or -1. */
int s3_read_whole(struct s3_download *d, struct buffer *out, struct error *error);
void s3_close(struct s3_download *d);

/* Ask about an object without reading it. Gives *meta to s3_meta_free. */
int s3_look(const struct s3_get *get, struct s3_meta *meta, struct error *error);

/* ---- listing */

struct s3_entry {
	struct slice key;
	struct slice etag, last_modified; /* last_modified: RFC 3339 */
	uint64_t bytes;
	bool is_prefix; /* key is a common prefix; nothing else is set */
};

struct s3_listing {
	struct slice bucket, prefix;
	const char *delimiter; /* "/" to stop at the next level, or NULL */
};

/* Call each for every key in order, until it returns false. What each borrows lives during the call. A service whose
 * pages lead in a circle, or are empty a thousand times in a row, or have prefixes that are not below the one asked
 * for, is an error ("service"). */
int s3_list(const struct s3_listing *listing, bool (*each)(void *context, const struct s3_entry *entry), void *context,
	struct error *error);

/* ---- writing */

struct s3_put {
	const char *uri;
	int fd; /* read by pread(2) from its beginning */
	uint64_t bytes;
	const char *sha256; /* hex, of all of it */
	bool only_new;      /* If-None-Match: * */
	const char *content_type, *storage_class;
	const char *sse;             /* "AES256", "aws:kms[:KEY]", "aws:kms:dsse[:KEY]" */
	enum checksum_kind checksum; /* CHECKSUM_NONE: no checksum headers */
	const char *tagging;         /* URL-encoded, or NULL */
	const char *const *metadata; /* name, value, name, value, ..., NULL; or NULL */
};

/* Store an object: 0 with etag and version_id in *meta (given to s3_meta_free). -1: code "precondition" when only_new
 * and the key is taken. */
int s3_store_object(const struct s3_put *put, struct s3_meta *meta, struct error *error);

#endif
