#include "tools/ringside/verification.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "tools/ringside/book_text.hpp"
#include "tools/ringside/capture_run.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

struct Tally {
  std::string symbol;
  InstrumentTerms terms;
  std::uint64_t trade_count = 0;
  ExactSum quantity_sum;
  ExactSum notional_sum;
  std::uint64_t updates = 0;
  Sha256 best;
  bool was_live = false;
};

class Run {
 public:
  Run(std::string_view venue, const capture::CaptureInput& capture);
  Verification verify(bool (*stop)());

 private:
  static void collect(void* context, const Record& record);
  static void observe(void* context, const orderbook::AppliedMessage& message);
  void count_trade(const Record& record);
  void note_departures(std::uint64_t line);
  [[nodiscard]] Tally* tally_of(InstrumentId instrument);
  void report_book(Tally& tally, InstrumentId instrument, Verification& verification);
  void report_counters(Verification& verification);

  std::string venue_name_;
  std::string capture_;
  CaptureRun run_;
  std::unordered_map<std::uint32_t, Tally> tallies_;
  std::vector<Departure> departures_;
};

Run::Run(std::string_view venue, const capture::CaptureInput& capture)
    : venue_name_(venue), capture_(capture.path), run_(venue, capture, {this, collect, observe}) {
  for (const auto& instrument : run_.instruments()) {
    auto& tally = tallies_[instrument.id.value];
    tally.symbol = instrument.symbol;
    tally.terms = instrument.terms;
  }
}

void Run::collect(void* context, const Record& record) {
  auto& self = *static_cast<Run*>(context);
  if (record.kind == Kind::Trade) self.count_trade(record);
  if (!record.is_terms()) return;
  if (auto* const tally = self.tally_of(record.id())) {
    tally->terms = InstrumentTerms::unpacked(record.price);
  }
}

Tally* Run::tally_of(InstrumentId instrument) {
  const auto found = tallies_.find(instrument.value);
  return found == tallies_.end() ? nullptr : &found->second;
}

void Run::observe(void* context, const orderbook::AppliedMessage& message) {
  auto* const tally = static_cast<Run*>(context)->tally_of(message.instrument);
  if (tally == nullptr || message.snapshot || message.checksum == orderbook::ChecksumResult::Bad) {
    return;
  }
  ++tally->updates;
  std::string line;
  append_best(line, *message.book, tally->terms);
  tally->best.update(line);
}

void Run::count_trade(const Record& record) {
  auto* const tally = tally_of(record.id());
  if (tally == nullptr) return;
  const int price_power = tally->terms.price_exponent.power_of_ten;
  const int quantity_power = tally->terms.quantity_exponent.power_of_ten;
  ++tally->trade_count;
  tally->quantity_sum.add(record.quantity, quantity_power);
  // Each is below 2^62, so the product fits.
  tally->notional_sum.add(Wide{record.price} * record.quantity, price_power + quantity_power);
}

void Run::note_departures(std::uint64_t line) {
  const auto& worker = run_.worker();
  for (orderbook::InstrumentIndex i = 0; i < worker.instrument_count(); ++i) {
    const auto& view = worker.view(i);
    auto* const tally = tally_of(InstrumentId{view.instrument});
    if (tally == nullptr) continue;
    const bool live = view.state == State::Live;
    if (tally->was_live && !live && departures_.size() < departures_max) {
      departures_.push_back({line, tally->symbol, view.state, view.cause});
    }
    tally->was_live = live;
  }
}

void Run::report_book(Tally& tally, InstrumentId instrument, Verification& verification) {
  const auto& worker = run_.worker();
  auto& book = verification.books[tally.symbol];
  book.updates = tally.updates;
  book.best_count = tally.updates;
  book.best_sha256 = tally.best.hex();
  const auto index = worker.find(instrument);
  if (!index) return;
  const auto& view = worker.view(*index);
  const auto& counts = worker.counts(*index);
  book.state = view.state;
  book.cause = view.cause;
  book.checksums_good = counts.checksums_good;
  book.checksums_failed = counts.checksums_failed;
  book.gaps = counts.gaps;
  book.resyncs = std::max(counts.gaps, counts.resyncs);
  const auto& tracked = worker.tracked(*index);
  book.whole = tracked.phase() == orderbook::TrackedBook::Phase::Whole;
  if (!book.whole) return;
  std::string part;
  append_dump(part, tally.symbol, tracked.book(), tracked.terms());
  book.sha256 = sha256_of(part);
  verification.dump += part;
}

void Run::report_counters(Verification& verification) {
  auto& counters = verification.counters;
  const auto& adapter = run_.adapter_counters();
  for (std::size_t i = 0; i < collector::counts; ++i) {
    const auto count = static_cast<collector::Count>(i);
    if (adapter[count] > 0) counters.emplace_back(collector::name_of(count), adapter[count]);
  }
  const auto& worker = run_.worker().counters();
  for (const auto& field : orderbook::counter_fields) {
    if (worker.*field.value > 0) {
      counters.emplace_back("worker." + std::string(field.name), worker.*field.value);
    }
  }
}

Verification Run::verify(bool (*stop)()) {
  while (run_.step()) {
    note_departures(run_.line_number());
    if (stop != nullptr && stop()) throw Interrupted();
  }

  Verification verification;
  verification.venue = venue_name_;
  verification.capture = capture_;
  verification.messages = run_.messages();
  verification.responses = run_.responses();
  std::map<std::string, InstrumentId> in_order;
  std::set<std::string> with_book;
  for (const auto& instrument : run_.instruments()) {
    in_order[instrument.symbol] = instrument.id;
    if (instrument.has_book) with_book.insert(instrument.symbol);
  }
  for (const auto& [symbol, id] : in_order) {
    auto& tally = *tally_of(id);
    if (with_book.contains(symbol)) report_book(tally, id, verification);
    if (tally.trade_count == 0) continue;
    verification.trades[symbol] = {
        tally.trade_count, tally.quantity_sum.text(), tally.notional_sum.text(),
        tally.quantity_sum.overflowed() || tally.notional_sum.overflowed()};
  }
  verification.books_sha256 = sha256_of(verification.dump);
  verification.departures = std::move(departures_);
  report_counters(verification);
  return verification;
}

}  // namespace

bool Verification::good() const {
  return std::all_of(books.begin(), books.end(),
                     [](const auto& entry) { return entry.second.good(); }) &&
         std::none_of(trades.begin(), trades.end(),
                      [](const auto& entry) { return entry.second.overflowed; });
}

Verification verify_capture(std::string_view venue, const capture::CaptureInput& capture,
                            bool (*stop)()) {
  return Run(venue, capture).verify(stop);
}

}  // namespace ringside::tools
