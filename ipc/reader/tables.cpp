// ringside.h: the catalogue and the books.
#include <cstddef>
#include <cstring>

#include "ipc/book_table_reader.hpp"
#include "ipc/catalogue_reader.hpp"
#include "ipc/reader/mapping.hpp"

namespace ringside::reader {
namespace {

static_assert(sizeof(ringside_level) == sizeof(Level) && alignof(ringside_level) == alignof(Level));
static_assert(RINGSIDE_LEVELS_MAX == ipc::book_levels_max);
// A read goes straight into the caller's struct.
static_assert(sizeof(ringside_best) == sizeof(ipc::BestView));
static_assert(offsetof(ringside_best, bid_count) == offsetof(ipc::BestView, bid_count));
static_assert(offsetof(ringside_best, bid) == offsetof(ipc::BestView, bid));
static_assert(offsetof(ringside_best, receive_ticks) == offsetof(ipc::BestView, receive));
static_assert(offsetof(ringside_best, epoch) == offsetof(ipc::BestView, epoch));
static_assert(offsetof(ringside_best, instrument) == offsetof(ipc::BestView, instrument));
static_assert(sizeof(ringside_book) == sizeof(ipc::BookView));
static_assert(offsetof(ringside_book, bid_count) == offsetof(ipc::BookView, bid_count));
static_assert(offsetof(ringside_book, receive_ticks) == offsetof(ipc::BookView, receive));
static_assert(offsetof(ringside_book, epoch) == offsetof(ipc::BookView, epoch));
static_assert(offsetof(ringside_book, publish_ticks) == offsetof(ipc::BookView, publish));
static_assert(offsetof(ringside_book, terms) == offsetof(ipc::BookView, terms));
static_assert(offsetof(ringside_terms, depth) == offsetof(InstrumentTerms, depth));
static_assert(offsetof(ringside_book, updates) == offsetof(ipc::BookView, updates));
static_assert(offsetof(ringside_book, bids) == offsetof(ipc::BookView, bids));
static_assert(offsetof(ringside_book, asks) == offsetof(ipc::BookView, asks));
static_assert(RINGSIDE_NAME_BYTES == ipc::name_bytes_max + 1);
static_assert(RINGSIDE_STATE_LIVE == static_cast<int>(State::Live));

ringside_status status_of(ipc::ReadStatus status) noexcept {
  switch (status) {
    case ipc::ReadStatus::Ok:
      return RINGSIDE_OK;
    case ipc::ReadStatus::Retry:
      return RINGSIDE_RETRY;
    case ipc::ReadStatus::WriterGone:
      return RINGSIDE_WRITER_GONE;
    case ipc::ReadStatus::WriterStale:
      return RINGSIDE_WRITER_STALE;
    case ipc::ReadStatus::Superseded:
      return RINGSIDE_SUPERSEDED;
    case ipc::ReadStatus::Empty:
      return RINGSIDE_EMPTY;
    case ipc::ReadStatus::Corrupt:
      break;
  }
  return RINGSIDE_CORRUPT;
}

ringside_instrument instrument_of(const ipc::CatalogueEntry& entry) noexcept {
  ringside_instrument out{};
  out.id = entry.instrument;
  out.connection = entry.connection;
  out.terms = ringside_terms_of(entry.packed_terms);
  // Ends in a zero within its field: the reader has looked.
  std::memcpy(out.venue, entry.venue.bytes.data(), sizeof out.venue);
  std::memcpy(out.symbol, entry.symbol.bytes.data(), sizeof out.symbol);
  std::memcpy(out.worker, entry.worker.bytes.data(), sizeof out.worker);
  return out;
}

}  // namespace
}  // namespace ringside::reader

using namespace ringside;
using namespace ringside::reader;

struct ringside_catalogue {
  ringside_catalogue(const Mapping& mapped, const ipc::TickRate&) noexcept
      : mapping(mapped), reader(mapped.view) {}
  Mapping mapping;
  ipc::CatalogueReader reader;
};

struct ringside_books {
  ringside_books(const Mapping& mapped, const ipc::TickRate& rate) noexcept
      : mapping(mapped), reader(mapped.view, rate) {}
  Mapping mapping;
  ipc::BookTableReader reader;
};

ringside_status ringside_catalogue_open(const ringside_instance* instance, const char* collector,
                                        ringside_catalogue** out) noexcept {
  return open_handle(instance, "catalogue.", collector, ipc::SegmentKind::Catalogue, false, out);
}
void ringside_catalogue_close(ringside_catalogue* catalogue) noexcept { close_handle(catalogue); }

std::uint32_t ringside_catalogue_count(const ringside_catalogue* catalogue) noexcept {
  return catalogue == nullptr ? 0 : catalogue->reader.count();
}

ringside_status ringside_catalogue_at(const ringside_catalogue* catalogue, std::uint32_t index,
                                      ringside_instrument* out) noexcept {
  if (catalogue == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  ipc::CatalogueEntry entry;
  const auto status = catalogue->reader.at(index, entry);
  if (status == ipc::CatalogueStatus::Ok) *out = instrument_of(entry);
  if (status == ipc::CatalogueStatus::Empty) return RINGSIDE_EMPTY;
  return status == ipc::CatalogueStatus::Ok ? RINGSIDE_OK : RINGSIDE_CORRUPT;
}

ringside_status ringside_catalogue_find(const ringside_catalogue* catalogue, const char* venue,
                                        const char* symbol, ringside_instrument* out) noexcept {
  if (catalogue == nullptr || venue == nullptr || symbol == nullptr || out == nullptr) {
    return RINGSIDE_BAD_ARGUMENT;
  }
  ipc::CatalogueEntry entry;
  if (!catalogue->reader.find(venue, symbol, entry)) return RINGSIDE_NOT_FOUND;
  *out = instrument_of(entry);
  return RINGSIDE_OK;
}

ringside_status ringside_books_open(const ringside_instance* instance, const char* worker,
                                    ringside_books** out) noexcept {
  return open_handle(instance, "books.", worker, ipc::SegmentKind::BookTable, false, out);
}
void ringside_books_close(ringside_books* books) noexcept { close_handle(books); }

ringside_status ringside_books_find(const ringside_books* books, std::uint32_t instrument,
                                    std::uint32_t* index) noexcept {
  if (books == nullptr || index == nullptr) return RINGSIDE_BAD_ARGUMENT;
  const auto found = books->reader.index_of(InstrumentId{instrument});
  if (!found) return RINGSIDE_NOT_FOUND;
  *index = *found;
  return RINGSIDE_OK;
}

ringside_status ringside_books_best_at(ringside_books* books, std::uint32_t index,
                                       std::uint64_t now_ticks, ringside_best* out) noexcept {
  if (books == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  const auto status = books->reader.read_best_as(index, out, Ticks{now_ticks});
  if (status != ipc::ReadStatus::Ok) return status_of(status);
  if (out->bid_count == 0) out->bid = {};
  if (out->ask_count == 0) out->ask = {};
  return RINGSIDE_OK;
}
ringside_status ringside_books_best(ringside_books* books, std::uint32_t index,
                                    ringside_best* out) noexcept {
  return ringside_books_best_at(books, index, ipc::now_ticks().value, out);
}

ringside_status ringside_books_read_at(ringside_books* books, std::uint32_t index,
                                       std::uint32_t levels, std::uint64_t now_ticks,
                                       ringside_book* out) noexcept {
  if (books == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  return status_of(books->reader.read_as(index, out, Ticks{now_ticks}, levels));
}
ringside_status ringside_books_read(ringside_books* books, std::uint32_t index,
                                    std::uint32_t levels, ringside_book* out) noexcept {
  return ringside_books_read_at(books, index, levels, ipc::now_ticks().value, out);
}
