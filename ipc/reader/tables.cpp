// ringside.h: the catalogue and the books.
#include <algorithm>
#include <cstring>

#include "ipc/book_table_reader.hpp"
#include "ipc/catalogue_reader.hpp"
#include "ipc/reader/mapping.hpp"

namespace ringside::reader {
namespace {

static_assert(sizeof(ringside_level) == sizeof(Level) && alignof(ringside_level) == alignof(Level));
static_assert(RINGSIDE_LEVELS_MAX == ipc::book_levels_max);
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

ringside_level level_of(const Level& level) noexcept {
  return {level.price.mantissa, level.quantity.mantissa};
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
  ipc::BookView view;
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

ringside_status ringside_books_best(ringside_books* books, std::uint32_t index,
                                    ringside_best* out) noexcept {
  if (books == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  ipc::BestView best;
  const auto status = status_of(books->reader.read_best(index, best, ipc::now_ticks()));
  if (status != RINGSIDE_OK) return status;
  *out = ringside_best{};
  out->instrument = books->reader.instrument_at(index).value_or(InstrumentId{}).value;
  out->epoch = best.epoch;
  out->state = static_cast<std::uint8_t>(best.state());
  out->cause = static_cast<std::uint8_t>(best.cause());
  out->verified = best.verified() ? 1 : 0;
  out->has = static_cast<std::uint8_t>((best.has_bid() ? 1 : 0) | (best.has_ask() ? 2 : 0));
  out->receive_ticks = best.receive.value;
  if (best.has_bid()) out->bid = level_of(best.bid);
  if (best.has_ask()) out->ask = level_of(best.ask);
  return RINGSIDE_OK;
}

ringside_status ringside_books_read(ringside_books* books, std::uint32_t index,
                                    std::uint32_t levels, ringside_book* out) noexcept {
  if (books == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  ipc::BookView& view = books->view;
  const auto wanted = std::min(levels, std::uint32_t{RINGSIDE_LEVELS_MAX});
  const auto status = status_of(books->reader.read(index, view, ipc::now_ticks(), wanted));
  if (status != RINGSIDE_OK) return status;
  out->instrument = view.instrument;
  out->epoch = view.epoch;
  out->state = static_cast<std::uint8_t>(view.state);
  out->cause = static_cast<std::uint8_t>(view.cause);
  out->verified = view.verified ? 1 : 0;
  out->reserved_0 = 0;
  out->bid_count = view.bid_count;
  out->ask_count = view.ask_count;
  out->reserved_1 = 0;
  out->terms = ringside_terms_of(view.terms.packed());
  out->receive_ticks = view.receive.value;
  out->publish_ticks = view.publish.value;
  out->exchange_utc_ns = view.exchange.value;
  out->updates = view.updates;
  std::memcpy(out->bids, view.bids.data(), view.bid_count * sizeof(ringside_level));
  std::memcpy(out->asks, view.asks.data(), view.ask_count * sizeof(ringside_level));
  return RINGSIDE_OK;
}
