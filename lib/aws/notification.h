/* notification - what a message says happened to which objects. Pure: bytes in, facts out.
 *
 * Understood: S3's own form, one or many records ("Event message structure", S3 User Guide; keys are form-encoded
 * there); the same as string in an SNS envelope; EventBridge events of S3 (keys are raw there); the s3:TestEvent.
 * Thread safe: no state. */
#ifndef ACC_AWS_NOTIFICATION_H
#define ACC_AWS_NOTIFICATION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum notification_kind {
	NOTIFICATION_OBJECTS, /* objects were created; removals in the same message are passed over */
	NOTIFICATION_NOTHING, /* understood, and nothing to do: a test event, removals */
	NOTIFICATION_UNKNOWN, /* why says what was not understood */
};

struct notification_object {
	struct slice uri;                               /* s3://bucket/key, the key raw; NUL-terminated */
	struct slice version_id, etag, time, sequencer; /* empty when unknown; NUL-terminated */
	uint64_t bytes;
	bool has_bytes;
};

struct notification {
	enum notification_kind kind;
	struct notification_object *objects; /* borrowed from the arena */
	size_t n;
	const char *why; /* static */
};

void notification_parse(struct slice body, struct arena *arena, struct notification *notification);

#endif
