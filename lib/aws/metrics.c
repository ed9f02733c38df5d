#include "aws/metrics.h"

#include <inttypes.h>

enum { METRICS = 18 };

struct metric {
	const char *name, *unit, *words;
	uint64_t value;
};

static void
list_metrics(const struct metrics *m, struct metric list[METRICS])
{
	const struct verdict_counts *t = m->verdict->tools;
	const struct verdict_counts *fetch = &t[VERDICT_FETCH], *merge = &t[VERDICT_MERGE];
	const struct verdict_counts *split = &t[VERDICT_SPLIT], *put = &t[VERDICT_PUT];
	const struct metric all[METRICS] = {
		{"ObjectsReceived", "Count", "objects received", m->objects_received},
		{"ObjectsProcessed", "Count", "processed", m->objects_processed},
		{"ObjectsFailed", "Count", "failed", m->objects_failed},
		{"RecordsRead", "Count", "records read", fetch->read},
		{"RecordsRepresented", "Count", "represented", merge->represented},
		{"RecordsSuperseded", "Count", "superseded", merge->superseded},
		{"RecordsLeftOut", "Count", "left out", merge->left_out + fetch->left_out},
		{"RecordsRefused", "Count", "refused", fetch->refused + merge->refused + split->refused},
		{"RecordsWritten", "Count", "written", merge->present ? merge->written : fetch->written},
		{"BytesIn", "Bytes", "bytes in", fetch->bytes_in},
		{"BytesOut", "Bytes", "bytes out", put->present ? put->bytes_out : split->bytes_out},
		{"FilesStored", "Count", "files stored", put->objects},
		{"DurationMs", "Milliseconds", "ms in all", m->duration_ms},
		{"FetchMs", "Milliseconds", "ms to fetch", fetch->duration_ms},
		{"MergeMs", "Milliseconds", "ms to merge", merge->duration_ms},
		{"SplitMs", "Milliseconds", "ms to split", split->duration_ms},
		{"PutMs", "Milliseconds", "ms to store", put->duration_ms},
		{NULL, NULL, NULL, 0},
	};

	memcpy(list, all, sizeof(all));
}

void
metrics_format(struct buffer *out, const struct metrics *m)
{
	struct metric list[METRICS];

	list_metrics(m, list);
	buffer_format(out,
		"{\"_aws\":{\"Timestamp\":%" PRId64 ",\"CloudWatchMetrics\":[{\"Namespace\":"
		"\"AccommodationConsolidator\",\"Dimensions\":[[\"Function\"]],\"Metrics\":[",
		m->now_ms);
	for (int i = 0; list[i].name; i++)
		buffer_format(out, "%s{\"Name\":\"%s\",\"Unit\":\"%s\"}", i ? "," : "", list[i].name, list[i].unit);
	buffer_add_string(out, "]}]},\"Function\":");
	buffer_add_json_string(out, slice_of(m->function));
	for (int i = 0; list[i].name; i++)
		buffer_format(out, ",\"%s\":%" PRIu64, list[i].name, list[i].value);
	buffer_add_byte(out, '}');
}

void
metrics_describe(struct buffer *out, const struct metrics *m)
{
	struct metric list[METRICS];

	list_metrics(m, list);
	for (int i = 0; list[i].name; i++)
		buffer_format(out, "%s%" PRIu64 " %s", i ? ", " : "", list[i].value, list[i].words);
}
