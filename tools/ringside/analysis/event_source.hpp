// Where the events of an analysis come from: a capture now, a recording or a live deployment by the
// same interface. An event is one published record, in its order, together with what it made of its
// book: what a consumer of the broadcast ring would see.
//
// Threads: one source, one thread. Fails by: throwing CommandError for what cannot be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "orderbook/book.hpp"
#include "ringside/event.hpp"

namespace ringside::tools {

struct SourceInstrument {
  std::string symbol;  // as the venue spells it
  bool has_book = true;
};

struct SourceEvent {
  std::size_t instrument = 0;  // of instruments()
  const Record* record = nullptr;
  InstrumentTerms terms;         // of its epoch
  std::int64_t received_ns = 0;  // UTC
  // The whole book after this record; null unless the record ended a message of it.
  const orderbook::Book* book = nullptr;
  // It starts anew: what was known of it before says nothing about it.
  bool new_book = false;
  State state = State::Syncing;  // of the book, as published last
  std::uint64_t gaps = 0;        // times it has left live so far

  [[nodiscard]] bool has_exchange_time() const {
    return (record->flags & flag_no_exchange_time) == 0 && record->exchange_ns != 0;
  }
  // The venue's time, else ours. UTC.
  [[nodiscard]] std::int64_t event_ns() const {
    return has_exchange_time() ? record->exchange_ns : received_ns;
  }
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  [[nodiscard]] virtual std::string_view venue() const = 0;
  [[nodiscard]] virtual const std::vector<SourceInstrument>& instruments() const = 0;
  // False: that was all. What the event points to is valid until the next call.
  [[nodiscard]] virtual bool next(SourceEvent& event) = 0;
};

}  // namespace ringside::tools
