#include "io/keytemplate.h"

#include "base/instant.h"
#include "io/manifest.h"

#include <inttypes.h>

#define MICROSECOND_DIGITS 16
#define US_PER_SECOND 1000000

static int64_t
seconds_of(int64_t us)
{
	return us / US_PER_SECOND - (us % US_PER_SECOND < 0);
}

static int
day_of_year(const struct civil *c)
{
	struct civil first = {.year = c->year, .month = 1, .day = 1}, today = {c->year, c->month, c->day, 0, 0, 0};

	return (int)((instant_of_civil(&today) - instant_of_civil(&first)) / 86400) + 1;
}

/* Append what %letter stands for; false when it stands for nothing. */
static bool
add_time(struct buffer *out, char letter, int64_t at_us)
{
	struct civil c = instant_civil(seconds_of(at_us));

	switch (letter) {
	case 'Y': buffer_format(out, "%04" PRId64, c.year); return true;
	case 'y': buffer_format(out, "%02d", (int)(c.year % 100)); return true;
	case 'm': buffer_format(out, "%02d", c.month); return true;
	case 'd': buffer_format(out, "%02d", c.day); return true;
	case 'H': buffer_format(out, "%02d", c.hour); return true;
	case 'M': buffer_format(out, "%02d", c.minute); return true;
	case 'S': buffer_format(out, "%02d", c.second); return true;
	case 'j': buffer_format(out, "%03d", day_of_year(&c)); return true;
	case 'F': buffer_format(out, "%04" PRId64 "-%02d-%02d", c.year, c.month, c.day); return true;
	case 'T': buffer_format(out, "%02d:%02d:%02d", c.hour, c.minute, c.second); return true;
	case 's': buffer_format(out, "%" PRId64, seconds_of(at_us)); return true;
	case 'f': buffer_format(out, "%" PRId64, at_us); return true;
	case '%': buffer_add_byte(out, '%'); return true;
	default: return false;
	}
}

static size_t
base_length(struct slice name)
{
	const char *dot = name.n > 1 ? memchr(name.p + 1, '.', name.n - 1) : NULL;

	return dot ? (size_t)(dot - name.p) : name.n;
}

/* 0; 1 when the word stands for nothing; -1 with *error. */
static int
add_word(struct buffer *out, struct slice word, const struct key_values *v, struct error *error)
{
	size_t base = base_length(v->name);

	if (slice_equal(word, SLICE("shard"))) {
		if (v->shard == MANIFEST_NO_SHARD)
			return error_set(error, STATUS_REFUSED, "no-shard",
				"the key needs {shard}, but the manifest line has no \"shard\"");
		buffer_add_number(out, v->shard);
		return 0;
	}
	if (!v->name.p)
		return 1;
	if (slice_equal(word, SLICE("name")))
		buffer_add_slice(out, v->name);
	else if (slice_equal(word, SLICE("base")))
		buffer_add(out, v->name.p, base);
	else if (slice_equal(word, SLICE("ext")))
		buffer_add(out, v->name.p + base, v->name.n - base);
	else
		return 1;
	return 0;
}

/* As key_expand; 1 with *fault where the template is wrong. */
static int
expand(const char *template, const struct key_values *v, struct buffer *out, struct slice *fault, struct error *error)
{
	const char *c = template, *end;
	int got;

	while (*c) {
		if (*c == '%') {
			*fault = (struct slice){c, c[1] ? 2 : 1};
			if (!c[1] || !add_time(out, c[1], v->at_us))
				return 1;
			c += 2;
		} else if ((*c == '{' || *c == '}') && c[1] == *c) {
			buffer_add_byte(out, *c);
			c += 2;
		} else if (*c == '{' || *c == '}') {
			end = strchr(c, '}');
			*fault = (struct slice){c, end ? (size_t)(end + 1 - c) : strlen(c)};
			if (*c == '}' || !end)
				return 1;
			got = add_word(out, (struct slice){c + 1, (size_t)(end - c - 1)}, v, error);
			if (got)
				return got;
			c = end + 1;
		} else {
			buffer_add_byte(out, *c++);
		}
	}
	return 0;
}

int
key_check(const char *option, const char *template, bool names_allowed, struct error *error)
{
	struct key_values sample = {.name = SLICE("a")};
	struct buffer out = {0};
	struct slice fault;
	int got;

	if (!names_allowed)
		sample = (struct key_values){.shard = MANIFEST_NO_SHARD};
	got = expand(template, &sample, &out, &fault, error);
	if (got)
		error_set(error, STATUS_USAGE, "usage", "%s '%s': '%.*s' stands for nothing here%s", option, template,
			(int)fault.n, fault.p, fault.p[0] == '%' ? " (%% for a percent sign)" : " ({{ is a brace)");
	else if (out.n == 0 || out.p[out.n - 1] == '/')
		got = error_set(error, STATUS_USAGE, "usage", "%s '%s' gives no name", option, template);
	buffer_free(&out);
	return got ? -1 : 0;
}

int
key_expand(const char *template, const struct key_values *values, struct buffer *out, struct error *error)
{
	struct slice fault;

	return expand(template, values, out, &fault, error) == 0 ? 0 : -1;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Offset of the last run of exactly 16 digits in s, or s.n. */
static size_t
find_microsecond(struct slice s)
{
	size_t found = s.n, run;

	for (size_t i = 0; i < s.n; i += run ? run : 1) {
		for (run = 0; i + run < s.n && is_digit(s.p[i + run]); run++)
			;
		if (run == MICROSECOND_DIGITS)
			found = i;
	}
	return found;
}

void
key_advance(struct slice key, uint64_t attempt, struct buffer *out)
{
	const char *slash = key.n ? memrchr(key.p, '/', key.n) : NULL;
	size_t start = slash ? (size_t)(slash + 1 - key.p) : 0, at, next;
	struct slice last = key.n ? (struct slice){key.p + start, key.n - start} : SLICE("");
	uint64_t number = 0;

	at = find_microsecond(last);
	if (at < last.n) {
		next = at + MICROSECOND_DIGITS;
		for (size_t i = at; i < next; i++)
			number = number * 10 + (uint64_t)(last.p[i] - '0');
		buffer_add(out, key.p, start + at);
		buffer_format(out, "%016" PRIu64, number + attempt);
	} else {
		next = base_length(last);
		buffer_add(out, key.p, start + next);
		buffer_add_byte(out, '-');
		buffer_add_number(out, attempt);
	}
	buffer_add(out, last.p + next, last.n - next);
}
