// An adapter with everything around it in memory: a ring, books as std::maps, and a host that only
// notes what it is asked for. For tests that speak for the venue.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/binance.hpp"
#include "collector/binance_metadata.hpp"
#include "collector/record_writer.hpp"
#include "ipc/segment.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/collector/news_text.hpp"

namespace ringside::collector::binance_test {

// Notes requests and texts; answers nothing by itself.
class NotingHost final : public AdapterHost {
 public:
  struct Request {
    std::uint32_t id;
    std::string target;
  };

  bool send(ConnectionIndex connection, std::string_view text) noexcept override {
    sent.emplace_back(connection, std::string(text));
    return accepts;
  }
  bool request(std::uint32_t id, std::string_view target) noexcept override {
    if (accepts) requests.push_back({id, std::string(target)});
    return accepts;
  }
  void reconnect(ConnectionIndex connection) noexcept override { reconnects.push_back(connection); }

  // The newest open request whose target holds this text, taken out; id 0: none.
  Request take(std::string_view text) {
    for (auto each = requests.rbegin(); each != requests.rend(); ++each) {
      if (each->target.find(text) == std::string::npos) continue;
      const auto found = *each;
      requests.erase(std::next(each).base());
      return found;
    }
    return {0, {}};
  }

  std::vector<Request> requests;
  std::vector<std::pair<ConnectionIndex, std::string>> sent;
  std::vector<ConnectionIndex> reconnects;
  bool accepts = true;
};

// The slowest book that can be right, and what the records said of it.
struct NaiveBook {
  using Side = std::map<std::int64_t, std::int64_t>;
  Side bids;
  Side asks;
  InstrumentTerms terms;
  State state = State::Failed;
  Cause cause = Cause::None;
  bool loading = false;
  bool whole = false;
  std::uint32_t epoch = 0;
  std::uint64_t updates = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t snapshot_reference = 0;
  std::vector<Record> trades;
  struct Ticker {
    Record record;
    Level ask;
  };
  std::vector<Ticker> tickers;
  std::vector<std::pair<State, Cause>> states;
  // After each update (snapshots excluded): its reference.
  std::function<void(const NaiveBook&, std::uint64_t reference)> on_update;

  static void apply(Side& side, std::span<const Level> levels) {
    for (const auto& level : levels) {
      if (level.quantity.mantissa == 0) {
        side.erase(level.price.mantissa);
      } else {
        side[level.price.mantissa] = level.quantity.mantissa;
      }
    }
  }
  void take(const Record& record, std::span<const Level> levels) {
    const auto many = record.kind == Kind::Levels || record.kind == Kind::Snapshot;
    const auto asks_from = many ? record.bid_count() : 0;
    switch (record.kind) {
      case Kind::Instrument:
        if (!record.is_terms()) return;
        EXPECT_GT(record.epoch, epoch);
        epoch = record.epoch;
        terms = InstrumentTerms::unpacked(record.price);
        whole = false;
        return;
      case Kind::Status:
        state = static_cast<State>(record.quantity);
        cause = record.cause();
        states.emplace_back(state, cause);
        if (state <= State::Syncing) whole = false;
        return;
      case Kind::Snapshot:
        EXPECT_EQ(record.epoch, epoch);
        if (record.first()) {
          bids.clear();
          asks.clear();
        }
        apply(bids, levels.first(asks_from));
        apply(asks, levels.subspan(asks_from, record.ask_count()));
        if (!record.last()) return;
        whole = true;
        ++snapshots;
        snapshot_reference = record.reference;
        state = State::Live;
        cause = Cause::None;
        states.emplace_back(state, cause);
        return;
      case Kind::Levels:
        EXPECT_TRUE(whole) << "a delta without a book";
        apply(bids, levels.first(asks_from));
        apply(asks, levels.subspan(asks_from, record.ask_count()));
        break;
      case Kind::Level: {
        EXPECT_TRUE(whole) << "a delta without a book";
        const std::array one{Level{Price{record.price}, Quantity{record.quantity}}};
        apply(record.side() == ringside::Side::Bid ? bids : asks, one);
        break;
      }
      case Kind::Trade:
        trades.push_back(record);
        return;
      case Kind::Bbo:
        tickers.push_back({record, levels[0]});
        return;
      default:
        ADD_FAILURE() << "record of kind " << static_cast<int>(record.kind);
        return;
    }
    EXPECT_EQ(record.epoch, epoch);
    if (!record.last()) return;
    ++updates;
    if (on_update) on_update(*this, record.reference);
  }
};

class Bench {
 public:
  // Gives the instruments their ids, and ring and record numbers in order.
  explicit Bench(BinanceConfig config, std::uint64_t ring_slots = std::uint64_t{1} << 16)
      : segment_(ipc::spsc_in_memory(ring_slots)),
        ring_(segment_),
        reader_(segment_),
        position_(0),
        records_(std::max<std::size_t>({config.instruments.size(), config.instruments_max, 1})),
        books(config.instruments.size()) {
    const auto ring = records_.add_ring(ring_);
    ring_.set_read_position_source(&position_);
    reader_.set_position_word(&position_);
    std::uint32_t ordinal = 0;
    for (auto& instrument : config.instruments) {
      instrument.id = InstrumentId::of(0, ordinal++);
      instrument.record = records_.add_instrument(instrument.id, ring);
      names_.push_back(instrument.symbol);
    }
    adapter_ = std::make_unique<BinanceAdapter>(std::move(config), records_, host);
  }

  // Of a new symbol, or of one that was removed.
  bool add(const std::string& symbol) {
    const auto found = std::find(names_.begin(), names_.end(), symbol);
    const auto index = static_cast<std::uint32_t>(found - names_.begin());
    const auto id = InstrumentId::of(0, index);
    if (found == names_.end()) {
      names_.push_back(symbol);
      books.emplace_back();
      records_.add_instrument(id, 0);
    }
    const bool taken = adapter_->add({symbol, id, index}, now());
    drain();
    return taken;
  }
  void remove(const std::string& symbol) {
    const auto found = std::find(names_.begin(), names_.end(), symbol);
    adapter_->remove(InstrumentId::of(0, static_cast<std::uint32_t>(found - names_.begin())),
                     now());
    drain();
  }

  void open() {
    for (ConnectionIndex i = 0; i < adapter_->connection_count(); ++i) adapter_->on_open(i, now());
    drain();
  }
  // A text of the venue, at its true length and no more than the promised padding behind it.
  void receive(std::string_view text, ConnectionIndex connection = 0) {
    adapter_->on_message(connection, padded(text), now());
    drain();
  }
  void respond(std::uint32_t request_id, std::string_view body, int status = 200,
               std::int64_t retry_after_ns = 0) {
    adapter_->on_response(request_id, {status, padded(body), retry_after_ns}, now());
    drain();
  }
  // Answers the open request that has this text in its target; expects one.
  void answer(std::string_view text, std::string_view body, int status = 200,
              std::int64_t retry_after_ns = 0) {
    const auto request = host.take(text);
    ASSERT_NE(request.id, 0U) << "nobody asked for " << text;
    respond(request.id, body, status, retry_after_ns);
  }
  void tick(std::int64_t later_ns = 0) {
    steady_ns += later_ns;
    adapter_->on_tick(now());
    drain();
  }
  [[nodiscard]] Now now() const {
    return Now{Ticks{static_cast<std::uint64_t>(steady_ns)}, steady_ns};
  }
  void drain() {
    records_.publish(0, now().ticks);
    while (const auto* record = reader_.peek()) {
      if (record->is_announcement()) {
        news.push_back(bench::text_of_news(*record, reader_.levels()));
        reader_.advance();
        continue;
      }
      ASSERT_LT(record->id().ordinal(), books.size());
      books[record->id().ordinal()].take(*record, reader_.levels());
      reader_.advance();
    }
    EXPECT_FALSE(reader_.corrupt());
    reader_.publish_position();
  }

  [[nodiscard]] BinanceAdapter& adapter() { return *adapter_; }
  [[nodiscard]] std::uint64_t count(Count which) const { return adapter_->counters()[which]; }
  [[nodiscard]] NaiveBook& book(std::string_view symbol) {
    const auto found = std::find(names_.begin(), names_.end(), symbol);
    return books[static_cast<std::size_t>(found - names_.begin())];
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  std::int64_t steady_ns = 1'000'000'000;
  NotingHost host;
  std::vector<std::string> news;  // "listed binance ABC", in order

 private:
  // On the heap and exact, so that the address sanitizer sees a byte read too far.
  std::string_view padded(std::string_view text) {
    buffer_ = std::make_unique<char[]>(text.size() + 64);
    std::copy(text.begin(), text.end(), buffer_.get());
    std::fill_n(buffer_.get() + text.size(), 64, 'x');
    return {buffer_.get(), text.size()};
  }

  ipc::Segment segment_;
  ipc::SpscWriter ring_;
  ipc::SpscReader reader_;
  std::atomic<std::uint64_t> position_;
  RecordWriter records_;
  std::vector<std::string> names_;
  std::unique_ptr<BinanceAdapter> adapter_;
  std::unique_ptr<char[]> buffer_;

 public:
  std::vector<NaiveBook> books;
};

inline BinanceInstrument instrument(std::string symbol, int price_decimals, int quantity_decimals) {
  BinanceInstrument made;
  made.symbol = std::move(symbol);
  made.exponents_known = true;
  made.price_exponent = Exponent{static_cast<std::int8_t>(-price_decimals)};
  made.quantity_exponent = Exponent{static_cast<std::int8_t>(-quantity_decimals)};
  return made;
}

}  // namespace ringside::collector::binance_test
