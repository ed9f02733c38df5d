/* What services and queues send: notifications, Lambda events, XML, profile files, and a journal. The first byte
 * chooses. */
#include "aws/event.h"
#include "aws/ini.h"
#include "aws/notification.h"
#include "aws/xml.h"
#include "io/verdict.h"

#include "fuzz.h"

static void
try_notification(struct slice text, struct arena *arena)
{
	struct notification notification;

	notification_parse(text, arena, &notification);
	require((notification.kind == NOTIFICATION_OBJECTS) == (notification.n > 0));
	require(notification.kind != NOTIFICATION_UNKNOWN || notification.why);
	for (size_t i = 0; i < notification.n; i++)
		require(strlen(notification.objects[i].uri.p) == notification.objects[i].uri.n);
}

static void
try_event(struct slice text)
{
	struct batch batch = {.n = 0};
	struct buffer answer = {0};
	struct error error;

	if (event_parse(text, &batch, &error) == 0) {
		for (size_t i = 0; i < batch.n; i++)
			require(batch.messages[i].id.n > 0);
		event_answer(&batch, &answer);
	}
	buffer_free(&answer);
	batch_free(&batch);
}

/* Whatever the journal says, a batch that failed fails every message. */
static void
try_journal(struct slice text)
{
	struct verdict_message messages[] = {{{"a", 1}, false, ""}, {{"b", 1}, false, ""}};
	struct verdict_link links[] = {{{"s3://s/1", 8}, 0, 0}, {{"s3://s/2", 8}, 1, 1}};
	struct verdict_question question = {.journal = text, .n_references = 2, .links = links, .n_links = 2,
		.messages = messages, .n_messages = 2};
	struct verdict verdict;

	verdict_judge(&question, &verdict);
	require(!verdict.batch_failed || (messages[0].failed && messages[1].failed));
	require(text.n > 0 || verdict.batch_failed);
	verdict_free(&verdict);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = {(const char *)data + 1, n - 1};
	struct arena arena = {0};
	struct ini ini = {.n = 0};
	struct error error;

	if (n == 0)
		return 0;
	switch (data[0] % 5) {
	case 0:
		try_notification(text, &arena);
		break;
	case 1:
		try_event(text);
		break;
	case 2:
		xml_parse(text, &arena, &error);
		break;
	case 3:
		ini_parse(&ini, text, INI_CONFIG, "config", &error);
		ini_free(&ini);
		break;
	default:
		try_journal(text);
	}
	arena_free(&arena);
	return 0;
}
