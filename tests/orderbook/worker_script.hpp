// A worker on its own time over private memory: records go in by script, what its readers see comes
// out of a real broadcast ring and a real book table.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "orderbook/checksum.hpp"
#include "orderbook/worker.hpp"

namespace ringside::orderbook {

constexpr Level at(std::int64_t price, std::int64_t quantity) {
  return {Price{price}, Quantity{quantity}};
}

// A record with its levels, as a collector would write it.
struct ScriptRecord {
  Record record;
  std::vector<Level> levels;
};

inline constexpr std::uint8_t whole_message = flag_first | flag_last;

inline ScriptRecord terms_of(InstrumentId id, std::uint32_t epoch, InstrumentTerms terms) {
  ScriptRecord made;
  made.record.kind = Kind::Instrument;
  made.record.instrument = id.value;
  made.record.epoch = epoch;
  made.record.price = terms.packed();
  return made;
}

inline ScriptRecord levels_of(Kind kind, InstrumentId id, std::uint32_t epoch,
                              std::vector<Level> bids, const std::vector<Level>& asks,
                              std::uint8_t flags = whole_message) {
  ScriptRecord made;
  made.record.kind = kind;
  made.record.instrument = id.value;
  made.record.epoch = epoch;
  made.record.flags = flags;
  made.record.set_counts(static_cast<std::uint32_t>(bids.size()),
                         static_cast<std::uint32_t>(asks.size()));
  bids.insert(bids.end(), asks.begin(), asks.end());
  made.levels = std::move(bids);
  made.record.slots =
      static_cast<std::uint8_t>(1 + continuation_slots(static_cast<unsigned>(made.levels.size())));
  return made;
}

inline ScriptRecord level_of(InstrumentId id, std::uint32_t epoch, Side side, Level level,
                             std::uint8_t flags = whole_message) {
  ScriptRecord made;
  made.record.kind = Kind::Level;
  made.record.instrument = id.value;
  made.record.epoch = epoch;
  made.record.flags = flags;
  made.record.side_or_reason = static_cast<std::uint8_t>(side);
  made.record.price = level.price.mantissa;
  made.record.quantity = level.quantity.mantissa;
  return made;
}

inline ScriptRecord with_checksum(ScriptRecord made, std::uint32_t checksum) {
  made.record.flags |= flag_reference_checksum;
  made.record.reference = checksum;
  return made;
}

inline ScriptRecord status_of(InstrumentId id, State state, Cause cause) {
  ScriptRecord made;
  made.record.kind = Kind::Status;
  made.record.instrument = id.value;
  made.record.quantity = static_cast<std::int64_t>(state);
  made.record.side_or_reason = static_cast<std::uint8_t>(cause);
  return made;
}

inline ScriptRecord loss_of(InstrumentId id, bool last, std::uint64_t drops = 0) {
  ScriptRecord made;
  made.record.kind = Kind::Loss;
  made.record.instrument = id.value;
  made.record.flags = last ? flag_last : 0;
  made.record.reference = drops;
  return made;
}

// A reader's copy of a record.
struct Seen {
  Record record;
  std::vector<Level> bids, asks;

  [[nodiscard]] State state() const { return static_cast<State>(record.quantity); }
};

inline constexpr std::uint64_t millisecond = 1'000'000;
inline constexpr std::uint64_t second = 1'000'000'000;

class WorkerScript {
 public:
  explicit WorkerScript(WorkerOptions options = {}, std::uint64_t slots = 1U << 14,
                        std::uint32_t entries = 16)
      : ring_(ipc::broadcast_in_memory(slots)),
        table_(ipc::book_table_in_memory(entries)),
        events(ring_),
        table_writer(table_),
        worker(with_entries(options, entries), events, table_writer),
        reader_(ring_),
        table_reader_(table_) {
    worker.source_attached(0, 0, now);
  }

  void take(const ScriptRecord& made, SourceIndex source = 0) {
    Record record = made.record;
    record.receive_tsc = now.value;
    worker.take(source, record, made.levels, now);
  }
  void pass(std::uint64_t ticks) { now.value += ticks; }
  // A tick each ms, for so many ms.
  void tick(std::uint64_t times = 1) {
    for (; times > 0; --times) {
      pass(millisecond);
      worker.on_tick(now);
    }
  }

  // Everything published since the last call, without what is for late joiners.
  std::vector<Seen> seen(bool late_joiners = false) {
    std::vector<Seen> result;
    while (reader_.poll(buffer_) == ipc::PollStatus::Ok) {
      if (!in_round() || late_joiners) result.push_back(copy());
    }
    return result;
  }
  // "snapshot", "level", "status live none", ...: what was seen, in words.
  std::vector<std::string> words() {
    std::vector<std::string> result;
    for (const Seen& one : seen()) result.push_back(word_of(one));
    return result;
  }
  std::vector<ipc::ResyncRequest> requests() {
    std::vector<ipc::ResyncRequest> result;
    while (const auto pending = worker.next_resync(now)) result.push_back(pending->request);
    return result;
  }
  ipc::BookView view(InstrumentId id) {
    ipc::BookView view;
    const auto index = table_reader_.index_of(id);
    if (!index || table_reader_.read(*index, view) != ipc::ReadStatus::Ok) {
      view.state = State::Failed;
      view.cause = Cause::UnknownSymbol;
    }
    return view;
  }
  std::string state(InstrumentId id) {
    const auto found = view(id);
    return std::string(name_of(found.state)) + " " + name_of(found.cause);
  }
  // Kraken's checksum of these levels.
  static std::uint32_t checksum(const std::vector<Level>& bids, const std::vector<Level>& asks) {
    Book book;
    for (const auto& level : bids) book.apply(Side::Bid, level);
    for (const auto& level : asks) book.apply(Side::Ask, level);
    return kraken_checksum(book);
  }

 private:
  static WorkerOptions with_entries(WorkerOptions options, std::uint32_t entries) {
    options.instruments_max = entries;
    return options;
  }
  // A round for late joiners is a key, the terms, and, if it is good, the book, without the
  // checksum that a book published for its own sake has.
  bool in_round() {
    const Record& record = buffer_.record;
    const Kind before = round_;
    round_ = Kind::Invalid;
    if (record.kind == Kind::Key) good_ = record.quantity >= static_cast<int>(State::Halted);
    if (record.kind == Kind::Key || (record.kind == Kind::Instrument && before == Kind::Key)) {
      round_ = record.kind;
      return true;
    }
    const bool of_book = before == Kind::Instrument || before == Kind::Snapshot;
    if (!good_ || !of_book || record.kind != Kind::Snapshot ||
        (record.flags & flag_reference_checksum) != 0) {
      return false;
    }
    if (!record.last()) round_ = Kind::Snapshot;
    return true;
  }
  Seen copy() {
    Seen one{buffer_.record, {}, {}};
    const auto kind = one.record.kind;
    if (kind == Kind::Snapshot || kind == Kind::Levels || kind == Kind::Key) {
      one.bids.assign(buffer_.bids().begin(), buffer_.bids().end());
      one.asks.assign(buffer_.asks().begin(), buffer_.asks().end());
    }
    return one;
  }
  static std::string word_of(const Seen& one) {
    switch (one.record.kind) {
      case Kind::Status:
        return std::string("status ") + name_of(one.state()) + " " + name_of(one.record.cause());
      case Kind::Snapshot:
        return "snapshot";
      case Kind::Level:
        return "level";
      case Kind::Levels:
        return "levels";
      case Kind::Instrument:
        return "terms";
      case Kind::Trade:
        return "trade";
      case Kind::Bbo:
        return "bbo";
      case Kind::Key:
        return "key";
      default:
        return "kind " + std::to_string(static_cast<int>(one.record.kind));
    }
  }

  ipc::Segment ring_;
  ipc::Segment table_;

 public:
  ipc::BroadcastWriter events;
  ipc::BookTableWriter table_writer;
  Worker worker;
  Ticks now{1'000 * second};

 private:
  ipc::BroadcastReader reader_;
  ipc::BookTableReader table_reader_;
  ipc::RecordBuffer buffer_;
  bool good_ = false;           // the state in the newest key
  Kind round_ = Kind::Invalid;  // what the round for late joiners came to last
};

}  // namespace ringside::orderbook
