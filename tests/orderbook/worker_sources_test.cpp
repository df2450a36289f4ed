// What happens to whole rings, and when new snapshots are asked for.
#include <gtest/gtest.h>

#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

using Words = std::vector<std::string>;
using Requests = std::vector<ipc::ResyncRequest>;

constexpr InstrumentId btc = InstrumentId::of(0, 0);
constexpr InstrumentId eth = InstrumentId::of(0, 1);
constexpr InstrumentId far = InstrumentId::of(1, 0);  // of another ring
constexpr std::uint32_t epoch1 = epoch_of(1, 1);
constexpr std::uint32_t epoch2 = epoch_of(1, 2);
constexpr InstrumentTerms plain{Exponent{-2}, Exponent{-8}, ChecksumRule::None, 0};
constexpr InstrumentTerms kraken{Exponent{-2}, Exponent{-8}, ChecksumRule::Kraken, 10};

class WorkerSources : public ::testing::Test {
 protected:
  WorkerSources() { script_.worker.source_attached(1, 0, script_.now); }

  void snapshot(InstrumentId id, std::uint32_t epoch = epoch1, InstrumentTerms terms = plain) {
    const SourceIndex source = id == far ? 1 : 0;
    script_.take(terms_of(id, epoch, terms), source);
    script_.take(levels_of(Kind::Snapshot, id, epoch, {at(100, 5)}, {at(101, 7)}), source);
  }
  void all_live() {
    for (const auto id : {btc, eth, far}) snapshot(id);
    (void)script_.seen();
  }
  // A checksum that cannot be.
  void fail(InstrumentId id, std::uint32_t epoch = epoch1) {
    script_.take(with_checksum(level_of(id, epoch, Side::Bid, at(100, 6)), 1));
  }
  std::string states() {
    return script_.state(btc) + ", " + script_.state(eth) + ", " + script_.state(far);
  }

  WorkerScript script_;
};

// --- Removal ---

TEST_F(WorkerSources, WhoWasRemovedIsNotWaitedForByWhateverRingComesNext) {
  all_live();
  script_.take(status_of(eth, State::Failed, Cause::Removed));
  EXPECT_EQ(states(), "live none, failed removed, live none");
  EXPECT_TRUE(script_.requests().empty());
  script_.worker.source_attached(0, 0, script_.now);
  EXPECT_EQ(script_.state(eth), "failed removed");
  EXPECT_NE(script_.state(btc), "live none") << "its book is the old ring's";
  // The new collector speaks of it: it was added again.
  script_.take(status_of(eth, State::Syncing, Cause::Starting));
  EXPECT_EQ(script_.state(eth).substr(0, 7), "syncing");
  snapshot(eth);
  EXPECT_EQ(script_.state(eth), "live none");
}

TEST_F(WorkerSources, WhomItsCollectorsNewCatalogueDoesNotHaveIsCollectedNoMore) {
  all_live();
  const auto list = [&](InstrumentId id) { script_.worker.listed(*script_.worker.find(id)); };
  script_.worker.source_attached(0, 0, script_.now);
  script_.worker.catalogue_replaced(0);
  list(btc);
  EXPECT_EQ(script_.state(eth), "syncing resubscribing") << "it may be further down";
  script_.worker.catalogue_read(0, script_.now);
  EXPECT_EQ(states(), "syncing resubscribing, failed removed, live none");
  EXPECT_TRUE(script_.requests().empty());
  // Added at run time.
  list(eth);
  script_.take(status_of(eth, State::Syncing, Cause::Starting));
  snapshot(eth);
  script_.worker.catalogue_read(0, script_.now);
  EXPECT_EQ(script_.state(eth), "live none");
}

// --- Loss ---

TEST_F(WorkerSources, DroppedRecordsTakeDownTheWholeRingUntilTheLossIsNamed) {
  all_live();
  script_.worker.source_drops(0, 3, script_.now);
  EXPECT_EQ(states(), "gap records_dropped, gap records_dropped, live none");
  EXPECT_TRUE(script_.requests().empty()) << "whose records they were is not known yet";
  // The unnamed go on meanwhile.
  script_.take(level_of(btc, epoch1, Side::Bid, at(100, 6)));
  script_.take(loss_of(eth, true, 3));
  EXPECT_EQ(states(), "live none, gap records_dropped, live none");
  EXPECT_EQ(script_.view(btc).bids[0], at(100, 6));
  EXPECT_EQ(script_.requests(), (Requests{{eth, epoch1, Cause::RecordsDropped}}));
  snapshot(eth, epoch2);
  EXPECT_EQ(states(), "live none, live none, live none");
  EXPECT_EQ(script_.worker.counters().drops_noticed, 3U);
  EXPECT_EQ(script_.worker.counters().losses, 1U);
}

TEST_F(WorkerSources, ALossThatOverlooksLaterDropsDoesNotEndTheGap) {
  all_live();
  script_.worker.source_drops(0, 3, script_.now);
  script_.worker.source_drops(0, 5, script_.now);
  script_.take(loss_of(eth, true, 3));
  EXPECT_EQ(script_.state(btc), "gap records_dropped");
  script_.take(loss_of(eth, true, 5));
  EXPECT_EQ(script_.state(btc), "live none");
}

TEST_F(WorkerSources, ALossSeenBeforeItsDropsDoesNotLeaveTheRingLossy) {
  all_live();
  script_.take(loss_of(eth, true, 3));
  script_.worker.source_drops(0, 3, script_.now);
  EXPECT_EQ(states(), "live none, gap records_dropped, live none");
}

TEST_F(WorkerSources, SeveralInstrumentsCanBeNamedAndOnlyTheLastEndsIt) {
  all_live();
  script_.worker.source_drops(0, 2, script_.now);
  script_.take(loss_of(eth, false, 2));
  EXPECT_EQ(script_.state(btc), "gap records_dropped");
  script_.take(loss_of(InstrumentId::of(0, 7), true, 2));
  EXPECT_EQ(script_.state(btc), "live none");
  EXPECT_EQ(script_.requests().size(), 2U) << "an instrument never heard of is asked for, too";
}

TEST_F(WorkerSources, LostTermsOfANewerEpochAreNamedInTheRequest) {
  all_live();
  script_.worker.source_drops(0, 1, script_.now);
  auto loss = loss_of(eth, true, 1);
  loss.record.epoch = epoch2;
  script_.take(loss);
  EXPECT_EQ(script_.requests(), (Requests{{eth, epoch2, Cause::RecordsDropped}}));
}

TEST_F(WorkerSources, AStatusSaidAgainBehindALossDoesNotCallOffTheRequest) {
  script_.worker.expect(eth, 0, script_.now);
  script_.worker.source_drops(0, 3, script_.now);
  script_.take(loss_of(eth, true, 3));
  // Its snapshot, which followed this status, was among what was dropped.
  script_.take(status_of(eth, State::Syncing, Cause::Starting));
  EXPECT_EQ(script_.requests(), (Requests{{eth, epoch_any, Cause::RecordsDropped}}));
}

// --- Collectors that go ---

TEST_F(WorkerSources, ADeadCollectorTakesDownItsInstrumentsOnly) {
  all_live();
  script_.worker.source_alive(0, false, script_.now);
  EXPECT_EQ(states(), "disconnected writer_gone, disconnected writer_gone, live none");
  EXPECT_EQ(script_.worker.counters().collectors_lost, 1U);
  // Its new generation.
  script_.worker.source_attached(0, 0, script_.now);
  EXPECT_EQ(states(), "syncing resubscribing, syncing resubscribing, live none");
  snapshot(btc);
  EXPECT_EQ(script_.state(btc), "live none");
}

TEST_F(WorkerSources, ARingThatIsFoundFilledShowsNoLiveBookBeforeItHasBeenRead) {
  all_live();
  script_.worker.source_alive(0, false, script_.now);
  script_.worker.source_attached(0, 0, script_.now, false);
  snapshot(btc);
  EXPECT_EQ(states(), "syncing starting, syncing resubscribing, live none");
  script_.worker.source_alive(0, true, script_.now);
  EXPECT_EQ(states(), "live none, syncing resubscribing, live none");
  EXPECT_EQ(script_.worker.counters().collectors_lost, 1U);
  // One that ends before.
  script_.worker.source_attached(0, 0, script_.now, false);
  script_.worker.source_alive(0, false, script_.now);
  EXPECT_EQ(states(), "disconnected writer_gone, disconnected writer_gone, live none");
  EXPECT_EQ(script_.worker.counters().collectors_lost, 2U);
}

TEST_F(WorkerSources, ACollectorThatWasOnlyHungComesBackWithItsBooks) {
  all_live();
  fail(eth);
  snapshot(eth, epoch2, kraken);
  fail(eth, epoch2);
  script_.worker.source_alive(0, false, script_.now);
  script_.pass(5 * second);
  script_.worker.on_tick(script_.now);
  EXPECT_TRUE(script_.requests().empty()) << "nobody is there to ask";
  script_.worker.source_alive(0, true, script_.now);
  EXPECT_EQ(states(), "live none, gap checksum_failed, live none");
  EXPECT_EQ(script_.requests(), (Requests{{eth, epoch2, Cause::ChecksumFailed}}));
}

TEST_F(WorkerSources, AnExpectedInstrumentIsListedBeforeItsFirstRecord) {
  script_.worker.expect(btc, 0, script_.now);
  EXPECT_EQ(script_.state(btc), "syncing starting");
  script_.worker.expect(InstrumentId::of(2, 0), 2, script_.now);
  EXPECT_EQ(script_.state(InstrumentId::of(2, 0)), "disconnected writer_gone");
}

TEST_F(WorkerSources, ARestartedWorkerAsksForEverythingWhateverItsEpoch) {
  script_.worker.expect(btc, 0, script_.now);
  script_.worker.expect(eth, 0, script_.now);
  script_.worker.resync_missing(0, script_.now);
  EXPECT_EQ(script_.requests(),
            (Requests{{btc, epoch_any, Cause::Starting}, {eth, epoch_any, Cause::Starting}}));
}

TEST_F(WorkerSources, DeltasOfAnInstrumentNeverHeardOfAskForItsSnapshotOnce) {
  script_.take(level_of(btc, epoch1, Side::Bid, at(1, 1)));
  script_.take(level_of(btc, epoch1, Side::Bid, at(1, 1)));
  EXPECT_EQ(script_.requests(), (Requests{{btc, epoch_any, Cause::Starting}}));
  EXPECT_EQ(script_.worker.counters().no_book, 2U);
}

// --- How often ---

TEST_F(WorkerSources, RepeatedResyncsOfOneInstrumentBackOff) {
  snapshot(btc, epoch1, kraken);
  std::vector<std::uint64_t> asked_at_ms;
  const auto start = script_.now.value;
  std::uint32_t count = 1;
  fail(btc);
  for (int ms = 0; ms < 40'000; ++ms) {
    script_.tick();
    for (const auto& request : script_.requests()) {
      EXPECT_EQ(request.epoch, epoch_of(1, count));
      asked_at_ms.push_back((script_.now.value - start) / millisecond);
      ++count;
      snapshot(btc, epoch_of(1, count), kraken);
      fail(btc, epoch_of(1, count));
    }
  }
  // At once, then 1 s, 2 s, 4 s, 8 s, 16 s after the one before.
  EXPECT_EQ(asked_at_ms, (std::vector<std::uint64_t>{1, 1001, 3001, 7001, 15001, 31001}));
}

TEST_F(WorkerSources, AnInstrumentThatWillNotHealFailsVisiblyAndIsStillAskedForSlowly) {
  snapshot(btc, epoch1, kraken);
  fail(btc);
  std::uint32_t count = 1;
  int requests_before_failing = 0;
  for (int ms = 0; ms < 200'000 && script_.state(btc) != "failed resync_limit"; ++ms) {
    script_.tick();
    for (const auto& request : script_.requests()) {
      (void)request;
      ++requests_before_failing;
      ++count;
      snapshot(btc, epoch_of(1, count), kraken);
      fail(btc, epoch_of(1, count));
    }
  }
  EXPECT_EQ(script_.state(btc), "failed resync_limit");
  EXPECT_EQ(requests_before_failing, 8);
  EXPECT_EQ(script_.worker.counters().resync_limit_reached, 1U);
  script_.tick(60'001);
  ASSERT_EQ(script_.requests().size(), 1U);
  snapshot(btc, epoch_of(1, count + 1), kraken);
  EXPECT_EQ(script_.state(btc), "live none");
}

TEST_F(WorkerSources, ABookThatLastedIsResyncedAtOnceAgain) {
  snapshot(btc, epoch1, kraken);
  fail(btc);
  EXPECT_EQ(script_.requests().size(), 1U);
  snapshot(btc, epoch2, kraken);
  script_.pass(61 * second);
  fail(btc, epoch2);
  EXPECT_EQ(script_.requests().size(), 1U);
}

TEST_F(WorkerSources, ARequestThatIsNotAnsweredIsRepeatedWhateverTheEpoch) {
  snapshot(btc, epoch1, kraken);
  fail(btc);
  EXPECT_EQ(script_.requests().size(), 1U);
  script_.tick(9'999);
  EXPECT_TRUE(script_.requests().empty());
  script_.tick(1'001);
  EXPECT_EQ(script_.requests(), (Requests{{btc, epoch_any, Cause::ChecksumFailed}}));
  EXPECT_EQ(script_.worker.counters().resyncs_timed_out, 1U);
}

TEST_F(WorkerSources, ACollectorThatIsAtItGetsMoreTime) {
  snapshot(btc, epoch1, kraken);
  fail(btc);
  EXPECT_EQ(script_.requests().size(), 1U);
  script_.take(status_of(btc, State::Gap, Cause::Resubscribing));
  EXPECT_EQ(script_.state(btc), "gap resubscribing");
  script_.tick(59'000);
  EXPECT_TRUE(script_.requests().empty());
  script_.tick(2'000);
  EXPECT_EQ(script_.requests().size(), 1U);
}

TEST_F(WorkerSources, ConcurrentResyncsOfOneRingAreLimitedAndAllComeToPass) {
  WorkerScript script({}, 1U << 14, 64);
  constexpr std::uint32_t instruments = 50;
  for (std::uint32_t i = 0; i < instruments; ++i) {
    script.worker.expect(InstrumentId::of(0, i), 0, script.now);
  }
  script.worker.resync_missing(0, script.now);
  std::vector<int> asked(instruments, 0);
  std::size_t out = 0;
  while (out < instruments) {
    const auto batch = [&] {
      Requests requests;
      while (const auto pending = script.worker.next_resync(script.now))
        requests.push_back(pending->request);
      return requests;
    }();
    ASSERT_FALSE(batch.empty());
    ASSERT_LE(batch.size(), 8U);
    for (const auto& request : batch) {
      ++asked[request.instrument.value];
      ++out;
      script.take(terms_of(request.instrument, epoch1, plain));
      script.take(levels_of(Kind::Snapshot, request.instrument, epoch1, {at(1, 1)}, {}));
    }
  }
  EXPECT_EQ(asked, std::vector<int>(instruments, 1));
}

TEST_F(WorkerSources, AFullControlRingOnlyDelaysTheRequest) {
  snapshot(btc, epoch1, kraken);
  fail(btc);
  const auto pending = script_.worker.next_resync(script_.now);
  ASSERT_TRUE(pending);
  script_.worker.resync_refused(*pending, script_.now, millisecond);
  EXPECT_TRUE(script_.requests().empty());
  script_.tick();
  EXPECT_EQ(script_.requests(), (Requests{{btc, epoch1, Cause::ChecksumFailed}}));
  EXPECT_EQ(script_.worker.counters().control_ring_full, 1U);
  EXPECT_EQ(script_.worker.counters().resyncs_requested, 1U);
}

}  // namespace
}  // namespace ringside::orderbook
