#include "aws/xml.h"

#include "base/buffer.h"

#include <expat.h>
#include <limits.h>

enum { DEPTH_MAX = 32 };

struct builder {
	XML_Parser parser;
	struct arena *arena;
	struct xml_node *open[DEPTH_MAX], *last_child[DEPTH_MAX], *root;
	struct buffer text;
	int depth;
	const char *refused;
};

static void
refuse(struct builder *b, const char *why)
{
	if (!b->refused)
		b->refused = why;
	XML_StopParser(b->parser, XML_FALSE);
}

/* expat joins namespace and name with the separator given to it. */
static struct slice
local_name(const char *name)
{
	const char *bar = strrchr(name, '|');

	return slice_of(bar ? bar + 1 : name);
}

static void
on_start(void *data, const char *name, const char **attributes)
{
	struct builder *b = data;
	struct xml_node *node;

	(void)attributes;
	if (b->depth == DEPTH_MAX) {
		refuse(b, "it nests too deep");
		return;
	}
	node = arena_get(b->arena, sizeof(*node));
	*node = (struct xml_node){.name = arena_copy(b->arena, local_name(name))};
	if (b->depth == 0)
		b->root = node;
	else if (b->last_child[b->depth - 1])
		b->last_child[b->depth - 1]->next = node;
	else
		b->open[b->depth - 1]->first = node;
	if (b->depth > 0)
		b->last_child[b->depth - 1] = node;
	b->open[b->depth] = node;
	b->last_child[b->depth++] = NULL;
	b->text.n = 0;
}

static void
on_end(void *data, const char *name)
{
	struct builder *b = data;
	struct xml_node *node = b->open[--b->depth];

	(void)name;
	if (!node->first)
		node->text = arena_copy(b->arena, buffer_slice(&b->text));
	b->text.n = 0;
}

static void
on_text(void *data, const char *text, int n)
{
	struct builder *b = data;

	buffer_add(&b->text, text, (size_t)n);
}

static void
on_doctype(void *data, const char *name, const char *system, const char *public, int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	refuse(data, "it has a document type declaration");
}

static int
parse(struct builder *b, struct slice text, struct error *error)
{
	if (text.n > INT_MAX)
		return error_set(error, STATUS_FAILED, "invalid-xml", "the XML is too long");
	if (XML_Parse(b->parser, text.p ? text.p : "", (int)text.n, 1) == XML_STATUS_OK)
		return 0;
	return error_set(error, STATUS_FAILED, "invalid-xml", "line %lu of the XML: %s",
		(unsigned long)XML_GetCurrentLineNumber(b->parser),
		b->refused ? b->refused : XML_ErrorString(XML_GetErrorCode(b->parser)));
}

struct xml_node *
xml_parse(struct slice text, struct arena *arena, struct error *error)
{
	struct builder b = {.arena = arena};
	int result;

	b.parser = XML_ParserCreateNS(NULL, '|');
	if (!b.parser) {
		error_set(error, STATUS_FAILED, "memory", "no memory for an XML parser");
		return NULL;
	}
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, on_start, on_end);
	XML_SetCharacterDataHandler(b.parser, on_text);
	XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
	result = parse(&b, text, error);
	XML_ParserFree(b.parser);
	buffer_free(&b.text);
	return result < 0 ? NULL : b.root;
}

struct xml_node *
xml_child(const struct xml_node *node, const char *name)
{
	struct xml_node *child = node ? node->first : NULL;

	while (child && !slice_equal(child->name, slice_of(name)))
		child = child->next;
	return child;
}

struct slice
xml_text(const struct xml_node *node, const char *name)
{
	const struct xml_node *child = xml_child(node, name);

	return child ? child->text : (struct slice){NULL, 0};
}

/* Depth is bounded by the parser. */
struct xml_node *
xml_find(struct xml_node *node, const char *name)
{
	struct xml_node *found;

	if (!node || slice_equal(node->name, slice_of(name)))
		return node;
	for (struct xml_node *child = node->first; child; child = child->next)
		if ((found = xml_find(child, name)))
			return found;
	return NULL;
}
