#include "catalog/arrange.h"

#include "base/memory.h"

#include <stdlib.h>

#define BUCKET_BITS 11
#define FEW 24 /* that are sorted simply */

static int
compare(const void *a, const void *b)
{
	const struct arranged *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	if (x->accommodation->id.n <= 8 && y->accommodation->id.n <= 8)
		return (x->accommodation->id.n > y->accommodation->id.n) -
			(x->accommodation->id.n < y->accommodation->id.n);
	return slice_compare(x->accommodation->id, y->accommodation->id);
}

/* How many bytes all ids begin with; not looked for where eight bytes hold every id. */
static size_t
common_prefix(const struct gathering *gatherings, size_t n)
{
	struct slice first = {NULL, 0};
	size_t longest = 0;

	for (size_t i = 0; i < n; i++)
		longest = gatherings[i].longest_id > longest ? gatherings[i].longest_id : longest;
	if (longest <= 8)
		return 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < gatherings[i].n; k++) {
			struct slice id = gatherings[i].accommodations[k].id;
			size_t same = 0;
			if (!first.p)
				first = id;
			while (same < first.n && same < id.n && first.p[same] == id.p[same])
				same++;
			first.n = same;
		}
	return first.n;
}

static void
fill(struct arranged *all, const struct gathering *gatherings, size_t n, size_t common)
{
	size_t filled = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < gatherings[i].n; k++) {
			const struct accommodation *a = &gatherings[i].accommodations[k];
			struct slice rest = {a->id.p + common, a->id.n - common};
			all[filled++] = (struct arranged){common ? id_prefix(rest) : a->id_prefix, a};
		}
}

/* Put all in order of the bits in which their prefixes differ first, in buckets that end at ends. Returns how many
 * buckets; 1: the prefixes are equal. */
static size_t
distribute(struct arranged *all, struct arranged *room, size_t n, size_t ends[1 << BUCKET_BITS])
{
	uint64_t low = all->prefix, high = low;
	int bits, shift, bucket_bits = n > PART_SIZE ? BUCKET_BITS : 8;

	for (size_t i = 1; i < n; i++) {
		low = all[i].prefix < low ? all[i].prefix : low;
		high = all[i].prefix > high ? all[i].prefix : high;
	}
	if (low == high)
		return 1;
	bits = 64 - __builtin_clzll(high - low);
	shift = bits > bucket_bits ? bits - bucket_bits : 0;
	size_t n_buckets = (size_t)((high - low) >> shift) + 1;
	memset(ends, 0, n_buckets * sizeof(*ends));
	for (size_t i = 0; i < n; i++)
		ends[(all[i].prefix - low) >> shift]++;
	size_t begin = 0;
	for (size_t bucket = 0; bucket < n_buckets; bucket++) {
		size_t in_bucket = ends[bucket];
		ends[bucket] = begin;
		begin += in_bucket;
	}
	for (size_t i = 0; i < n; i++)
		room[ends[(all[i].prefix - low) >> shift]++] = all[i];
	memcpy(all, room, n * sizeof(*all));
	return n_buckets;
}

static void
sort(struct arranged *all, struct arranged *room, size_t n)
{
	size_t ends[1 << BUCKET_BITS];
	size_t n_buckets, begin = 0;

	if (n <= FEW) {
		for (size_t i = 1; i < n; i++) {
			struct arranged a = all[i];
			size_t k = i;
			for (; k > 0 && compare(&a, &all[k - 1]) < 0; k--)
				all[k] = all[k - 1];
			all[k] = a;
		}
		return;
	}
	if ((n_buckets = distribute(all, room, n, ends)) == 1) {
		qsort(all, n, sizeof(*all), compare);
		return;
	}
	for (size_t bucket = 0; bucket < n_buckets; begin = ends[bucket++])
		sort(all + begin, room + begin, ends[bucket] - begin);
}

static void
end_part(struct arrangement *a, size_t end)
{
	if (a->n_parts == a->capacity) {
		a->capacity = a->capacity ? a->capacity * 2 : 64;
		a->ends = memory_resize(a->ends, a->capacity, sizeof(*a->ends));
	}
	a->ends[a->n_parts++] = end;
}

/* Cut the n from `from` on into parts. */
static void
cut(struct arrangement *a, size_t from, size_t n)
{
	size_t ends[1 << BUCKET_BITS];
	size_t n_buckets, part = 0, begin = 0;

	if (n <= PART_SIZE || (n_buckets = distribute(a->all + from, a->room + from, n, ends)) == 1) {
		end_part(a, from + n);
		return;
	}
	for (size_t bucket = 0; bucket < n_buckets; begin = ends[bucket++]) {
		if (ends[bucket] - part <= PART_SIZE)
			continue;
		if (begin > part)
			end_part(a, from + begin);
		part = begin;
		if (ends[bucket] - begin <= PART_SIZE)
			continue;
		cut(a, from + begin, ends[bucket] - begin);
		part = ends[bucket];
	}
	if (part < n)
		end_part(a, from + n);
}

void
arrange(struct arrangement *a, const struct gathering *gatherings, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += gatherings[i].n;
	*a = (struct arrangement){.n = total};
	if (total == 0)
		return;
	a->all = memory_get_bulk(total * sizeof(*a->all));
	a->room = memory_get_bulk(total * sizeof(*a->room));
	fill(a->all, gatherings, n, common_prefix(gatherings, n));
	cut(a, 0, total);
}

void
arrangement_free(struct arrangement *a)
{
	memory_free_bulk(a->all, a->n * sizeof(*a->all));
	memory_free_bulk(a->room, a->n * sizeof(*a->room));
	free(a->ends);
	*a = (struct arrangement){0};
}

struct arranged *
arrangement_part(struct arrangement *a, size_t part, size_t *n)
{
	size_t begin = part ? a->ends[part - 1] : 0;

	*n = a->ends[part] - begin;
	sort(a->all + begin, a->room + begin, *n);
	return a->all + begin;
}
