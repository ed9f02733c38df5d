/* --map and --select: records go through the programs many at a time. */
#include "base/memory.h"
#include "catalog/fetch_private.h"
#include "io/lines.h"
#include "json/text.h"

#include <stdlib.h>

#define BATCH_RECORDS 256
#define MAPPED_MAX ((size_t)1 << 20) /* of what --map made in waiting, but for what it made of one record */

/* A record on its way through the programs. */
struct item {
	struct found record;
	size_t source, source_end; /* its _source in sources */
	size_t lines, lines_end;   /* what became of it, in lines */
	const char *code;          /* why it is refused, or NULL */
	char *text;                /* owned, until it is reported */
};

struct fetch_batch {
	struct item items[BATCH_RECORDS];
	size_t n, bytes;
	size_t done; /* items that have been written or refused */
	struct buffer sources, lines, selected;
	size_t item, next; /* while selecting: whose line is next, and where it begins */
	struct fetch_worker *worker;
	struct scanner *scanner; /* holds what --map makes to what is asked of input */
};

struct fetch_batch *
fetch_batch_new(struct fetch_worker *w)
{
	struct fetch_batch *b = memory_get_zeroed(1, sizeof(*b));

	b->worker = w;
	if (w->map)
		b->scanner = fetch_scanner_new(w->options);
	return b;
}

void
fetch_batch_free(struct fetch_batch *b)
{
	if (!b)
		return;
	buffer_free(&b->sources);
	buffer_free(&b->lines);
	buffer_free(&b->selected);
	scanner_free(b->scanner);
	free(b);
}

static struct slice
part(const struct buffer *b, size_t from, size_t end)
{
	return (struct slice){b->p + from, end - from};
}

/* The line of text that begins at `from`, without its newline. */
static struct slice
line_at(const struct buffer *b, size_t from)
{
	const char *end = memchr(b->p + from, '\n', b->n - from);

	return (struct slice){b->p + from, (size_t)(end - (b->p + from))};
}

static void
item_refuse(struct item *item, const char *code, char *text)
{
	if (item->code) {
		free(text);
		return;
	}
	item->code = code;
	item->text = text;
}

/* Refuse the item where a line that the program made of it is no record. */
static void
check_mapped(struct fetch_batch *b, struct item *item, struct slice line)
{
	static const char *const kinds[] = {"null", "false", "true", "a number", "a string", "an array"};
	const char *name = b->worker->options->map_name;
	enum json_kind kind = json_kind(line);
	struct scan_record made;

	if (kind != JSON_OBJECT) {
		item_refuse(item, "not-an-object",
			memory_format("%s: the program gave %s, not an object", name, kinds[kind]));
		return;
	}
	scanner_window(b->scanner, line.p, line.n, true);
	if (scanner_next(b->scanner, &made) != SCAN_RECORD)
		item_refuse(item, made.code, memory_format("%s: what the program gave is %s", name, made.reason));
}

static void batch_finish(struct fetch_batch *b, size_t end);

static void
take_mapped(void *context, size_t index, struct slice lines, const struct error *error)
{
	struct fetch_batch *b = context;
	struct item *item = &b->items[index];
	struct slice rest = lines, line;

	item->lines = b->lines.n;
	if (error)
		item_refuse(item, error->code, memory_copy_string(error->text));
	scanner_restart(b->scanner);
	while (!item->code && lines_cut(&rest, &line))
		check_mapped(b, item, line);
	if (!item->code)
		buffer_add_slice(&b->lines, lines);
	item->lines_end = b->lines.n;
	if (b->lines.n >= MAPPED_MAX)
		batch_finish(b, index + 1);
}

/* Fill the lines of all items; those that are many are finished on the way. */
static void
batch_map(struct fetch_batch *b)
{
	struct fetch_worker *w = b->worker;

	for (size_t i = 0; i < b->n; i++) {
		struct item *item = &b->items[i];

		if (w->map) {
			jq_program_queue(w->map, item->record.text, part(&b->sources, item->source, item->source_end));
			continue;
		}
		item->lines = b->lines.n;
		if (item->record.spans_lines)
			json_compact(&b->lines, item->record.text);
		else
			buffer_add_slice(&b->lines, item->record.text);
		buffer_add_byte(&b->lines, '\n');
		item->lines_end = b->lines.n;
	}
	if (w->map)
		jq_program_run_queued(w->map, take_mapped, b);
}

static void
take_selected(void *context, size_t index, struct slice output, const struct error *error)
{
	struct fetch_batch *b = context;
	struct slice line;

	(void)index;
	while (b->next == b->items[b->item].lines_end) {
		b->items[b->item].lines_end = b->selected.n;
		b->next = b->items[++b->item].lines;
		b->items[b->item].lines = b->selected.n;
	}
	line = line_at(&b->lines, b->next);
	b->next += line.n + 1;
	if (error)
		item_refuse(&b->items[b->item], error->code, memory_copy_string(error->text));
	else if (jq_output_holds(output))
		buffer_add(&b->selected, line.p, line.n + 1);
}

/* Leave of the lines of the items that come next, up to end, those for which --select holds. */
static void
batch_select(struct fetch_batch *b, size_t end)
{
	struct fetch_worker *w = b->worker;
	struct buffer swap;
	size_t queued = 0;

	b->selected.n = b->next = 0;
	b->item = b->done;
	for (size_t i = b->done; i < end; i++)
		for (size_t next = b->items[i].lines; next < b->items[i].lines_end;) {
			struct slice line = line_at(&b->lines, next);
			struct slice source = part(&b->sources, b->items[i].source, b->items[i].source_end);

			jq_program_queue(w->select, line, source);
			next += line.n + 1;
			queued += line.n + source.n;
			if (queued >= FETCH_BLOCK) {
				jq_program_test_queued(w->select, take_selected, b);
				queued = 0;
			}
		}
	jq_program_test_queued(w->select, take_selected, b);
	for (; b->item < end; b->item++) {
		b->items[b->item].lines_end = b->selected.n;
		if (b->item + 1 < end)
			b->items[b->item + 1].lines = b->selected.n;
	}
	swap = b->lines;
	b->lines = b->selected;
	b->selected = swap;
}

static void
item_write(struct fetch_batch *b, const struct item *item)
{
	struct fetch_worker *w = b->worker;

	w->counts.left_out += item->lines == item->lines_end;
	for (size_t next = item->lines; next < item->lines_end;) {
		struct slice line = line_at(&b->lines, next);
		bool keep = w->options->bare || json_member(line, SLICE("_source")).p;

		fetch_add_line(w, line, keep ? (struct slice){0} : part(&b->sources, item->source, item->source_end));
		next += line.n + 1;
		if (w->piece->data.n >= FETCH_OUTPUT)
			fetch_emit(w);
	}
}

/* Write or refuse the items that come next, up to end. */
static void
batch_finish(struct fetch_batch *b, size_t end)
{
	if (b->worker->select)
		batch_select(b, end);
	for (; b->done < end; b->done++) {
		struct item *item = &b->items[b->done];

		if (item->code)
			fetch_refuse_with(b->worker, &item->record, item->code, item->text);
		else
			item_write(b, item);
	}
	b->lines.n = 0;
}

void
fetch_batch_flush(struct fetch_batch *b)
{
	if (b->n == 0)
		return;
	batch_map(b);
	batch_finish(b, b->n);
	b->n = b->done = b->bytes = b->sources.n = 0;
}

void
fetch_batch_add(struct fetch_batch *b, const struct found *r)
{
	struct item *item = &b->items[b->n++];

	*item = (struct item){.record = *r, .source = b->sources.n};
	if (r->source.p)
		json_compact(&b->sources, r->source); /* on one line, whatever it was */
	else
		fetch_add_source(b->worker, &b->sources, r->element);
	item->source_end = b->sources.n;
	b->bytes += r->text.n;
	if (b->n == BATCH_RECORDS || b->bytes >= FETCH_BLOCK)
		fetch_batch_flush(b);
}
