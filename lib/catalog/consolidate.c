#include "base/command.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "catalog/arrange.h"
#include "catalog/consolidate_private.h"
#include "io/input.h"

#include <stdatomic.h>
#include <stdlib.h>

#define RUN_BUFFER ((size_t)64 << 10)

struct consolidation *
consolidation_new(const struct consolidation_options *options)
{
	struct consolidation *c = memory_get_zeroed(1, sizeof(*c));
	const struct record_paths *paths = options->merge.paths;
	unsigned bin_bits = options->memory < (1u << 20) ? 0 : options->memory < (32u << 20) ? 4 : 8;

	c->options = options;
	c->shapes = shape_table_new();
	c->merge = options->merge;
	c->merge.tables = (struct record_tables){options->partners, c->shapes};
	if (options->merge.latest || options->merge.explain || options->merge.rules->n_programs)
		c->keep = RECORD_KEEP_WHOLE;
	else
		c->keep = merge_takes_values(&options->merge) ? RECORD_KEEP_VALUES : RECORD_KEEP_PARTS;
	c->workers = memory_get_zeroed(options->threads, sizeof(*c->workers));
	for (unsigned i = 0; i < options->threads; i++) {
		c->workers[i].scanner = scanner_new(paths->names, paths->n_names, options->max_record);
		scanner_spare(c->workers[i].scanner, 0); /* _source: acc-fetch and --latest add it */
		c->workers[i].reader = (struct record_reader){.paths = paths,
			.whole = c->keep == RECORD_KEEP_WHOLE,
			.partners = partner_view_new(options->partners),
			.shapes = shape_view_new(c->shapes)};
		if (paths->data.n == 1)
			scanner_list_inner(c->workers[i].scanner, paths->data_name);
		c->workers[i].shelf.bin_bits = bin_bits;
	}
	return c;
}

static struct block *
block_new(size_t bytes)
{
	struct block *block = memory_get_bulk(sizeof(*block) + bytes);

	block->bytes = bytes;
	return block;
}

void
consolidation_keep_input(struct consolidation *c, struct input *input)
{
	c->inputs = memory_resize(c->inputs, c->n_inputs + 1, sizeof(*c->inputs));
	c->inputs[c->n_inputs++] = input;
}

static void
block_free(struct block *block)
{
	if (block)
		memory_free_bulk(block, sizeof(*block) + block->bytes);
}

static void
release_text(struct consolidation *c, struct block *survivors)
{
	block_free(survivors);
	for (size_t i = 0; i < c->n_inputs; i++)
		input_close(c->inputs[i]);
	c->n_inputs = 0;
}

void
consolidation_free(struct consolidation *c)
{
	for (unsigned i = 0; i < c->options->threads; i++) {
		scanner_free(c->workers[i].scanner);
		record_reader_free(&c->workers[i].reader);
		shelf_clear(&c->workers[i].shelf);
		arena_free(&c->workers[i].texts);
		arena_free(&c->workers[i].kept);
		arena_free(&c->workers[i].stretches);
		scan_piece_free(&c->workers[i].piece);
	}
	release_text(c, c->survivors);
	for (size_t i = 0; i < c->n_runs; i++)
		run_free(c->runs[i]);
	free(c->runs);
	free(c->inputs);
	free(c->workers);
	shape_table_free(c->shapes);
	free(c);
}

uint64_t
consolidation_used(const struct consolidation *c)
{
	uint64_t bytes = c->held;

	for (unsigned i = 0; i < c->options->threads; i++)
		bytes += c->workers[i].shelf.bytes * 2 /* gathering takes as much */ + c->workers[i].texts.bytes +
			c->workers[i].kept.bytes + c->workers[i].reader.uris.bytes;
	return bytes;
}

/* --- what is held, gathered and in order ---------------------------------------------------------------------- */

struct gathered {
	struct consolidation *c;
	struct shelf **shelves;
	struct gatherer *gatherers;   /* by thread */
	struct gathering *gatherings; /* by bin */
	unsigned n_bins;
	atomic_uint next;
	struct arrangement arrangement;
};

static void
gather_bins(void *context, unsigned thread)
{
	struct gathered *g = context;

	for (unsigned bin; (bin = atomic_fetch_add(&g->next, 1)) < g->n_bins;)
		gather_bin(&g->gatherers[thread], g->shelves, g->c->options->threads, bin, &g->gatherings[bin]);
}

static void
gather(struct gathered *g, struct consolidation *c)
{
	unsigned threads = c->options->threads;

	*g = (struct gathered){.c = c, .n_bins = 1u << c->workers[0].shelf.bin_bits};
	g->shelves = memory_get(threads * sizeof(*g->shelves));
	g->gatherers = memory_get_zeroed(threads, sizeof(*g->gatherers));
	for (unsigned i = 0; i < threads; i++) {
		g->shelves[i] = &c->workers[i].shelf;
		g->gatherers[i] =
			(struct gatherer){.settler = {.replace = c->options->replace, .tables = c->merge.tables}};
	}
	g->gatherings = memory_get_zeroed(g->n_bins, sizeof(*g->gatherings));
	parallel_run(threads < g->n_bins ? threads : g->n_bins, gather_bins, g);
	for (unsigned bin = 0; bin < g->n_bins; bin++)
		c->counts.superseded += g->gatherings[bin].superseded;
}

static void
gathered_free(struct gathered *g)
{
	for (unsigned i = 0; i < g->c->options->threads; i++)
		gatherer_free(&g->gatherers[i]);
	arrangement_free(&g->arrangement);
	free(g->gatherers);
	free(g->gatherings);
	free(g->shelves);
}

/* --- on the way to the cache ---------------------------------------------------------------------------------- */

/* Inlined by force, as gcc takes functions that do nothing but prefetch for ones that do nothing. */
static inline __attribute__((always_inline)) void
fetch_text(const char *p, size_t n)
{
	for (size_t at = 0; at < n && at < 256; at += 64)
		__builtin_prefetch(p + at);
}

static inline __attribute__((always_inline)) void
fetch_data(const struct record *r)
{
	if (r->data_n)
		fetch_text(r->text + r->data_at, r->data_n);
	else
		fetch_text(r->text, r->text_n);
}

static inline __attribute__((always_inline)) void
fetch_records(const struct accommodation *a)
{
	for (uint32_t k = 0; k < a->n && k < 8; k++) {
		__builtin_prefetch(a->records[k]);
		__builtin_prefetch(a->records[k] + 1);
	}
}

/* The accommodations lie scattered, and so do their records and these's texts: have them on the way to the cache some
 * steps before. Of the texts those that are merged are wanted, or every one to be spilled. */
static inline __attribute__((always_inline)) void
fetch_ahead(const struct arranged *all, size_t i, size_t n, bool every)
{
	const struct accommodation *a;

	if (i + 16 < n)
		__builtin_prefetch(all[i + 16].accommodation);
	if (i + 12 < n && (!(a = all[i + 12].accommodation)->whole.p || every))
		__builtin_prefetch(a->records);
	if (i + 8 < n && (!(a = all[i + 8].accommodation)->whole.p || every))
		fetch_records(a);
	if (i + 4 >= n)
		return;
	a = all[i + 4].accommodation;
	if (a->whole.p && !every) {
		__builtin_prefetch(a->id.p);
		fetch_text(a->whole.p, a->whole.n);
		return;
	}
	fetch_data(a->records[0]);
	for (uint32_t k = 1; k < a->n && (a->records[k - 1]->nulls || every); k++)
		fetch_data(a->records[k]);
}

/* --- spilling ------------------------------------------------------------------------------------------------- */

struct spill {
	struct gathered *gathered;
	struct run *run;
};

static void
format_part(void *context, unsigned thread, size_t part, struct buffer *out)
{
	struct spill *spill = context;
	size_t n;
	struct arranged *all = arrangement_part(&spill->gathered->arrangement, part, &n);
	struct arena scratch = {0};

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		fetch_ahead(all, i, n, true);
		run_format(out, all[i].accommodation, spill->gathered->c->keep, &scratch);
	}
	arena_free(&scratch);
}

static void
spill_part(void *context, size_t part, struct buffer *made)
{
	struct spill *spill = context;

	(void)part;
	run_write(spill->run, buffer_slice(made), spill->gathered->c->options->directory);
}

static struct run *
new_run(struct consolidation *c)
{
	struct error error;
	struct run *run = run_new(c->options->directory, &error);

	if (!run)
		command_die(&error);
	c->counts.runs++;
	c->runs = memory_resize(c->runs, c->n_runs + 1, sizeof(*c->runs));
	return run;
}

static void
spill(struct consolidation *c, struct gathered *g)
{
	struct spill spill = {g, new_run(c)};
	struct parallel_line line = {format_part, spill_part, &spill};

	arrange(&g->arrangement, g->gatherings, g->n_bins);
	parallel_in_order(c->options->threads, g->arrangement.n_parts, &line);
	c->runs[c->n_runs++] = spill.run;
}

static uint64_t
bytes_of(const struct accommodation *a)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < a->n; i++)
		bytes += a->records[i]->text_n + record_bytes(a->records[i]);
	return bytes;
}

static uint64_t
survivors_bytes(const struct gathered *g)
{
	uint64_t bytes = 0;

	for (unsigned bin = 0; bin < g->n_bins; bin++)
		for (size_t i = 0; i < g->gatherings[bin].n; i++)
			bytes += bytes_of(&g->gatherings[bin].accommodations[i]);
	return bytes;
}

/* Copy the survivors' text together and file them anew on one shelf. */
static void
hold_survivors(struct consolidation *c, const struct gathered *g, struct shelf *shelf, uint64_t bytes)
{
	struct block *block = block_new(bytes ? bytes : 1);
	char *next = block->text;

	c->survivors = block;
	c->held = bytes;
	for (unsigned bin = 0; bin < g->n_bins; bin++)
		for (size_t i = 0; i < g->gatherings[bin].n; i++) {
			const struct accommodation *a = &g->gatherings[bin].accommodations[i];
			for (uint32_t k = 0; k < a->n; k++) {
				struct record *r = shelf_add(shelf, a->records[k]);
				memcpy(next, r->text, r->text_n);
				r->text = next;
				next += r->text_n;
			}
		}
}

/* --- writing -------------------------------------------------------------------------------------------------- */

struct writing {
	struct consolidation *c;
	struct gathered *gathered; /* without runs */
	struct run *const *runs;   /* with runs: these */
	size_t n_runs;
	struct slice *bounds; /* part k is from bounds[k - 1] up to bounds[k] */
	size_t n_bounds, buffer_bytes;
	struct merger **mergers; /* by thread */
	atomic_ullong represented, superseded, written;
	struct output *out;
	struct run *into; /* the runs are merged to a run, not to the output */
};

static void
merge_part(void *context, unsigned thread, size_t part, struct buffer *out)
{
	struct writing *w = context;
	size_t n;
	struct arranged *all = arrangement_part(&w->gathered->arrangement, part, &n);
	uint64_t represented = 0, written = 0;

	for (size_t i = 0; i < n; i++) {
		fetch_ahead(all, i, n, false);
		represented += all[i].accommodation->n;
		written += merge_accommodation(w->mergers[thread], all[i].accommodation, out);
	}
	atomic_fetch_add(&w->represented, represented);
	atomic_fetch_add(&w->written, written);
}

static void
merge_runs_part(void *context, unsigned thread, size_t part, struct buffer *out)
{
	struct writing *w = context;
	struct slice none = {NULL, 0}, from = part ? w->bounds[part - 1] : none;
	struct slice to = part < w->n_bounds ? w->bounds[part] : none;
	struct run_merge *merge = run_merge_new(
		w->runs, w->n_runs, from, to, w->buffer_bytes, w->c->options->replace, &w->c->merge.tables);
	struct arena unused = {0};
	struct accommodation a;
	uint64_t represented = 0, superseded = 0, written = 0;

	while (run_merge_next(merge, &a, &superseded)) {
		represented += a.n;
		if (w->into)
			run_format(out, &a, RECORD_KEEP_WHOLE, &unused); /* it was cut down when it came to its run */
		else
			written += merge_accommodation(w->mergers[thread], &a, out);
	}
	run_merge_free(merge);
	atomic_fetch_add(&w->represented, represented);
	atomic_fetch_add(&w->superseded, superseded);
	atomic_fetch_add(&w->written, written);
}

static void
put_part(void *context, size_t part, struct buffer *made)
{
	struct writing *w = context;

	(void)part;
	if (w->into)
		run_write(w->into, buffer_slice(made), w->c->options->directory);
	else
		output_give(w->out, made);
}

static int
by_id(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Ids that cut all runs into parts of about part_bytes, from the runs' samples. */
static struct slice *
choose_bounds(struct run *const *runs, size_t n_runs, uint64_t part_bytes, size_t *n_bounds)
{
	uint64_t bytes = 0;
	size_t n = 0, filled = 0, parts;

	for (size_t i = 0; i < n_runs; i++) {
		n += runs[i]->n_samples;
		bytes += runs[i]->bytes;
	}
	struct slice *ids = memory_get((n + 1) * sizeof(*ids));
	for (size_t i = 0; i < n_runs; i++)
		for (size_t k = 0; k < runs[i]->n_samples; k++)
			ids[filled++] = runs[i]->samples[k].id;
	if (n)
		qsort(ids, n, sizeof(*ids), by_id);
	parts = (size_t)(bytes / part_bytes) + 1;
	*n_bounds = 0;
	for (size_t part = 1; part < parts; part++) {
		struct slice id = ids[part * n / parts];
		if (*n_bounds == 0 || !slice_equal(ids[*n_bounds - 1], id))
			ids[(*n_bounds)++] = id;
	}
	return ids;
}

/* How many runs can be read at once in the memory allowed. */
static size_t
fan_in(const struct consolidation *c)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is one thread at least */
	uint64_t n = c->options->memory / 2 / (RUN_BUFFER * c->options->threads);

	return n < 16 ? 16 : n > 512 ? 512 : (size_t)n;
}

/* Merge the runs there are, in parts, to w->into or the output. */
static void
merge_runs(struct writing *w)
{
	struct parallel_line line = {merge_runs_part, put_part, w};
	uint64_t memory = w->c->options->memory, part_bytes = memory / (8 * w->c->options->threads);
	uint64_t share = memory / 4 / (w->c->options->threads * w->n_runs);

	/* a part begins with up to a buffer of each run that belongs to the part before */
	part_bytes = part_bytes > (8u << 20) ? 8u << 20 : part_bytes;
	part_bytes = part_bytes < 4 * RUN_BUFFER * w->n_runs ? 4 * RUN_BUFFER * w->n_runs : part_bytes;
	w->buffer_bytes = share < RUN_BUFFER ? RUN_BUFFER : share > (1u << 20) ? 1u << 20 : (size_t)share;
	w->bounds = choose_bounds(w->runs, w->n_runs, part_bytes, &w->n_bounds);
	parallel_in_order(w->c->options->threads, w->n_bounds + 1, &line);
	free(w->bounds);
}

/* Merge the last n runs into one. */
static void
join_last_runs(struct consolidation *c, size_t n)
{
	struct run *joined = new_run(c); /* which may move c->runs */
	struct run **last = c->runs + c->n_runs - n;
	struct writing w = {.c = c, .runs = last, .n_runs = n, .into = joined};

	joined->level = last[0]->level + 1;
	merge_runs(&w);
	c->counts.superseded += w.superseded;
	for (size_t i = 0; i < n; i++)
		run_free(last[i]);
	last[0] = joined;
	c->n_runs -= n - 1;
}

/* Keep runs few: as soon as as many of one level are there as can be read at once, they become one of the next. */
static void
join_levels(struct consolidation *c)
{
	size_t n = fan_in(c);

	while (c->n_runs >= n && c->runs[c->n_runs - n]->level == c->runs[c->n_runs - 1]->level)
		join_last_runs(c, n);
}

void
consolidation_flush(struct consolidation *c)
{
	struct block *survivors = c->survivors;
	struct shelf fresh = {.bin_bits = c->workers[0].shelf.bin_bits};
	struct gathered gathered;
	uint64_t bytes;

	gather(&gathered, c);
	bytes = survivors_bytes(&gathered);
	c->survivors = NULL;
	c->held = 0;
	if (bytes <= c->options->memory / 4)
		hold_survivors(c, &gathered, &fresh, bytes);
	else
		spill(c, &gathered);
	gathered_free(&gathered);
	for (unsigned i = 0; i < c->options->threads; i++) {
		shelf_clear(&c->workers[i].shelf);
		arena_reset(&c->workers[i].texts);
		arena_reset(&c->workers[i].kept);
	}
	c->workers[0].shelf = fresh;
	release_text(c, survivors);
	join_levels(c);
}

static void
write_from_memory(struct writing *w)
{
	struct parallel_line line = {merge_part, put_part, w};
	struct gathered gathered;

	gather(&gathered, w->c);
	w->gathered = &gathered; /* cppcheck-suppress autoVariables ; until the end of this function */
	arrange(&gathered.arrangement, gathered.gatherings, gathered.n_bins);
	parallel_in_order(w->c->options->threads, gathered.arrangement.n_parts, &line);
	gathered_free(&gathered);
	w->gathered = NULL;
}

static void
write_from_runs(struct writing *w)
{
	struct consolidation *c = w->c;
	struct gathered rest;

	gather(&rest, c);
	spill(c, &rest);
	gathered_free(&rest);
	for (unsigned i = 0; i < c->options->threads; i++) {
		shelf_clear(&c->workers[i].shelf);
		arena_free(&c->workers[i].texts);
	}
	release_text(c, c->survivors);
	c->survivors = NULL;
	for (size_t n = fan_in(c), all; (all = c->n_runs) > n;)
		join_last_runs(c, all - n + 1 < n ? all - n + 1 : n);
	w->runs = c->runs;
	w->n_runs = c->n_runs;
	merge_runs(w);
}

void
consolidation_write(struct consolidation *c, struct output *out, struct consolidation_counts *counts)
{
	unsigned threads = c->options->threads;
	struct writing w = {.c = c, .out = out, .mergers = memory_get(threads * sizeof(*w.mergers))};

	for (unsigned i = 0; i < threads; i++)
		w.mergers[i] = merger_new(&c->merge);
	if (c->n_runs)
		write_from_runs(&w);
	else
		write_from_memory(&w);
	c->counts.superseded += w.superseded;
	c->counts.represented = w.represented + c->counts.superseded;
	c->counts.written = w.written;
	for (unsigned i = 0; i < threads; i++) {
		c->counts.fallbacks += merger_fallbacks(w.mergers[i]);
		merger_free(w.mergers[i]);
	}
	free(w.mergers);
	*counts = c->counts;
}
