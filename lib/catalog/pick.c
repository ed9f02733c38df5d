#include "catalog/candidate.h"

#include "base/command.h"
#include "base/memory.h"
#include "base/message.h"

#include <stdlib.h>

bool
value_is_missing(struct slice value, bool empty_is_missing)
{
	switch (value.p[0]) {
	case 'n': return true;
	case '"': return empty_is_missing && value.n == 2;
	case '[':
	case '{':
		if (!empty_is_missing)
			return false;
		for (size_t i = 1; i + 1 < value.n; i++)
			if (!strchr(" \t\r\n", value.p[i]))
				return false;
		return true;
	default: return false;
	}
}

void
add_value(struct buffer *out, struct slice value, const struct record *record)
{
	if (record->flags & RECORD_SPANS_LINES)
		json_compact(out, value);
	else
		buffer_add_slice(out, value);
}

void
picker_free(struct picker *picker)
{
	for (uint32_t i = 0; picker->programs && i < picker->options->rules->n_programs; i++)
		jq_program_free(picker->programs[i]);
	free(picker->programs);
	free(picker->ordered);
	buffer_free(&picker->text);
	buffer_free(&picker->jq_input);
}

/* --- rules that choose one candidate: each gives it, or NULL when none is of its type ------------------------- */

typedef const struct candidate *chooser(const struct candidate *c, size_t n);

static const struct candidate *
newest(const struct candidate *c, size_t n)
{
	const struct candidate *best = c;

	for (size_t i = 1; i < n; i++)
		if (instant_compare(record_time(c[i].record), record_time(best->record)) > 0)
			best = &c[i];
	return best;
}

static const struct candidate *
oldest(const struct candidate *c, size_t n)
{
	const struct candidate *best = c;

	for (size_t i = 1; i < n; i++)
		if (instant_compare(record_time(c[i].record), record_time(best->record)) < 0)
			best = &c[i];
	return best;
}

static size_t
length_of(struct slice value)
{
	struct json_walk walk;
	struct slice element;
	size_t n = 0;

	if (json_kind(value) == JSON_STRING)
		return json_characters(value);
	for (walk = json_walk(value); json_next_element(&walk, &element);)
		n++;
	return n;
}

static const struct candidate *
by_length(const struct candidate *c, size_t n, bool want_longest)
{
	const struct candidate *best = NULL;
	enum json_kind kind = JSON_NULL;
	size_t best_length = 0;

	for (size_t i = 0; i < n; i++) {
		enum json_kind this = json_kind(c[i].value);
		if (!best && (this == JSON_STRING || this == JSON_ARRAY))
			kind = this;
		if (this != kind)
			continue;
		size_t length = length_of(c[i].value);
		if (!best || (want_longest ? length > best_length : length < best_length)) {
			best = &c[i];
			best_length = length;
		}
	}
	return best;
}

static const struct candidate *
longest(const struct candidate *c, size_t n)
{
	return by_length(c, n, true);
}

static const struct candidate *
shortest(const struct candidate *c, size_t n)
{
	return by_length(c, n, false);
}

static const struct candidate *
extreme(const struct candidate *c, size_t n, int sign)
{
	const struct candidate *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (json_kind(c[i].value) == JSON_NUMBER &&
			(!best || sign * json_compare_numbers(c[i].value, best->value) > 0))
			best = &c[i];
	return best;
}

static const struct candidate *
least(const struct candidate *c, size_t n)
{
	return extreme(c, n, -1);
}

static const struct candidate *
greatest(const struct candidate *c, size_t n)
{
	return extreme(c, n, 1);
}

/* Values as JSON values: a set that numbers them. */
struct value_set {
	struct {
		uint64_t hash;
		struct slice value;
	} * slots;
	size_t mask;
};

static struct value_set
value_set_new(size_t n)
{
	size_t size = 16;

	while (size < n * 2)
		size *= 2;
	return (struct value_set){memory_get_zeroed(size, sizeof(*((struct value_set *)NULL)->slots)), size - 1};
}

/* The slot of value; *is_new tells whether it was put there now. */
static size_t
value_set_slot(struct value_set *set, struct slice value, bool *is_new)
{
	uint64_t hash = json_hash(value);
	size_t slot = hash & set->mask;

	while (set->slots[slot].value.p &&
		(set->slots[slot].hash != hash || !json_equal(set->slots[slot].value, value)))
		slot = (slot + 1) & set->mask;
	*is_new = !set->slots[slot].value.p;
	set->slots[slot].hash = hash;
	if (*is_new)
		set->slots[slot].value = value;
	return slot;
}

/* A partner's votes are cast by its first candidate. Partners are few, but a hostile input can have many: sorted. */
static int
by_partner_then_order(const void *a, const void *b)
{
	const struct candidate *x = *(const struct candidate *const *)a, *y = *(const struct candidate *const *)b;

	if (x->record->partner != y->record->partner)
		return x->record->partner < y->record->partner ? -1 : 1;
	return (x > y) - (x < y);
}

static const struct candidate *
majority(const struct candidate *c, size_t n)
{
	const struct candidate **voters = memory_get(n * sizeof(*voters)), *best = NULL;
	struct value_set set = value_set_new(n);
	size_t *votes = memory_get_zeroed(set.mask + 1, sizeof(*votes)), n_voters = 0, most = 0;
	bool is_new;

	for (size_t i = 0; i < n; i++)
		voters[i] = &c[i];
	qsort(voters, n, sizeof(*voters), by_partner_then_order);
	for (size_t i = 0; i < n; i++)
		if (n_voters == 0 || voters[i]->record->partner != voters[n_voters - 1]->record->partner) {
			size_t slot = value_set_slot(&set, voters[i]->value, &is_new);
			if (++votes[slot] > most)
				most = votes[slot];
			voters[n_voters++] = voters[i];
		}
	for (size_t i = 0; i < n_voters; i++)
		if (votes[value_set_slot(&set, voters[i]->value, &is_new)] == most && (!best || voters[i] < best))
			best = voters[i];
	free(voters);
	free(votes);
	free(set.slots);
	return best;
}

/* --- rules that put a value together -------------------------------------------------------------------------- */

static const struct candidate *
unite(struct buffer *out, const struct candidate *c, size_t n)
{
	const struct candidate *first = NULL;
	struct json_walk walk;
	struct slice element;
	size_t elements = 0;

	for (size_t i = 0; i < n; i++)
		if (json_kind(c[i].value) == JSON_ARRAY) {
			first = first ? first : &c[i];
			elements += length_of(c[i].value);
		}
	if (!first)
		return NULL;
	struct value_set set = value_set_new(elements);
	buffer_add_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (json_kind(c[i].value) != JSON_ARRAY)
			continue;
		for (walk = json_walk(c[i].value); json_next_element(&walk, &element);) {
			bool is_new;
			value_set_slot(&set, element, &is_new);
			if (!is_new)
				continue;
			if (out->n > 1)
				buffer_add_byte(out, ',');
			add_value(out, element, c[i].record);
		}
	}
	buffer_add_byte(out, ']');
	free(set.slots);
	return first;
}

struct deep_member {
	struct slice raw, name, value;
	const struct record *record;
	size_t object, place;
};

static int
by_name_object_place(const void *a, const void *b)
{
	const struct deep_member *x = a, *y = b;
	int order = slice_compare(x->name, y->name);

	if (order)
		return order;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* One name's members, of duplicates within an object only the last (but the place of the first). */
struct deep_name {
	size_t place;    /* where it was first met */
	size_t first, n; /* its members, in order of objects */
};

static int
by_place(const void *a, const void *b)
{
	size_t x = ((const struct deep_name *)a)->place, y = ((const struct deep_name *)b)->place;

	return (x > y) - (x < y);
}

static struct deep_member *
collect_members(const struct candidate *objects, size_t n, size_t *count, struct arena *arena)
{
	struct deep_member *members = NULL;
	size_t capacity = 0;
	struct slice raw, value;

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		struct json_walk walk = json_walk(objects[i].value);
		while (json_next_member(&walk, &raw, &value)) {
			if (*count == capacity) {
				capacity = capacity ? capacity * 2 : 32;
				members = memory_resize(members, capacity, sizeof(*members));
			}
			members[*count] =
				(struct deep_member){raw, json_decode(raw, arena), value, objects[i].record, i, *count};
			++*count;
		}
	}
	return members;
}

/* Sorted members to names in the order first met; duplicates within an object are folded together. */
static struct deep_name *
collect_names(struct deep_member *members, size_t *count, size_t *n_names)
{
	struct deep_name *names = memory_get((*count + 1) * sizeof(*names));
	size_t kept = 0;

	*n_names = 0;
	for (size_t i = 0; i < *count; i++) {
		struct deep_name *name = *n_names ? &names[*n_names - 1] : NULL;
		if (!name || !slice_equal(members[name->first].name, members[i].name)) {
			names[*n_names] = (struct deep_name){members[i].place, kept, 0};
			name = &names[(*n_names)++];
		} else if (members[i].place < name->place) {
			name->place = members[i].place;
		}
		if (name->n && members[kept - 1].object == members[i].object) {
			members[kept - 1].value = members[i].value;
		} else {
			members[kept++] = members[i];
			name->n++;
		}
	}
	*count = kept;
	qsort(names, *n_names, sizeof(*names), by_place);
	return names;
}

static void merge_objects(struct buffer *out, const struct candidate *objects, size_t n, bool empty_is_missing);

static void
merge_members(struct buffer *out, const struct deep_member *members, size_t n, bool empty_is_missing)
{
	struct candidate *values = memory_get(n * sizeof(*values));
	size_t present = 0, objects = 0;

	for (size_t i = 0; i < n; i++)
		if (!value_is_missing(members[i].value, empty_is_missing))
			values[present++] = (struct candidate){members[i].value, members[i].record, 0};
	for (size_t i = 0; present && json_kind(values[0].value) == JSON_OBJECT && i < present; i++)
		if (json_kind(values[i].value) == JSON_OBJECT)
			values[objects++] = values[i];
	if (present == 0)
		buffer_add_string(out, "null");
	else if (objects > 1)
		merge_objects(out, values, objects, empty_is_missing);
	else
		add_value(out, values[0].value, values[0].record);
	free(values);
}

static void
merge_objects(struct buffer *out, const struct candidate *objects, size_t n, bool empty_is_missing)
{
	struct arena arena = {0};
	size_t count, n_names;
	struct deep_member *members = collect_members(objects, n, &count, &arena);
	struct deep_name *names;

	if (count)
		qsort(members, count, sizeof(*members), by_name_object_place);
	names = collect_names(members, &count, &n_names);
	buffer_add_byte(out, '{');
	for (size_t i = 0; i < n_names; i++) {
		if (i)
			buffer_add_byte(out, ',');
		buffer_add_slice(out, members[names[i].first].raw);
		buffer_add_byte(out, ':');
		merge_members(out, members + names[i].first, names[i].n, empty_is_missing);
	}
	buffer_add_byte(out, '}');
	free(names);
	free(members);
	arena_free(&arena);
}

/* An only object is taken as it is. */
static const struct candidate *
deep(struct buffer *out, const struct candidate *c, size_t n, bool empty_is_missing)
{
	struct candidate *objects = memory_get(n * sizeof(*objects));
	const struct candidate *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (json_kind(c[i].value) == JSON_OBJECT) {
			first = first ? first : &c[i];
			objects[count++] = c[i];
		}
	if (count > 1)
		merge_objects(out, objects, count, empty_is_missing);
	free(objects);
	return first;
}

/* --- jq ------------------------------------------------------------------------------------------------------- */

static bool
take_first(void *context, struct slice output)
{
	buffer_add_slice(context, output);
	return false;
}

static void
describe_candidates(struct picker *picker, const struct candidate *c, size_t n)
{
	struct buffer *b = &picker->jq_input;

	b->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct partner *partner = partner_at(picker->options->tables.partners, c[i].record->partner);
		struct slice time = record_time_text(c[i].record, picker->options->paths);
		buffer_add_string(b, i ? ",{\"value\":" : "[{\"value\":");
		buffer_add_slice(b, c[i].value);
		buffer_add_string(b, ",\"partner\":");
		buffer_add_slice(b, partner->text);
		buffer_add_string(b, ",\"rank\":");
		buffer_add_number(b, (uint64_t)partner->rank + 1);
		buffer_add_string(b, ",\"time\":");
		buffer_add_slice(b, time.p && !instant_is_missing(record_time(c[i].record)) ? time : SLICE("null"));
		buffer_add_byte(b, '}');
	}
	buffer_add_byte(b, ']');
}

static struct jq_program *
program_of(struct picker *picker, const struct rule *rule, struct error *error)
{
	if (!picker->programs)
		picker->programs = memory_get_zeroed(picker->options->rules->n_programs, sizeof(*picker->programs));
	if (!picker->programs[rule->program_number])
		picker->programs[rule->program_number] =
			jq_program_compile(rule->program, rule->where, JQ_RULE_LIMIT_MS, error);
	return picker->programs[rule->program_number];
}

/* true: the program's first output is in picker->text. */
static bool
run_program(struct picker *picker, const struct rule *rule, const struct candidate *c, size_t n)
{
	struct error error = {0};
	struct jq_program *program = program_of(picker, rule, &error);

	if (!program) { /* it was compiled before: now no process can be started */
		error.status = STATUS_FAILED;
		command_die(&error);
	}
	describe_candidates(picker, c, n);
	jq_program_run_to_first(
		program, buffer_slice(&picker->jq_input), (struct slice){NULL, 0}, take_first, &picker->text, &error);
	if (picker->text.n == 0 && error.text[0])
		message(MESSAGE_NOTE, "%s", error.text);
	return picker->text.n > 0;
}

static const struct candidate *
candidate_that_is(struct slice value, const struct candidate *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_equal(c[i].value, value))
			return &c[i];
	return NULL;
}

/* --- picking -------------------------------------------------------------------------------------------------- */

struct listed {
	size_t place;
	struct candidate candidate;
};

static int
by_list(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return (x->candidate.place > y->candidate.place) - (x->candidate.place < y->candidate.place);
}

/* The candidates by a rule's own list, those of other partners behind in the order they have. */
static const struct candidate *
by_own_list(struct picker *picker, const struct name_list *list, const struct candidate *c, size_t n)
{
	struct listed *listed = memory_get(n * sizeof(*listed));

	if (n > picker->capacity) {
		picker->capacity = n * 2;
		picker->ordered = memory_resize(picker->ordered, picker->capacity, sizeof(*picker->ordered));
	}
	for (size_t i = 0; i < n; i++)
		listed[i] = (struct listed){
			name_list_place(list, partner_at(picker->options->tables.partners, c[i].record->partner)->name),
			c[i]};
	qsort(listed, n, sizeof(*listed), by_list);
	for (size_t i = 0; i < n; i++)
		picker->ordered[i] = listed[i].candidate;
	free(listed);
	return picker->ordered;
}

static struct pick
apply_rule(struct picker *picker, const struct rule *rule, const struct candidate *c, size_t n)
{
	static chooser *const choosers[] = {[RULE_NEWEST] = newest,
		[RULE_OLDEST] = oldest,
		[RULE_LONGEST] = longest,
		[RULE_SHORTEST] = shortest,
		[RULE_MIN] = least,
		[RULE_MAX] = greatest,
		[RULE_MAJORITY] = majority};
	struct pick pick = {false, NULL, rule_name(rule->kind)};

	switch (rule->kind) {
	case RULE_PRIORITY: pick.from = c; return pick;
	case RULE_UNION:
		pick.from = unite(&picker->text, c, n);
		pick.computed = pick.from;
		return pick;
	case RULE_DEEP:
		pick.from = deep(&picker->text, c, n, picker->options->empty_is_missing);
		pick.computed = picker->text.n > 0;
		return pick;
	case RULE_JQ:
		pick.computed = run_program(picker, rule, c, n);
		if (pick.computed)
			pick.from = candidate_that_is(buffer_slice(&picker->text), c, n);
		return pick;
	default: pick.from = choosers[rule->kind](c, n); return pick;
	}
}

static void
tell_fallback(const struct rule *rule, const struct candidate *c, struct slice field)
{
	struct arena arena = {0};
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is one candidate at least */
	struct slice id = record_id_text(c->record, &arena);

	message(MESSAGE_NOTE, "accommodation '%.*s', field '%.*s': the rule '%s' finds no value; priority decides",
		(int)id.n, id.p, (int)field.n, field.p, rule_name(rule->kind));
	arena_free(&arena);
}

struct pick
pick_value(struct picker *picker, const struct rule *rule, const struct candidate *c, size_t n, struct slice field)
{
	struct pick pick;

	picker->text.n = 0;
	if (rule->priority)
		c = by_own_list(picker, rule->priority, c, n);
	pick = apply_rule(picker, rule, c, n);
	if (pick.from || pick.computed)
		return pick;
	picker->fallbacks++;
	if (message_shown(MESSAGE_NOTE))
		tell_fallback(rule, c, field);
	return (struct pick){false, c, rule_name(RULE_PRIORITY)};
}
