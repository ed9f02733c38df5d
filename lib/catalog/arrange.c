#include "catalog/arrange.h"

#include "base/memory.h"

#include <stdlib.h>

#define PART_SIZE 4096   /* accommodations, about */
#define SAMPLES 16       /* per part */

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

static size_t
fill(struct arranged *all, const struct gathering *gatherings, size_t n, size_t common)
{
	size_t filled = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < gatherings[i].n; k++) {
			const struct accommodation *a = &gatherings[i].accommodations[k];
			struct slice rest = {a->id.p + common, a->id.n - common};
			all[filled++] = (struct arranged){common ? id_prefix(rest) : a->id_prefix, a};
		}
	return filled;
}

static size_t
part_of(const struct arranged *splitters, size_t n, const struct arranged *a)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (compare(a, &splitters[middle]) < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Evenly spaced ids of a sorted sample, one between each two parts. */
static struct arranged *
choose_splitters(const struct arranged *all, size_t total, size_t n_parts)
{
	size_t n = n_parts * SAMPLES < total ? n_parts * SAMPLES : total;
	size_t step = total / n; /* NOLINT(clang-analyzer-core.DivideZero): there are two parts at least */
	struct arranged *sample = memory_get(n * sizeof(*sample));

	for (size_t i = 0; i < n; i++)
		sample[i] = all[i * step];
	qsort(sample, n, sizeof(*sample), compare);
	for (size_t part = 1; part < n_parts; part++)
		sample[part - 1] = sample[part * n / n_parts];
	return sample;
}

static void
split_into_parts(struct arrangement *a, struct arranged *from, size_t total)
{
	struct arranged *splitters = choose_splitters(from, total, a->n_parts);
	uint32_t *parts = memory_get(total * sizeof(*parts));
	size_t *next = memory_get_zeroed(a->n_parts + 1, sizeof(*next));

	for (size_t i = 0; i < total; i++)
		next[(parts[i] = (uint32_t)part_of(splitters, a->n_parts - 1, &from[i])) + 1]++;
	for (size_t part = 0; part < a->n_parts; part++) {
		next[part + 1] += next[part];
		a->ends[part] = next[part + 1];
	}
	for (size_t i = 0; i < total; i++)
		a->all[next[parts[i]]++] = from[i];
	free(splitters);
	free(parts);
	free(next);
}

void
arrange(struct arrangement *a, const struct gathering *gatherings, size_t n)
{
	size_t total = 0;
	struct arranged *filled;

	for (size_t i = 0; i < n; i++)
		total += gatherings[i].n;
	*a = (struct arrangement){.n_parts = (total + PART_SIZE - 1) / PART_SIZE};
	if (total == 0)
		return;
	a->ends = memory_get(a->n_parts * sizeof(*a->ends));
	filled = memory_get(total * sizeof(*filled));
	fill(filled, gatherings, n, common_prefix(gatherings, n));
	if (a->n_parts == 1) {
		a->all = filled;
		a->ends[0] = total;
		return;
	}
	a->all = memory_get(total * sizeof(*a->all));
	split_into_parts(a, filled, total);
	free(filled);
}

void
arrangement_free(struct arrangement *a)
{
	free(a->all);
	free(a->ends);
	*a = (struct arrangement){0};
}

struct arranged *
arrangement_part(struct arrangement *a, size_t part, size_t *n)
{
	size_t begin = part ? a->ends[part - 1] : 0;

	*n = a->ends[part] - begin;
	qsort(a->all + begin, *n, sizeof(*a->all), compare);
	return a->all + begin;
}
