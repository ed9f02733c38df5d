#include "io/split.h"

#include "base/hash.h"
#include "base/journal.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/lines.h"

#include <stdio.h>

/* Below this part of its bound a compressed file is full: measuring again would not gain enough. */
#define FULL_PART 64

struct split_target {
	struct spool_file file;
	uint64_t room;   /* bytes of input that are sure to fit */
	const char *run; /* lines chosen for the file, not yet added */
	size_t run_bytes;
	uint64_t run_records;
};

struct place {
	const char *name;
	uint64_t line;
};

int
split_open(struct split *s, struct error *error)
{
	uint32_t n = s->shards ? s->shards : 1;

	s->spool.open_bytes = n * s->max_bytes;
	if (spool_open(&s->spool, error) < 0)
		return -1;
	s->targets = memory_get_zeroed(n, sizeof(*s->targets));
	for (uint32_t i = 0; i < n; i++)
		spool_file_init(&s->spool, &s->targets[i].file, s->shards ? i : MANIFEST_NO_SHARD);
	return 0;
}

void
split_close(struct split *s)
{
	uint32_t n = s->shards ? s->shards : 1;

	for (uint32_t i = 0; s->targets && i < n; i++)
		spool_file_free(&s->targets[i].file);
	free(s->targets);
	s->targets = NULL;
	spool_close(&s->spool);
	json_path_free(&s->shard_by);
	arena_free(&s->arena);
	buffer_free(&s->scratch);
}

uint32_t
split_shard(struct slice value, uint32_t shards, struct arena *arena, struct buffer *scratch)
{
	struct slice text;

	if (json_kind(value) == JSON_STRING) {
		text = json_decode(value, arena);
	} else {
		scratch->n = 0;
		json_compact(scratch, value);
		text = buffer_slice(scratch);
	}
	return (uint32_t)(hash_slice_for_all(text) % shards);
}

static void
refuse(struct split *s, struct place place, const char *code, const char *text)
{
	s->refused++;
	message_at(MESSAGE_ERROR, (struct message_place){.uri = place.name, .record = place.line, .code = code}, "%s",
		text);
	journal_refused(place.name, place.line, code, text, false);
}

static int
add_run(struct split *s, struct split_target *t, struct error *error)
{
	int got;

	if (!t->run_bytes)
		return 0;
	got = spool_add(&s->spool, &t->file, t->run, t->run_bytes, t->run_records, error);
	s->written += t->run_records;
	t->run_bytes = t->run_records = 0;
	return got;
}

static uint64_t
room_left(const struct split *s, const struct split_target *t)
{
	uint64_t left = t->file.bytes < s->max_bytes ? s->max_bytes - t->file.bytes : 0;

	return t->file.encoder ? encoder_fits(t->file.encoder, left) : left;
}

static int
begin_file(struct split *s, struct split_target *t, struct error *error)
{
	if (spool_begin(&s->spool, &t->file, error) < 0)
		return -1;
	t->room = room_left(s, t);
	return 0;
}

static int
end_file(struct split *s, struct split_target *t, struct error *error)
{
	if (!t->file.open)
		return 0;
	if (add_run(s, t, error) < 0)
		return -1;
	spool_finish(&t->file);
	return spool_end(&s->spool, &t->file, error);
}

static void
report_oversize(struct split *s, struct place place, uint64_t bytes)
{
	char text[200];

	snprintf(text, sizeof(text), "the record takes %llu bytes, more than --bytes %llu; %s",
		(unsigned long long)bytes, (unsigned long long)s->max_bytes,
		s->refuse_oversize ? "it is refused (see --oversize)" : "it gets a file of its own");
	if (s->refuse_oversize)
		refuse(s, place, "oversize", text);
	else
		message_at(MESSAGE_WARNING,
			(struct message_place){.uri = place.name, .record = place.line, .code = "oversize"}, "%s",
			text);
}

/* A record that may not fit into any file: alone in one, and measured there when compression
 * decides. */
static int
put_alone(struct split *s, struct split_target *t, struct slice line, struct place place, struct error *error)
{
	if (!t->file.encoder && s->refuse_oversize) {
		report_oversize(s, place, line.n);
		return 0;
	}
	if (end_file(s, t, error) < 0 || begin_file(s, t, error) < 0 ||
		spool_add(&s->spool, &t->file, line.p, line.n, 1, error) < 0)
		return -1;
	spool_finish(&t->file);
	if (t->file.bytes > s->max_bytes)
		report_oversize(s, place, t->file.bytes);
	if (t->file.bytes > s->max_bytes && s->refuse_oversize) {
		spool_abandon(&t->file);
		return 0;
	}
	s->written++;
	return spool_end(&s->spool, &t->file, error);
}

/* The line does not surely fit into the open file: measure what compression has made of it, or
 * begin another. */
static int
make_room(struct split *s, struct split_target *t, size_t needed, struct error *error)
{
	if (t->file.open && t->file.encoder && t->room < needed) {
		if (add_run(s, t, error) < 0)
			return -1;
		spool_measure(&t->file);
		t->room = room_left(s, t);
		if (t->room >= needed && t->room > s->max_bytes / FULL_PART)
			return 0;
	}
	return end_file(s, t, error) < 0 || begin_file(s, t, error) < 0 ? -1 : 0;
}

static bool
is_full(const struct split *s, const struct split_target *t)
{
	return (t->room == 0 && !t->file.encoder) ||
		(s->max_records && t->file.records + t->run_records == s->max_records);
}

static uint64_t
fits_at_all(const struct split *s, const struct split_target *t)
{
	return t->file.encoder ? encoder_fits(t->file.encoder, s->max_bytes) : s->max_bytes;
}

static int
put_line(struct split *s, struct split_target *t, struct slice line, struct place place, struct error *error)
{
	if (line.n > fits_at_all(s, t))
		return put_alone(s, t, line, place, error);
	if ((!t->file.open || t->room < line.n) && make_room(s, t, line.n, error) < 0)
		return -1;
	if (t->run_bytes == 0)
		t->run = line.p;
	else if (t->run + t->run_bytes != line.p) {
		if (add_run(s, t, error) < 0)
			return -1;
		t->run = line.p;
	}
	t->run_bytes += line.n;
	t->run_records++;
	t->room -= line.n;
	return is_full(s, t) ? end_file(s, t, error) : 0;
}

/* False when the record was refused. */
static bool
choose(struct split *s, struct slice line, struct place place, uint32_t *shard)
{
	struct error error;
	struct slice value;

	*shard = 0;
	if (!s->shards)
		return true;
	if (json_parse(line, "the record", &value, &error) < 0) {
		char text[sizeof(error.text) + 20];

		snprintf(text, sizeof(text), "%s; it is refused", error.text);
		refuse(s, place, error.code, text);
		return false;
	}
	value = json_find(value, &s->shard_by, 0);
	if (!value.p) {
		refuse(s, place, "no-shard", "the record has no value at --shard-by; it is refused");
		return false;
	}
	arena_reset(&s->arena);
	*shard = split_shard(value, s->shards, &s->arena, &s->scratch);
	return true;
}

/* Lines are borrowed only until the run ends. */
static int
add_all_runs(struct split *s, struct error *error)
{
	for (uint32_t i = 0; i < (s->shards ? s->shards : 1); i++)
		if (add_run(s, &s->targets[i], error) < 0)
			return -1;
	return 0;
}

int
split_run(struct split *s, struct slice run, const char *name, uint64_t *number, struct error *error)
{
	struct slice line;
	uint32_t shard;
	bool chosen;

	s->bytes_in += run.n;
	while (lines_cut(&run, &line)) {
		struct place place = {name, ++*number};

		if (line_is_blank(line))
			continue;
		s->read++;
		chosen = choose(s, line, place, &shard);
		line.n++;
		if (chosen && put_line(s, &s->targets[shard], line, place, error) < 0)
			return -1;
	}
	return add_all_runs(s, error);
}

int
split_finish(struct split *s, struct error *error)
{
	for (uint32_t i = 0; i < (s->shards ? s->shards : 1); i++)
		if (end_file(s, &s->targets[i], error) < 0)
			return -1;
	return 0;
}
