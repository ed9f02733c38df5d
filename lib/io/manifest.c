#include "io/manifest.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "json/text.h"

static int
refuse(struct error *error, const char *what)
{
	return error_set(error, STATUS_REFUSED, "invalid-manifest", "the manifest line %s", what);
}

static int
parse_path(struct slice object, struct manifest_line *line, struct arena *arena, struct error *error)
{
	struct slice value = json_member(object, SLICE("path"));

	if (!value.p || json_kind(value) != JSON_STRING)
		return refuse(error, "has no \"path\"");
	value = json_decode(value, arena);
	if (value.n == 0 || memchr(value.p, '\0', value.n) || utf8_valid_prefix(value) < value.n)
		return refuse(error, "has a \"path\" that names no file");
	line->path = memory_copy(value.p, value.n);
	return 0;
}

/* 1 when there is a number, 0 when the member is missing. */
static int
parse_number(struct slice object, struct slice name, uint64_t *number, struct error *error)
{
	struct slice value = json_member(object, name);

	if (!value.p || json_kind(value) == JSON_NULL)
		return 0;
	if (json_kind(value) != JSON_NUMBER || !json_natural(value, number))
		return error_set(error, STATUS_REFUSED, "invalid-manifest",
			"the manifest line has a \"%.*s\" that is not a natural number", (int)name.n, name.p);
	return 1;
}

static int
parse_digest(struct slice object, struct manifest_line *line, struct arena *arena, struct error *error)
{
	struct slice value = json_member(object, SLICE("sha256"));

	if (!value.p || json_kind(value) == JSON_NULL)
		return 0;
	if (json_kind(value) != JSON_STRING)
		return refuse(error, "has a \"sha256\" that is not a string");
	value = json_decode(value, arena);
	if (value.n != DIGEST_HEX_SIZE - 1)
		return refuse(error, "has a \"sha256\" that is not 64 hexadecimal digits");
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return refuse(error, "has a \"sha256\" that is not 64 hexadecimal digits");
		line->sha256[i] = c;
	}
	return 0;
}

static int
parse_members(struct slice object, struct manifest_line *line, struct arena *arena, struct error *error)
{
	uint64_t shard = MANIFEST_NO_SHARD;
	int bytes, records;

	if (parse_path(object, line, arena, error) < 0 || parse_digest(object, line, arena, error) < 0)
		return -1;
	if ((bytes = parse_number(object, SLICE("bytes"), &line->bytes, error)) < 0 ||
		(records = parse_number(object, SLICE("records"), &line->records, error)) < 0 ||
		parse_number(object, SLICE("shard"), &shard, error) < 0)
		return -1;
	if (shard > MANIFEST_NO_SHARD)
		return refuse(error, "has a \"shard\" beyond all bounds");
	line->has_bytes = bytes;
	line->has_records = records;
	line->shard = (uint32_t)shard;
	return 0;
}

int
manifest_parse(struct slice text, struct manifest_line *line, struct error *error)
{
	struct arena arena = {0};
	struct slice value;
	int got;

	*line = (struct manifest_line){.shard = MANIFEST_NO_SHARD};
	if (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	if (!slice_begins(text, SLICE("{"))) {
		if (text.n == 0 || memchr(text.p, '\0', text.n))
			return refuse(error, "names no file");
		line->path = memory_copy(text.p, text.n);
		line->bare = true;
		return 0;
	}
	if (json_parse(text, "the manifest line", &value, error) < 0) {
		error->status = STATUS_REFUSED;
		return -1;
	}
	got = parse_members(value, line, &arena, error);
	arena_free(&arena);
	if (got < 0)
		manifest_line_free(line);
	return got;
}

void
manifest_line_free(struct manifest_line *line)
{
	free(line->path);
	line->path = NULL;
}

static void
add_number(struct buffer *out, const char *name, uint64_t number)
{
	buffer_format(out, ",\"%s\":", name);
	buffer_add_number(out, number);
}

void
manifest_format(struct buffer *out, const struct manifest_line *line)
{
	buffer_add_byte(out, '{');
	buffer_add_json_member(out, "path", line->path);
	add_number(out, "bytes", line->bytes);
	if (line->has_records)
		add_number(out, "records", line->records);
	if (line->sha256[0])
		buffer_add_json_member(out, "sha256", line->sha256);
	if (line->shard != MANIFEST_NO_SHARD)
		add_number(out, "shard", line->shard);
	buffer_add_byte(out, '}');
}

void
receipt_format(struct buffer *out, const struct receipt *r)
{
	buffer_add_byte(out, '{');
	buffer_add_json_member(out, "uri", r->uri);
	add_number(out, "bytes", r->bytes);
	if (r->has_records)
		add_number(out, "records", r->records);
	if (r->sha256[0])
		buffer_add_json_member(out, "sha256", r->sha256);
	if (r->etag)
		buffer_add_json_member(out, "etag", r->etag);
	if (r->version_id)
		buffer_add_json_member(out, "version_id", r->version_id);
	buffer_add_byte(out, '}');
}

void
receipt_free(struct receipt *r)
{
	free(r->uri);
	free(r->etag);
	free(r->version_id);
	*r = (struct receipt){0};
}
