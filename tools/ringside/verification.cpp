#include "tools/ringside/verification.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <unordered_map>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/spsc_ring.hpp"
#include "orderbook/worker.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/book_text.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/offline_venue.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

constexpr std::uint64_t ring_slots = 1U << 16U;
constexpr std::uint64_t events_slots = 1U << 12U;
constexpr orderbook::SourceIndex only_source = 0;

// What the adapter asks of its surroundings goes nowhere; what it asks for by HTTP is remembered
// until the capture answers.
class CaptureHost final : public collector::AdapterHost {
 public:
  bool send(collector::ConnectionIndex, std::string_view) noexcept override { return true; }
  bool request(std::uint32_t id, std::string_view target) noexcept override {
    open_requests.emplace_back(id, target);
    return true;
  }
  void reconnect(collector::ConnectionIndex) noexcept override {}

  std::vector<std::pair<std::uint32_t, std::string>> open_requests;
};

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
  Run(std::string_view venue, const std::string& capture);
  Verification verify();

 private:
  static void observe(void* context, const orderbook::AppliedMessage& message);
  [[nodiscard]] ipc::Segment make_table() const;
  void take(const capture::CaptureLine& line);
  void open(collector::ConnectionIndex connection, collector::Now now);
  void answer(std::string_view payload, collector::Now now);
  void pump(collector::Now now);
  bool drain(Ticks now);
  void count_trade(const Record& record);
  void note_departures(std::uint64_t line);
  [[nodiscard]] Tally* tally_of(InstrumentId instrument);
  void report_book(Tally& tally, InstrumentId instrument, Verification& verification) const;
  void report_counters(Verification& verification);

  std::string venue_name_;
  std::string capture_;
  ipc::Segment ring_ = ipc::spsc_in_memory(ring_slots);
  ipc::SpscWriter writer_{ring_};
  ipc::SpscReader reader_{ring_};
  std::atomic<std::uint64_t> read_position_{0};
  collector::RecordWriter records_{verified_instruments_max};
  CaptureHost host_;
  OfflineVenue venue_;
  ipc::Segment events_segment_ = ipc::broadcast_in_memory(events_slots);
  ipc::BroadcastWriter events_{events_segment_};
  ipc::Segment table_segment_ = make_table();
  ipc::BookTableWriter table_{table_segment_};
  std::optional<orderbook::Worker> worker_;
  std::unordered_map<std::uint32_t, Tally> tallies_;
  std::vector<Departure> departures_;
  std::vector<bool> opened_;
  std::uint64_t messages_ = 0;
  std::uint64_t responses_ = 0;
};

ipc::Segment Run::make_table() const {
  return ipc::create_private_segment(ipc::book_table_spec(verified_instruments_max));
}

Run::Run(std::string_view venue, const std::string& capture)
    : venue_name_(venue), capture_(capture) {
  reader_.set_position_word(&read_position_);
  writer_.set_read_position_source(&read_position_);
  const auto ring = records_.add_ring(writer_);
  venue_ = make_offline_venue(venue, capture, {&records_, ring, &host_});
  for (const auto& instrument : venue_.instruments) {
    auto& tally = tallies_[instrument.id.value];
    tally.symbol = instrument.symbol;
    tally.terms = instrument.terms;
  }
  orderbook::WorkerOptions options;
  options.instruments_max = verified_instruments_max;
  options.observer = {&Run::observe, this};
  worker_.emplace(options, events_, table_);
  worker_->source_attached(only_source, 0, Ticks{});
  opened_.resize(venue_.adapter->connection_count());
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

bool Run::drain(Ticks now) {
  bool any = false;
  while (const Record* record = reader_.peek()) {
    any = true;
    if (record->kind == Kind::Trade) count_trade(*record);
    if (record->kind == Kind::Instrument) {
      if (auto* const tally = tally_of(record->id())) {
        tally->terms = InstrumentTerms::unpacked(record->price);
      }
    }
    worker_->take(only_source, *record, reader_.levels(), now);
    reader_.advance();
  }
  worker_->source_drops(only_source, reader_.drops(), now);
  return any;
}

// Records into the worker and its requests back, until both have nothing more to say.
void Run::pump(collector::Now now) {
  for (bool more = true; more;) {
    records_.publish(0, now.ticks);
    more = drain(now.ticks);
    while (const auto pending = worker_->next_resync(now.ticks)) {
      const auto& request = pending->request;
      venue_.adapter->on_resync(request.instrument, request.epoch, request.cause, now);
      more = true;
    }
  }
}

void Run::open(collector::ConnectionIndex connection, collector::Now now) {
  if (connection >= opened_.size() || opened_[connection]) return;
  opened_[connection] = true;
  venue_.adapter->on_open(connection, now);
}

void Run::answer(std::string_view payload, collector::Now now) {
  const auto response = capture::split_http(payload);
  auto& open_requests = host_.open_requests;
  // The newest: what was asked before it has been given up.
  const auto asked = std::find_if(
      open_requests.rbegin(), open_requests.rend(),
      [&](const auto& request) { return venue_.answers(response.url, request.second); });
  if (asked == open_requests.rend()) return;
  const auto id = asked->first;
  open_requests.erase(std::next(asked).base());
  venue_.adapter->on_response(id, {200, response.body}, now);
}

void Run::take(const capture::CaptureLine& line) {
  const collector::Now now{Ticks{static_cast<std::uint64_t>(line.unix_ns)}, line.unix_ns};
  const auto connection =
      line.connection == 0 ? collector::ConnectionIndex{0} : venue_.connection_of(line.connection);
  switch (line.kind) {
    case capture::CaptureKind::Open:
      open(connection, now);
      break;
    case capture::CaptureKind::Recv:
      ++messages_;
      open(connection, now);  // captures without the line for it
      if (connection < opened_.size()) venue_.adapter->on_message(connection, line.payload, now);
      break;
    case capture::CaptureKind::Http:
      ++responses_;
      answer(line.payload, now);
      break;
    case capture::CaptureKind::Sent:
      break;
  }
  pump(now);
  venue_.adapter->on_tick(now);
  worker_->on_tick(now.ticks);
  pump(now);
}

void Run::note_departures(std::uint64_t line) {
  for (orderbook::InstrumentIndex i = 0; i < worker_->instrument_count(); ++i) {
    const auto& view = worker_->view(i);
    auto* const tally = tally_of(InstrumentId{view.instrument});
    if (tally == nullptr) continue;
    const bool live = view.state == State::Live;
    if (tally->was_live && !live && departures_.size() < departures_max) {
      departures_.push_back({line, tally->symbol, view.state, view.cause});
    }
    tally->was_live = live;
  }
}

void Run::report_book(Tally& tally, InstrumentId instrument, Verification& verification) const {
  auto& book = verification.books[tally.symbol];
  book.updates = tally.updates;
  book.best_count = tally.updates;
  book.best_sha256 = tally.best.hex();
  const auto index = worker_->find(instrument);
  if (!index) return;
  const auto& view = worker_->view(*index);
  const auto& counts = worker_->counts(*index);
  book.state = view.state;
  book.cause = view.cause;
  book.checksums_good = counts.checksums_good;
  book.checksums_failed = counts.checksums_failed;
  book.gaps = counts.gaps;
  book.resyncs = std::max(counts.gaps, counts.resyncs);
  const auto& tracked = worker_->tracked(*index);
  book.whole = tracked.phase() == orderbook::TrackedBook::Phase::Whole;
  if (!book.whole) return;
  std::string part;
  append_dump(part, tally.symbol, tracked.book(), tracked.terms());
  book.sha256 = sha256_of(part);
  verification.dump += part;
}

void Run::report_counters(Verification& verification) {
  auto& counters = verification.counters;
  const auto& adapter = venue_.adapter->counters();
  for (std::size_t i = 0; i < collector::counts; ++i) {
    const auto count = static_cast<collector::Count>(i);
    if (adapter[count] > 0) counters.emplace_back(collector::name_of(count), adapter[count]);
  }
  const auto& worker = worker_->counters();
  for (const auto& field : orderbook::counter_fields) {
    if (worker.*field.value > 0) {
      counters.emplace_back("worker." + std::string(field.name), worker.*field.value);
    }
  }
}

Verification Run::verify() {
  capture::CaptureReader reader(capture_);
  capture::CaptureLine line;
  while (reader.next(line)) {
    take(line);
    note_departures(reader.line_number());
  }
  if (reader.status() != capture::CaptureStatus::End) throw CommandError(reader.message());

  Verification verification;
  verification.venue = venue_name_;
  verification.capture = capture_;
  verification.messages = messages_;
  verification.responses = responses_;
  std::map<std::string, InstrumentId> in_order;
  std::set<std::string> with_book;
  for (const auto& instrument : venue_.instruments) {
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

Verification verify_capture(std::string_view venue, const std::string& capture) {
  return Run(venue, capture).verify();
}

}  // namespace ringside::tools
