// Records in the ring as the worker will read them, and what happens when the ring is full: nothing
// waits, nothing is torn, every instrument hit is named, no other one is.
#include "collector/record_writer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "ipc/spsc_ring.hpp"

namespace ringside::collector {
namespace {

constexpr Ticks now{1000};
constexpr Origin origin{Ticks{900}, UtcNs{1234}, true};
constexpr InstrumentTerms terms{Exponent{-1}, Exponent{-8}, ChecksumRule::Kraken, 25};

std::vector<Level> levels_of(std::size_t count, std::int64_t from) {
  std::vector<Level> levels;
  for (std::size_t i = 0; i < count; ++i) {
    const auto offset = static_cast<std::int64_t>(i);
    levels.push_back({Price{from + offset}, Quantity{1 + offset}});
  }
  return levels;
}

// One ring, its reader, and two instruments in it.
class Writing : public ::testing::Test {
 protected:
  explicit Writing(std::uint64_t slots = 4096) : segment_(ipc::spsc_in_memory(slots)) {
    reader_ = ipc::SpscReader(segment_);
    ring_ = ipc::SpscWriter(segment_);
    reader_.set_position_word(&position_);
    ring_.set_read_position_source(&position_);
    writer_.add_ring(ring_);
    first_ = writer_.add_instrument(InstrumentId::of(1, 7), 0);
    second_ = writer_.add_instrument(InstrumentId::of(1, 8), 0);
  }

  struct Seen {
    Record record;
    std::vector<Level> levels;
  };
  // Publishes and takes everything.
  std::vector<Seen> drain() {
    writer_.publish(0, now);
    std::vector<Seen> all;
    while (const Record* record = reader_.peek()) {
      Seen seen{*record, {}};
      if (record->kind == Kind::Levels || record->kind == Kind::Snapshot) {
        const auto bids = reader_.bids();
        seen.levels.assign(bids.begin(), bids.end());
        seen.levels.insert(seen.levels.end(), reader_.asks().begin(), reader_.asks().end());
      } else if (record->kind == Kind::Bbo) {
        seen.levels.push_back(reader_.levels()[0]);
      }
      all.push_back(std::move(seen));
      reader_.advance();
    }
    EXPECT_FALSE(reader_.corrupt());
    return all;
  }
  void delta(InstrumentIndex instrument) {
    writer_.write_delta(instrument, 1, {one_, {}}, {}, origin);
  }
  // Trades of the first instrument until one does not fit.
  void fill() {
    const auto before = writer_.counters().records_dropped;
    while (writer_.counters().records_dropped == before) {
      writer_.write_trade(first_, 1, {Side::Bid, Price{5}, Quantity{6}, {7, 0}}, origin);
    }
  }

  ipc::Segment segment_;
  std::atomic<std::uint64_t> position_{0};
  ipc::SpscReader reader_;
  ipc::SpscWriter ring_;
  RecordWriter writer_{2};
  InstrumentIndex first_ = 0;
  InstrumentIndex second_ = 0;
  std::vector<Level> one_ = levels_of(1, 100);
};

class WritingToATinyRing : public Writing {
 protected:
  WritingToATinyRing() : Writing(16) {}
};

TEST_F(Writing, NothingIsVisibleBeforePublish) {
  delta(first_);
  EXPECT_TRUE(writer_.pending(0));
  EXPECT_EQ(reader_.peek(), nullptr);
  EXPECT_EQ(drain().size(), 1U);
  EXPECT_FALSE(writer_.pending(0));
}

TEST_F(Writing, ADeltaOfOneLevelIsALevelRecord) {
  writer_.write_delta(first_, 3, {{}, one_}, {42, flag_reference_checksum}, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 1U);
  const Record& record = seen[0].record;
  EXPECT_EQ(record.kind, Kind::Level);
  EXPECT_EQ(record.id(), InstrumentId::of(1, 7));
  EXPECT_EQ(record.side(), Side::Ask);
  EXPECT_EQ(record.price, 100);
  EXPECT_EQ(record.quantity, 1);
  EXPECT_EQ(record.epoch, 3U);
  EXPECT_EQ(record.reference, 42U);
  EXPECT_EQ(record.flags, flag_first | flag_last | flag_reference_checksum);
  EXPECT_EQ(record.receive_tsc, 900U);
  EXPECT_EQ(record.exchange_ns, 1234);
  EXPECT_EQ(record.publish_delta, 100U);
}

TEST_F(Writing, ADeltaKeepsTheOrderOfTheMessageWithinASide) {
  const std::vector<Level> bids{
      {Price{5}, Quantity{1}}, {Price{9}, Quantity{2}}, {Price{5}, Quantity{0}}};
  writer_.write_delta(first_, 1, {bids, one_}, {}, {Ticks{900}, UtcNs{}, false});
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Levels);
  EXPECT_EQ(seen[0].record.bid_count(), 3U);
  EXPECT_EQ(seen[0].record.ask_count(), 1U);
  EXPECT_EQ(seen[0].record.exchange_ns, 0);
  EXPECT_NE(seen[0].record.flags & flag_no_exchange_time, 0);
  auto expected = bids;
  expected.push_back(one_[0]);
  EXPECT_EQ(seen[0].levels, expected);
}

TEST_F(Writing, AnEmptyDeltaIsARecordToo) {
  writer_.write_delta(first_, 1, {}, {42, flag_reference_checksum}, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Levels);
  EXPECT_TRUE(seen[0].record.first());
  EXPECT_TRUE(seen[0].record.last());
}

TEST_F(Writing, ALongSnapshotIsSplitFirstToLast) {
  const auto bids = levels_of(1000, 1);
  const auto asks = levels_of(1500, 5000);
  writer_.write_terms(first_, 9, terms, origin);
  writer_.write_snapshot(first_, 9, {bids, asks}, {77, flag_reference_checksum}, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen[0].record.kind, Kind::Instrument);
  EXPECT_EQ(InstrumentTerms::unpacked(seen[0].record.price), terms);
  std::vector<Level> bids_seen;
  std::vector<Level> asks_seen;
  for (std::size_t i = 1; i < seen.size(); ++i) {
    const Record& record = seen[i].record;
    EXPECT_EQ(record.kind, Kind::Snapshot);
    EXPECT_EQ(record.epoch, 9U);
    EXPECT_EQ(record.first(), i == 1);
    EXPECT_EQ(record.last(), i == 3);
    EXPECT_LE(seen[i].levels.size(), record_levels_max);
    const auto middle = seen[i].levels.begin() + static_cast<std::ptrdiff_t>(record.bid_count());
    bids_seen.insert(bids_seen.end(), seen[i].levels.begin(), middle);
    asks_seen.insert(asks_seen.end(), middle, seen[i].levels.end());
  }
  EXPECT_EQ(seen.back().record.reference, 77U);
  EXPECT_EQ(bids_seen, bids);
  EXPECT_EQ(asks_seen, asks);
}

TEST_F(Writing, TradesBbosAndStatesArriveWhole) {
  writer_.write_trade(first_, 2, {Side::Ask, Price{10}, Quantity{20}, {30, 0}}, origin);
  writer_.write_bbo(second_, 2, {{Price{1}, Quantity{2}}, {Price{3}, Quantity{4}}, {}}, origin);
  writer_.write_status(second_, 2, State::Gap, Cause::BadMessage, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].record.kind, Kind::Trade);
  EXPECT_EQ(seen[0].record.side(), Side::Ask);
  EXPECT_EQ(seen[0].record.reference, 30U);
  EXPECT_EQ(seen[1].record.kind, Kind::Bbo);
  EXPECT_EQ(seen[1].record.price, 1);
  EXPECT_EQ(seen[1].levels[0], (Level{Price{3}, Quantity{4}}));
  EXPECT_EQ(seen[2].record.kind, Kind::Status);
  EXPECT_EQ(seen[2].record.cause(), Cause::BadMessage);
  EXPECT_EQ(seen[2].record.quantity, static_cast<std::int64_t>(State::Gap));
}

TEST_F(Writing, AFailureIsRememberedUntilTheStateIsAnother) {
  EXPECT_EQ(writer_.failure_of(first_), Cause::None);
  writer_.write_status(first_, 1, State::Failed, Cause::UnknownSymbol, origin);
  writer_.write_status(first_, 1, State::Failed, Cause::UnknownSymbol, origin);
  EXPECT_EQ(writer_.failure_of(first_), Cause::UnknownSymbol);
  EXPECT_EQ(writer_.failure_of(second_), Cause::None);
  EXPECT_EQ(writer_.failure_changes(), 1U);
  writer_.write_status(first_, 1, State::Syncing, Cause::Starting, origin);
  EXPECT_EQ(writer_.failure_of(first_), Cause::None);
  EXPECT_EQ(writer_.failure_changes(), 2U);
}

TEST_F(WritingToATinyRing, AFullRingRaisesDropsAtOnceAndNamesTheLossWhenThereIsRoom) {
  writer_.write_terms(first_, 5, terms, origin);
  fill();
  EXPECT_EQ(reader_.drops(), 1U);
  delta(second_);  // full for this one, too
  EXPECT_EQ(reader_.drops(), 2U);
  EXPECT_EQ(writer_.counters().instruments_dropped, 2U);
  for (const auto& seen : drain()) EXPECT_NE(seen.record.kind, Kind::Loss) << "there was no room";
  EXPECT_TRUE(writer_.pending(0));

  const auto seen = drain();
  ASSERT_EQ(seen.size(), 2U);
  for (const auto& [record, levels] : seen) {
    EXPECT_EQ(record.kind, Kind::Loss);
    EXPECT_EQ(record.cause(), Cause::RecordsDropped);
    EXPECT_EQ(record.reference, reader_.drops()) << "it accounts for every drop";
    if (record.id() == InstrumentId::of(1, 7)) {
      EXPECT_EQ(record.epoch, 5U);
    }
  }
  EXPECT_FALSE(seen[0].record.last());
  EXPECT_TRUE(seen[1].record.last());
  EXPECT_EQ(writer_.counters().losses_named, 2U);
  EXPECT_FALSE(writer_.pending(0));
}

TEST_F(WritingToATinyRing, OnlyTheInstrumentHitIsSilentUntilItsNextTerms) {
  fill();
  (void)drain();
  (void)drain();
  const auto drops = reader_.drops();
  delta(first_);
  delta(second_);
  auto seen = drain();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.id(), InstrumentId::of(1, 8));
  EXPECT_EQ(reader_.drops(), drops)
      << "the worker knows already: no loss record would ever account for this one";

  writer_.write_terms(first_, 2, terms, origin);
  writer_.write_snapshot(first_, 2, {one_, one_}, {}, origin);
  delta(first_);
  seen = drain();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].record.kind, Kind::Instrument);
  EXPECT_EQ(seen[1].record.kind, Kind::Snapshot);
  EXPECT_EQ(seen[2].record.kind, Kind::Level);
}

TEST_F(WritingToATinyRing, TermsDoNotOvertakeTheLossTheyFollow) {
  fill();
  writer_.write_terms(first_, 2, terms, origin);  // still full
  delta(first_);
  const auto full = drain();
  for (const auto& seen : full) EXPECT_EQ(seen.record.kind, Kind::Trade);
  delta(first_);  // its terms were dropped, so it goes on dropping
  writer_.write_terms(first_, 3, terms, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.kind, Kind::Loss);
  EXPECT_EQ(seen[0].record.reference, reader_.drops());
  EXPECT_EQ(seen[1].record.kind, Kind::Instrument);
  EXPECT_EQ(seen[1].record.epoch, 3U);
}

TEST_F(WritingToATinyRing, ASnapshotThatDoesNotFitIsALossAgain) {
  const auto many = levels_of(200, 1);
  writer_.write_terms(first_, 1, terms, origin);
  writer_.write_snapshot(first_, 1, {many, many}, {}, origin);
  EXPECT_GE(reader_.drops(), 1U);
  auto seen = drain();
  const auto more = drain();
  seen.insert(seen.end(), more.begin(), more.end());
  for (const auto& [record, levels] : seen) {
    EXPECT_FALSE(record.kind == Kind::Snapshot && record.last());
  }
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().record.kind, Kind::Loss);
  EXPECT_TRUE(seen.back().record.last());
}

TEST_F(WritingToATinyRing, TheNewestStateSurvivesAFullRing) {
  fill();
  writer_.write_status(first_, 1, State::Gap, Cause::BadMessage, origin);
  writer_.write_status(first_, 1, State::Disconnected, Cause::SocketClosed, origin);
  (void)drain();
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.kind, Kind::Loss);
  EXPECT_EQ(seen[1].record.kind, Kind::Status);
  EXPECT_EQ(seen[1].record.cause(), Cause::SocketClosed);
}

TEST_F(WritingToATinyRing, AStateIsSaidWhileTheInstrumentWaitsForItsSnapshot) {
  fill();
  (void)drain();
  (void)drain();
  writer_.write_status(first_, 1, State::Syncing, Cause::Resubscribing, origin);
  const auto seen = drain();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Status);
}

// Whatever is written and read in whatever order: what the reader holds of an instrument between
// its losses has no hole, and in the end every drop is accounted for.
TEST_F(WritingToATinyRing, NoHoleGoesUnnamed) {
  std::uint64_t random = 20261121;
  const auto pick = [&random](std::uint64_t count) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random >> 33) % count;
  };
  std::array<std::uint64_t, 2> written{};   // sequence, as the trade's id
  std::array<std::uint64_t, 2> expected{};  // next one the reader should see
  std::array<bool, 2> broken{};
  std::uint64_t accounted = 0;
  std::uint64_t losses = 0;
  const auto check = [&](const std::vector<Seen>& all) {
    for (const auto& [record, levels] : all) {
      const std::size_t which = record.id().ordinal() - 7;
      if (record.kind == Kind::Loss) {
        broken[which] = true;
        ++losses;
        if (record.last()) accounted = record.reference;
      } else if (record.kind == Kind::Instrument) {
        broken[which] = false;
        expected[which] = record.epoch;
      } else if (!broken[which]) {
        ASSERT_EQ(record.reference, expected[which]++);
      }
    }
  };
  for (int i = 0; i < 200'000; ++i) {
    const auto which = pick(2);
    const auto instrument = static_cast<InstrumentIndex>(which);
    if (pick(16) == 0) {
      writer_.write_terms(instrument, static_cast<std::uint32_t>(written[which]), terms, origin);
    } else {
      writer_.write_trade(instrument, 1, {Side::Bid, Price{1}, Quantity{1}, {written[which]++, 0}},
                          origin);
    }
    if (pick(12) == 0) check(drain());
  }
  check(drain());
  check(drain());
  EXPECT_EQ(accounted, reader_.drops());
  EXPECT_GT(losses, 1000U);
}

}  // namespace
}  // namespace ringside::collector
