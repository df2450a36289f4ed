#include "orderbook/worker.hpp"

#include <gtest/gtest.h>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

using Words = std::vector<std::string>;

constexpr InstrumentId btc = InstrumentId::of(0, 0);
constexpr InstrumentId eth = InstrumentId::of(0, 1);
constexpr std::uint32_t epoch1 = epoch_of(1, 1);
constexpr std::uint32_t epoch2 = epoch_of(1, 2);
constexpr InstrumentTerms plain{Exponent{-2}, Exponent{-8}, ChecksumRule::None, 0};
constexpr InstrumentTerms kraken{Exponent{-2}, Exponent{-8}, ChecksumRule::Kraken, 10};
const std::vector<Level> bids{at(100, 5), at(99, 6)};
const std::vector<Level> asks{at(101, 7), at(102, 8)};

class WorkerTest : public ::testing::Test {
 protected:
  void go_live(WorkerScript& script, InstrumentId id, InstrumentTerms terms = plain,
               std::uint32_t epoch = epoch1) {
    script.take(terms_of(id, epoch, terms));
    auto snapshot = levels_of(Kind::Snapshot, id, epoch, bids, asks);
    if (terms.checksum != ChecksumRule::None)
      snapshot = with_checksum(snapshot, WorkerScript::checksum(bids, asks));
    script.take(snapshot);
  }
  void go_live(InstrumentId id, InstrumentTerms terms = plain) {
    go_live(script_, id, terms);
    ASSERT_EQ(script_.state(id), "live none");
    (void)script_.seen();
  }
  std::vector<Level> side(InstrumentId id, Side which) {
    const auto index = script_.worker.find(id);
    std::vector<Level> levels;
    const Book& book = script_.worker.book(*index);
    for (std::uint32_t i = 0; i < book.count(which); ++i) levels.push_back(book.level(which, i));
    return levels;
  }

  WorkerScript script_;
};

// --- Snapshots and deltas ---

TEST_F(WorkerTest, ASnapshotMakesAnInstrumentLiveAndItsTopOfBookReadable) {
  script_.take(status_of(btc, State::Syncing, Cause::Starting));
  EXPECT_EQ(script_.state(btc), "syncing starting");
  go_live(script_, btc);
  EXPECT_EQ(script_.words(),
            (Words{"status syncing starting", "terms", "snapshot", "status live none"}));
  const auto view = script_.view(btc);
  EXPECT_EQ(view.state, State::Live);
  EXPECT_EQ(view.epoch, epoch1);
  EXPECT_EQ(view.terms, plain);
  ASSERT_EQ(view.bid_count, 2U);
  EXPECT_EQ(view.bids[0], at(100, 5));
  ASSERT_EQ(view.ask_count, 2U);
  EXPECT_EQ(view.asks[1], at(102, 8));
}

TEST_F(WorkerTest, AOneLevelDeltaIsPublishedAsItCameAndMovesTheTop) {
  go_live(btc);
  script_.pass(17);
  auto delta = level_of(btc, epoch1, Side::Bid, at(100, 0));
  delta.record.exchange_ns = 1234;
  delta.record.reference = 99;
  script_.take(delta);
  const auto seen = script_.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Level);
  EXPECT_EQ(seen[0].record.receive_tsc, script_.now.value);
  EXPECT_EQ(seen[0].record.exchange_ns, 1234);
  EXPECT_EQ(seen[0].record.reference, 99U);
  const auto view = script_.view(btc);
  EXPECT_EQ(view.bids[0], at(99, 6));
  EXPECT_EQ(view.exchange.value, 1234);
  EXPECT_EQ(view.updates, 2U);
}

TEST_F(WorkerTest, AManyLevelDeltaKeepsTheOrderWithinTheMessage) {
  go_live(btc);
  // One price twice: the later wins.
  script_.take(levels_of(Kind::Levels, btc, epoch1, {at(100, 1), at(98, 3), at(100, 2)},
                         {at(101, 0), at(101, 4)}));
  EXPECT_EQ(script_.words(), Words{"levels"});
  EXPECT_EQ(side(btc, Side::Bid), (std::vector{at(100, 2), at(99, 6), at(98, 3)}));
  EXPECT_EQ(side(btc, Side::Ask), (std::vector{at(101, 4), at(102, 8)}));
}

TEST_F(WorkerTest, TruncationHappensAfterTheWholeMessageAndNotBefore) {
  InstrumentTerms shallow = plain;
  shallow.depth = 2;
  go_live(btc, shallow);
  script_.take(level_of(btc, epoch1, Side::Bid, at(98, 1), flag_first));
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 0), 0));
  script_.take(level_of(btc, epoch1, Side::Bid, at(97, 1), flag_last));
  // Truncating in between would have lost 98.
  EXPECT_EQ(side(btc, Side::Bid), (std::vector{at(99, 6), at(98, 1)}));
}

TEST_F(WorkerTest, APartialSnapshotNeverBecomesVisible) {
  script_.take(terms_of(btc, epoch1, plain));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, {at(100, 5)}, {}, flag_first));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, {at(99, 6)}, {}, 0));
  EXPECT_NE(script_.view(btc).state, State::Live);
  EXPECT_EQ(script_.view(btc).bid_count, 0U);
  script_.tick(3);
  for (const auto& one : script_.seen(true)) {
    EXPECT_NE(one.record.kind, Kind::Snapshot);
    EXPECT_TRUE(one.bids.empty());
  }
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, {}, asks, flag_last));
  EXPECT_EQ(script_.view(btc).state, State::Live);
  const auto seen = script_.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].bids, bids);
  EXPECT_EQ(seen[0].asks, asks);
}

TEST_F(WorkerTest, ASnapshotCutByADeltaIsAGapAndAResync) {
  script_.take(terms_of(btc, epoch1, plain));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, bids, {}, flag_first));
  script_.take(level_of(btc, epoch1, Side::Ask, at(101, 1)));
  EXPECT_EQ(script_.state(btc), "gap bad_message");
  EXPECT_EQ(script_.worker.counters().message_cut, 1U);
  EXPECT_EQ(script_.requests(), (std::vector{ipc::ResyncRequest{btc, epoch1, Cause::BadMessage}}));
}

TEST_F(WorkerTest, ASnapshotThatStartsInTheMiddleIsAGap) {
  script_.take(terms_of(btc, epoch1, plain));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, {}, asks, flag_last));
  EXPECT_EQ(script_.state(btc), "gap bad_message");
  EXPECT_EQ(script_.view(btc).ask_count, 0U);
  EXPECT_EQ(script_.worker.counters().message_cut, 1U);
}

TEST_F(WorkerTest, ADeltaMessageThatStopsInTheMiddleIsAGap) {
  go_live(btc);
  script_.take(level_of(btc, epoch1, Side::Ask, at(103, 1), flag_first));
  script_.take(level_of(btc, epoch1, Side::Ask, at(104, 1)));
  EXPECT_EQ(script_.state(btc), "gap bad_message");
  go_live(eth);
  script_.take(level_of(eth, epoch1, Side::Ask, at(104, 1), flag_last));
  EXPECT_EQ(script_.state(eth), "gap bad_message");
  EXPECT_EQ(script_.worker.counters().message_cut, 2U);
}

TEST_F(WorkerTest, ASnapshotWithoutTermsIsRefused) {
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, bids, asks));
  EXPECT_EQ(script_.state(btc), "gap bad_message");
  EXPECT_EQ(script_.worker.counters().no_terms, 1U);
}

TEST_F(WorkerTest, ValuesOutOfRangeBreakTheBookInsteadOfEnteringIt) {
  for (const auto& bad : {levels_of(Kind::Levels, btc, epoch1, {at(mantissa_limit, 1)}, {}),
                          levels_of(Kind::Levels, btc, epoch1, {}, {at(1, -1)}),
                          level_of(btc, epoch1, Side::None, at(1, 1)),
                          level_of(btc, epoch1, Side::Bid, at(1, mantissa_limit))}) {
    WorkerScript script;
    go_live(script, btc);
    script.take(bad);
    EXPECT_EQ(script.state(btc), "gap bad_message");
    EXPECT_EQ(script.worker.counters().bad_record, 1U);
  }
}

TEST_F(WorkerTest, ALevelBelowTheTableDoesNotRewriteIt) {
  std::vector<Level> many;
  for (std::int64_t i = 0; i < 40; ++i) many.push_back(at(1000 - i, 1));
  script_.take(terms_of(btc, epoch1, plain));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, many, {}));
  const auto before = script_.view(btc);
  EXPECT_EQ(before.bid_count, 25U);
  script_.take(level_of(btc, epoch1, Side::Bid, at(965, 9)));
  EXPECT_EQ(script_.view(btc).updates, before.updates);
  script_.take(level_of(btc, epoch1, Side::Bid, at(990, 9)));
  EXPECT_EQ(script_.view(btc).updates, before.updates + 2);
}

// --- Epochs ---

TEST_F(WorkerTest, RecordsOfAnOlderEpochAreDroppedAndCounted) {
  go_live(btc);
  go_live(script_, btc, plain, epoch2);
  EXPECT_EQ(script_.view(btc).epoch, epoch2);
  (void)script_.seen();
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 0)));
  script_.take(levels_of(Kind::Snapshot, btc, epoch1, {}, {}));
  script_.take(terms_of(btc, epoch1, plain));
  EXPECT_EQ(script_.seen().size(), 0U);
  EXPECT_EQ(script_.worker.counters().stale_epoch, 3U);
  EXPECT_EQ(script_.state(btc), "live none");
  EXPECT_EQ(side(btc, Side::Bid), bids);
}

TEST_F(WorkerTest, ANewerSnapshotReplacesTheBookWithoutLeavingLive) {
  go_live(btc);
  script_.take(terms_of(btc, epoch2, plain));
  script_.take(levels_of(Kind::Snapshot, btc, epoch2, {at(50, 1)}, {at(60, 1)}));
  EXPECT_EQ(script_.words(), (Words{"terms", "snapshot"}));
  EXPECT_EQ(side(btc, Side::Bid), std::vector{at(50, 1)});
  EXPECT_EQ(script_.view(btc).bids[0], at(50, 1));
}

TEST_F(WorkerTest, TermsWhoseSnapshotDoesNotFollowTakeTheBookDownAtTheNextTick) {
  go_live(btc);
  script_.take(terms_of(btc, epoch2, plain));
  EXPECT_EQ(script_.state(btc), "live none");
  script_.tick();
  EXPECT_EQ(script_.state(btc), "syncing resubscribing");
}

TEST_F(WorkerTest, ADeltaAheadOfItsSnapshotIsAGap) {
  go_live(btc);
  script_.take(level_of(btc, epoch2, Side::Bid, at(100, 1)));
  EXPECT_EQ(script_.state(btc), "gap bad_message");
  EXPECT_EQ(side(btc, Side::Bid), bids);
}

TEST_F(WorkerTest, TermsThatChangeWithinAnEpochAreAGap) {
  go_live(btc);
  InstrumentTerms finer = plain;
  finer.price_exponent = Exponent{-3};
  script_.take(terms_of(btc, epoch1, finer));
  EXPECT_EQ(script_.state(btc), "gap precision_changed");
}

TEST_F(WorkerTest, ANewGenerationOfTheRingStartsItsEpochsAnew) {
  go_live(script_, btc, plain, epoch_of(5, 9));
  script_.worker.source_attached(0, 0, script_.now);
  EXPECT_EQ(script_.state(btc), "syncing resubscribing");
  go_live(script_, btc, plain, epoch_of(1, 1));
  EXPECT_EQ(script_.state(btc), "live none");
}

// --- Checksums ---

TEST_F(WorkerTest, AGoodChecksumIsVerifiedBeforePublication) {
  go_live(btc, kraken);
  EXPECT_TRUE(script_.view(btc).verified);
  const auto good = WorkerScript::checksum({at(100, 9), at(99, 6)}, asks);
  script_.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(100, 9)), good));
  EXPECT_EQ(script_.words(), Words{"level"});
  EXPECT_TRUE(script_.view(btc).verified);
  EXPECT_EQ(script_.worker.counters().checksum_good, 2U);
}

TEST_F(WorkerTest, AFailedChecksumTakesDownThatInstrumentOnlyAndPublishesNothingOfTheMessage) {
  go_live(btc, kraken);
  go_live(eth, kraken);
  script_.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(100, 9)), 12345));
  EXPECT_EQ(script_.words(), Words{"status gap checksum_failed"});
  EXPECT_EQ(script_.state(btc), "gap checksum_failed");
  EXPECT_EQ(script_.view(btc).bids[0], at(100, 5)) << "the last good one, and marked as no good";
  EXPECT_EQ(script_.state(eth), "live none");
  EXPECT_EQ(script_.worker.counters().checksum_failed, 1U);
  EXPECT_EQ(script_.requests(),
            (std::vector{ipc::ResyncRequest{btc, epoch1, Cause::ChecksumFailed}}));
  // Its further deltas are dropped; the other's are not.
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 9)));
  script_.take(level_of(eth, epoch1, Side::Bid, at(100, 9)));
  EXPECT_EQ(script_.words(), Words{"level"});
  EXPECT_EQ(script_.worker.counters().no_book, 1U);
  // A new epoch heals it.
  go_live(script_, btc, kraken, epoch2);
  EXPECT_EQ(script_.words(), (Words{"terms", "snapshot", "status live none"}));
}

TEST_F(WorkerTest, ASnapshotWhoseChecksumFailsDoesNotBecomeVisible) {
  script_.take(terms_of(btc, epoch1, kraken));
  script_.take(with_checksum(levels_of(Kind::Snapshot, btc, epoch1, bids, asks), 1));
  EXPECT_EQ(script_.state(btc), "gap checksum_failed");
  EXPECT_EQ(script_.view(btc).bid_count, 0U);
}

TEST_F(WorkerTest, AMessageOfSeveralRecordsIsPublishedAsABookOnceItsChecksumIsGood) {
  go_live(btc, kraken);
  script_.take(level_of(btc, epoch1, Side::Bid, at(98, 1), flag_first));
  EXPECT_EQ(script_.words(), Words{});
  const auto after = WorkerScript::checksum({at(100, 5), at(99, 6), at(98, 1)},
                                            {at(101, 7), at(102, 8), at(103, 2)});
  script_.take(with_checksum(level_of(btc, epoch1, Side::Ask, at(103, 2), flag_last), after));
  const auto seen = script_.seen();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].record.kind, Kind::Snapshot);
  EXPECT_EQ(seen[0].record.reference, after);
  EXPECT_EQ(seen[0].bids.size(), 3U);
  EXPECT_EQ(seen[0].asks.size(), 3U);
}

TEST_F(WorkerTest, AChecksumIsStillComparedWhenNoLevelThatItCoversWasTouched) {
  InstrumentTerms deep = kraken;
  deep.depth = 25;
  std::vector<Level> many;
  for (std::int64_t i = 0; i < 20; ++i) many.push_back(at(100 - i, 5));
  const auto proof = WorkerScript::checksum(many, asks);
  script_.take(terms_of(btc, epoch1, deep));
  script_.take(with_checksum(levels_of(Kind::Snapshot, btc, epoch1, many, asks), proof));
  script_.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(85, 6)), proof));
  EXPECT_EQ(script_.state(btc), "live none");
  // A message without a checksum changes the best ten; the next one must not be held to the old.
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 6)));
  many[0] = at(100, 6);
  script_.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(85, 7)),
                             WorkerScript::checksum(many, asks)));
  EXPECT_EQ(script_.state(btc), "live none");
  script_.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(85, 8)), proof));
  EXPECT_EQ(script_.state(btc), "gap checksum_failed");
}

TEST_F(WorkerTest, AMessageWithoutItsChecksumIsPublishedAsUnverified) {
  go_live(btc, kraken);
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 9)));
  EXPECT_EQ(script_.state(btc), "live none");
  EXPECT_FALSE(script_.view(btc).verified);
  EXPECT_EQ(script_.worker.counters().unchecked_messages, 1U);
}

TEST_F(WorkerTest, PublishFirstMarksRecordsUnverifiedAndTakesBackTheBookIfTheyFail) {
  WorkerOptions options;
  options.publish_first = true;
  WorkerScript script(options);
  go_live(script, btc, kraken);
  EXPECT_TRUE(script.view(btc).verified);
  for (const auto& one : script.seen()) {
    if (one.record.kind == Kind::Snapshot) {
      EXPECT_NE(one.record.flags & flag_unverified, 0);
    }
  }
  script.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(100, 9)), 12345));
  EXPECT_EQ(script.words(), (Words{"level", "status gap checksum_failed"}));
  EXPECT_EQ(script.state(btc), "gap checksum_failed");
  EXPECT_FALSE(script.view(btc).verified);
}

// --- Crossed ---

TEST_F(WorkerTest, ABookThatStaysCrossedForThreeMessagesIsResynced) {
  go_live(btc);
  const auto cross = [this](std::int64_t quantity) {
    script_.take(level_of(btc, epoch1, Side::Bid, at(101, quantity)));
  };
  cross(1);
  EXPECT_EQ(script_.words(), (Words{"status crossed book_crossed", "level"}));
  cross(2);
  EXPECT_EQ(script_.words(), Words{"level"});
  EXPECT_TRUE(script_.requests().empty());
  cross(3);
  EXPECT_EQ(script_.words(), Words{"status gap book_crossed"});
  EXPECT_EQ(script_.requests(), (std::vector{ipc::ResyncRequest{btc, epoch1, Cause::BookCrossed}}));
  EXPECT_EQ(script_.worker.counters().crossed_resyncs, 1U);
  EXPECT_EQ(script_.worker.counters().crossed_messages, 3U);
}

TEST_F(WorkerTest, ABookThatUncrossesInTimeComesBack) {
  go_live(btc);
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 1)));
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 2)));
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 0)));
  EXPECT_EQ(script_.words(),
            (Words{"status crossed book_crossed", "level", "level", "level", "status live none"}));
  // Counted anew from here.
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 1)));
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 2)));
  EXPECT_EQ(script_.state(btc), "crossed book_crossed");
}

TEST_F(WorkerTest, ABookThatStaysCrossedForASecondIsResyncedWithoutFurtherMessages) {
  go_live(btc);
  script_.take(level_of(btc, epoch1, Side::Ask, at(100, 1)));
  script_.tick(999);
  EXPECT_EQ(script_.state(btc), "crossed book_crossed");
  script_.tick(2);
  EXPECT_EQ(script_.state(btc), "gap book_crossed");
  EXPECT_EQ(script_.requests().size(), 1U);
}

// --- What the collector says ---

TEST_F(WorkerTest, TheCollectorsStateIsPublishedByPrecedence) {
  go_live(btc);
  script_.take(status_of(btc, State::Stale, Cause::NoData));
  EXPECT_EQ(script_.state(btc), "stale no_data");
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 1)));
  EXPECT_EQ(script_.state(btc), "crossed book_crossed") << "crossed comes before stale";
  script_.take(status_of(btc, State::Halted, Cause::VenueHalt));
  EXPECT_EQ(script_.state(btc), "halted venue_halt") << "halted comes before crossed";
  script_.take(level_of(btc, epoch1, Side::Bid, at(101, 0)));
  script_.take(status_of(btc, State::Live, Cause::None));
  EXPECT_EQ(script_.state(btc), "live none");
  EXPECT_EQ(script_.worker.counters().state_changes, 6U);
}

TEST_F(WorkerTest, ACollectorThatLostContinuityNeedsANewSnapshotNotAResyncRequest) {
  go_live(btc);
  script_.take(status_of(btc, State::Disconnected, Cause::SocketClosed));
  EXPECT_EQ(script_.state(btc), "disconnected socket_closed");
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 1)));
  EXPECT_EQ(script_.worker.counters().no_book, 1U);
  script_.take(status_of(btc, State::Syncing, Cause::Resubscribing));
  EXPECT_EQ(script_.state(btc), "syncing resubscribing");
  script_.tick(20'000);
  EXPECT_TRUE(script_.requests().empty());
  go_live(script_, btc, plain, epoch2);
  EXPECT_EQ(script_.state(btc), "live none");
}

TEST_F(WorkerTest, AStatusThatIsNoneIsRefused) {
  go_live(btc);
  auto bad = status_of(btc, State::Live, Cause::None);
  bad.record.quantity = 8;
  script_.take(bad);
  bad.record.quantity = -1;
  script_.take(bad);
  bad = status_of(btc, State::Gap, static_cast<Cause>(static_cast<int>(Cause::Delisted) + 1));
  script_.take(bad);
  EXPECT_EQ(script_.state(btc), "live none");
  EXPECT_EQ(script_.worker.counters().bad_record, 3U);
}

// --- Passing through ---

TEST_F(WorkerTest, TradesAndQuotesPassThroughWhateverTheStateOfTheBook) {
  ScriptRecord trade;
  trade.record.kind = Kind::Trade;
  trade.record.instrument = btc.value;
  trade.record.price = 5;
  trade.record.quantity = 6;
  trade.record.reference = 7;
  script_.take(trade);
  ScriptRecord quote = trade;
  quote.record.kind = Kind::Bbo;
  quote.levels = {at(1, 2), at(0, 0), at(0, 0), at(0, 0)};
  quote.record.slots = 2;
  script_.take(quote);
  const auto seen = script_.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.reference, 7U);
  EXPECT_EQ(seen[1].record.slots, 2);
  EXPECT_EQ(script_.worker.instrument_count(), 0U) << "a trade makes no book";
}

TEST_F(WorkerTest, NewsOfTheVenueArePassedOnAsTheyCameAndChangeNoBook) {
  go_live(btc);
  auto news = terms_of(btc, epoch1, {Exponent{-9}, Exponent{-9}});
  news.record.side_or_reason = static_cast<std::uint8_t>(Announcement::Increments);
  news.record.slots = 2;
  news.levels = {at(9, 1), at(2, 3), at(4, 5), at(6, 7)};
  script_.take(news);
  news.record.instrument = InstrumentId::of(0, ordinal_of_none).value;
  script_.take(news);
  news.levels.clear();
  script_.take(news);
  const auto seen = script_.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].record.slots, 2);
  EXPECT_EQ(script_.worker.instrument_count(), 1U) << "nobody's is none";
  EXPECT_EQ(script_.view(btc).terms, plain);
}

TEST_F(WorkerTest, APassedRecordOutOfRangeIsNotPublished) {
  ScriptRecord quote;
  quote.record.kind = Kind::Bbo;
  quote.record.slots = 2;
  quote.levels = {at(std::numeric_limits<std::int64_t>::max(), 2), at(0, 0), at(0, 0), at(0, 0)};
  script_.take(quote);
  quote.record.kind = Kind::Trade;
  quote.record.price = std::numeric_limits<std::int64_t>::min();
  script_.take(quote);
  EXPECT_TRUE(script_.seen().empty());
  EXPECT_EQ(script_.worker.counters().bad_passed_through, 2U);
}

TEST_F(WorkerTest, UnknownKindsAreCountedAndDropped) {
  ScriptRecord strange;
  for (const auto kind : {Kind::Invalid, Kind::Key, Kind::Pad, static_cast<Kind>(200)}) {
    strange.record.kind = kind;
    script_.take(strange);
  }
  EXPECT_EQ(script_.worker.counters().unknown_kind, 4U);
  EXPECT_TRUE(script_.seen().empty());
}

TEST_F(WorkerTest, InstrumentsBeyondTheLimitAreCountedNotKept) {
  WorkerScript script({}, 1U << 12, 2);
  for (std::uint32_t ordinal = 0; ordinal < 4; ++ordinal) {
    go_live(script, InstrumentId::of(0, ordinal));
  }
  EXPECT_EQ(script.worker.instrument_count(), 2U);
  EXPECT_EQ(script.worker.counters().instruments_over_limit, 4U);
}

// --- For readers that join late ---

TEST_F(WorkerTest, LateJoinersGetAKeyAndTheWholeBookOfEachInstrumentInTurn) {
  go_live(btc);
  go_live(eth);
  script_.take(status_of(eth, State::Gap, Cause::SequenceGap));
  (void)script_.seen();
  script_.tick(600);
  int keys[2] = {0, 0}, books[2] = {0, 0};
  for (const auto& one : script_.seen(true)) {
    const auto which = one.record.instrument;
    if (one.record.kind == Kind::Key) {
      ++keys[which];
      EXPECT_EQ(one.bids.size(), which == btc.value ? 2U : 0U);
    }
    if (one.record.kind == Kind::Snapshot) {
      ++books[which];
      EXPECT_EQ(one.bids, bids);
      EXPECT_EQ(one.asks, asks);
    }
  }
  // A round each 50 ms, however few they are.
  EXPECT_EQ(keys[0], 12);
  EXPECT_EQ(keys[1], 12);
  EXPECT_EQ(books[0], keys[0]);
  EXPECT_EQ(books[1], 0) << "a book with a gap is worth nothing";
}

TEST_F(WorkerTest, LateJoinersAreToldTheTermsInForceAndNoneWhereNoneAreKnown) {
  // What each round says of them: an epoch, and their numbers.
  const auto told = [&] {
    script_.tick(600);
    std::map<std::uint32_t, std::int64_t> terms;
    for (const auto& one : script_.seen(true)) {
      if (one.record.kind == Kind::Instrument) terms[one.record.epoch] = one.record.price;
    }
    return terms;
  };
  using Told = std::map<std::uint32_t, std::int64_t>;
  script_.take(status_of(btc, State::Syncing, Cause::Starting));
  EXPECT_EQ(told(), Told{});
  script_.take(terms_of(btc, epoch1, plain));
  EXPECT_EQ(told(), (Told{{epoch1, plain.packed()}})) << "trades come before the book does";
  go_live(btc);
  EXPECT_EQ(told(), (Told{{epoch1, plain.packed()}}));
  auto finer = plain;
  finer.price_exponent = Exponent{-6};
  script_.take(terms_of(btc, epoch1 + 1, finer));
  (void)script_.seen(true);
  EXPECT_EQ(told(), (Told{{epoch1 + 1, finer.packed()}})) << "though the book is the old one";
}

TEST_F(WorkerTest, WholeBooksTakeNoMoreThanTheirShareOfABusyRing) {
  WorkerOptions options;
  options.late_joiner_round_ticks_min = 0;
  WorkerScript script(options);
  std::vector<Level> many;
  for (std::int64_t i = 0; i < 900; ++i) many.push_back(at(10'000 - i, 1));
  script.take(terms_of(btc, epoch1, plain));
  script.take(levels_of(Kind::Snapshot, btc, epoch1, many, {}));
  (void)script.seen();
  std::uint64_t all = 0, rounds = 0;
  for (int i = 0; i < 1000; ++i) {
    for (int update = 0; update < 20; ++update) {
      script.take(level_of(btc, epoch1, Side::Bid, at(10'000, 1 + update)));
    }
    script.worker.on_tick(script.now);  // as often as can be, in no time at all
    for (const auto& one : script.seen(true)) {
      all += one.record.slots;
      if (one.record.kind != Kind::Level) rounds += one.record.slots;
    }
  }
  EXPECT_GT(rounds, 0U);
  // What ticks earn on top of what the records earned: 1/8 of the ring each 125 of them.
  EXPECT_LE(rounds, all / 8 + 1000 * (1U << 14) / 8 / 125 + 300);
}

// --- Offline ---

TEST(WorkerObserverTest, SeesEveryWholeMessageWithItsChecksum) {
  struct Log {
    std::vector<std::string> lines;
    static void on_message(void* context, const AppliedMessage& message) {
      static_cast<Log*>(context)->lines.push_back(
          (message.snapshot ? "snapshot " : "delta ") +
          std::to_string(static_cast<int>(message.checksum)) + " " +
          std::to_string(message.book->count(Side::Bid)));
    }
  } log;
  WorkerOptions options;
  options.observer = {&Log::on_message, &log};
  WorkerScript script(options);
  script.take(terms_of(btc, epoch1, kraken));
  script.take(with_checksum(levels_of(Kind::Snapshot, btc, epoch1, bids, asks),
                            WorkerScript::checksum(bids, asks)));
  script.take(level_of(btc, epoch1, Side::Bid, at(98, 1)));
  script.take(with_checksum(level_of(btc, epoch1, Side::Bid, at(97, 1)), 1));
  script.take(level_of(btc, epoch1, Side::Bid, at(96, 1)));
  EXPECT_EQ(log.lines, (std::vector<std::string>{"snapshot 1 2", "delta 0 3", "delta 2 4"}));
}

}  // namespace
}  // namespace ringside::orderbook
