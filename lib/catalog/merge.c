#include "catalog/merge.h"

#include "base/hash.h"
#include "base/memory.h"
#include "catalog/candidate.h"
#include "catalog/merge_shaped.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define LINEAR_MAX 12 /* fields looked through one by one; beyond it a table helps */

struct offer {              /* a candidate in a field's chain */
	struct slice value; /* p is NULL where a later duplicate took it back */
	uint32_t place;     /* of the record */
	uint32_t next;
};

struct field {
	struct slice raw;  /* the name as first met, with its quotes */
	struct slice name; /* decoded */
	uint64_t hash;
	uint32_t first, last; /* in offers, or NONE */
	uint32_t seen_in;     /* place of the last record that has the field */
	bool wanted;
	const struct rule *rule;
	int group;
};

struct slot {
	uint32_t generation, field;
};

struct merger {
	const struct merge_options *options;
	struct picker picker;
	bool first_only; /* nothing needs more than a field's first candidate */
	bool use_shapes; /* see merge_shaped.h */

	struct record *const *records; /* of the accommodation at hand */
	uint32_t n_records;
	struct field *fields;
	uint32_t n_fields, fields_capacity, cursor;
	struct offer *offers;
	uint32_t n_offers, offers_capacity;
	struct slot *slots;
	uint32_t n_slots, generation;
	struct candidate *candidates;
	uint32_t candidates_capacity;
	uint32_t *group_winners; /* by group: place of the record, or NONE */
	struct arena arena;      /* decoded names of one accommodation */
	struct buffer explained;
};

bool
merge_takes_values(const struct merge_options *options)
{
	return options->rules->plain && !options->explain && options->mode == MERGE_FIELDS && !options->latest &&
		!options->fields && !options->empty_is_missing;
}

struct merger *
merger_new(const struct merge_options *options)
{
	struct merger *m = memory_get_zeroed(1, sizeof(*m));

	m->options = options;
	m->picker.options = options;
	m->first_only = options->rules->plain && !options->explain;
	m->use_shapes = options->tables.shapes && merge_takes_values(options);
	m->group_winners = memory_get_zeroed((size_t)options->rules->n_groups + 1, sizeof(*m->group_winners));
	return m;
}

void
merger_free(struct merger *m)
{
	if (!m)
		return;
	picker_free(&m->picker);
	free(m->fields);
	free(m->offers);
	free(m->slots);
	free(m->candidates);
	free(m->group_winners);
	arena_free(&m->arena);
	buffer_free(&m->explained);
	free(m);
}

uint64_t
merger_fallbacks(const struct merger *m)
{
	return m->picker.fallbacks;
}

#define GROW(array, n, capacity)                                                        \
	do {                                                                            \
		if ((n) == (capacity)) {                                                \
			(capacity) = (capacity) ? (capacity)*2 : 32;                    \
			(array) = memory_resize((array), (capacity), sizeof(*(array))); \
		}                                                                       \
	} while (0)

/* --- fields --------------------------------------------------------------------------------------------------- */

static void
index_field(struct merger *m, uint32_t i)
{
	uint32_t slot = (uint32_t)m->fields[i].hash & (m->n_slots - 1);

	while (m->slots[slot].generation == m->generation)
		slot = (slot + 1) & (m->n_slots - 1);
	m->slots[slot] = (struct slot){m->generation, i};
}

/* Begin the table anew with all fields: for the first time in this accommodation, or larger. */
static void
index_all(struct merger *m)
{
	if (m->n_fields * 2 > m->n_slots || ++m->generation == 0) {
		m->n_slots = m->n_slots ? m->n_slots * 2 : 64;
		free(m->slots);
		m->slots = memory_get_zeroed(m->n_slots, sizeof(*m->slots));
		m->generation = 1;
	}
	for (uint32_t i = 0; i < m->n_fields; i++) {
		m->fields[i].hash = hash_slice(m->fields[i].name);
		index_field(m, i);
	}
}

static bool
is_wanted(const struct merger *m, struct slice name)
{
	const struct name_list *fields = m->options->fields;
	size_t place = fields ? name_list_place(fields, name) : 0;

	if (!fields)
		return true;
	if (place < fields->n && m->options->fields_met)
		atomic_store_explicit(&m->options->fields_met[place], true, memory_order_relaxed);
	return place < fields->n;
}

static struct field *
add_field(struct merger *m, struct slice raw, struct slice name, uint64_t hash)
{
	const struct rules *rules = m->options->rules;
	const struct rule_field *own = rules_find(rules, name);

	GROW(m->fields, m->n_fields, m->fields_capacity);
	m->fields[m->n_fields++] = (struct field){raw, name, hash, NONE, NONE, NONE, is_wanted(m, name),
		own && own->rule ? own->rule : rules->standard, own ? own->group : -1};
	if (m->n_fields > LINEAR_MAX) {
		if (m->n_fields == LINEAR_MAX + 1 || m->n_fields * 2 > m->n_slots)
			index_all(m);
		else
			index_field(m, m->n_fields - 1);
	}
	return &m->fields[m->n_fields - 1];
}

static struct field *
search_field(struct merger *m, struct slice raw)
{
	struct slice name = json_decode(raw, &m->arena);
	uint64_t hash = 0;

	if (m->n_fields <= LINEAR_MAX) {
		for (uint32_t i = 0; i < m->n_fields; i++)
			if (slice_equal(m->fields[i].name, name))
				return &m->fields[i];
	} else {
		hash = hash_slice(name);
		for (uint32_t slot = (uint32_t)hash & (m->n_slots - 1); m->slots[slot].generation == m->generation;
			slot = (slot + 1) & (m->n_slots - 1)) {
			struct field *f = &m->fields[m->slots[slot].field];
			if (f->hash == hash && slice_equal(f->name, name))
				return f;
		}
	}
	return add_field(m, raw, name, hash);
}

/* The field of that name. Records of one accommodation often have the same fields in the same order. */
static inline struct field *
field_of(struct merger *m, struct slice raw)
{
	struct field *f;

	if (m->cursor < m->n_fields && slice_equal(m->fields[m->cursor].raw, raw))
		return &m->fields[m->cursor++];
	f = search_field(m, raw);
	m->cursor = (uint32_t)(f - m->fields) + 1;
	return f;
}

static void
offer(struct merger *m, struct field *f, struct slice value, uint32_t place)
{
	bool missing = value_is_missing(value, m->options->empty_is_missing), again = f->seen_in == place;
	struct offer *last = f->last != NONE ? &m->offers[f->last] : NULL;

	f->seen_in = place;
	if (again && last && last->place == place) { /* a later duplicate in the same record counts */
		last->value = missing ? (struct slice){NULL, 0} : value;
		return;
	}
	if (missing)
		return;
	if (m->first_only && last && last->value.p)
		return;
	GROW(m->offers, m->n_offers, m->offers_capacity);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is room now */
	m->offers[m->n_offers] = (struct offer){value, place, NONE};
	if (f->last != NONE)
		m->offers[f->last].next = m->n_offers;
	else
		f->first = m->n_offers;
	f->last = m->n_offers++;
}

static void
collect_fields(struct merger *m)
{
	struct slice name, value;

	m->n_fields = m->n_offers = m->cursor = 0;
	arena_reset(&m->arena);
	for (uint32_t i = 0; i < m->n_records; i++) {
		struct json_walk walk = json_walk(record_data(m->records[i], m->options->tables.shapes, &m->arena));
		m->cursor = 0;
		while (json_next_member(&walk, &name, &value))
			offer(m, field_of(m, name), value, i);
	}
}

/* The field's candidates, in m->candidates. */
static uint32_t
candidates_of(struct merger *m, const struct field *f)
{
	uint32_t n = 0;

	for (uint32_t i = f->first; i != NONE; i = m->offers[i].next) {
		if (!m->offers[i].value.p)
			continue;
		GROW(m->candidates, n, m->candidates_capacity);
		m->candidates[n++] =
			(struct candidate){m->offers[i].value, m->records[m->offers[i].place], m->offers[i].place};
	}
	return n;
}

/* For each group the first record that has candidates for most of its fields. */
static void
choose_groups(struct merger *m)
{
	uint32_t *counts;

	for (int g = 0; g < m->options->rules->n_groups; g++) {
		uint32_t most = 0;
		m->group_winners[g] = NONE;
		counts = memory_get_zeroed(m->n_records, sizeof(*counts));
		for (uint32_t i = 0; i < m->n_fields; i++)
			for (uint32_t o = m->fields[i].group == g ? m->fields[i].first : NONE; o != NONE;
				o = m->offers[o].next)
				counts[m->offers[o].place] += m->offers[o].value.p != NULL;
		for (uint32_t i = 0; i < m->n_records; i++)
			if (counts[i] > most) {
				most = counts[i];
				m->group_winners[g] = i;
			}
		free(counts);
	}
}

/* --- output --------------------------------------------------------------------------------------------------- */

static void
add_position(struct merger *m, struct buffer *out, const struct record *r)
{
	struct position position = record_position(r, &m->arena);
	struct slice uri = {NULL, 0}, number = {NULL, 0};

	if (!record_is_bare(r)) {
		uri = json_member(record_source(r), SLICE("uri"));
		number = json_member(record_source(r), SLICE("record"));
	}
	buffer_add_string(out, "\"uri\":");
	if (!position.uri.p)
		buffer_add_string(out, "null");
	else if (uri.p)
		add_value(out, uri, r);
	else
		buffer_add_json_string(out, position.uri);
	buffer_add_string(out, ",\"record\":");
	if (number.p && position.record)
		add_value(out, number, r);
	else
		buffer_add_number(out, position.record);
}

static void
explain(struct merger *m, const struct field *f, const struct record *r, const char *rule, uint32_t others)
{
	struct buffer *out = &m->explained;

	buffer_add_string(out, out->n ? "," : "");
	buffer_add_slice(out, f->raw);
	if (r) {
		struct slice time = record_time_text(r, m->options->paths);
		buffer_add_string(out, ":{\"partner\":");
		add_value(out, json_find(record_text(r), &m->options->paths->partner, 0), r);
		buffer_add_string(out, ",\"time\":");
		if (time.p && !instant_is_missing(record_time(r)))
			add_value(out, time, r);
		else
			buffer_add_string(out, "null");
		buffer_add_byte(out, ',');
		add_position(m, out, r);
	} else {
		buffer_add_string(out, ":{\"partner\":null,\"time\":null,\"uri\":null,\"record\":null");
	}
	buffer_add_string(out, ",\"rule\":\"");
	buffer_add_string(out, rule);
	buffer_add_string(out, "\",\"others\":");
	buffer_add_number(out, others);
	buffer_add_byte(out, '}');
}

static void
add_group_field(struct merger *m, const struct field *f, struct buffer *out)
{
	uint32_t n = candidates_of(m, f), winner = m->group_winners[f->group];

	for (uint32_t i = 0; i < n; i++)
		if (m->candidates[i].place == winner) {
			add_value(out, m->candidates[i].value, m->candidates[i].record);
			if (m->options->explain)
				explain(m, f, m->candidates[i].record, "group", n - 1);
			return;
		}
	buffer_add_string(out, "null");
}

static void
add_field_value(struct merger *m, const struct field *f, struct buffer *out)
{
	uint32_t n = candidates_of(m, f);

	if (n == 0) {
		buffer_add_string(out, "null");
		return;
	}
	struct pick pick = pick_value(&m->picker, f->rule, m->candidates, n, f->name);
	if (pick.computed)
		buffer_add_slice(out, buffer_slice(&m->picker.text));
	else
		add_value(out, pick.from->value, pick.from->record);
	if (m->options->explain)
		explain(m, f, pick.from ? pick.from->record : NULL, pick.rule, n - 1);
}

static void
add_first_value(struct merger *m, const struct field *f, struct buffer *out)
{
	for (uint32_t i = f->first; i != NONE; i = m->offers[i].next)
		if (m->offers[i].value.p) {
			add_value(out, m->offers[i].value, m->records[m->offers[i].place]);
			return;
		}
	buffer_add_string(out, "null");
}

static void
add_fields(struct merger *m, struct buffer *out)
{
	char before = '{';

	for (uint32_t i = 0; i < m->n_fields; i++) {
		const struct field *f = &m->fields[i];
		if (!f->wanted)
			continue;
		buffer_add_byte(out, before);
		buffer_add_slice(out, f->raw);
		buffer_add_byte(out, ':');
		if (m->first_only)
			add_first_value(m, f, out);
		else if (f->group >= 0)
			add_group_field(m, f, out);
		else
			add_field_value(m, f, out);
		before = ',';
	}
	buffer_add_string(out, before == '{' ? "{}" : "}");
}

/* The wanted members of the first record's data, of duplicates the last value at the place of the first. */
static void
add_wanted_members(struct merger *m, struct buffer *out)
{
	const struct record *r = m->records[0];
	struct json_walk walk = json_walk(record_data(r, m->options->tables.shapes, &m->arena));
	struct slice name, value;
	char before = '{';

	m->n_fields = m->n_offers = m->cursor = 0;
	while (json_next_member(&walk, &name, &value)) {
		struct field *f = field_of(m, name);
		GROW(m->offers, m->n_offers, m->offers_capacity);
		m->offers[m->n_offers] = (struct offer){value, 0, NONE};
		f->first = m->n_offers++;
	}
	for (uint32_t i = 0; i < m->n_fields; i++) {
		if (!m->fields[i].wanted)
			continue;
		buffer_add_byte(out, before);
		buffer_add_slice(out, m->fields[i].raw);
		buffer_add_byte(out, ':');
		add_value(out, m->offers[m->fields[i].first].value, r);
		before = ',';
	}
	buffer_add_string(out, before == '{' ? "{}" : "}");
}

static void
explain_record(struct merger *m)
{
	collect_fields(m);
	for (uint32_t i = 0; i < m->n_fields; i++) {
		uint32_t n = candidates_of(m, &m->fields[i]);
		if (n && m->candidates[0].place == 0 && m->fields[i].wanted)
			explain(m, &m->fields[i], m->records[0], "record", n - 1);
	}
}

static void
add_record_data(struct merger *m, struct buffer *out)
{
	arena_reset(&m->arena);
	if (m->options->fields)
		add_wanted_members(m, out);
	else
		add_value(out, record_data(m->records[0], m->options->tables.shapes, &m->arena), m->records[0]);
	if (m->options->explain)
		explain_record(m);
}

static void
add_consolidated(struct merger *m, struct buffer *out)
{
	m->explained.n = 0;
	buffer_add_string(out, "{\"accommodation_id\":");
	buffer_add_slice(out, record_id(m->records[0]));
	buffer_add_string(out, ",\"accommodation_data\":");
	if (m->options->mode == MERGE_RECORD) {
		add_record_data(m, out);
	} else if (m->use_shapes && merge_is_shaped(m->records, m->n_records)) {
		merge_shaped(m->options->tables.shapes, m->records, m->n_records, out);
	} else {
		collect_fields(m);
		choose_groups(m);
		add_fields(m, out);
	}
	if (m->options->explain) {
		buffer_add_string(out, ",\"_fields\":{");
		buffer_add_slice(out, buffer_slice(&m->explained));
		buffer_add_byte(out, '}');
	}
	buffer_add_string(out, "}\n");
}

/* A surviving record itself, with its position when it did not have one. */
static void
add_record(struct merger *m, const struct record *r, struct buffer *out)
{
	bool bare = record_is_bare(r);
	size_t begin = out->n;

	add_value(out, (struct slice){r->text, r->text_n - bare}, r);
	if (bare) {
		buffer_add_string(out, ",\"_source\":{");
		add_position(m, out, r);
		buffer_add_string(out, "}}");
	}
	if (out->n > begin)
		buffer_add_byte(out, '\n');
}

uint64_t
merge_accommodation(struct merger *m, const struct accommodation *a, struct buffer *out)
{
	if (m->use_shapes && a->whole.p) {
		merge_whole(a, out);
		return 1;
	}
	m->records = a->records;
	m->n_records = a->n;
	if (!m->options->latest) {
		add_consolidated(m, out);
		return 1;
	}
	arena_reset(&m->arena);
	for (uint32_t i = 0; i < m->n_records; i++)
		add_record(m, m->records[i], out);
	return m->n_records;
}
