// Random record streams with faults in them. Whatever goes wrong on the way: a book that is called
// live, in the table or as a reader builds it from the broadcast ring, is the venue's book.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

constexpr std::uint32_t depth = 10;  // as many as the checksum proves
constexpr std::uint32_t instruments = 4;
constexpr InstrumentTerms checked{Exponent{-2}, Exponent{-4}, ChecksumRule::Kraken, depth};
constexpr InstrumentTerms unchecked{Exponent{-2}, Exponent{-4}, ChecksumRule::None, depth};

// Best first, by a key that ascends on both sides; what a reader keeps, too.
class MapSide {
 public:
  explicit MapSide(std::int64_t sign) : sign_(sign) {}
  void apply(Level level) {
    if (level.quantity.mantissa == 0) {
      levels_.erase(level.price.mantissa * sign_);
    } else {
      levels_[level.price.mantissa * sign_] = level.quantity.mantissa;
    }
  }
  void truncate() {
    while (levels_.size() > depth) levels_.erase(std::prev(levels_.end()));
  }
  void clear() { levels_.clear(); }
  [[nodiscard]] std::vector<Level> best_first() const {
    std::vector<Level> result;
    for (const auto& [key, quantity] : levels_) result.push_back(at(key * sign_, quantity));
    return result;
  }

 private:
  std::int64_t sign_;
  std::map<std::int64_t, std::int64_t> levels_;
};

struct MapBook {
  MapSide bids{-1}, asks{1};

  void apply(Side side, Level level) { (side == Side::Bid ? bids : asks).apply(level); }
  void truncate() {
    bids.truncate();
    asks.truncate();
  }
  void clear() {
    bids.clear();
    asks.clear();
  }
  [[nodiscard]] std::uint32_t checksum() const {
    return WorkerScript::checksum(bids.best_first(), asks.best_first());
  }
  friend bool operator==(const MapBook& a, const MapBook& b) {
    return a.bids.best_first() == b.bids.best_first() && a.asks.best_first() == b.asks.best_first();
  }
};

// An ordinary reader of the broadcast ring.
struct ReaderBook {
  MapBook book;
  State state = State::Syncing;
  bool whole = false;  // its snapshot has come, and no message is under way

  void take(const Seen& seen) {
    const Record& record = seen.record;
    if (record.kind == Kind::Status) {
      state = seen.state();
    } else if (record.kind == Kind::Snapshot) {
      if (record.first()) book.clear();
      add(seen);
      whole = record.last();
    } else if (record.kind == Kind::Levels) {
      add(seen);
    } else if (record.kind == Kind::Level) {
      book.apply(record.side(), at(record.price, record.quantity));
    }
    if (record.kind == Kind::Levels || record.kind == Kind::Level) {
      whole = record.last();
      if (whole) book.truncate();
    }
  }
  void add(const Seen& seen) {
    for (const Level& level : seen.bids) book.apply(Side::Bid, level);
    for (const Level& level : seen.asks) book.apply(Side::Ask, level);
  }
};

struct Faults {
  const char* name;
  bool checksum;
  bool publish_first;
  unsigned per_mille;  // of messages
};

// A venue and the collector in front of it, both as they should be but for the faults.
class Scenario {
 public:
  Scenario(const Faults& faults, std::uint64_t seed)
      : faults_(faults), random_(seed), script_(options(faults)) {
    for (std::uint32_t i = 0; i < instruments; ++i) snapshot(i);
  }

  void step() {
    const auto which = static_cast<std::uint32_t>(random_() % instruments);
    if (random_() % 3 == 0) script_.tick();
    if (random_() % 400 == 0) snapshot(which);  // the venue's own idea
    if (random_() % 1000 == 0) status(which);
    if (!lossy_ && random_() % 1000 < faults_.per_mille && !faults_.checksum) begin_loss(which);
    message(which);
    if (lossy_ && random_() % 20 == 0) end_loss();
    for (const auto& request : script_.requests()) answer(request);
    look();
  }

  std::uint64_t live_looks = 0;  // comparisons that meant something
  std::uint64_t down_looks = 0;
  [[nodiscard]] const Counters& counters() { return script_.worker.counters(); }

 private:
  struct Instrument {
    MapBook truth;
    MapBook seen_before;   // the newest truth that the worker is known to have had
    bool spoiled = false;  // something was wrong with what was sent last
    std::uint32_t epoch = epoch_of(1, 0);
    bool dropped = false;  // the collector drops its records until its next snapshot
    ReaderBook reader;
  };

  static WorkerOptions options(const Faults& faults) {
    WorkerOptions made;
    made.publish_first = faults.publish_first;
    made.late_joiner_round_ticks_min = 0;
    made.resync.interval_min = millisecond;
    made.resync.interval_max = 8 * millisecond;
    made.resync.calm = 20 * millisecond;
    made.resync.answer_within = 50 * millisecond;
    return made;
  }
  static InstrumentId id_of(std::uint32_t which) { return InstrumentId::of(0, which); }
  [[nodiscard]] InstrumentTerms terms() const { return faults_.checksum ? checked : unchecked; }
  bool fault() { return faults_.checksum && random_() % 1000 < faults_.per_mille; }

  Level level(Side side) {
    // Bids and asks overlap a little, so that books cross now and then.
    const auto distance = static_cast<std::int64_t>(random_() % 40);
    const auto price = side == Side::Bid ? 1001 - distance : 1000 + distance;
    const bool gone = random_() % 10 < 4;
    return at(price, gone ? 0 : static_cast<std::int64_t>(1 + random_() % 1'000'000));
  }

  void send(std::uint32_t which, const ScriptRecord& made) {
    if (instruments_[which].dropped) {
      script_.worker.source_drops(0, ++drops_, script_.now);
      return;
    }
    script_.take(made);
  }

  void message(std::uint32_t which) {
    Instrument& instrument = instruments_[which];
    std::vector<Level> bids, asks;
    for (auto count = random_() % 4; count > 0; --count) bids.push_back(level(Side::Bid));
    for (auto count = random_() % 4; count > 0; --count) asks.push_back(level(Side::Ask));
    for (const auto& one : bids) instrument.truth.apply(Side::Bid, one);
    for (const auto& one : asks) instrument.truth.apply(Side::Ask, one);
    instrument.truth.truncate();
    std::vector<ScriptRecord> records = split(which, bids, asks);
    if (faults_.checksum)
      records.back() = with_checksum(records.back(), instrument.truth.checksum());
    instrument.spoiled = fault();
    if (instrument.spoiled) spoil(records);
    for (const auto& made : records) send(which, made);
  }

  // In one record, or in several.
  std::vector<ScriptRecord> split(std::uint32_t which, const std::vector<Level>& bids,
                                  const std::vector<Level>& asks) {
    const auto epoch = instruments_[which].epoch;
    if (random_() % 3 != 0 || bids.empty() || asks.empty())
      return {levels_of(Kind::Levels, id_of(which), epoch, bids, asks)};
    std::vector<ScriptRecord> records;
    for (const auto& one : bids)
      records.push_back(level_of(id_of(which), epoch, Side::Bid, one, 0));
    records.push_back(levels_of(Kind::Levels, id_of(which), epoch, {}, asks, 0));
    records.front().record.flags |= flag_first;
    records.back().record.flags |= flag_last;
    return records;
  }

  void spoil(std::vector<ScriptRecord>& records) {
    const auto chosen = random_() % records.size();
    ScriptRecord& victim = records[chosen];
    switch (random_() % 7) {
      case 0:  // a record is missing
        records.erase(records.begin() + static_cast<std::ptrdiff_t>(chosen));
        break;
      case 1:  // twice
        records.insert(records.begin() + static_cast<std::ptrdiff_t>(chosen), victim);
        break;
      case 2:  // a digit
        if (!victim.levels.empty()) victim.levels[0].quantity.mantissa ^= 4;
        victim.record.quantity ^= 4;
        break;
      case 3:
        victim.record.epoch += static_cast<std::uint32_t>(random_() % 3) - 1;
        break;
      case 4:
        victim.record.flags ^= random_() % 2 == 0 ? flag_first : flag_last;
        break;
      case 5:  // a price out of range
        if (!victim.levels.empty()) victim.levels[0].price.mantissa = mantissa_limit;
        break;
      case 6:  // another side
        victim.record.side_or_reason ^= 3;
        break;
    }
  }

  void snapshot(std::uint32_t which) {
    Instrument& instrument = instruments_[which];
    instrument.dropped = false;
    ++instrument.epoch;
    const auto bids = instrument.truth.bids.best_first(), asks = instrument.truth.asks.best_first();
    send(which, terms_of(id_of(which), instrument.epoch, terms()));
    auto last = levels_of(Kind::Snapshot, id_of(which), instrument.epoch, {}, asks, flag_last);
    if (faults_.checksum) last = with_checksum(last, instrument.truth.checksum());
    const bool lose_first = fault(), lose_last = fault();
    instrument.spoiled = lose_first || lose_last;
    if (!lose_first) {
      send(which, levels_of(Kind::Snapshot, id_of(which), instrument.epoch, bids, {}, flag_first));
    }
    if (!lose_last) send(which, last);
  }

  void status(std::uint32_t which) {
    constexpr State states[] = {State::Stale, State::Halted, State::Live};
    send(which, status_of(id_of(which), states[random_() % 3], Cause::None));
  }

  // The ring is full for one instrument: all of its records are dropped from here on.
  void begin_loss(std::uint32_t which) {
    instruments_[which].dropped = true;
    lossy_ = true;
    hit_ = which;
  }
  void end_loss() {
    lossy_ = false;
    if (drops_ > named_) script_.take(loss_of(id_of(hit_), true, drops_));
    if (drops_ == named_) instruments_[hit_].dropped = false;  // nothing was lost after all
    named_ = drops_;
  }

  void answer(const ipc::ResyncRequest& request) {
    const std::uint32_t which = request.instrument.ordinal();
    if (request.epoch < instruments_[which].epoch || random_() % 10 == 0) return;
    if (random_() % 2 == 0)
      send(which, status_of(id_of(which), State::Syncing, Cause::Resubscribing));
    snapshot(which);
  }

  static bool same(const ipc::BookView& view, const MapBook& book) {
    return std::vector<Level>(view.bids.begin(), view.bids.begin() + view.bid_count) ==
               book.bids.best_first() &&
           std::vector<Level>(view.asks.begin(), view.asks.begin() + view.ask_count) ==
               book.asks.best_first();
  }

  void look() {
    for (const auto& seen : script_.seen(random_() % 2 == 0)) {
      instruments_[InstrumentId{seen.record.instrument}.ordinal()].reader.take(seen);
    }
    for (std::uint32_t i = 0; i < instruments; ++i) look_at(i);
  }

  void look_at(std::uint32_t which) {
    Instrument& instrument = instruments_[which];
    const auto view = script_.view(id_of(which));
    ASSERT_EQ(instrument.reader.state, view.state);
    if (view.state != State::Live) {
      ++down_looks;
      return;
    }
    ++live_looks;
    if (same(view, instrument.truth)) {
      instrument.seen_before = instrument.truth;
    } else {
      // What got lost whole, nobody can know of until the next message; then this must not be.
      ASSERT_TRUE(instrument.spoiled);
      ASSERT_TRUE(same(view, instrument.seen_before));
    }
    if (instrument.reader.whole) {
      ASSERT_TRUE(instrument.reader.book == instrument.seen_before);
    }
    const auto& tracked = script_.worker.tracked(*script_.worker.find(id_of(which)));
    if (tracked.between_messages()) {
      ASSERT_FALSE(tracked.book().crossed());
    }
  }

  Faults faults_;
  std::mt19937_64 random_;
  WorkerScript script_;
  std::array<Instrument, instruments> instruments_;
  std::uint64_t drops_ = 0, named_ = 0;
  std::uint32_t hit_ = 0;
  bool lossy_ = false;
};

class BookWorker : public ::testing::TestWithParam<Faults> {};

TEST_P(BookWorker, ABookThatIsCalledLiveIsTheVenuesBook) {
  std::uint64_t live = 0, down = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Scenario scenario(GetParam(), seed);
    for (int step = 0; step < 10'000; ++step) {
      scenario.step();
      if (HasFatalFailure()) return;
    }
    live += scenario.live_looks;
    down += scenario.down_looks;
  }
  EXPECT_GT(live, 20'000U) << "a test that hardly ever compares proves nothing";
  if (GetParam().per_mille > 0) {
    EXPECT_GT(down, 500U);
  }
}

INSTANTIATE_TEST_SUITE_P(Property, BookWorker,
                         ::testing::Values(Faults{"healthy", true, false, 0},
                                           Faults{"faulty", true, false, 5},
                                           Faults{"very_faulty", true, false, 60},
                                           Faults{"publish_first", true, true, 20},
                                           Faults{"unchecked_healthy", false, false, 0},
                                           Faults{"full_rings", false, false, 10}),
                         [](const auto& faults) { return std::string(faults.param.name); });

}  // namespace
}  // namespace ringside::orderbook
