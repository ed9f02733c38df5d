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

/* memcpy for what is short mostly; behind it. */
static inline char *
put(char *out, const char *p, size_t n)
{
	if (n > 32) {
		memcpy(out, p, n);
	} else if (n >= 16) {
		memcpy(out, p, 16);
		memcpy(out + n - 16, p + n - 16, 16);
	} else if (n >= 8) {
		memcpy(out, p, 8);
		memcpy(out + n - 8, p + n - 8, 8);
	} else if (n >= 4) {
		memcpy(out, p, 4);
		memcpy(out + n - 4, p + n - 4, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			out[i] = p[i];
	}
	return out + n;
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
			const struct record_value *value = &record_values(r)[member];
			return put(out, r->text + value->at, value->n);
		}
	}
	return mempcpy(out, "null", 4);
}

/* The fields that record number i is the first to have. */
static char *
put_new_fields(const struct merged *m, uint32_t i, const struct shape *shape, uint64_t seen, char *out)
{
	const struct record *r = m->records[i];
	const struct record_value *values = record_values(r);

	for (uint8_t member = 0; member < shape->n; member++) {
		uint8_t field = shape->field[member];
		if (seen >> field & 1)
			continue;
		*out++ = ',';
		out = put(out, shape->names[member].p, shape->names[member].n);
		*out++ = ':';
		if (r->nulls >> member & 1)
			out = put_first_value(m, i + 1, field, out);
		else
			out = put(out, r->text + values[member].at, values[member].n);
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
		room += records[i]->data_n;
	}
	buffer_reserve(out, room);
	begin = end = out->p + out->n;
	if (first->flags & RECORD_COMPACT && !first->nulls && fields == shape_at(shapes, first->shape)->fields) {
		end = put(end, first->text + first->data_at, first->data_n);
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
	end = put(out->p + out->n, before.p, before.n);
	end = put(end, a->id.p - 1, a->id.n + 2);
	end = put(end, between.p, between.n);
	end = put(end, a->whole.p, a->whole.n);
	*end++ = '}';
	*end++ = '\n';
	out->n = (size_t)(end - out->p);
}
