/* Shapes: the same names in the same order have one number, all else another or none. */
#include "catalog/shape.h"

#include "base/buffer.h"

#include "unit.h"

/* The members of a flat object as the scanner lists them. */
static struct scan_record
listed(const char *text)
{
	struct scan_record r = {.text = slice_of(text)};

	for (const char *p = text; (p = strchr(p, '"'));) {
		const char *end = strchr(p + 1, '"') + 1;
		r.inner[r.n_inner++] =
			(struct scan_inner){(uint32_t)(p - text), (uint32_t)(end - p), (uint32_t)(end + 1 - text), 1};
		p = end;
	}
	return r;
}

struct shapes {
	struct shape_table *table;
	struct shape_view *view;
};

static void
shapes_begin(struct shapes *s)
{
	s->table = shape_table_new();
	s->view = shape_view_new(s->table);
}

static void
shapes_end(struct shapes *s)
{
	shape_view_free(s->view);
	shape_table_free(s->table);
}

static uint32_t
number(struct shape_view *view, const char *text)
{
	struct scan_record r = listed(text);

	return shape_number(view, &r);
}

static void
names_and_their_order_make_a_shape(void **state)
{
	static const char *const different[] = {"{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}",
		"{\"ab\":1}", "{\"a\":1,\"b\":2,\"c\":3}"};
	struct shapes s;

	(void)state;
	shapes_begin(&s);
	for (int again = 0; again < 3; again++)
		for (size_t i = 0; i < sizeof(different) / sizeof(*different); i++)
			assert_int_equal(number(s.view, different[i]), i + 1);
	assert_int_equal(number(s.view, "{ \"a\" : [7],\"b\":null}"), 3);
	shapes_end(&s);
}

static void
escapes_and_duplicates_have_none(void **state)
{
	static const char *const none[] = {"{}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2,\"a\":3}", "{\"\\u0061\":1}"};
	struct shapes s;

	(void)state;
	shapes_begin(&s);
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
			assert_int_equal(number(s.view, none[i]), 0);
	struct scan_record unlisted = {.n_inner = -1};
	assert_int_equal(shape_number(s.view, &unlisted), 0);
	assert_int_not_equal(number(s.view, "{\"a\":1}"), 0);
	shapes_end(&s);
}

static void
views_of_one_table_agree(void **state)
{
	struct shapes s;
	struct shape_view *other;

	(void)state;
	shapes_begin(&s);
	other = shape_view_new(s.table);
	uint32_t ab = number(s.view, "{\"a\":1,\"b\":2}"), ba = number(other, "{\"b\":1,\"a\":2}");
	assert_int_equal(number(other, "{\"a\":1,\"b\":2}"), ab);
	assert_int_equal(number(s.view, "{\"b\":1,\"a\":2}"), ba);
	assert_int_not_equal(ab, ba);
	shape_view_free(other);
	shapes_end(&s);
}

/* The names that the bits of set stand for. */
static uint32_t
number_of_set(struct shape_view *view, unsigned set)
{
	char text[200] = "{\"always\":1";

	for (int i = 0; i < 11; i++)
		if (set >> i & 1)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), ",\"name %d\":1", i);
	return number(view, strcat(text, "}"));
}

static void
shapes_beyond_the_bound_have_none(void **state)
{
	struct shapes s;

	(void)state;
	shapes_begin(&s);
	for (unsigned i = 0; i < SHAPES_MAX; i++)
		assert_int_equal(number_of_set(s.view, i), i + 1);
	for (unsigned i = SHAPES_MAX; i < SHAPES_MAX + 50; i++)
		assert_int_equal(number_of_set(s.view, i), 0);
	for (unsigned i = 0; i < SHAPES_MAX; i++) {
		uint32_t again = number_of_set(s.view, i);
		assert_true(again == i + 1 || again == 0); /* the view may have forgotten it */
	}
	shapes_end(&s);
}

static void
names_beyond_the_bound_make_none(void **state)
{
	struct shapes s;
	char text[40];

	(void)state;
	shapes_begin(&s);
	for (unsigned i = 0; i < FIELDS_MAX + 5; i++) {
		snprintf(text, sizeof(text), "{\"name %u\":1}", i);
		assert_int_equal(number(s.view, text), i < FIELDS_MAX ? i + 1 : 0);
	}
	assert_int_equal(number(s.view, "{\"name 1\":1,\"name 64\":1}"), 0);
	assert_int_not_equal(number(s.view, "{\"name 1\":1,\"name 63\":1}"), 0);
	shapes_end(&s);
}

static void
names_have_one_number_in_all_shapes(void **state)
{
	const struct shape *ab, *bca;
	struct shapes s;

	(void)state;
	shapes_begin(&s);
	ab = shape_at(s.table, number(s.view, "{\"a\":1,\"b\":2}"));
	bca = shape_at(s.table, number(s.view, "{\"b\":1,\"c\":2,\"a\":3}"));
	assert_int_equal(ab->n, 2);
	assert_int_equal(bca->n, 3);
	assert_true(slice_equal(bca->names[1], SLICE("\"c\"")));
	assert_int_equal(ab->field[0], bca->field[2]);
	assert_int_equal(ab->field[1], bca->field[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bca->member[bca->field[i]], i);
	assert_true((bca->fields & ~ab->fields) == 1ull << bca->field[1]);
	assert_true((ab->fields & ~bca->fields) == 0);
	shapes_end(&s);
}

static void
a_layout_stands_for_its_names(void **state)
{
	struct scan_record r = listed("{\"a\":1,\"b\":2}"), other = listed("{\"b\":1}");
	struct shapes s;

	(void)state;
	shapes_begin(&s);
	uint32_t ab = shape_number(s.view, &r), b = shape_number(s.view, &other);
	for (int again = 0; again < 2; again++)
		for (uint32_t layout = 1; layout < 200; layout += 2) {
			r.layout = layout;
			other.layout = layout + 1;
			assert_int_equal(shape_number(s.view, &r), ab);
			assert_int_equal(shape_number(s.view, &other), b);
		}
	shapes_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_their_order_make_a_shape),
		cmocka_unit_test(escapes_and_duplicates_have_none),
		cmocka_unit_test(views_of_one_table_agree),
		cmocka_unit_test(shapes_beyond_the_bound_have_none),
		cmocka_unit_test(names_beyond_the_bound_make_none),
		cmocka_unit_test(names_have_one_number_in_all_shapes),
		cmocka_unit_test(a_layout_stands_for_its_names),
	};

	return TESTS(tests);
}
