// What can happen to rings, consumers and processes, done to real ones: who notices, within what
// time, which state results, how it heals. Times are printed and kept as properties of the test;
// verdicts have generous bounds, because the machine is shared.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "ipc/cursor.hpp"
#include "tests/e2e/failures.hpp"

namespace ringside::e2e {
namespace {

using ipc::ReadStatus;
using nlohmann::json;

const std::vector<std::string> two{"BTC/USD", "ETH/USD"};

// --- Rings --------------------------------------------------------------------------------------

TEST(FailureTable, AFullRingCostsItsOwnInstrumentsAndTheUnnamedReturnWithoutAResync) {
  a_stopped_worker_costs_its_own_instruments_only(
      milliseconds(1'500), 1024,
      kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two, "worker = \"w0.0\"\n"), two);
}

TEST(FailureTable, AReaderThatIsLappedLearnsWhatItLostAndRejoinsAtAKeyAndNobodyElseNotices) {
  auto options = kraken("BTC/USD,ETH/USD;depth=25;rate=3000", two);
  options.memory_keys = "spsc_slots = 65536\nevents_slots = 8192\ninstruments_max = 256\n";
  LiveSystem system(options);
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  auto tail = system.start_ringside({"tail", "--json"});
  ASSERT_TRUE(tail->line(milliseconds(30'000)));
  watcher.forget();
  const auto lost_before = watcher.lost();
  tail->signal(SIGSTOP);
  const auto from = watcher.ring("events.w0.0").written;
  const auto lapped = watcher.until(
      "a lap", [&] { return watcher.ring("events.w0.0").written > from + 8192 + 1024; });
  if (lapped) measured("a lap of the broadcast ring", *lapped);
  tail->signal(SIGCONT);
  std::string kind;
  json record;
  const auto next = [&] {
    const auto line = tail->line(milliseconds(30'000));
    watcher.follow();
    record = line ? json::parse(*line) : json{{"kind", ""}};
    kind = record.at("kind");
    return line.has_value();
  };
  while (next() && kind != "lost") {
  }
  ASSERT_EQ(kind, "lost");
  EXPECT_GT(record.at("to").get<std::uint64_t>(), record.at("from").get<std::uint64_t>());
  ASSERT_TRUE(next());
  EXPECT_EQ(kind, "key") << "it rejoins where state and best levels are";
  EXPECT_EQ(record.at("state"), "live");
  EXPECT_FALSE(record.at("bids").empty());
  EXPECT_TRUE(watcher.all(two, State::Live));
  for (const auto& symbol : two) EXPECT_TRUE(watcher.history(symbol).empty()) << symbol;
  EXPECT_EQ(watcher.lost(), lost_before) << "the other reader";
  tail.reset();
  system.stop();
}

// State, epoch and the best levels of a book, at once.
void expect_a_key(tools::Consumer& consumer) {
  const auto& buffer = consumer.buffer();
  EXPECT_EQ(buffer.record.kind, Kind::Key);
  EXPECT_EQ(static_cast<State>(buffer.record.quantity), State::Live);
  EXPECT_NE(buffer.record.epoch, 0U);
  ASSERT_GE(buffer.bids().size(), 5U);
  ASSERT_GE(buffer.asks().size(), 5U);
  EXPECT_LT(buffer.bids().front().price.mantissa, buffer.asks().front().price.mantissa);
  EXPECT_TRUE(consumer.terms_of(buffer.record).has_value());
}

TEST(FailureTable, ALateJoinerHasStateAndBestLevelsAtOnceAndABookOnlyAfterItsOwnSnapshot) {
  const std::vector<std::string> three{"BTC/USD", "ETH/USD", "SOL/USD"};
  LiveSystem system(kraken("BTC/USD,ETH/USD,SOL/USD;depth=25;rate=1000", three));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(three, State::Live); });
  watcher.look_on(milliseconds(300));  // a round for late joiners lies behind: there is a key

  const auto start = ipc::now_ticks();
  const auto ms_since_start = [&, rate = ipc::TickRate::of_host()] {
    return static_cast<double>(rate.ns_between(start, ipc::now_ticks())) / 1e6;
  };
  tools::Consumer consumer({"test", tools::Join::NewestKey, true});
  bool first = true;
  std::map<std::uint32_t, bool> had_snapshot;
  const auto read_all = [&] {
    auto step = tools::Step::Idle;
    while ((step = consumer.poll(ipc::now_ticks())) != tools::Step::Idle) {
      if (step != tools::Step::Record) continue;
      const auto& record = consumer.buffer().record;
      if (std::exchange(first, false)) {
        measured("join -> state, epoch and best levels", ms_since_start());
        expect_a_key(consumer);
      }
      had_snapshot[record.instrument] |= consumer.book_step() == tools::BookStep::Snapshot;
      const auto* book = consumer.book(record.id());
      ASSERT_NE(book, nullptr);
      EXPECT_EQ(book->valid(), had_snapshot[record.instrument]) << "of " << record.instrument;
    }
  };
  watcher.until("every book valid", [&] {
    read_all();
    return std::count_if(had_snapshot.begin(), had_snapshot.end(),
                         [](const auto& entry) { return entry.second; }) == 3;
  });
  measured("join -> every whole book", ms_since_start());
  system.stop();
}

// --- Processes ----------------------------------------------------------------------------------

TEST(FailureTable, AKilledCollectorsInstrumentsAreDisconnectedAndItsSuccessorBeginsAtSyncing) {
  LiveSystem system(kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  const auto epochs = watcher.epochs(two);
  watcher.forget();
  system.collector->signal(SIGKILL);
  const auto gone = watcher.until(
      "disconnected",
      [&] {
        return watcher.read("BTC/USD").is(State::Disconnected, Cause::WriterGone) &&
               watcher.read("ETH/USD").is(State::Disconnected, Cause::WriterGone);
      },
      noticed_within);
  if (gone) measured("collector killed -> disconnected", *gone);
  EXPECT_EQ(system.collector->wait(milliseconds(10'000)), 128 + SIGKILL);
  watcher.look_on(milliseconds(200), [&] {
    for (const auto& symbol : two) EXPECT_TRUE(watcher.read(symbol).is(State::Disconnected));
  });
  watcher.forget();
  system.start_collector();
  const auto healed = watcher.until("live again", [&] { return newer(watcher, epochs); });
  if (healed) measured("new collector ready -> live", *healed);
  for (const auto& [symbol, epoch] : epochs) {
    EXPECT_GT(watcher.read(symbol).view.epoch >> 16U, epoch >> 16U) << "a new generation";
    const auto& history = watcher.history(symbol);
    ASSERT_FALSE(history.empty());
    EXPECT_EQ(history.front().state, State::Syncing) << symbol;
    EXPECT_EQ(history.back().state, State::Live) << symbol;
  }
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

TEST(FailureTable, AHungCollectorsInstrumentsAreDisconnectedUntilWhatItMissedHasBeenRead) {
  LiveSystem system(kraken("BTC/USD,ETH/USD;depth=25;rate=4000", two));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  watcher.forget();
  system.collector->signal(SIGSTOP);
  const auto hung = watcher.until(
      "disconnected", [&] { return watcher.all(two, State::Disconnected); }, noticed_within);
  if (hung) measured("collector stopped -> disconnected", *hung);
  watcher.look_on(milliseconds(500), [&] {
    for (const auto& symbol : two) EXPECT_TRUE(watcher.read(symbol).is(State::Disconnected));
  });
  const auto resumed = ipc::now_ticks();
  system.collector->signal(SIGCONT);
  {
    OldValues old(watcher, two);
    const auto healed = watcher.until("live again", [&] {
      old.expect_none_before(resumed);
      return watcher.all(two, State::Live);
    });
    if (healed) measured("collector continued -> live", *healed);
  }
  EXPECT_TRUE(watcher.announced("BTC/USD", State::Disconnected, Cause::WriterGone));
  EXPECT_EQ(watcher.counter("checksum_failed"), 0U);
  system.stop();
}

// Of the collector in its worker's requests; 0 until it has found one.
std::uint64_t control_position() {
  ipc::Segment ring;
  if (ipc::attach_segment("test", "spsc.c0.0.w0.0", ipc::SegmentKind::Spsc, ring) !=
      ipc::AttachStatus::Ok) {
    return 0;
  }
  return ipc::control_read_position(std::as_const(ring))
      .load(std::memory_order_acquire);  // W4: pairs with K4
}

TEST(FailureTable, AKilledWorkersReadersAreToldAndItsSuccessorAsksForEveryBook) {
  std::vector<std::string> twenty;
  for (int i = 0; i < 20; ++i) twenty.push_back("S" + std::to_string(i) + "/USD");
  LiveSystem system(kraken("S#/USD*20;depth=25;rate=2000", twenty));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(twenty, State::Live); });
  // Until then nobody can have read its ring, and a successor reads that instead of asking.
  watcher.until("the collector knows its worker", [] { return control_position() > 0; });
  const auto epochs = watcher.epochs(twenty);
  system.worker->signal(SIGKILL);
  const auto gone = watcher.until(
      "reads say so", [&] { return watcher.read("S0/USD").status == ReadStatus::WriterGone; },
      noticed_within);
  if (gone) measured("worker killed -> WriterGone", *gone);
  EXPECT_EQ(system.worker->wait(milliseconds(10'000)), 128 + SIGKILL);
  {
    OldValues old(watcher, twenty);
    watcher.look_on(milliseconds(200), [&] { old.expect_none(); });
  }
  EXPECT_EQ(watcher.gone(), 1U) << "who follows the ring is told, too";
  const auto restarted = ipc::now_ticks();
  system.start_worker();
  {
    OldValues old(watcher, twenty);
    const auto healed = watcher.until("live again", [&] {
      old.expect_none_before(restarted);
      return newer(watcher, epochs);
    });
    if (healed) measured("new worker ready -> 20 instruments resynced and live", *healed);
  }
  EXPECT_TRUE(watcher.counter_becomes("resyncs_requested", [](auto n) { return n >= 20; }));
  EXPECT_EQ(watcher.counter("resync_limit_reached"), 0U);
  EXPECT_EQ(watcher.counter("connections_opened"), 1U) << "on the same connection";
  for (const auto& symbol : twenty) {
    const auto* book = watcher.consumer().book(InstrumentId{watcher.read(symbol).view.instrument});
    ASSERT_NE(book, nullptr);
    watcher.until(symbol + " followed again", [&] { return book->valid(); });
  }
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

TEST(FailureTable, AHungWorkersReadersAreToldAndWhatItReadLateIsNeverGoodBefore) {
  LiveSystem system(kraken("BTC/USD,ETH/USD;depth=25;rate=8000", two));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  const auto epochs = watcher.epochs(two);
  watcher.forget();
  const auto gone_before = watcher.gone();
  system.worker->signal(SIGSTOP);
  const auto hung = watcher.until(
      "reads say so", [&] { return watcher.read("BTC/USD").status == ReadStatus::WriterStale; },
      noticed_within);
  if (hung) measured("worker stopped -> WriterStale", *hung);
  {
    OldValues old(watcher, two);
    watcher.look_on(milliseconds(300), [&] { old.expect_none(); });
  }
  EXPECT_EQ(watcher.gone(), gone_before + 1);
  const auto backlog = watcher.ring("spsc.c0.0.w0.0").backlog;
  EXPECT_GT(backlog, 1000U);
  // Fresh is what was received in the last moments before it went on.
  const auto late = ipc::TickRate::of_host().ticks(300'000'000);
  const Ticks resumed{ipc::now_ticks().value - late};
  system.worker->signal(SIGCONT);
  {
    OldValues old(watcher, two);
    const auto healed = watcher.until("live again", [&] {
      old.expect_none_before(resumed);
      return watcher.all(two, State::Live);
    });
    if (healed) measured("worker continued -> live, nothing lost", *healed);
    watcher.look_on(milliseconds(100), [&] { old.expect_none_before(resumed); });
  }
  EXPECT_EQ(watcher.ring("spsc.c0.0.w0.0").drops, 0U);
  EXPECT_EQ(watcher.epochs(two), epochs) << "the ring kept everything";
  for (const auto& symbol : two) EXPECT_TRUE(watcher.history(symbol).empty()) << symbol;
  EXPECT_TRUE(watcher.counter_becomes("pauses", [](auto n) { return n == 1; }));
  system.stop();
}

// --- Consumers ----------------------------------------------------------------------------------

TEST(FailureTable, AKilledConsumerIsNoticedByNobodyAndLeavesNothingForLong) {
  LiveSystem system(kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  auto tail = system.start_ringside({"tail", "--json"});
  auto top = system.start_ringside({"top"});
  ASSERT_TRUE(tail->line(milliseconds(30'000)));
  ASSERT_TRUE(top->line(milliseconds(30'000)));
  watcher.look_on(milliseconds(100));
  watcher.forget();
  const auto before = what_must_not_move(watcher);
  const auto updates = watcher.read("BTC/USD").view.updates;
  tail->signal(SIGKILL);
  top->signal(SIGKILL);
  EXPECT_EQ(tail->wait(milliseconds(10'000)), 128 + SIGKILL);
  EXPECT_EQ(top->wait(milliseconds(10'000)), 128 + SIGKILL);
  watcher.look_on(milliseconds(500), [&] { EXPECT_TRUE(watcher.all(two, State::Live)); });
  EXPECT_EQ(moved_since(before, watcher), std::vector<std::string>{});
  EXPECT_GT(before.size(), 50U);
  EXPECT_GT(watcher.read("BTC/USD").view.updates, updates);
  EXPECT_TRUE(watcher.history("BTC/USD").empty());
  // What the killed one could not remove goes with the next of its kind.
  EXPECT_EQ(system.ringside({"top", "--once"}).status, 0);
  for (const auto& path : system.scratch.segments_left()) {
    EXPECT_EQ(path.find("telemetry.top-"), std::string::npos) << path;
  }
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

TEST(FailureTable, AStoppedConsumerChangesNothingForAnybodyElse) {
  a_stopped_consumer_changes_nothing(milliseconds(1'000));
}

}  // namespace
}  // namespace ringside::e2e
