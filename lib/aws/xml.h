/* xml - the small XML documents of S3, SNS and STS, walked by expat.
 *
 * A document type declaration is refused, and with it every entity but the five of XML: no bomb, nothing external.
 * Nesting is bounded, text is what the caller's size limits let in. Names come without namespace. */
#ifndef ACC_AWS_XML_H
#define ACC_AWS_XML_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

struct xml_node {
	struct slice name;
	struct slice text;             /* of a node without children: its text, entities decoded */
	struct xml_node *first, *next; /* children, siblings; NULL ends */
};

/* Parse a whole document. Gives nothing: nodes live in arena. NULL with *error (code "invalid-xml"). */
struct xml_node *xml_parse(struct slice text, struct arena *arena, struct error *error);

/* The first child of that name, or NULL; node may be NULL. */
struct xml_node *xml_child(const struct xml_node *node, const char *name);
/* Its text, or empty. */
struct slice xml_text(const struct xml_node *node, const char *name);
/* The first node of that name anywhere below, or NULL. */
struct xml_node *xml_find(struct xml_node *node, const char *name);

#endif
