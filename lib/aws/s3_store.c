/* s3_store - s3:// as a store of io/store.h: conditional writes with checksums. */
#include "aws/client.h"
#include "aws/s3.h"
#include "aws/schemes.h"
#include "base/memory.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "io/digest.h"
#include "io/store.h"

#include <stdlib.h>

static const struct store_class s3_store_class;

struct s3_store {
	struct store store;
	char *prefix; /* s3://bucket/prefix/, owned */
	const struct store_options *options;
	char *tagging;         /* URL-encoded, or NULL; owned */
	const char **metadata; /* name, value, ..., NULL; owned */
	char **names;          /* owned texts of it */
};

static char *
encode_tags(const struct option_list *tags)
{
	struct buffer text = {0};

	for (size_t i = 0; i < tags->n; i++) {
		const char *eq = strchr(tags->values[i], '=');

		form_add(&text, (struct slice){tags->values[i], (size_t)(eq - tags->values[i])}, slice_of(eq + 1));
	}
	return tags->n ? buffer_give(&text) : NULL;
}

static void
split_metadata(struct s3_store *s, const struct option_list *list)
{
	s->metadata = memory_get_zeroed(list->n * 2 + 1, sizeof(*s->metadata));
	s->names = memory_get_zeroed(list->n + 1, sizeof(*s->names));
	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->values[i], '=');

		s->names[i] = memory_copy(list->values[i], (size_t)(eq - list->values[i]));
		s->metadata[2 * i] = s->names[i];
		s->metadata[2 * i + 1] = eq + 1;
	}
}

static int
check_header(const char *what, const char *text, struct error *error)
{
	if (text && !*text)
		return error_set(error, STATUS_USAGE, "usage", "the %s is an empty text", what);
	for (const char *c = text; c && *c; c++)
		if (*c < ' ' || *c > '~')
			return error_set(error, STATUS_USAGE, "usage",
				"%s '%s' has a character that no HTTP header can carry", what, text);
	return 0;
}

static int
check_metadata(const struct option_list *list, struct error *error)
{
	if (list->n > 16)
		return error_set(error, STATUS_USAGE, "usage", "more than 16 items of metadata");
	for (size_t i = 0; i < list->n; i++) {
		const char *eq = strchr(list->values[i], '=');

		if (!eq || eq - list->values[i] > 100)
			return error_set(
				error, STATUS_USAGE, "usage", "metadata '%s' is not NAME=VALUE", list->values[i]);
		if (list->values[i] + strcspn(list->values[i], " :()<>@,;\\\"/[]?={}") < eq)
			return error_set(error, STATUS_USAGE, "usage",
				"metadata '%s' has a character that no HTTP header's name can have", list->values[i]);
		if (check_header("metadata", list->values[i], error) < 0)
			return -1;
	}
	return 0;
}

/* They become headers. */
static int
check_options(const struct store_options *o, struct error *error)
{
	if (check_header("encryption", o->sse, error) < 0 ||
		check_header("storage class", o->storage_class, error) < 0 ||
		check_header("content type", o->content_type, error) < 0)
		return -1;
	return check_metadata(&o->metadata, error);
}

static struct store *
s3_store_open(const char *destination, const struct store_options *options, struct error *error)
{
	struct slice bucket, key;
	struct s3_store *s;
	bool slash;

	if (s3_parse(destination, &bucket, &key, error) < 0 || check_options(options, error) < 0 ||
		aws_start(&environment_system, error) < 0) {
		error->status = STATUS_USAGE;
		return NULL;
	}
	s = memory_get_zeroed(1, sizeof(*s));
	slash = key.n == 0 || key.p[key.n - 1] == '/';
	s->store.class = &s3_store_class;
	s->prefix = memory_format("s3://%.*s/%.*s%s", (int)bucket.n, bucket.p, (int)key.n, key.p, slash ? "" : "/");
	s->options = options;
	s->tagging = encode_tags(&options->tags);
	split_metadata(s, &options->metadata);
	return &s->store;
}

static void
s3_store_close(struct store *store)
{
	struct s3_store *s = (struct s3_store *)store;

	for (char **name = s->names; *name; name++)
		free(*name);
	free(s->names);
	free(s->metadata);
	free(s->tagging);
	free(s->prefix);
	free(s);
}

static int
s3_store_check_key(struct store *store, const char *key, struct error *error)
{
	const char *prefix = ((struct s3_store *)store)->prefix;

	if (utf8_valid_prefix(slice_of(prefix)) == strlen(prefix) && utf8_valid_prefix(slice_of(key)) == strlen(key))
		return 0;
	return error_set(error, STATUS_REFUSED, "bad-key", "the address '%s%s' is not in UTF-8, as S3 has its keys",
		prefix, key);
}

static char *
s3_store_uri(struct store *store, const char *key)
{
	return memory_format("%s%s", ((struct s3_store *)store)->prefix, key);
}

static void
give_receipt(struct receipt *receipt, struct s3_meta *meta)
{
	size_t n = meta->etag ? strlen(meta->etag) : 0;

	/* without its quotes, as notifications have it */
	if (n > 2 && meta->etag[0] == '"')
		receipt->etag = memory_copy(meta->etag + 1, n - 2);
	receipt->version_id = meta->version_id;
	meta->version_id = NULL;
	s3_meta_free(meta);
}

static enum store_result
s3_store_put(struct store *store, const struct store_object *object, enum store_condition condition,
	struct receipt *receipt, struct error *error)
{
	static const enum checksum_kind kinds[] = {[STORE_CHECKSUM_SHA256] = CHECKSUM_SHA256,
		[STORE_CHECKSUM_CRC32C] = CHECKSUM_CRC32C,
		[STORE_CHECKSUM_NONE] = CHECKSUM_NONE};
	struct s3_store *s = (struct s3_store *)store;
	const struct store_options *o = s->options;
	char *uri = s3_store_uri(store, object->key);
	struct s3_put put = {.uri = uri,
		.fd = object->fd,
		.bytes = object->bytes,
		.sha256 = object->sha256,
		.only_new = condition == STORE_CREATE,
		.content_type = o->content_type ? o->content_type : "application/x-ndjson",
		.storage_class = o->storage_class,
		.sse = o->sse,
		.checksum = kinds[o->checksum],
		.tagging = s->tagging,
		.metadata = (const char *const *)s->metadata};
	struct s3_meta meta;
	int stored = s3_store_object(&put, &meta, error);

	free(uri);
	if (stored == 0) {
		give_receipt(receipt, &meta);
		return STORE_DONE;
	}
	s3_meta_free(&meta);
	return condition == STORE_CREATE && strcmp(error->code, "precondition") == 0 ? STORE_TAKEN : STORE_ERROR;
}

/* Of an object whose store tells no SHA-256 only its bytes can. */
static enum store_presence
compare_bytes(const char *uri, const struct store_object *object, struct error *error)
{
	struct s3_download *d = s3_open(&(struct s3_get){.uri = uri});
	struct digest *digest = digest_new(DIGEST_SHA256);
	char *block = memory_get(64 << 10), hex[DIGEST_HEX_SIZE];
	ssize_t got;

	while ((got = s3_read(d, block, 64 << 10, error)) > 0)
		digest_add(digest, block, (size_t)got);
	digest_finish(digest, hex);
	digest_free(digest);
	s3_close(d);
	free(block);
	if (got < 0)
		return STORE_UNKNOWN;
	return strcmp(hex, object->sha256) == 0 ? STORE_SAME : STORE_OTHER;
}

static enum store_presence
s3_store_look(struct store *store, const struct store_object *object, struct receipt *receipt, struct error *error)
{
	char *uri = s3_store_uri(store, object->key);
	enum store_presence presence;
	struct s3_meta meta;

	if (s3_look(&(struct s3_get){.uri = uri}, &meta, error) < 0)
		presence = strcmp(error->code, "missing") == 0 ? STORE_ABSENT : STORE_UNKNOWN;
	else if (!meta.has_bytes || meta.bytes != object->bytes)
		presence = STORE_OTHER;
	else if (meta.sha256)
		presence = strcmp(meta.sha256, object->sha256) == 0 ? STORE_SAME : STORE_OTHER;
	else
		presence = compare_bytes(uri, object, error);
	if (presence == STORE_SAME)
		give_receipt(receipt, &meta);
	s3_meta_free(&meta);
	free(uri);
	return presence;
}

static const struct store_class s3_store_class = {
	"s3", s3_store_open, s3_store_close, s3_store_check_key, s3_store_uri, s3_store_put, s3_store_look};

void
aws_register_store(void)
{
	store_register(&s3_store_class);
}
