/* Records taken from a chunk of input: filed, left out, or refused and told of. */
#include "base/journal.h"
#include "base/memory.h"
#include "base/message.h"
#include "catalog/consolidate_private.h"

#include <stdlib.h>

/* --- one record ----------------------------------------------------------------------------------------------- */

static const struct {
	const char *code, *reason, *option;
} faults[] = {
	[RECORD_NO_ID] = {"no-id", "no \"%s\"", "key"},
	[RECORD_BAD_ID] = {"bad-id", "\"%s\" is neither a string nor a number", "key"},
	[RECORD_NO_PARTNER] = {"no-partner", "no \"%s\"", "partner"},
	[RECORD_BAD_PARTNER] = {"bad-partner", "\"%s\" is no string", "partner"},
	[RECORD_NO_DATA] = {"no-data", "no \"%s\"", "data"},
	[RECORD_BAD_DATA] = {"bad-data", "\"%s\" is no object", "data"},
};

static const struct json_path *
path_of_fault(const struct record_paths *paths, enum record_fault fault)
{
	if (fault <= RECORD_BAD_ID)
		return &paths->key;
	return fault <= RECORD_BAD_PARTNER ? &paths->partner : &paths->data;
}

static void
refuse(struct chunk *chunk, struct arena *kept, const struct scan_record *r, const char *code, const char *reason,
	const char *option, uint64_t column)
{
	struct refused *refused = arena_get(kept, sizeof(*refused));
	struct slice source = r->members[0];

	*refused = (struct refused){.text = r->text,
		.code = code,
		.reason = reason,
		.option = option,
		.line = r->line,
		.fault_line = r->fault_line,
		.column = column,
		.element = r->in_array ? r->element : r->line,
		.in_array = r->in_array};
	if (option && source.p && json_kind(source) == JSON_OBJECT)
		refused->source = source;
	*chunk->refused_end = refused;
	chunk->refused_end = &refused->next;
}

static void
refuse_fault(struct consolidation *c, struct worker *w, struct chunk *chunk, const struct scan_record *r,
	enum record_fault fault)
{
	const struct json_path *path = path_of_fault(c->options->merge.paths, fault);
	struct buffer name = {0}, reason = {0};

	for (size_t i = 0; i < path->n; i++) {
		buffer_add_string(&name, i ? "." : "");
		buffer_add_slice(&name, path->names[i]);
	}
	_Pragma("GCC diagnostic push")
	_Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
	buffer_format(&reason, faults[fault].reason, buffer_string(&name));
	_Pragma("GCC diagnostic pop")
	buffer_add_byte(&reason, '\0');
	refuse(chunk, &w->kept, r, faults[fault].code, arena_copy(&w->kept, buffer_slice(&reason)).p,
		faults[fault].option, 0);
	buffer_free(&name);
	buffer_free(&reason);
}

static void
take_record(struct consolidation *c, struct worker *w, struct chunk *chunk, const struct scan_record *scanned)
{
	union record_room room;
	struct record *r = &room.record, *filed;
	enum record_fault fault;

	fault = record_read(&w->reader, chunk->stretch, scanned, r);
	if (fault != RECORD_GOOD) {
		refuse_fault(c, w, chunk, scanned, fault);
		return;
	}
	chunk->bad_times += (r->flags & RECORD_BAD_TIME) != 0;
	if (partner_at(c->merge.tables.partners, r->partner)->left_out) {
		chunk->left_out++;
		return;
	}
	if (!c->options->replace)
		filed = shelf_add(&w->shelf, r);
	else
		filed = shelf_add_first(&w->shelf, r, &c->merge.tables, &chunk->superseded);
	if (filed && chunk->passes)
		record_keep(filed, c->keep, &w->texts);
}

void
chunk_take(struct consolidation *c, struct worker *w, struct chunk *chunk, enum scan_result got,
	const struct scan_record *scanned)
{
	if (scanned->element == 0) {
		chunk->unclosed = true;
		return;
	}
	chunk->read++;
	if (got == SCAN_RECORD)
		take_record(c, w, chunk, scanned);
	else
		refuse(chunk, &w->kept, scanned, scanned->code, scanned->reason, NULL, scanned->column);
}

/* --- reporting ------------------------------------------------------------------------------------------------ */

static void
add_source(struct buffer *out, const struct refused *refused, const char *name, uint64_t record)
{
	if (refused->source.p) {
		json_compact(out, refused->source);
		return;
	}
	buffer_add_string(out, "{\"uri\":");
	buffer_add_json_string(out, slice_of(name));
	buffer_format(out, ",\"record\":%llu}", (unsigned long long)record);
}

/* The object that a record came from, where the record says so: its uri, to free(3), or NULL. */
static char *
origin_of(const struct refused *refused, uint64_t *record)
{
	struct slice uri = refused->source.p ? json_member(refused->source, SLICE("uri")) : (struct slice){NULL, 0};
	struct slice number =
		refused->source.p ? json_member(refused->source, SLICE("record")) : (struct slice){NULL, 0};
	struct arena arena = {0};
	char *named;

	if (!uri.p || json_kind(uri) != JSON_STRING)
		return NULL;
	if (!number.p || !json_natural(number, record))
		*record = 0;
	uri = json_decode(uri, &arena);
	named = memory_copy(uri.p, uri.n);
	arena_free(&arena);
	return named;
}

static void
explain_refusal(struct buffer *reason, const struct stretch *stretch, const struct refused *refused)
{
	uint64_t fault_line = stretch->lines + refused->fault_line;

	buffer_add_string(reason, refused->reason);
	if (refused->column && refused->fault_line == refused->line)
		buffer_format(reason, " (column %llu)", (unsigned long long)refused->column);
	else if (refused->column)
		buffer_format(reason, " (line %llu, column %llu)", (unsigned long long)fault_line,
			(unsigned long long)refused->column);
}

static void
report(struct consolidation *c, const struct stretch *stretch, const struct refused *refused)
{
	uint64_t record = (refused->in_array ? stretch->elements : stretch->lines) + refused->element;
	uint64_t origin_record = 0;
	char *origin = origin_of(refused, &origin_record);
	struct message_place place = {
		.uri = stretch->name, .record = record, .line = stretch->lines + refused->line, .code = refused->code};
	struct buffer reason = {0}, source = {0}, out = {0};

	if (origin)
		place = (struct message_place){.uri = origin, .record = origin_record, .code = refused->code};
	explain_refusal(&reason, stretch, refused);
	message_at(MESSAGE_ERROR, place, "%s; the record is refused%s%s%s%s", buffer_string(&reason),
		refused->option ? " (see " : "", refused->option ? c->options->prefix : "",
		refused->option ? refused->option : "", refused->option ? ")" : "");
	journal_refused(place.uri, place.record, refused->code, refused->reason, c->options->rejects != NULL);
	if (c->options->rejects) {
		add_source(&source, refused, stretch->name, record);
		rejects_format(&out, refused->code, buffer_string(&reason), buffer_slice(&source), refused->text);
		rejects_add(c->options->rejects, buffer_slice(&out));
	}
	free(origin);
	buffer_free(&reason);
	buffer_free(&source);
	buffer_free(&out);
}

void
chunk_close(struct consolidation *c, struct chunk *chunk)
{
	for (const struct refused *r = chunk->refused; r; r = r->next) {
		report(c, chunk->stretch, r);
		c->counts.refused++;
	}
	c->unclosed |= chunk->unclosed;
	c->counts.read += chunk->read;
	c->counts.left_out += chunk->left_out;
	c->counts.superseded += chunk->superseded;
	c->counts.bad_times += chunk->bad_times;
}

void
chunk_open(struct worker *w, struct chunk *chunk, const char *name, bool passes)
{
	*chunk = (struct chunk){.stretch = arena_get(&w->stretches, sizeof(struct stretch)), .passes = passes};
	*chunk->stretch = (struct stretch){.name = name};
	chunk->refused_end = &chunk->refused;
}
