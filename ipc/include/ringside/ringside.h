/* Reading what a Ringside deployment publishes, from a process of your own, in C.
 *
 * Unlike a client library there is no connection and no thread: each handle is a read-only mapping
 * of one segment in shared memory. Nobody waits for you, and you wait for nobody; a writer that
 * dies or hangs is an answer, never an old value as a good one.
 *
 * Threads: a handle belongs to one thread at a time; any number of handles in any number of
 * threads. Lifetime: a handle lives until its *_close, which takes a null pointer, too; what was
 * opened from an instance may outlive it. Memory is allocated by *_open, and for a moment by the
 * two listings. Nothing here throws, prints, aborts, blocks or calls back. Whatever a
 * segment holds is untrusted and bounded before it is used; but a file that somebody shrinks while
 * it is mapped raises SIGBUS, as with any mapping (Ringside's writers never shrink one).
 *
 * Fails by: ringside_status. When an answer is one of RINGSIDE_WRITER_GONE, RINGSIDE_SUPERSEDED and
 * RINGSIDE_CORRUPT, close the handle and open it anew; the others pass.
 *
 * Prices and quantities are exact integers: mantissa x 10^exponent. Ticks are the host's counter;
 * ringside_clock_utc makes UTC of them.
 *
 * Versions: within one RINGSIDE_ABI_MAJOR no function, constant or field changes its meaning, size
 * or place; a higher minor adds functions, constants and what was reserved. */
#ifndef RINGSIDE_RINGSIDE_H
#define RINGSIDE_RINGSIDE_H

#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#define RINGSIDE_NOEXCEPT noexcept
#else
#define RINGSIDE_NOEXCEPT
#endif
#define RINGSIDE_API __attribute__((visibility("default")))

#define RINGSIDE_ABI_MAJOR 0
#define RINGSIDE_ABI_MINOR 1
/* Of the library at hand: major << 16 | minor. */
RINGSIDE_API uint32_t ringside_abi_version(void) RINGSIDE_NOEXCEPT;

typedef enum ringside_status {
  RINGSIDE_OK = 0,
  RINGSIDE_EMPTY = 1,          /* nothing there yet: no new record, no value, no such entry */
  RINGSIDE_LOST = 2,           /* the reader was lapped; ringside_events_lost says what is gone */
  RINGSIDE_RETRY = 3,          /* rewritten faster than it could be read: ask again */
  RINGSIDE_WRITER_GONE = 4,    /* the writer has ended, however */
  RINGSIDE_WRITER_STALE = 5,   /* the writer has not been heard of for a second: it hangs */
  RINGSIDE_SUPERSEDED = 6,     /* a new writer has taken the name */
  RINGSIDE_CORRUPT = 7,        /* contents that no writer of Ringside's leaves */
  RINGSIDE_NOT_FOUND = 8,      /* what was looked for is not in here */
  RINGSIDE_ABSENT = 9,         /* no such instance or segment */
  RINGSIDE_DENIED = 10,        /* no permission: join the group of the instance */
  RINGSIDE_INITIALISING = 11,  /* being made: try again */
  RINGSIDE_WRONG_FORMAT = 12,  /* the file is no segment of Ringside's, or of another kind */
  RINGSIDE_WRONG_VERSION = 13, /* another layout: use the library of that release */
  RINGSIDE_HOSTILE = 14,       /* sizes that contradict each other or the file */
  RINGSIDE_BAD_ARGUMENT = 15,  /* a null pointer, or a name that cannot be one */
  RINGSIDE_NO_MEMORY = 16,
  RINGSIDE_SYSTEM = 17 /* a system call failed: errno says why */
} ringside_status;
/* "ok", "empty", ...; "unknown" for any other number. */
RINGSIDE_API const char* ringside_status_name(ringside_status status) RINGSIDE_NOEXCEPT;

/* By precedence: of several that apply to a book the smallest is published. */
typedef enum ringside_state {
  RINGSIDE_STATE_FAILED = 0,
  RINGSIDE_STATE_DISCONNECTED = 1,
  RINGSIDE_STATE_GAP = 2,
  RINGSIDE_STATE_SYNCING = 3,
  RINGSIDE_STATE_HALTED = 4,
  RINGSIDE_STATE_CROSSED = 5,
  RINGSIDE_STATE_STALE = 6,
  RINGSIDE_STATE_LIVE = 7 /* continuous since its snapshot, its checksum good */
} ringside_state;

typedef enum ringside_kind {
  RINGSIDE_KIND_TRADE = 1,    /* price, quantity, reference = trade id, side = aggressor */
  RINGSIDE_KIND_LEVEL = 2,    /* one level changes: side, price, quantity (0: gone) */
  RINGSIDE_KIND_LEVELS = 3,   /* many levels change */
  RINGSIDE_KIND_SNAPSHOT = 4, /* of a whole book; first and last flags over several records */
  RINGSIDE_KIND_BBO = 5,      /* price, quantity = bid; levels[0] = ask */
  RINGSIDE_KIND_TICKER = 6,
  RINGSIDE_KIND_MARK = 7,
  RINGSIDE_KIND_FUNDING = 8,
  RINGSIDE_KIND_OPEN_INTEREST = 9,
  RINGSIDE_KIND_LIQUIDATION = 10,
  RINGSIDE_KIND_STATUS = 11, /* side_or_cause = cause, quantity = ringside_state */
  RINGSIDE_KIND_LOSS = 12,
  RINGSIDE_KIND_KEY = 13,        /* as STATUS, and the best levels: where a late reader begins */
  RINGSIDE_KIND_INSTRUMENT = 14, /* price = packed terms: ringside_terms_of; side_or_cause =
                                  * ringside_announcement: terms hold where that is 0 */
  RINGSIDE_KIND_HEARTBEAT = 15   /* others may come: pass over what you do not know */
} ringside_kind;

/* Of RINGSIDE_KIND_INSTRUMENT. All but the first: news of the venue's metadata; quantity and
 * reference are the smallest steps of price and quantity, and the bytes at `levels` are a 64-bit
 * length and up to 56 characters, "VENUE SYMBOL". */
typedef enum ringside_announcement {
  RINGSIDE_ANNOUNCE_TERMS = 0,
  RINGSIDE_ANNOUNCE_LISTED = 1,
  RINGSIDE_ANNOUNCE_DELISTED = 2,
  RINGSIDE_ANNOUNCE_HALTED = 3,
  RINGSIDE_ANNOUNCE_RESUMED = 4,
  RINGSIDE_ANNOUNCE_INCREMENTS = 5
} ringside_announcement;

enum {
  RINGSIDE_FLAG_FIRST = 0x01,
  RINGSIDE_FLAG_LAST = 0x02, /* the book is consistent after it */
  RINGSIDE_FLAG_NO_EXCHANGE_TIME = 0x04,
  RINGSIDE_FLAG_REFERENCE_HASHED = 0x08,
  RINGSIDE_FLAG_REFERENCE_CHECKSUM = 0x10,
  RINGSIDE_FLAG_REFERENCE_SEQUENCE = 0x20,
  RINGSIDE_FLAG_UNVERIFIED = 0x40
};
enum { RINGSIDE_SIDE_NONE = 0, RINGSIDE_SIDE_BID = 1, RINGSIDE_SIDE_ASK = 2 };
enum { RINGSIDE_LEVELS_MAX = 25, RINGSIDE_NAME_BYTES = 65 };

typedef struct ringside_level {
  int64_t price;    /* mantissa */
  int64_t quantity; /* mantissa; 0 in a delta: the level is gone */
} ringside_level;

typedef struct ringside_terms {
  int8_t price_exponent; /* powers of ten */
  int8_t quantity_exponent;
  uint8_t checksum_rule;
  uint8_t reserved;
  uint32_t depth; /* levels kept a side; 0: all */
} ringside_terms;
/* Of the price of a RINGSIDE_KIND_INSTRUMENT record. */
RINGSIDE_API ringside_terms ringside_terms_of(int64_t packed) RINGSIDE_NOEXCEPT;

typedef struct ringside_name {
  char text[RINGSIDE_NAME_BYTES]; /* ends in a zero */
} ringside_name;

/* --- An instance: one running deployment, /dev/shm/ringside/<name> ($RINGSIDE_SHM_ROOT) --- */

typedef struct ringside_instance ringside_instance;
/* Takes some 2 ms: the rate of the tick counter is measured. */
RINGSIDE_API ringside_status ringside_instance_open(const char* name,
                                                    ringside_instance** out) RINGSIDE_NOEXCEPT;
RINGSIDE_API void ringside_instance_close(ringside_instance* instance) RINGSIDE_NOEXCEPT;
/* Names of its collectors (for ringside_catalogue_open) and of its worker threads (for books and
 * events), in no order. At most `capacity` are stored; *count says how many there are. */
RINGSIDE_API ringside_status ringside_collectors(const ringside_instance* instance,
                                                 ringside_name* out, uint32_t capacity,
                                                 uint32_t* count) RINGSIDE_NOEXCEPT;
RINGSIDE_API ringside_status ringside_workers(const ringside_instance* instance, ringside_name* out,
                                              uint32_t capacity, uint32_t* count) RINGSIDE_NOEXCEPT;

/* --- The catalogue: what a collector carries --- */

typedef struct ringside_instrument {
  uint32_t id;
  uint32_t connection;
  ringside_terms terms; /* at the first subscription; a book's own are in its value */
  char venue[24];
  char symbol[64]; /* as the venue spells it */
  char worker[32]; /* whose books and events it is in */
} ringside_instrument;

typedef struct ringside_catalogue ringside_catalogue;
RINGSIDE_API ringside_status ringside_catalogue_open(const ringside_instance* instance,
                                                     const char* collector,
                                                     ringside_catalogue** out) RINGSIDE_NOEXCEPT;
RINGSIDE_API void ringside_catalogue_close(ringside_catalogue* catalogue) RINGSIDE_NOEXCEPT;
/* Entries so far; it only grows. */
RINGSIDE_API uint32_t ringside_catalogue_count(const ringside_catalogue* catalogue)
    RINGSIDE_NOEXCEPT;
RINGSIDE_API ringside_status ringside_catalogue_at(const ringside_catalogue* catalogue,
                                                   uint32_t index,
                                                   ringside_instrument* out) RINGSIDE_NOEXCEPT;
/* Looks through all entries; keep the answer. */
RINGSIDE_API ringside_status ringside_catalogue_find(const ringside_catalogue* catalogue,
                                                     const char* venue, const char* symbol,
                                                     ringside_instrument* out) RINGSIDE_NOEXCEPT;

/* --- The books: the newest value of each instrument --- */

/* Aligned: a read stores 16 bytes at a time. One that is not is slower, no more. */
#define RINGSIDE_ALIGNED __attribute__((aligned(16)))

typedef struct RINGSIDE_ALIGNED ringside_best {
  uint8_t state; /* ringside_state */
  uint8_t cause;
  uint8_t verified; /* 1: the venue's checksum was good for this very book */
  uint8_t reserved_0;
  uint16_t bid_count; /* levels of the book; 0: there is no bid */
  uint16_t ask_count;
  uint64_t receive_ticks; /* of the frame that changed the book last */
  ringside_level bid;
  ringside_level ask;
  uint32_t epoch; /* grows with every new snapshot */
  uint32_t instrument;
  uint64_t reserved_1;
} ringside_best;

typedef struct RINGSIDE_ALIGNED ringside_book {
  uint8_t state;
  uint8_t cause;
  uint8_t verified;
  uint8_t reserved_0;
  uint32_t bid_count;
  uint32_t ask_count;
  uint32_t reserved_1;
  uint64_t receive_ticks;
  uint32_t epoch;
  uint32_t instrument;
  uint64_t publish_ticks;
  int64_t exchange_utc_ns;                  /* 0: the venue did not say */
  ringside_terms terms;                     /* exponents of this epoch */
  uint64_t updates;                         /* since the worker began */
  ringside_level bids[RINGSIDE_LEVELS_MAX]; /* best first; below bid_count */
  ringside_level asks[RINGSIDE_LEVELS_MAX];
} ringside_book;

typedef struct ringside_books ringside_books;
RINGSIDE_API ringside_status ringside_books_open(const ringside_instance* instance,
                                                 const char* worker,
                                                 ringside_books** out) RINGSIDE_NOEXCEPT;
RINGSIDE_API void ringside_books_close(ringside_books* books) RINGSIDE_NOEXCEPT;
/* Where an instrument lies; keep the answer. */
RINGSIDE_API ringside_status ringside_books_find(const ringside_books* books, uint32_t instrument,
                                                 uint32_t* index) RINGSIDE_NOEXCEPT;
/* *out is a value only if the answer is RINGSIDE_OK. RINGSIDE_WRITER_GONE and _STALE are noticed
 * within 10 ms and a second; a value is never given out then. */
RINGSIDE_API ringside_status ringside_books_best(ringside_books* books, uint32_t index,
                                                 ringside_best* out) RINGSIDE_NOEXCEPT;
/* The best `levels` a side, at most RINGSIDE_LEVELS_MAX. */
RINGSIDE_API ringside_status ringside_books_read(ringside_books* books, uint32_t index,
                                                 uint32_t levels,
                                                 ringside_book* out) RINGSIDE_NOEXCEPT;
/* The same for whoever looks at many books and has asked for the time: `now_ticks` is what
 * ringside_now_ticks() said. As much as that is old, a dead writer is noticed later. */
RINGSIDE_API ringside_status ringside_books_best_at(ringside_books* books, uint32_t index,
                                                    uint64_t now_ticks,
                                                    ringside_best* out) RINGSIDE_NOEXCEPT;
RINGSIDE_API ringside_status ringside_books_read_at(ringside_books* books, uint32_t index,
                                                    uint32_t levels, uint64_t now_ticks,
                                                    ringside_book* out) RINGSIDE_NOEXCEPT;

/* --- The events: every record of a worker thread, in order --- */

typedef struct ringside_record {
  uint64_t position; /* of the record in its ring; grows for ever */
  uint32_t instrument;
  uint8_t kind; /* ringside_kind */
  uint8_t flags;
  uint8_t side_or_cause;
  uint8_t reserved_0;
  uint64_t receive_ticks;
  uint64_t publish_ticks;
  int64_t exchange_utc_ns; /* 0 with RINGSIDE_FLAG_NO_EXCHANGE_TIME */
  int64_t price;           /* mantissa, or as the kind says */
  int64_t quantity;
  uint64_t reference;
  uint32_t epoch;
  uint32_t bid_count;           /* of LEVELS, SNAPSHOT, KEY: levels[0, bid_count) */
  uint32_t ask_count;           /* then levels[bid_count, bid_count + ask_count) */
  uint32_t level_count;         /* that may be read at `levels` */
  const ringside_level* levels; /* until the next call with this handle */
} ringside_record;

typedef enum ringside_join {
  RINGSIDE_JOIN_KEY = 0,  /* at the newest key record: where a book can be begun */
  RINGSIDE_JOIN_TAIL = 1, /* only what comes from now on */
  RINGSIDE_JOIN_START = 2 /* everything that is still there */
} ringside_join;

typedef struct ringside_events ringside_events;
RINGSIDE_API ringside_status ringside_events_open(const ringside_instance* instance,
                                                  const char* worker, ringside_join join,
                                                  ringside_events** out) RINGSIDE_NOEXCEPT;
RINGSIDE_API void ringside_events_close(ringside_events* events) RINGSIDE_NOEXCEPT;
/* RINGSIDE_OK: *out is the next record. RINGSIDE_LOST: some are gone; the reader stands at the
 * newest key record, or at the tail, and goes on there. RINGSIDE_EMPTY: none yet, and the writer
 * lives; a writer that does not is told only once everything that it said has been read. */
RINGSIDE_API ringside_status ringside_events_next(ringside_events* events,
                                                  ringside_record* out) RINGSIDE_NOEXCEPT;
/* Positions [*from, *to) of the last RINGSIDE_LOST. */
RINGSIDE_API void ringside_events_lost(const ringside_events* events, uint64_t* from,
                                       uint64_t* to) RINGSIDE_NOEXCEPT;
/* Somewhere else, at any time. RINGSIDE_BAD_ARGUMENT: no such place. */
RINGSIDE_API ringside_status ringside_events_rejoin(ringside_events* events,
                                                    ringside_join join) RINGSIDE_NOEXCEPT;

/* --- Clocks --- */

RINGSIDE_API uint64_t ringside_now_ticks(void) RINGSIDE_NOEXCEPT;

typedef struct ringside_clock ringside_clock;
/* Of a process of the instance, by its name: the collector whose records are converted. */
RINGSIDE_API ringside_status ringside_clock_open(const ringside_instance* instance,
                                                 const char* process,
                                                 ringside_clock** out) RINGSIDE_NOEXCEPT;
RINGSIDE_API void ringside_clock_close(ringside_clock* clock) RINGSIDE_NOEXCEPT;
/* RINGSIDE_EMPTY: nothing published yet. A dead process's page is still good for its records. */
RINGSIDE_API ringside_status ringside_clock_utc(const ringside_clock* clock, uint64_t ticks,
                                                int64_t* utc_ns) RINGSIDE_NOEXCEPT;

#if defined(__cplusplus)
}
#endif
#endif
