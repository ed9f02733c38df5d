/* split - which record goes into which file: bounds, records beyond them, shards.
 *
 *     split_open(&split, &error);
 *     split_run(&split, run, "catalog.jsonl", &line_number, &error)   for all of the input
 *     split_finish(&split, &error);
 *     split_close(&split);
 *
 * One thread. */
#ifndef ACC_IO_SPLIT_H
#define ACC_IO_SPLIT_H

#include "io/spool.h"
#include "json/text.h"

#define SPLIT_SHARDS_MAX 1024

struct split_target;

struct split {
	struct spool spool;
	uint64_t max_bytes;        /* of a file, as written */
	uint64_t max_records;      /* of a file; 0: no bound */
	bool refuse_oversize;      /* else a file of its own */
	uint32_t shards;           /* 0: none */
	struct json_path shard_by; /* which value decides */

	struct split_target *targets; /* one per shard; one without */
	struct arena arena;           /* for one record */
	struct buffer scratch;
	uint64_t read, written, refused, bytes_in;
};

int split_open(struct split *s, struct error *error);
/* Take a run of whole lines. name and *line (the number of the last line seen, from 0) are for
 * messages. -1 with *error when it cannot go on; a refused record is reported, counted and passed
 * over. */
int split_run(struct split *s, struct slice run, const char *name, uint64_t *line, struct error *error);
int split_finish(struct split *s, struct error *error); /* publishes what is begun */
void split_close(struct split *s);                      /* abandons what is not published */

/* The shard of a value: XXH64 with seed 0 of the string's decoded text, of any other value its
 * compact JSON text, modulo shards. The same in every version and on every machine. */
uint32_t split_shard(struct slice value, uint32_t shards, struct arena *arena, struct buffer *scratch);

#endif
