#include "aws/ini.h"

#include "base/memory.h"

struct parser {
	struct ini *ini;
	enum ini_kind kind;
	const char *name;
	size_t line;
	bool in_section, ignored; /* behind a header; behind one that does not count */
	enum ini_section section;
	struct slice section_name;
	int precedence;
	size_t last;        /* index + 1 of the property a continuation belongs to */
	struct slice group; /* name of the last property when its value was empty */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s.p++, s.n--;
	while (s.n && (is_blank(s.p[s.n - 1]) || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

static struct slice
without_comment(struct slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((s.p[i] == '#' || s.p[i] == ';') && is_blank(s.p[i - 1]))
			s.n = i;
	if (s.n && (s.p[0] == '#' || s.p[0] == ';'))
		s.n = 0;
	return s;
}

/* The AWS CLI writes a profile's name with white space in quotes. */
static struct slice
unquoted(struct slice s)
{
	if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		s.p++, s.n -= 2;
	return s;
}

static struct slice
lower(struct arena *arena, struct slice s)
{
	char *p = arena_get(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return (struct slice){p, s.n};
}

static int
fault(const struct parser *p, struct error *error, const char *what)
{
	return error_set(error, STATUS_USAGE, "config", "%s:%zu: %s", p->name, p->line, what);
}

/* What a header names: "profile X", "sso-session X", "services X", "default", or in credentials "X". */
static void
take_header(struct parser *p, struct slice inner)
{
	static const struct {
		struct slice word;
		enum ini_section section;
	} prefixes[] = {
		{{"profile", 7}, INI_PROFILE},
		{{"sso-session", 11}, INI_SSO_SESSION},
		{{"services", 8}, INI_SERVICES},
	};

	p->ignored = false;
	p->precedence = 0;
	for (size_t i = 0; p->kind == INI_CONFIG && i < 3; i++) {
		struct slice word = prefixes[i].word;

		if (!slice_begins(inner, word) || inner.n == word.n || !is_blank(inner.p[word.n]))
			continue;
		p->section = prefixes[i].section;
		p->section_name = unquoted(trim((struct slice){inner.p + word.n, inner.n - word.n}));
		p->precedence = 1;
		return;
	}
	p->section = INI_PROFILE;
	p->section_name = inner;
	if (p->kind == INI_CREDENTIALS)
		p->precedence = 2;
	else
		p->ignored = !slice_equal(inner, SLICE("default"));
}

static int
parse_header(struct parser *p, struct slice line, struct error *error)
{
	const char *end = memchr(line.p, ']', line.n);
	struct slice rest;

	if (!end)
		return fault(p, error, "a section begins with '[' but has no ']'");
	rest = trim((struct slice){end + 1, line.n - (size_t)(end + 1 - line.p)});
	if (rest.n && rest.p[0] != '#' && rest.p[0] != ';')
		return fault(p, error, "text behind the ']' of a section");
	p->in_section = true;
	p->last = 0;
	p->group = (struct slice){NULL, 0};
	take_header(p, trim((struct slice){line.p + 1, (size_t)(end - line.p) - 1}));
	p->section_name = arena_copy(&p->ini->arena, p->section_name);
	return 0;
}

static void
add_property(struct parser *p, struct slice group, struct slice name, struct slice value)
{
	struct ini *ini = p->ini;

	if (ini->n == ini->capacity) {
		ini->capacity = ini->capacity ? ini->capacity * 2 : 16;
		ini->properties = memory_resize(ini->properties, ini->capacity, sizeof(*ini->properties));
	}
	ini->properties[ini->n++] = (struct ini_property){
		p->section, p->section_name, group, name, arena_copy(&ini->arena, value), p->precedence};
}

static int
parse_property(struct parser *p, struct slice line, bool nested, struct error *error)
{
	const char *eq = memchr(line.p, '=', line.n);
	struct slice name, value;

	if (!eq)
		return fault(p, error, "expected NAME = VALUE, found no '='");
	name = lower(&p->ini->arena, trim((struct slice){line.p, (size_t)(eq - line.p)}));
	if (name.n == 0)
		return fault(p, error, "no name before the '='");
	value = (struct slice){eq + 1, line.n - (size_t)(eq + 1 - line.p)};
	value = nested ? trim(value) : trim(without_comment(value));
	add_property(p, nested ? p->group : (struct slice){NULL, 0}, name, value);
	if (!nested) {
		p->last = p->ini->n;
		p->group = value.n ? (struct slice){NULL, 0} : name;
	}
	return 0;
}

static int
parse_continuation(struct parser *p, struct slice line, struct error *error)
{
	struct ini_property *property;
	char *joined;

	if (!p->last)
		return fault(p, error, "an indented line continues nothing");
	if (p->group.n)
		return parse_property(p, line, true, error);
	property = &p->ini->properties[p->last - 1];
	joined = arena_get(&p->ini->arena, property->value.n + 1 + line.n);
	memcpy(joined, property->value.p, property->value.n);
	joined[property->value.n] = '\n';
	memcpy(joined + property->value.n + 1, line.p, line.n);
	property->value = (struct slice){joined, property->value.n + 1 + line.n};
	return 0;
}

static int
parse_line(struct parser *p, struct slice line, struct error *error)
{
	struct slice text = trim(line);

	if (text.n == 0)
		return 0;
	if (is_blank(line.p[0])) {
		if (!p->in_section)
			return fault(p, error, "an indented line before any section");
		return p->ignored ? 0 : parse_continuation(p, text, error);
	}
	if (text.p[0] == '#' || text.p[0] == ';')
		return 0;
	if (text.p[0] == '[')
		return parse_header(p, text, error);
	if (!p->in_section)
		return fault(p, error, "a property before any section");
	return p->ignored ? 0 : parse_property(p, text, false, error);
}

int
ini_parse(struct ini *ini, struct slice text, enum ini_kind kind, const char *name, struct error *error)
{
	struct parser p = {.ini = ini, .kind = kind, .name = name};

	for (size_t i = 0; i < text.n;) {
		const char *end = memchr(text.p + i, '\n', text.n - i);
		size_t n = end ? (size_t)(end - text.p) - i : text.n - i;

		p.line++;
		if (n && parse_line(&p, (struct slice){text.p + i, n}, error) < 0)
			return -1;
		i += n + 1;
	}
	return 0;
}

void
ini_free(struct ini *ini)
{
	arena_free(&ini->arena);
	free(ini->properties);
	*ini = (struct ini){0};
}

struct slice
ini_get(const struct ini *ini, enum ini_section section, struct slice section_name, struct slice group,
	struct slice name)
{
	const struct ini_property *best = NULL;

	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_property *p = &ini->properties[i];

		if (p->section == section && slice_equal(p->section_name, section_name) &&
			slice_equal(p->group, group) && slice_equal(p->name, name) &&
			(!best || p->precedence >= best->precedence))
			best = p;
	}
	return best ? best->value : (struct slice){NULL, 0};
}

bool
ini_has(const struct ini *ini, enum ini_section section, struct slice section_name)
{
	for (size_t i = 0; i < ini->n; i++)
		if (ini->properties[i].section == section && slice_equal(ini->properties[i].section_name, section_name))
			return true;
	return false;
}
