#include "catalog/merge_shaped.h"

struct merged {
	const struct shape_table *shapes;
	struct record *const *records;
	uint32_t n;
};

bool
merge_is_shaped(struct record *const *records, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (records[i]->shape == 0)
			return false;
	return true;
}

/* The value of the first record from number i on that has the field, and not null. */
static inline char *
put_first_value(const struct merged *m, uint32_t i, uint8_t field, char *out)
{
	for (; i < m->n; i++) {
		const struct record *r = m->records[i];
		const struct shape *shape = shape_at(m->shapes, r->shape);
		uint8_t member = shape->member[field];
		if (shape->fields >> field & 1 && !(r->nulls >> member & 1)) {
			return slice_put(out, record_value(r, member));
		}
	}
	return mempcpy(out, "null", 4);
}

/* The fields that record number i is the first to have. */
static char *
put_new_fields(const struct merged *m, uint32_t i, const struct shape *shape, uint64_t seen, char *out)
{
	const struct record *r = m->records[i];

	for (uint8_t member = 0; member < shape->n; member++) {
		uint8_t field = shape->field[member];
		if (seen >> field & 1)
			continue;
		*out++ = ',';
		out = slice_put(out, shape->names[member]);
		*out++ = ':';
		if (r->nulls >> member & 1)
			out = put_first_value(m, i + 1, field, out);
		else
			out = slice_put(out, record_value(r, member));
	}
	return out;
}

void
merge_shaped(const struct shape_table *shapes, struct record *const *records, uint32_t n, struct buffer *out)
{
	const struct merged m = {shapes, records, n};
	const struct record *first = records[0];
	uint64_t fields = 0, seen = 0;
	size_t room = 0;
	char *begin, *end;

	/* every name and value comes from another place of these texts, with its comma and colon */
	for (uint32_t i = 0; i < n; i++) {
		fields |= shape_at(shapes, records[i]->shape)->fields;
		room += record_data_bytes(records[i], shapes);
	}
	buffer_reserve(out, room);
	begin = end = out->p + out->n;
	if (first->data_n && first->flags & RECORD_COMPACT && !first->nulls &&
		fields == shape_at(shapes, first->shape)->fields) {
		end = slice_put(end, (struct slice){first->text + first->data_at, first->data_n});
	} else {
		for (uint32_t i = 0; i < n && seen != fields; i++) {
			const struct shape *shape = shape_at(shapes, records[i]->shape);
			end = put_new_fields(&m, i, shape, seen, end);
			seen |= shape->fields;
		}
		*begin = '{';
		*end++ = '}';
	}
	out->n += (size_t)(end - begin);
}

void
merge_whole(const struct accommodation *a, struct buffer *out)
{
	static const struct slice before = SLICE("{\"accommodation_id\":"), between = SLICE(",\"accommodation_data\":");
	char *end;

	buffer_reserve(out, before.n + between.n + a->id.n + a->whole.n + 4);
	end = slice_put(out->p + out->n, before);
	end = slice_put(end, (struct slice){a->id.p - 1, a->id.n + 2});
	end = slice_put(end, between);
	end = slice_put(end, a->whole);
	*end++ = '}';
	*end++ = '\n';
	out->n = (size_t)(end - out->p);
}
