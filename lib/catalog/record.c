#include "catalog/record.h"

#include "base/hash.h"

static int
wanted_name(struct record_paths *paths, struct slice name)
{
	for (int i = 0; i < paths->n_names; i++)
		if (slice_equal(paths->names[i], name))
			return i;
	paths->names[paths->n_names] = name;
	return paths->n_names++;
}

int
record_paths_parse(struct record_paths *paths, const char *key, const char *partner, const char *data, const char *time,
	struct error *error)
{
	*paths = (struct record_paths){0};
	if (json_path_parse(key, &paths->key, error) < 0 || json_path_parse(partner, &paths->partner, error) < 0 ||
		json_path_parse(data, &paths->data, error) < 0 || json_path_parse(time, &paths->time, error) < 0) {
		record_paths_free(paths);
		return -1;
	}
	wanted_name(paths, SLICE("_source"));
	paths->key_name = wanted_name(paths, paths->key.names[0]);
	paths->partner_name = wanted_name(paths, paths->partner.names[0]);
	paths->data_name = wanted_name(paths, paths->data.names[0]);
	paths->time_name = wanted_name(paths, paths->time.names[0]);
	paths->time_is_of_source =
		paths->time_name == 0 && !(paths->time.n > 1 && slice_equal(paths->time.names[1], SLICE("record")));
	return 0;
}

void
record_paths_free(struct record_paths *paths)
{
	json_path_free(&paths->key);
	json_path_free(&paths->partner);
	json_path_free(&paths->data);
	json_path_free(&paths->time);
}

static struct instant
parse_time(struct slice value, struct arena *scratch, bool *bad)
{
	struct instant time = INSTANT_MISSING;
	bool good = false;

	if (!value.p || json_kind(value) == JSON_NULL)
		return time;
	if (json_kind(value) == JSON_NUMBER)
		good = instant_parse_number(value, &time);
	else if (json_kind(value) == JSON_STRING)
		good = instant_parse(json_decode(value, scratch), &time, NULL);
	*bad = !good;
	return good ? time : INSTANT_MISSING;
}

/* Leave to the stretch what the record's _source, the one remembered but for its number, says. */
static bool
leave_to_stretch(struct record_reader *reader, struct stretch *stretch, uint64_t number, struct record *r)
{
	const struct known_source *known = &reader->known;

	if (reader->whole || !known->uri.p || number > UINT32_MAX)
		return false;
	if (!stretch->source) {
		if (reader->uri_serial != known->serial) {
			reader->uri_serial = known->serial;
			reader->uri = arena_copy(&reader->uris, json_decode(known->uri, &reader->scratch));
		}
		stretch->source = known->serial;
		stretch->uri = reader->uri;
		stretch->time = known->time;
	}
	if (stretch->source != known->serial)
		return false;
	r->flags |= RECORD_HAS_STRETCH_SOURCE;
	r->place = (uint32_t)number;
	return true;
}

/* The first of what lies behind the record. */
static void
read_origin(struct record_reader *reader, struct stretch *stretch, const struct scan_record *scanned, struct record *r)
{
	const struct record_paths *paths = reader->paths;
	struct slice source = scanned->members[0];
	bool has_source = source.p && json_kind(source) == JSON_OBJECT, has_time = paths->time_is_of_source,
	     bad = false;
	struct record_origin origin = {.source_n = 0};
	uint64_t number;

	if (has_source && has_time && known_source_recall(&reader->known, source, &number)) {
		if (leave_to_stretch(reader, stretch, number, r))
			return;
		origin.time = reader->known.time;
	} else {
		origin.time = parse_time(
			json_find(scanned->members[paths->time_name], &paths->time, 1), &reader->scratch, &bad);
		if (has_source && has_time && !bad)
			known_source_remember(&reader->known, source, origin.time);
	}
	if (bad)
		r->flags |= RECORD_BAD_TIME;
	if (has_source) {
		origin.source_at = (uint32_t)(source.p - scanned->text.p);
		origin.source_n = (uint32_t)source.n;
	}
	if (origin.source_n || !instant_is_missing(origin.time)) {
		r->flags |= RECORD_HAS_ORIGIN;
		*record_origin(r) = origin;
	}
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "prefixes are compared as numbers");

uint64_t
id_prefix(struct slice text)
{
	uint64_t prefix = 0;
	uint32_t first, last;

	if (text.n >= 8) {
		memcpy(&prefix, text.p, 8);
		return __builtin_bswap64(prefix);
	}
	if (text.n >= 4) {
		memcpy(&first, text.p, 4);
		memcpy(&last, text.p + text.n - 4, 4); /* some bytes come twice */
		prefix = (uint64_t)__builtin_bswap32(last) << (8 * (8 - text.n));
		return (uint64_t)__builtin_bswap32(first) << 32 | prefix;
	}
	for (size_t i = 0; i < text.n; i++)
		prefix |= (uint64_t)(unsigned char)text.p[i] << (56 - 8 * i);
	return prefix;
}

static void
read_id(struct slice id, struct arena *scratch, struct record *r)
{
	struct slice text = json_kind(id) == JSON_STRING ? json_decode(id, scratch) : id;

	if (text.p == id.p + 1)
		r->flags |= RECORD_PLAIN_ID;
	else if (text.p == id.p)
		r->flags |= RECORD_NUMBER_ID;
	r->hash = (uint32_t)hash_slice(text);
	r->id_prefix = id_prefix(text);
}

/* The last of what lies behind the record. */
static void
read_values(struct shape_view *shapes, const struct scan_record *scanned, struct record *r)
{
	const char *text = scanned->text.p;
	struct record_value *values = record_values(r);

	if (scanned->n_inner <= 0 || scanned->spans_lines || scanned->text.n > UINT16_MAX ||
		!(r->shape = (uint16_t)shape_number(shapes, scanned)))
		return;
	r->n_values = (uint8_t)scanned->n_inner;
	for (int i = 0; i < scanned->n_inner; i++) {
		const struct scan_inner *inner = &scanned->inner[i];
		values[i] = (struct record_value){(uint16_t)inner->value_at, (uint16_t)inner->value_n};
		r->nulls |= (uint32_t)(text[inner->value_at] == 'n') << i;
	}
	if (scanned->inner_compact)
		r->flags |= RECORD_COMPACT;
}

enum record_fault
record_read(struct record_reader *reader, struct stretch *stretch, const struct scan_record *scanned, struct record *r)
{
	const struct record_paths *paths = reader->paths;
	const char *text = scanned->text.p;
	struct slice id = json_find(scanned->members[paths->key_name], &paths->key, 1);
	struct slice partner = json_find(scanned->members[paths->partner_name], &paths->partner, 1);
	struct slice data = json_find(scanned->members[paths->data_name], &paths->data, 1);

	if (reader->scratch.bytes)
		arena_reset(&reader->scratch);
	if (!id.p)
		return RECORD_NO_ID;
	if (json_kind(id) != JSON_STRING && json_kind(id) != JSON_NUMBER)
		return RECORD_BAD_ID;
	if (!partner.p)
		return RECORD_NO_PARTNER;
	if (json_kind(partner) != JSON_STRING)
		return RECORD_BAD_PARTNER;
	if (!data.p)
		return RECORD_NO_DATA;
	if (json_kind(data) != JSON_OBJECT)
		return RECORD_BAD_DATA;
	*r = (struct record){
		.text = text,
		.stretch = stretch,
		.text_n = (uint32_t)scanned->text.n,
		.id_at = (uint32_t)(id.p - text),
		.id_n = (uint32_t)id.n,
		.data_at = (uint32_t)(data.p - text),
		.data_n = (uint32_t)data.n,
		.place = (uint32_t)(scanned->in_array ? scanned->element : scanned->line),
		.flags = (scanned->spans_lines ? RECORD_SPANS_LINES : 0) | (scanned->in_array ? RECORD_IN_ARRAY : 0),
		.partner = partner_number(reader->partners, partner),
	};
	read_id(id, &reader->scratch, r);
	read_origin(reader, stretch, scanned, r);
	read_values(reader->shapes, scanned, r);
	return RECORD_GOOD;
}

void
record_reader_free(struct record_reader *reader)
{
	partner_view_free(reader->partners);
	shape_view_free(reader->shapes);
	known_source_free(&reader->known);
	arena_free(&reader->uris);
	arena_free(&reader->scratch);
}

static struct slice
source_uri(const struct record *r)
{
	struct slice none = {NULL, 0}, source = record_source(r), uri;

	if (!source.n)
		return none;
	uri = json_member(source, SLICE("uri"));
	return uri.p && json_kind(uri) == JSON_STRING ? uri : none;
}

/* Copy as much of a _source as gives the position. Returns its bytes. */
static uint32_t
copy_position(char *out, struct slice uri, struct slice number)
{
	static const char record[] = ",\"record\":";
	char *end = out;

	*end++ = '{';
	if (uri.p) {
		end = mempcpy(end, "\"uri\":", 6);
		end = mempcpy(end, uri.p, uri.n);
	}
	if (number.p) {
		end = mempcpy(end, &record[!uri.p], sizeof(record) - 1 - !uri.p);
		end = mempcpy(end, number.p, number.n);
	}
	*end++ = '}';
	return (uint32_t)(end - out);
}

/* Copy the data, and say where in the copy it is. Returns its bytes. */
static uint32_t
copy_data(char *out, struct record *r)
{
	struct record_value *values = record_values(r);
	uint32_t n = r->data_n;

	memcpy(out, r->text + r->data_at, n);
	for (int i = 0; i < r->n_values; i++)
		values[i].at = (uint16_t)(values[i].at - r->data_at);
	r->data_at = 0;
	return n;
}

/* The same with the values alone, one behind the other. */
static uint32_t
copy_values(char *out, struct record *r)
{
	struct record_value *values = record_values(r);
	char *end = out;

	for (unsigned i = 0; i < r->n_values; i++) {
		struct slice value = record_value(r, i);
		values[i].at = (uint16_t)(end - out);
		end = slice_put(end, value);
	}
	r->data_at = r->data_n = 0;
	return (uint32_t)(end - out);
}

static uint32_t
values_bytes(const struct record *r)
{
	const struct record_value *values = record_values(r);
	uint32_t n = 0;

	for (int i = 0; i < r->n_values; i++)
		n += values[i].n;
	return n;
}

static void
keep_parts(struct record *r, bool only_values, struct arena *texts)
{
	struct record_origin *origin = record_origin(r);
	struct slice source = record_source(r), id = record_id(r);
	struct slice uri = source_uri(r), number = source.n ? json_member(source, SLICE("record")) : source;
	/* the data first, so that its values' offsets do not grow: the id may be part of it and come a second time */
	char *text = arena_get(texts, (only_values ? values_bytes(r) : r->data_n) + id.n + source.n);
	uint32_t n = only_values ? copy_values(text, r) : copy_data(text, r);

	r->id_at = n;
	slice_put(text + n, id);
	n += r->id_n;
	if (origin) {
		origin->source_at = n;
		origin->source_n = source.n ? copy_position(text + n, uri, number) : 0;
		n += origin->source_n;
	}
	r->text = text;
	r->text_n = n;
}

void
record_keep(struct record *r, enum record_keep what, struct arena *texts)
{
	if (what == RECORD_KEEP_WHOLE)
		r->text = arena_copy(texts, record_text(r)).p;
	else
		keep_parts(r, what == RECORD_KEEP_VALUES && r->flags & RECORD_COMPACT, texts);
}

struct slice
record_data(const struct record *r, const struct shape_table *shapes, struct arena *arena)
{
	const struct shape *shape;
	char *text, *end;

	if (r->data_n)
		return (struct slice){r->text + r->data_at, r->data_n};
	shape = shape_at(shapes, r->shape);
	text = end = arena_get(arena, record_data_bytes(r, shapes));
	for (unsigned i = 0; i < shape->n; i++) {
		*end++ = i ? ',' : '{';
		end = slice_put(end, shape->names[i]);
		*end++ = ':';
		end = slice_put(end, record_value(r, i));
	}
	*end++ = '}';
	return (struct slice){text, (size_t)(end - text)};
}

bool
record_is_bare(const struct record *r)
{
	return !(r->flags & RECORD_HAS_STRETCH_SOURCE) && !record_source(r).n;
}

struct position
record_position(const struct record *r, struct arena *arena)
{
	struct slice uri, number;
	struct position position = {{NULL, 0}, 0};

	if (r->flags & RECORD_HAS_STRETCH_SOURCE)
		return (struct position){r->stretch->uri, r->place};
	if (record_is_bare(r)) {
		bool in_array = r->flags & RECORD_IN_ARRAY;
		return (struct position){
			slice_of(r->stretch->name), (in_array ? r->stretch->elements : r->stretch->lines) + r->place};
	}
	if ((uri = source_uri(r)).p)
		position.uri = json_decode(uri, arena);
	number = json_member(record_source(r), SLICE("record"));
	if (number.p && !json_natural(number, &position.record))
		position.record = 0;
	return position;
}

struct slice
record_id_text(const struct record *r, struct arena *arena)
{
	struct slice id = record_id(r);

	if (r->flags & RECORD_PLAIN_ID)
		return (struct slice){id.p + 1, id.n - 2};
	return r->flags & RECORD_NUMBER_ID ? id : json_decode(id, arena);
}

struct slice
record_time_text(const struct record *r, const struct record_paths *paths)
{
	return json_find(record_text(r), &paths->time, 0);
}

static int
compare_positions(const struct record *a, const struct record *b)
{
	struct arena arena = {0};
	struct position x, y;
	int order;

	if (!record_source(a).n && !record_source(b).n && a->stretch == b->stretch &&
		!((a->flags ^ b->flags) & (RECORD_IN_ARRAY | RECORD_HAS_STRETCH_SOURCE)))
		return (a->place > b->place) - (a->place < b->place);
	x = record_position(a, &arena);
	y = record_position(b, &arena);
	order = slice_compare(x.uri, y.uri);
	if (order == 0)
		order = (x.record > y.record) - (x.record < y.record);
	arena_free(&arena);
	return order;
}

bool
record_order_is_known(const struct record *a, const struct record *b)
{
	if (instant_compare(record_time(a), record_time(b)))
		return true;
	if (record_is_bare(a) != record_is_bare(b))
		return false;
	return !record_is_bare(a) || !((a->flags ^ b->flags) & RECORD_IN_ARRAY);
}

/* As they are printed: a record that spans lines without the white space between its tokens. */
static int
compare_texts(const struct record *a, struct slice x, const struct record *b, struct slice y)
{
	struct buffer compact_x = {0}, compact_y = {0};
	int order;

	if (!((a->flags | b->flags) & RECORD_SPANS_LINES))
		return slice_compare(x, y);
	if (a->flags & RECORD_SPANS_LINES) {
		json_compact(&compact_x, x);
		x = buffer_slice(&compact_x);
	}
	if (b->flags & RECORD_SPANS_LINES) {
		json_compact(&compact_y, y);
		y = buffer_slice(&compact_y);
	}
	order = slice_compare(x, y);
	buffer_free(&compact_x);
	buffer_free(&compact_y);
	return order;
}

static int
compare_data(const struct record *a, const struct record *b, const struct shape_table *shapes)
{
	struct arena arena = {0};
	int order = compare_texts(a, record_data(a, shapes, &arena), b, record_data(b, shapes, &arena));

	arena_free(&arena);
	return order;
}

static int
order_without_text(const struct record *a, const struct record *b, const struct record_tables *tables)
{
	int order;

	if (a->partner != b->partner) {
		const struct partner *x = partner_at(tables->partners, a->partner);
		const struct partner *y = partner_at(tables->partners, b->partner);
		if (x->rank != y->rank)
			return x->rank < y->rank ? -1 : 1;
		if ((order = instant_compare(record_time(b), record_time(a))))
			return order;
		return slice_compare(x->name, y->name);
	}
	if ((order = instant_compare(record_time(b), record_time(a))))
		return order;
	if ((order = compare_positions(b, a)))
		return order;
	return compare_data(b, a, tables->shapes);
}

bool
record_same(const struct record *a, const struct record *b, const struct record_tables *tables)
{
	return order_without_text(a, b, tables) == 0;
}

int
record_order(const struct record *a, const struct record *b, const struct record_tables *tables)
{
	int order = order_without_text(a, b, tables);

	if (order == 0)
		order = slice_compare(record_id(b), record_id(a));
	return order ? order : compare_texts(b, record_text(b), a, record_text(a));
}
