/* JSON against jq: what the parser or the scanner takes, jq takes, too, and sees the same values in; what jq prints,
 * both take. Only jq's own limits are left out: it reads numbers as doubles, stops at 256 levels, and knows no lone
 * surrogates. */
#include "base/arena.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/text.h"

#include "fuzz.h"

#include <jv.h>
#include <math.h>
#include <stdio.h>

/* jq 1.6 loses a token of some texts that it refuses. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:jv_mem_alloc\n";
}

static const struct slice names[] = {{"id", 2}, {"data", 4}, {"_source", 7}};

static double
double_of(struct slice number)
{
	struct buffer text = {0};
	double d;

	buffer_add_slice(&text, number);
	d = strtod(buffer_string(&text), NULL);
	buffer_free(&text);
	return d;
}

static bool
is_utf8(struct slice s)
{
	return utf8_valid_prefix(s) == s.n;
}

static void
compare_string(struct slice ours, jv theirs, struct arena *arena)
{
	struct slice text = json_decode(ours, arena);

	require(jv_get_kind(theirs) == JV_KIND_STRING);
	if (is_utf8(text))
		require(slice_equal(text, (struct slice){jv_string_value(theirs),
						  (size_t)jv_string_length_bytes(jv_copy(theirs))}));
	require(json_string_is(ours, text));
}

static void compare(struct slice ours, jv theirs, struct arena *arena);

static void
compare_array(struct slice ours, jv theirs, struct arena *arena)
{
	struct json_walk walk = json_walk(ours);
	struct slice value;
	int i = 0;

	require(jv_get_kind(theirs) == JV_KIND_ARRAY);
	for (; json_next_element(&walk, &value); i++)
		compare(value, jv_array_get(jv_copy(theirs), i), arena);
	require(jv_array_length(jv_copy(theirs)) == i);
}

static void
compare_object(struct slice ours, jv theirs, struct arena *arena)
{
	struct json_walk walk = json_walk(ours);
	struct slice name, value;
	bool all_named = true;
	int members = 0;

	require(jv_get_kind(theirs) == JV_KIND_OBJECT);
	while (json_next_member(&walk, &name, &value)) {
		struct slice text = json_decode(name, arena), last = json_member(ours, text);

		require(last.p && last.p >= value.p);
		members += last.p == value.p;
		all_named &= is_utf8(text);
	}
	if (!all_named)
		return;
	require(jv_object_length(jv_copy(theirs)) == members);
	for (walk = json_walk(ours); json_next_member(&walk, &name, &value);) {
		struct slice text = json_decode(name, arena);

		if (json_member(ours, text).p == value.p)
			compare(value, jv_object_get(jv_copy(theirs), jv_string_sized(text.p, (int)text.n)), arena);
	}
}

/* Takes theirs. */
static void
compare(struct slice ours, jv theirs, struct arena *arena)
{
	switch (json_kind(ours)) {
	case JSON_NULL:
		require(jv_get_kind(theirs) == JV_KIND_NULL || /* as jq prints what is no number */
			(jv_get_kind(theirs) == JV_KIND_NUMBER && isnan(jv_number_value(theirs))));
		break;
	case JSON_FALSE:
		require(jv_get_kind(theirs) == JV_KIND_FALSE);
		break;
	case JSON_TRUE:
		require(jv_get_kind(theirs) == JV_KIND_TRUE);
		break;
	case JSON_NUMBER:
		require(jv_get_kind(theirs) == JV_KIND_NUMBER);
		require(!isfinite(jv_number_value(theirs)) || double_of(ours) == jv_number_value(theirs));
		break;
	case JSON_STRING:
		compare_string(ours, theirs, arena);
		break;
	case JSON_ARRAY:
		compare_array(ours, theirs, arena);
		break;
	case JSON_OBJECT:
		compare_object(ours, theirs, arena);
		break;
	}
	jv_free(theirs);
}

/* jq's value of a text that we took, or invalid where it has a limit of its own. */
static jv
ask_jq(struct slice text)
{
	struct buffer copy = {0};
	jv value, why;

	buffer_add_slice(&copy, text);
	value = jv_parse_sized(buffer_string(&copy), (int)text.n);
	buffer_free(&copy);
	if (jv_is_valid(value))
		return value;
	why = jv_invalid_get_msg(value);
	if (jv_get_kind(why) != JV_KIND_STRING || (!strstr(jv_string_value(why), "depth limit") &&
							  !strstr(jv_string_value(why), "surrogate"))) {
		fprintf(stderr, "jq refuses '%.*s': %s\n", (int)text.n, text.p,
			jv_get_kind(why) == JV_KIND_STRING ? jv_string_value(why) : "no value");
		abort();
	}
	jv_free(why);
	return jv_invalid();
}

static void
agree(struct slice value, struct arena *arena)
{
	jv theirs = ask_jq(value);

	if (jv_is_valid(theirs))
		compare(value, theirs, arena);
	else
		jv_free(theirs);
}

/* ---- what must hold of any value of ours */

static void
try_compact(struct slice value)
{
	struct buffer once = {0}, twice = {0};

	json_compact(&once, value);
	json_compact(&twice, buffer_slice(&once));
	require(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
	require(once.n <= value.n);
	require(json_equal(value, buffer_slice(&once)));
	require(json_hash(value) == json_hash(buffer_slice(&once)));
	buffer_free(&once);
	buffer_free(&twice);
}

static void
try_pair(struct slice a, struct slice b)
{
	if (json_equal(a, b))
		require(json_hash(a) == json_hash(b) && json_equal(b, a));
	if (json_kind(a) == JSON_NUMBER && json_kind(b) == JSON_NUMBER) {
		int order = json_compare_numbers(a, b);
		double x = double_of(a), y = double_of(b);

		require((order == 0) == json_equal(a, b));
		require((json_compare_numbers(b, a) > 0) == (order < 0));
		require(!(x < y) || order < 0);
		require(!(x > y) || order > 0);
	}
}

static void
try_elements(struct slice array)
{
	struct json_walk walk = json_walk(array);
	struct slice before, value;

	if (!json_next_element(&walk, &before))
		return;
	for (; json_next_element(&walk, &value); before = value)
		try_pair(before, value);
}

/* ---- the two directions */

static void
try_text(struct slice text, struct arena *arena)
{
	struct slice value;
	struct error error;

	if (json_parse(text, "text", &value, &error) < 0)
		return;
	agree(value, arena);
	try_compact(value);
	if (json_kind(value) == JSON_ARRAY)
		try_elements(value);
}

static void
check_inner(const struct scan_record *r)
{
	struct json_walk walk = json_walk(r->members[1]);
	struct slice name, value;

	for (int i = 0; i < r->n_inner; i++) {
		require(json_next_member(&walk, &name, &value));
		require(name.p == r->text.p + r->inner[i].name_at && name.n == r->inner[i].name_n);
		require(value.p == r->text.p + r->inner[i].value_at);
	}
	require(!json_next_member(&walk, &name, &value));
}

static size_t
try_scanner(struct slice text, struct arena *arena)
{
	struct scanner *s = scanner_new(names, 3, 1 << 20);
	struct scan_record r;
	enum scan_result got;
	size_t good = 0;

	scanner_list_inner(s, 1);
	scanner_window(s, text.p, text.n, true);
	while ((got = scanner_next(s, &r)) == SCAN_RECORD || got == SCAN_REFUSED) {
		struct slice value;
		struct error error;

		if (got == SCAN_REFUSED)
			continue;
		good++;
		require(json_parse(r.text, "record", &value, &error) == 0 && slice_equal(value, r.text));
		agree(r.text, arena);
		for (int i = 0; i < 3; i++)
			require(json_member(r.text, names[i]).p == r.members[i].p);
		if (r.members[1].p && json_kind(r.members[1]) == JSON_OBJECT && r.n_inner >= 0)
			check_inner(&r);
	}
	require(got == SCAN_END);
	scanner_free(s);
	return good;
}

static void
try_printed(struct slice text, struct arena *arena)
{
	jv value = jv_parse_sized(text.p, (int)text.n), printed;
	struct slice ours, whole;
	struct error error;
	bool is_object;

	if (!jv_is_valid(value)) {
		jv_free(value);
		return;
	}
	is_object = jv_get_kind(value) == JV_KIND_OBJECT;
	printed = jv_dump_string(jv_copy(value), 0);
	whole = (struct slice){jv_string_value(printed), (size_t)jv_string_length_bytes(jv_copy(printed))};
	if (json_parse(whole, "jq's output", &ours, &error) < 0) {
		fprintf(stderr, "refused: %s: %s\n", jv_string_value(printed), error.text);
		abort();
	}
	compare(ours, value, arena);
	require(!is_object || try_scanner(whole, arena) == 1);
	jv_free(printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena = {0};
	struct buffer text = {0};

	buffer_add(&text, (const char *)data, n);
	buffer_string(&text);
	try_text(buffer_slice(&text), &arena);
	try_scanner(buffer_slice(&text), &arena);
	try_printed(buffer_slice(&text), &arena);
	arena_free(&arena);
	buffer_free(&text);
	return 0;
}
