#include "tests/crash/structures.hpp"

#include <optional>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/telemetry.hpp"
#include "tests/litmus/sealed_record.hpp"

namespace ringside::crash {
namespace {

using namespace ipc;

constexpr std::uint64_t ring_slots = 64;
constexpr std::uint32_t entries = 8;
constexpr int looks_max = 1'000;
const TickRate rate = TickRate::of(1.0, false);

SegmentSpec named(SegmentSpec spec, const char* name) {
  spec.instance = "test";
  spec.name = name;
  return spec;
}

bool attached(const char* name, SegmentKind kind, Segment& segment) {
  return attach_segment("test", name, kind, segment) == AttachStatus::Ok;
}

unsigned slots_of(std::uint64_t number) { return 1 + static_cast<unsigned>(mixed(number) % 3); }

// --- The SPSC ring, its cursor and its control ring ----------------------------------------------

class SpscWriting final : public Writing {
 public:
  SpscWriting()
      : ring_(create_segment(named(spsc_spec(ring_slots), "spsc.c0.0.w0.0"))), writer_(ring_) {}

  void step() override {
    ring_.beat(now_ticks());
    // At first as if there were no worker: the ring fills.
    if (++steps_ > ring_slots) follow_the_worker();
    const auto slots = slots_of(number_);
    if (Slot* slot = writer_.claim(slots)) {
      slot->put(sealed_record(number_, slots));
      fill_sealed_levels(number_++, {slot->levels(), (slots - 1) * std::size_t{levels_per_slot}});
      writer_.commit();
    } else {
      writer_.add_drops(1);
    }
    writer_.publish(Ticks{1},
                    number_ % 2 == 0 ? Visibility::Eventually : Visibility::BeforeWakeCheck);
    (void)collector_.wake_if_parked();
    if (const auto request = collector_.poll_request()) {
      if (request->epoch != ~request->instrument.value) std::abort();  // torn
    }
  }

 private:
  void follow_the_worker() {
    if (collector_.bound() && cursor_.writer_alive()) return;
    writer_.set_read_position_source(nullptr);
    collector_ = CursorReader();
    if (!attached("cursor.w0.0", SegmentKind::Cursor, cursor_)) return;
    collector_ = CursorReader(cursor_);
    if (collector_.bind("spsc.c0.0.w0.0", ring_)) {
      writer_.set_read_position_source(collector_.read_position());
    }
  }

  Segment ring_, cursor_;
  SpscWriter writer_;
  CursorReader collector_;
  std::uint64_t steps_ = 0;
  std::uint64_t number_ = 0;
};

class SpscReading final : public Reading {
 public:
  explicit SpscReading(Segment ring)
      : cursor_(create_segment(named(cursor_spec(), "cursor.w0.0"))), worker_(cursor_) {
    segment_ = std::move(ring);
    reader_ = SpscReader(segment_);
    reader_.move_to_head();
    entry_ = worker_.bind("spsc.c0.0.w0.0", segment_, reader_);
    forbid(!entry_, "no entry");
  }

  void poll() override {
    cursor_.beat(now_ticks());
    for (int look = 0; look < looks_max; ++look) {
      const Record* record = reader_.peek();
      forbid(reader_.corrupt(), "corrupt");
      if (record == nullptr) break;
      forbid(!is_whole(*record, reader_.levels()), "a torn record");
      forbid(good > 0 && record->reference != next_, "a gap or a repetition");
      next_ = record->reference + 1;
      ++good;
      reader_.advance();
    }
    ++asked_;
    (void)worker_.request_resync(*entry_, {InstrumentId{asked_}, ~asked_, Cause::BadMessage},
                                 Ticks{1});
    (void)worker_.park([&] { return reader_.ready_before_park() || true; });
  }
  bool gives_good(Ticks now) override { return liveness(now) == Liveness::Alive; }

 private:
  Segment cursor_;
  CursorWriter worker_;
  SpscReader reader_;
  std::optional<std::uint32_t> entry_;
  std::uint64_t next_ = 0;
  std::uint32_t asked_ = 0;
};

// --- The broadcast ring --------------------------------------------------------------------------

class BroadcastWriting final : public Writing {
 public:
  BroadcastWriting()
      : ring_(create_segment(named(broadcast_spec(ring_slots), "events.w0.0"), fill_broadcast)),
        writer_(ring_) {}

  void step() override {
    ring_.beat(now_ticks());
    const auto slots = slots_of(number_);
    levels_.resize((slots - 1) * std::size_t{levels_per_slot});
    fill_sealed_levels(number_, levels_);
    Record record = sealed_record(number_, slots);
    if (number_++ % 8 == 0) record.kind = Kind::Key;
    writer_.publish(record, levels_, Ticks{1});
  }

 private:
  Segment ring_;
  BroadcastWriter writer_;
  std::vector<Level> levels_;
  std::uint64_t number_ = 0;
};

class BroadcastReading final : public Reading {
 public:
  explicit BroadcastReading(Segment ring) : buffer_(std::make_unique<RecordBuffer>()) {
    segment_ = std::move(ring);
    reader_ = BroadcastReader(segment_);
  }

  void poll() override {
    for (int look = 0; look < looks_max; ++look) {
      const auto status = reader_.poll(*buffer_);
      forbid(status == PollStatus::Corrupt, "corrupt");
      if (status == PollStatus::Lost) {
        forbid(reader_.lost_to() <= reader_.lost_from(), "a loss of nothing");
        continue;
      }
      if (status != PollStatus::Ok) return;
      forbid(!is_whole(buffer_->record, buffer_->levels()), "a torn record");
      forbid(good > 0 && buffer_->record.reference < next_, "a number that goes back");
      next_ = buffer_->record.reference + 1;
      ++good;
    }
  }
  bool gives_good(Ticks now) override { return liveness(now) == Liveness::Alive; }

 private:
  BroadcastReader reader_;
  std::unique_ptr<RecordBuffer> buffer_;
  std::uint64_t next_ = 0;
};

// --- The book table ------------------------------------------------------------------------------

class TableWriting final : public Writing {
 public:
  TableWriting()
      : segment_(create_segment(named(book_table_spec(entries), "books.w0.0"))), table_(segment_) {}

  void step() override {
    segment_.beat(now_ticks());
    if (table_.count() < entries) table_.add(InstrumentId{table_.count() + 1'000});
    BookView view;
    ++number_;
    view.state = State::Live;
    view.updates = number_;
    view.receive = view.publish = Ticks{number_};
    view.bid_count = view.ask_count = 3;
    for (std::uint32_t i = 0; i < 3; ++i) {
      view.bids[i] = view.asks[i] = {Price{mantissa_of(number_ + i)}, Quantity{mantissa_of(i)}};
    }
    table_.update(static_cast<std::uint32_t>(number_ % table_.count()), view);
  }

 private:
  Segment segment_;
  BookTableWriter table_;
  std::uint64_t number_ = 0;
};

class TableReading final : public Reading {
 public:
  explicit TableReading(Segment table) {
    segment_ = std::move(table);
    reader_.emplace(segment_, rate);
  }

  void poll() override {
    for (std::uint32_t i = 0; i < reader_->count(); ++i) {
      forbid(reader_->instrument_at(i) != InstrumentId{i + 1'000}, "another instrument");
      BookView view;
      const auto status = reader_->read(i, view, now_ticks(), 3);
      forbid(status == ReadStatus::Corrupt, "corrupt");
      if (status != ReadStatus::Ok) continue;
      forbid(view.receive.value != view.updates || view.publish.value != view.updates ||
                 view.bids[0].price.mantissa != mantissa_of(view.updates) ||
                 view.asks[2].price.mantissa != mantissa_of(view.updates + 2),
             "a torn book");
      forbid(view.updates < newest_[i], "an older book after a newer one");
      newest_[i] = view.updates;
      BestView best;
      const auto again = reader_->read_best(i, best, now_ticks());
      forbid(again == ReadStatus::Ok && best.receive.value < view.updates, "an older best price");
      ++good;
    }
  }
  bool gives_good(Ticks now) override {
    BookView view;
    BestView best;
    bool any = false;
    for (std::uint32_t i = 0; i < reader_->count(); ++i) {
      any = any || reader_->read(i, view, now, 3) == ReadStatus::Ok ||
            reader_->read_best(i, best, now) == ReadStatus::Ok;
    }
    return any;
  }

 private:
  std::optional<BookTableReader> reader_;
  std::array<std::uint64_t, entries> newest_{};
};

// --- The catalogue -------------------------------------------------------------------------------

class CatalogueWriting final : public Writing {
 public:
  CatalogueWriting()
      : segment_(create_segment(named(catalogue_spec(entries), "catalogue.c0"))),
        catalogue_(segment_) {}

  void step() override {
    segment_.beat(now_ticks());
    if (catalogue_.count() == entries) return;
    const auto symbol = "S" + std::to_string(catalogue_.count());
    catalogue_.append({InstrumentId{catalogue_.count()}, 0, {}, "kraken", symbol, "w0.0"});
  }

 private:
  Segment segment_;
  CatalogueWriter catalogue_;
};

class CatalogueReading final : public Reading {
 public:
  explicit CatalogueReading(Segment catalogue) {
    segment_ = std::move(catalogue);
    reader_.emplace(segment_);
  }

  void poll() override {
    CatalogueEntry entry;
    for (std::uint32_t i = 0; i < reader_->count(); ++i) {
      forbid(reader_->at(i, entry) != CatalogueStatus::Ok, "corrupt");
      forbid(entry.instrument != i || entry.symbol.view() != "S" + std::to_string(i),
             "another entry");
      ++good;
    }
  }
  bool gives_good(Ticks now) override { return liveness(now) == Liveness::Alive; }

 private:
  std::optional<CatalogueReader> reader_;
};

// --- Telemetry -----------------------------------------------------------------------------------

class TelemetryWriting final : public Writing {
 public:
  TelemetryWriting() : telemetry_({"test", "c0", "collector", "", 4}) {}

  void step() override {
    telemetry_.on_tick(now_ticks());
    if (number_ < 8) {
      counter_ = telemetry_.counter("c0.0.n" + std::to_string(number_));
      telemetry_.gauge("c0.0.g" + std::to_string(number_)).set(number_);
      telemetry_.fact({"cpu" + std::to_string(number_), "auto", "1", ""});
      telemetry_.degradation({"line " + std::to_string(number_)});
    }
    if (number_ < 4) {
      histogram_ = &telemetry_.histogram("s" + std::to_string(number_), "c0.0");
    }
    counter_.add();
    histogram_->record(number_);
    histogram_->record(~std::uint64_t{0});
    ++number_;
  }

 private:
  Telemetry telemetry_;
  Counter counter_;
  Histogram* histogram_ = nullptr;
  std::uint64_t number_ = 0;
};

class TelemetryReading final : public Reading {
 public:
  explicit TelemetryReading(Segment telemetry) {
    segment_ = std::move(telemetry);
    reader_.emplace(segment_);
  }

  void poll() override {
    for (const auto& counter : reader_->counters()) {
      forbid(!counter.name.starts_with("c0.0."), "a counter without its name");
      ++good;
    }
    for (const auto& fact : reader_->facts()) forbid(fact.key.empty(), "a fact without its key");
    for (const auto& line : reader_->degradations()) {
      forbid(!line.line.starts_with("line "), "an empty line");
    }
    for (const auto& label : reader_->histograms()) {
      forbid(label.stage.empty() || !reader_->copy_histogram(label.index, copy_),
             "a histogram without its name");
    }
    ClockReading clock;
    if (reader_->clock(clock)) forbid(clock.ns_per_tick.multiplier == 0, "a torn clock page");
  }
  bool gives_good(Ticks now) override { return liveness(now) == Liveness::Alive; }

 private:
  std::optional<TelemetryReader> reader_;
  HistogramSnapshot copy_;
};

// --- The segment itself: made, ended in order, made again ----------------------------------------

constexpr std::uint64_t filled = 77;

class SegmentWriting final : public Writing {
 public:
  SegmentWriting() { step(); }

  void step() override {
    segment_ = Segment();
    segment_ = create_segment(named(spsc_spec(ring_slots), "segment"), [](Segment& fresh) {
      fresh.writable_header().kind_words[0].value.store(filled, std::memory_order_relaxed);
    });
    segment_.beat(now_ticks());
  }

 private:
  Segment segment_;
};

class SegmentReading final : public Reading {
 public:
  explicit SegmentReading(Segment segment) { segment_ = std::move(segment); }

  void poll() override {
    const auto& header = segment_.header();
    forbid(header.kind_words[0].value.load(std::memory_order_relaxed) != filled,
           "a segment that was not filled");
    ++good;
    Segment next;
    if (attached("segment", SegmentKind::Spsc, next)) segment_ = std::move(next);
  }
  bool gives_good(Ticks now) override { return liveness(now) == Liveness::Alive; }
};

template <typename W>
std::function<std::unique_ptr<Writing>()> writer() {
  return [] { return std::make_unique<W>(); };
}
template <typename R>
std::function<std::unique_ptr<Reading>()> reader(const char* name, SegmentKind kind) {
  return [=]() -> std::unique_ptr<Reading> {
    Segment segment;
    if (!attached(name, kind, segment)) return nullptr;
    return std::make_unique<R>(std::move(segment));
  };
}

}  // namespace

std::vector<Structure> structures() {
  return {
      {"spsc", writer<SpscWriting>(), reader<SpscReading>("spsc.c0.0.w0.0", SegmentKind::Spsc)},
      {"broadcast", writer<BroadcastWriting>(),
       reader<BroadcastReading>("events.w0.0", SegmentKind::Broadcast)},
      {"book table", writer<TableWriting>(),
       reader<TableReading>("books.w0.0", SegmentKind::BookTable)},
      {"catalogue", writer<CatalogueWriting>(),
       reader<CatalogueReading>("catalogue.c0", SegmentKind::Catalogue)},
      {"telemetry", writer<TelemetryWriting>(),
       reader<TelemetryReading>("telemetry.c0", SegmentKind::Telemetry)},
      {"segment", writer<SegmentWriting>(), reader<SegmentReading>("segment", SegmentKind::Spsc)},
  };
}

}  // namespace ringside::crash
