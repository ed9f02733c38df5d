#include "catalog/rules.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "catalog/record.h"
#include "io/content.h"
#include "json/jq.h"
#include "json/text.h"

#include <stdlib.h>

static const char *const names[] = {
	"priority", "newest", "oldest", "longest", "shortest", "min", "max", "majority", "union", "deep", "jq"};

static const struct rule priority_rule = {.kind = RULE_PRIORITY};

const char *
rule_name(enum rule_kind kind)
{
	return names[kind];
}

void
rules_standard(struct rules *rules)
{
	*rules = (struct rules){.standard = &priority_rule, .plain = true};
}

void
rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->n_lists; i++) {
		name_list_free(rules->lists[i]);
		free(rules->lists[i]);
	}
	free(rules->lists);
	free(rules->fields);
	arena_free(&rules->memory);
	*rules = (struct rules){0};
}

struct parser {
	struct rules *rules;
	const char *source;
	struct error *error;
};

static int bad(const struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int
bad(const struct parser *p, const char *format, ...)
{
	struct buffer text = {0};
	va_list list;

	va_start(list, format);
	buffer_format_list(&text, format, list);
	va_end(list);
	error_set(p->error, STATUS_USAGE, "bad-rules", "%s: %s", p->source, buffer_string(&text));
	buffer_free(&text);
	return -1;
}

static char *
kept_string(struct parser *p, struct slice raw)
{
	struct slice decoded = json_decode(raw, &p->rules->memory);
	char *copy = arena_get(&p->rules->memory, decoded.n + 1);

	if (decoded.n)
		memcpy(copy, decoded.p, decoded.n);
	copy[decoded.n] = '\0';
	return copy;
}

static int
parse_kind(struct parser *p, struct slice value, const char *where, struct rule *rule)
{
	if (json_kind(value) == JSON_STRING)
		for (int kind = RULE_PRIORITY; kind < RULE_JQ; kind++)
			if (json_string_is(value, slice_of(names[kind]))) {
				rule->kind = (enum rule_kind)kind;
				return 0;
			}
	return bad(p,
		"%s: unknown rule %.*s; there are priority, newest, oldest, longest, shortest, min, max, majority, "
		"union, deep and {\"jq\":\"PROGRAM\"}",
		where, value.n > 60 ? 60 : (int)value.n, value.p);
}

static int
parse_program(struct parser *p, struct slice value, const char *where, struct rule *rule)
{
	struct jq_program *program;

	if (json_kind(value) != JSON_STRING)
		return bad(p, "%s: \"jq\" takes a program as a string", where);
	rule->kind = RULE_JQ;
	rule->program = kept_string(p, value);
	rule->program_number = p->rules->n_programs++;
	program = jq_program_compile(rule->program, rule->where, JQ_RULE_LIMIT_MS, p->error);
	jq_program_free(program);
	return program ? 0 : -1;
}

static int
parse_list(struct parser *p, struct slice value, const char *where, struct rule *rule)
{
	static const struct list_shape shape = {"ContentType", "PriorityList", "partner_list", false, false};
	struct name_list *list;

	if (json_kind(value) != JSON_ARRAY)
		return bad(p, "%s: \"priority\" takes an array of partner names", where);
	list = memory_get_zeroed(1, sizeof(*list));
	if (name_list_parse(value, rule->where, &shape, list, p->error) < 0) {
		free(list);
		return -1;
	}
	p->rules->lists = memory_resize(p->rules->lists, p->rules->n_lists + 1, sizeof(*p->rules->lists));
	p->rules->lists[p->rules->n_lists++] = list;
	rule->priority = list;
	return 0;
}

static int
parse_rule_member(struct parser *p, struct slice name, struct slice value, const char *where, struct rule *rule)
{
	if (json_string_is(name, SLICE("jq")))
		return parse_program(p, value, where, rule);
	if (json_string_is(name, SLICE("priority")))
		return parse_list(p, value, where, rule);
	if (!json_string_is(name, SLICE("rule")))
		return bad(p, "%s: unknown member %.*s of a rule; there are \"rule\", \"priority\" and \"jq\"", where,
			(int)name.n, name.p);
	if (json_kind(value) == JSON_OBJECT) {
		struct slice program = json_member(value, SLICE("jq"));
		return program.p ? parse_program(p, program, where, rule) : parse_kind(p, value, where, rule);
	}
	return parse_kind(p, value, where, rule);
}

static const struct rule *
parse_rule(struct parser *p, struct slice value, const char *where)
{
	struct rule *rule = arena_get(&p->rules->memory, sizeof(*rule));
	struct slice name, member;

	*rule = (struct rule){.kind = RULE_PRIORITY};
	rule->where = arena_get(&p->rules->memory, strlen(p->source) + strlen(where) + 3);
	stpcpy(stpcpy(stpcpy(rule->where, p->source), ": "), where);
	if (json_kind(value) != JSON_OBJECT)
		return parse_kind(p, value, where, rule) < 0 ? NULL : rule;
	if (json_member(value, SLICE("rule")).p && json_member(value, SLICE("jq")).p) {
		bad(p, "%s: a rule has \"rule\" or \"jq\", not both", where);
		return NULL;
	}
	struct json_walk walk = json_walk(value);
	while (json_next_member(&walk, &name, &member))
		if (parse_rule_member(p, name, member, where, rule) < 0)
			return NULL;
	return rule;
}

static char *
field_label(struct parser *p, struct slice name)
{
	char *label = arena_get(&p->rules->memory, name.n + sizeof("field ''"));

	stpcpy(stpncpy(stpcpy(label, "field '"), name.p, name.n), "'");
	return label;
}

static struct rule_field *
add_field(struct parser *p, struct slice raw_name)
{
	struct rules *rules = p->rules;
	const char *name = kept_string(p, raw_name);
	struct slice decoded = {name, json_decode(raw_name, &rules->memory).n};

	for (size_t i = 0; i < rules->n_fields; i++)
		if (slice_equal(rules->fields[i].name, decoded)) {
			bad(p, "field '%s' stands twice: a field has one rule, or one group", name);
			return NULL;
		}
	rules->fields = memory_resize(rules->fields, rules->n_fields + 1, sizeof(*rules->fields));
	rules->fields[rules->n_fields] = (struct rule_field){.name = decoded, .group = -1};
	return &rules->fields[rules->n_fields++];
}

static int
parse_fields(struct parser *p, struct slice object)
{
	struct slice name, value;

	if (json_kind(object) != JSON_OBJECT)
		return bad(p, "\"fields\" takes an object of rules by field name");
	struct json_walk walk = json_walk(object);
	while (json_next_member(&walk, &name, &value)) {
		struct rule_field *field = add_field(p, name);
		if (!field || !(field->rule = parse_rule(p, value, field_label(p, field->name))))
			return -1;
	}
	return 0;
}

static int
parse_groups(struct parser *p, struct slice groups)
{
	struct slice group, name;

	if (json_kind(groups) != JSON_ARRAY)
		return bad(p, "\"groups\" takes an array of arrays of field names");
	struct json_walk walk = json_walk(groups);
	while (json_next_element(&walk, &group)) {
		if (json_kind(group) != JSON_ARRAY)
			return bad(p, "\"groups\" takes an array of arrays of field names");
		struct json_walk members = json_walk(group);
		while (json_next_element(&members, &name)) {
			if (json_kind(name) != JSON_STRING)
				return bad(p, "a group holds field names only");
			struct rule_field *field = add_field(p, name);
			if (!field)
				return -1;
			field->group = p->rules->n_groups;
		}
		p->rules->n_groups++;
	}
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return slice_compare(((const struct rule_field *)a)->name, ((const struct rule_field *)b)->name);
}

static int
parse_members(struct parser *p, struct slice object)
{
	struct json_walk walk = json_walk(object);
	struct slice name, value;

	while (json_next_member(&walk, &name, &value)) {
		int status;
		if (json_string_is(name, SLICE("default")))
			status = (p->rules->standard = parse_rule(p, value, "default")) ? 0 : -1;
		else if (json_string_is(name, SLICE("fields")))
			status = parse_fields(p, value);
		else if (json_string_is(name, SLICE("groups")))
			status = parse_groups(p, value);
		else
			status = bad(p, "unknown member %.*s; there are \"default\", \"fields\" and \"groups\"",
				(int)name.n, name.p);
		if (status < 0)
			return -1;
	}
	return 0;
}

static bool
is_plain(const struct rules *rules)
{
	bool plain = rules->standard->kind == RULE_PRIORITY && !rules->standard->priority && rules->n_groups == 0;

	for (size_t i = 0; i < rules->n_fields; i++)
		plain = plain && rules->fields[i].rule->kind == RULE_PRIORITY && !rules->fields[i].rule->priority;
	return plain;
}

int
rules_parse(struct slice text, const char *source, struct rules *rules, struct error *error)
{
	struct parser parser = {rules, source, error};
	struct slice object;

	rules_standard(rules);
	if (json_parse(text, source, &object, error) < 0)
		return -1;
	if (json_kind(object) != JSON_OBJECT)
		return bad(&parser, "rules are an object with \"default\", \"fields\" and \"groups\"");
	if (parse_members(&parser, object) < 0) {
		rules_free(rules);
		return -1;
	}
	if (rules->n_fields)
		qsort(rules->fields, rules->n_fields, sizeof(*rules->fields), by_name);
	rules->plain = is_plain(rules);
	return 0;
}

int
rules_read(const char *uri, struct rules *rules, struct error *error)
{
	struct buffer text = {0};
	int status = content_read(uri, &text, error);

	if (status == 0)
		status = rules_parse(buffer_slice(&text), uri, rules, error);
	buffer_free(&text);
	return status;
}

const struct rule_field *
rules_find(const struct rules *rules, struct slice name)
{
	struct rule_field key = {.name = name};

	return rules->n_fields ? bsearch(&key, rules->fields, rules->n_fields, sizeof(key), by_name) : NULL;
}
