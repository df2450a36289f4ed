/* Prints each change of every live book's best bid and ask, COUNT lines or for ever. In C:
 *   cc best_prices.c $(pkg-config --cflags --libs ringside) -o best_prices
 *   best_prices INSTANCE [COUNT] */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <ringside/ringside.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLLECTORS_MAX = 16, WATCHED_MAX = 1024 };

struct watched {
  ringside_instrument instrument;
  ringside_books* books; /* its own handle: simple, and a mapping costs little */
  uint32_t index;
  ringside_best shown;
};
static struct watched watched[WATCHED_MAX];
static uint32_t watched_count;

static void print_decimal(int64_t mantissa, int exponent) {
  char digits[64];
  const uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
  const int places = exponent < 0 ? -exponent : 0;
  const int length = snprintf(digits, sizeof digits, "%0*" PRIu64, places + 1, magnitude);
  printf(" %s%.*s%s%s", mantissa < 0 ? "-" : "", length - places, digits, places > 0 ? "." : "",
         digits + length - places);
  for (int i = 0; i < exponent; ++i) putchar('0');
}

static void close_all(void) {
  for (uint32_t i = 0; i < watched_count; ++i) ringside_books_close(watched[i].books);
  watched_count = 0;
}

/* What the catalogues list and a worker publishes by now. */
static void open_all(const ringside_instance* instance) {
  ringside_name collectors[COLLECTORS_MAX];
  uint32_t count = 0;
  if (ringside_collectors(instance, collectors, COLLECTORS_MAX, &count) != RINGSIDE_OK) return;
  for (uint32_t c = 0; c < count && c < COLLECTORS_MAX; ++c) {
    ringside_catalogue* catalogue = NULL;
    if (ringside_catalogue_open(instance, collectors[c].text, &catalogue) != RINGSIDE_OK) continue;
    const uint32_t entries = ringside_catalogue_count(catalogue);
    for (uint32_t i = 0; i < entries && watched_count < WATCHED_MAX; ++i) {
      struct watched* it = &watched[watched_count];
      memset(it, 0, sizeof *it);
      if (ringside_catalogue_at(catalogue, i, &it->instrument) != RINGSIDE_OK) continue;
      if (ringside_books_open(instance, it->instrument.worker, &it->books) != RINGSIDE_OK) continue;
      if (ringside_books_find(it->books, it->instrument.id, &it->index) == RINGSIDE_OK) {
        ++watched_count;
      } else {
        ringside_books_close(it->books);
      }
    }
    ringside_catalogue_close(catalogue);
  }
}

/* 1: a line was printed. *stale: a handle has to be opened anew. */
static int look_at(struct watched* it, int* stale) {
  ringside_best best;
  const ringside_status status = ringside_books_best(it->books, it->index, &best);
  if (status == RINGSIDE_WRITER_GONE || status == RINGSIDE_SUPERSEDED ||
      status == RINGSIDE_CORRUPT) {
    printf("# %s: %s\n", it->instrument.symbol, ringside_status_name(status));
    *stale = 1;
  }
  if (status != RINGSIDE_OK || best.state != RINGSIDE_STATE_LIVE || best.bid_count == 0 ||
      best.ask_count == 0) {
    return 0;
  }
  if (memcmp(&best.bid, &it->shown.bid, sizeof best.bid) == 0 &&
      memcmp(&best.ask, &it->shown.ask, sizeof best.ask) == 0) {
    return 0;
  }
  it->shown = best;
  ringside_book book; /* for the exponents of this very epoch */
  if (ringside_books_read(it->books, it->index, 1, &book) != RINGSIDE_OK) return 0;
  printf("%s %s", it->instrument.venue, it->instrument.symbol);
  print_decimal(book.bids[0].price, book.terms.price_exponent);
  print_decimal(book.asks[0].price, book.terms.price_exponent);
  printf("\n");
  return 1;
}

int main(int argc, char** argv) {
  const char* const name = argc > 1 ? argv[1] : "demo";
  long left = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
  const struct timespec moment = {0, 1000000};
  ringside_instance* instance = NULL;
  const ringside_status status = ringside_instance_open(name, &instance);
  if (status != RINGSIDE_OK) {
    fprintf(stderr, "best_prices: instance \"%s\": %s\n", name, ringside_status_name(status));
    return 2;
  }
  while (left != 0) {
    int stale = watched_count == 0;
    for (uint32_t i = 0; i < watched_count && left != 0; ++i) {
      if (look_at(&watched[i], &stale) && left > 0) --left;
    }
    fflush(stdout);
    if (stale) {
      close_all();
      open_all(instance);
    }
    nanosleep(&moment, NULL);
  }
  close_all();
  ringside_instance_close(instance);
  return 0;
}
