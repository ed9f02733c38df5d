/* scan_pieces - one input scanned by several threads.
 *
 * The input is cut into pieces where a record seems to begin: at a line that begins with '{'. Each thread takes a
 * piece, scans it on the guess that this is right, and waits for its turn, when the pieces before it are scanned. Where
 * the guess was wrong, it scans the piece once more, from where they really ended. So the records are those that one
 * scanner finds:
 *
 *     scan_pieces_begin(&pieces, &source);
 *     ... each thread, with a scanner and a piece of its own:
 *             while (scan_pieces_take(&pieces, &piece)) {
 *                     do {
 *                             ... forget what was found in this piece before ...
 *                             scan_piece_begin(&pieces, &piece, scanner);
 *                             while ((got = scanner_next(scanner, &record)) == SCAN_RECORD || got == SCAN_REFUSED)
 *                                     ... lines and elements count from the piece's begin ...;
 *                     } while (!scan_pieces_settle(&pieces, &piece));
 *                     ... here only one thread is at a time, in order; piece.lines and piece.elements came before ...
 *                     scan_pieces_pass(&pieces, &piece, scanner);
 *             }
 *     scan_pieces_end(&pieces);
 *
 * A thread that stops amid its piece stops the others. Text is borrowed from the piece or the source. */
#ifndef ACC_JSON_SCAN_PIECES_H
#define ACC_JSON_SCAN_PIECES_H

#include "base/buffer.h"
#include "json/scan.h"

#include <pthread.h>
#include <sys/types.h>

struct scan_source {
	struct slice whole; /* all of the input; or p is NULL and read gives it: at most n (>0) bytes to p, 0 at the
	                       end, -1 where it cannot go on. By one thread at a time */
	ssize_t (*read)(void *context, char *p, size_t n);
	void *context;
	size_t first, most; /* bytes of a piece: the first one's; they grow up to most, and beyond that where a record
	                       is longer */
	bool live;          /* records are wanted as they come: as much as one read gives is a piece, or what comes
	                       up to the next newline, where a long record is not yet complete */
};

struct scan_piece {
	struct slice text;
	bool at_end;              /* no text of the input follows */
	bool is_cut;              /* it could not be read further: what is refused at its end may be good */
	size_t taken;             /* bytes that no piece had before: the text may begin with what others left over */
	bool settled;             /* it begins where the pieces before it ended: what is found in it holds */
	uint64_t lines, elements; /* that came before it, once it is settled */
	/* scan_pieces' own */
	uint64_t number;
	struct scan_state begin;
	struct buffer room; /* its text; kept for the next piece, to be freed by scan_piece_free */
};

struct scan_pieces {
	struct scan_source source;
	/* guarded by reading */
	pthread_mutex_t reading;
	size_t at;           /* in the whole */
	struct buffer carry; /* of what was read: behind the last cut */
	size_t size;         /* of a piece */
	ssize_t got;         /* by the last read */
	bool is_likely;      /* a record seems to begin where the next piece does */
	bool ended;
	uint64_t n_taken;
	uint64_t taken, allowed; /* bytes */
	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t turned;
	uint64_t turn; /* the piece before which all are scanned */
	struct scan_state state;
	uint64_t lines, elements;
	struct slice rest;       /* what those left over */
	struct buffer rest_text; /* of an input that is read */
	struct scan_state guess;
	unsigned n_wrong; /* guesses */
};

/* source is copied; gives what scan_pieces_end takes. */
void scan_pieces_begin(struct scan_pieces *p, const struct scan_source *source);
void scan_pieces_end(struct scan_pieces *p);
void scan_piece_free(struct scan_piece *piece);

/* Hand out pieces until so many more bytes were taken. Without a call there is no limit. While no thread has a piece.
 */
void scan_pieces_allow(struct scan_pieces *p, uint64_t bytes);

/* The next piece. false: there are no more, or no more are allowed. */
bool scan_pieces_take(struct scan_pieces *p, struct scan_piece *piece);
/* Give the scanner its window. */
void scan_piece_begin(struct scan_pieces *p, struct scan_piece *piece, struct scanner *scanner);
/* Wait for the piece's turn. false: it has to be scanned again. */
bool scan_pieces_settle(struct scan_pieces *p, struct scan_piece *piece);
/* Let the next piece have its turn. scanner: that this one was scanned with. */
void scan_pieces_pass(struct scan_pieces *p, struct scan_piece *piece, const struct scanner *scanner);

/* While no thread has a piece: have all been taken? How many bytes since more were allowed, how much of the whole? */
bool scan_pieces_ended(const struct scan_pieces *p);
uint64_t scan_pieces_taken(const struct scan_pieces *p);
struct slice scan_pieces_scanned(const struct scan_pieces *p);

#endif
