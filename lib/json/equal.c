/* What values mean: the order of numbers, equality, and hashes that go with it. */
#include "base/hash.h"
#include "base/memory.h"
#include "json/text.h"

#include <stdlib.h>

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* A number as sign, significant digits (no zeros at either end) and the power of ten of the first one. */
struct decimal {
	bool negative, zero;
	struct slice digits; /* may hold the point */
	int64_t exponent;    /* the value is 0.DIGITS * 10^exponent */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One of more than 18 digits counts as 10^18: no number that means something has it. */
static int64_t
exponent_of(const char *p, const char *end)
{
	static const int64_t most = 1000000000000000000;
	bool negative = p < end && *p == '-';
	int64_t exponent = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && exponent < most; p++)
		exponent = exponent < most / 10 ? exponent * 10 + (*p - '0') : most;
	return negative ? -exponent : exponent;
}

static struct decimal
decimal_of(struct slice number)
{
	struct decimal d = {.negative = number.p[0] == '-'};
	const char *p = number.p + d.negative, *end = number.p + number.n, *mantissa_end = p, *point;

	while (mantissa_end < end && (is_digit(*mantissa_end) || *mantissa_end == '.'))
		mantissa_end++;
	if (mantissa_end < end)
		d.exponent = exponent_of(mantissa_end + 1, end);
	point = memchr(p, '.', (size_t)(mantissa_end - p));
	if (!point)
		point = mantissa_end;
	while (p < mantissa_end && (*p == '0' || *p == '.'))
		p++;
	while (mantissa_end > p && (mantissa_end[-1] == '0' || mantissa_end[-1] == '.'))
		mantissa_end--;
	d.zero = p == mantissa_end;
	d.negative = d.negative && !d.zero;
	d.digits = (struct slice){p, (size_t)(mantissa_end - p)};
	d.exponent += p < point ? point - p : point - p + 1;
	return d;
}

/* The next digit, or '0' behind the last one. */
static char
next_digit(struct slice *digits)
{
	if (digits->n && *digits->p == '.') {
		digits->p++;
		digits->n--;
	}
	if (!digits->n)
		return '0';
	digits->n--;
	return *digits->p++;
}

static int
compare_magnitudes(struct decimal a, struct decimal b)
{
	if (a.zero || b.zero)
		return b.zero - a.zero;
	if (a.exponent != b.exponent)
		return a.exponent < b.exponent ? -1 : 1;
	while (a.digits.n || b.digits.n) {
		char x = next_digit(&a.digits), y = next_digit(&b.digits);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
json_compare_numbers(struct slice a, struct slice b)
{
	struct decimal x = decimal_of(a), y = decimal_of(b);

	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	return x.negative ? compare_magnitudes(y, x) : compare_magnitudes(x, y);
}

bool
json_natural(struct slice number, uint64_t *n)
{
	uint64_t sum = 0;

	*n = 0;
	for (size_t i = 0; i < number.n; i++)
		if (!is_digit(number.p[i]) || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_add_overflow(sum, (uint64_t)(number.p[i] - '0'), &sum))
			return false;
	*n = sum;
	return number.n > 0;
}

/* --- equality ----------------------------------------------------------------------------------------------------- */

static bool
equal_strings(struct slice a, struct slice b)
{
	if (slice_equal(a, b))
		return true;
	if (!memchr(a.p, '\\', a.n) && !memchr(b.p, '\\', b.n))
		return false;
	struct arena arena = {0};
	bool equal = json_string_is(a, json_decode(b, &arena));
	arena_free(&arena);
	return equal;
}

static bool
equal_arrays(struct slice a, struct slice b)
{
	struct json_walk walk_a = json_walk(a), walk_b = json_walk(b);
	struct slice x, y;

	for (;;) {
		bool more_a = json_next_element(&walk_a, &x), more_b = json_next_element(&walk_b, &y);
		if (!more_a || !more_b)
			return more_a == more_b;
		if (!json_equal(x, y))
			return false;
	}
}

/* An object's members by decoded name, of duplicates the last. */
struct member {
	struct slice name, value;
	size_t place;
};

static int
by_name_then_place(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = slice_compare(x->name, y->name);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static struct member *
sorted_members(struct slice object, size_t *n, struct arena *arena)
{
	struct json_walk walk = json_walk(object);
	struct slice name, value;
	struct member *members = NULL;
	size_t count = 0, capacity = 0;

	while (json_next_member(&walk, &name, &value)) {
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			members = memory_resize(members, capacity, sizeof(*members));
		}
		members[count] = (struct member){json_decode(name, arena), value, count};
		count++;
	}
	if (count)
		qsort(members, count, sizeof(*members), by_name_then_place);
	*n = 0;
	for (size_t i = 0; i < count; i++) {
		if (*n && slice_equal(members[*n - 1].name, members[i].name))
			--*n;
		members[(*n)++] = members[i];
	}
	return members;
}

static bool
equal_objects(struct slice a, struct slice b)
{
	struct arena arena = {0};
	size_t n_a, n_b;
	struct member *x = sorted_members(a, &n_a, &arena), *y = sorted_members(b, &n_b, &arena);
	bool equal = n_a == n_b;

	for (size_t i = 0; equal && i < n_a; i++)
		equal = slice_equal(x[i].name, y[i].name) && json_equal(x[i].value, y[i].value);
	free(x);
	free(y);
	arena_free(&arena);
	return equal;
}

bool
json_equal(struct slice a, struct slice b)
{
	enum json_kind kind = json_kind(a);

	if (kind != json_kind(b))
		return false;
	switch (kind) {
	case JSON_NUMBER: return json_compare_numbers(a, b) == 0;
	case JSON_STRING: return equal_strings(a, b);
	case JSON_ARRAY: return slice_equal(a, b) || equal_arrays(a, b);
	case JSON_OBJECT: return slice_equal(a, b) || equal_objects(a, b);
	default: return true;
	}
}

static uint64_t
hash_number(struct slice number)
{
	struct decimal d = decimal_of(number);
	uint64_t hash = d.zero ? 0 : (uint64_t)d.exponent * 2 + d.negative;

	while (d.digits.n)
		hash = hash * 31 + (uint64_t)next_digit(&d.digits);
	return XXH3_64bits(&hash, sizeof(hash));
}

static uint64_t
hash_object(struct slice object)
{
	struct arena arena = {0};
	size_t n;
	struct member *members = sorted_members(object, &n, &arena);
	uint64_t hash = JSON_OBJECT;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ hash_slice(members[i].name)) * 0x9e3779b97f4a7c15ull + json_hash(members[i].value);
	free(members);
	arena_free(&arena);
	return hash;
}

uint64_t
json_hash(struct slice value)
{
	struct json_walk walk;
	struct arena arena = {0};
	struct slice element;
	uint64_t hash = JSON_ARRAY;

	switch (json_kind(value)) {
	case JSON_NUMBER: return hash_number(value);
	case JSON_STRING:
		hash = hash_slice(json_decode(value, &arena));
		arena_free(&arena);
		return hash;
	case JSON_ARRAY:
		for (walk = json_walk(value); json_next_element(&walk, &element);)
			hash = hash * 0x9e3779b97f4a7c15ull + json_hash(element);
		return hash;
	case JSON_OBJECT: return hash_object(value);
	default: return json_kind(value);
	}
}
