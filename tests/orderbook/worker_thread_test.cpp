// A worker thread against a collector's end of the segments, both in this process: rings and
// control rings, collectors that die and come back, workers that start late.
#include "orderbook/worker_thread.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "ipc/catalogue.hpp"
#include "ipc/placement.hpp"
#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

constexpr InstrumentId btc = InstrumentId::of(0, 0);
constexpr InstrumentId eth = InstrumentId::of(0, 1);
constexpr InstrumentTerms kraken{Exponent{-2}, Exponent{-8}, ChecksumRule::Kraken, 10};
const std::vector<Level> bids{at(100, 5)};
const std::vector<Level> asks{at(101, 7)};

// Turns until `what` holds; false after a deadline that only a broken build meets.
bool turns_out(const std::function<bool()>& what) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!what()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

class ShmRoot {
 public:
  ShmRoot() : path_("/dev/shm/ringside-worker-test-" + std::to_string(getpid())) {
    ::setenv("RINGSIDE_SHM_ROOT", path_.c_str(), 1);
  }
  ~ShmRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

ipc::Deployment deployment_of_one(ipc::WaitMode wait) {
  ipc::Deployment deployment;
  deployment.instance = "test";
  deployment.wait = wait;
  deployment.memory.spsc_slots = 1024;
  deployment.memory.events_slots = 4096;
  deployment.memory.instruments_max = 8;
  deployment.collectors = {{"c0", {{}}, "", false}};
  deployment.workers = {{"w0", {{}}, "", false}};
  return deployment;
}

// The collector's end, driven by the test's thread.
class CollectorEnd {
 public:
  CollectorEnd() {
    auto spec = ipc::spsc_spec(1024);
    spec.instance = "test";
    spec.name = "spsc.c0.0.w0.0";
    ring_ = ipc::create_segment(spec);
    writer_ = ipc::SpscWriter(ring_);
    auto catalogue_spec = ipc::catalogue_spec(8);
    catalogue_spec.instance = "test";
    catalogue_spec.name = "catalogue.c0";
    catalogue_ = ipc::create_segment(catalogue_spec);
    catalogue_writer_.emplace(catalogue_);
    beat();
  }
  void list(InstrumentId id, std::string_view symbol) {
    catalogue_writer_->append({id, 0, kraken, "kraken", symbol, "w0.0"});
  }
  void beat() { ring_.beat(ipc::now_ticks()); }
  // All that it begins with is listed.
  void beat_catalogue() { catalogue_.beat(ipc::now_ticks()); }
  // False: the ring is full.
  [[nodiscard]] bool write(const ScriptRecord& made) {
    ipc::Slot* slot = writer_.claim(made.record.slots);
    if (slot == nullptr) return false;
    Record record = made.record;
    record.receive_tsc = ipc::now_ticks().value;
    slot->put(record);
    std::copy(made.levels.begin(), made.levels.end(), slot->levels());
    writer_.commit();
    writer_.publish(ipc::now_ticks(), ipc::Visibility::BeforeWakeCheck);
    cursor_.wake_if_parked();
    return true;
  }
  void snapshot(InstrumentId id, std::uint32_t epoch) {
    ASSERT_TRUE(write(terms_of(id, epoch, kraken)));
    ASSERT_TRUE(write(with_checksum(levels_of(Kind::Snapshot, id, epoch, bids, asks),
                                    WorkerScript::checksum(bids, asks))));
  }
  // Finds the worker's cursor: from then on its position and its requests are seen.
  [[nodiscard]] bool bind() {
    if (cursor_.bound()) return true;
    if (!cursor_segment_.mapped()) {
      ipc::Segment found;
      if (ipc::attach_segment("test", "cursor.w0.0", ipc::SegmentKind::Cursor, found) !=
          ipc::AttachStatus::Ok) {
        return false;
      }
      cursor_segment_ = std::move(found);
      cursor_ = ipc::CursorReader(cursor_segment_);
    }
    if (!cursor_.bind("spsc.c0.0.w0.0", ring_)) return false;
    writer_.set_read_position_source(cursor_.read_position());
    return true;
  }
  // As the collector does when its worker's cursor is gone.
  void lose_worker() {
    writer_.set_read_position_source(nullptr);
    cursor_ = {};
    cursor_segment_ = {};
  }
  void drop_one() { writer_.add_drops(1); }
  [[nodiscard]] Ticks created() const { return ring_.geometry().created_ticks; }
  std::optional<ipc::ResyncRequest> request() {
    std::optional<ipc::ResyncRequest> found;
    (void)turns_out([&] {
      beat();
      found = cursor_.poll_request();
      return found.has_value();
    });
    return found;
  }

 private:
  ipc::Segment ring_;
  ipc::SpscWriter writer_;
  ipc::Segment catalogue_;
  std::optional<ipc::CatalogueWriter> catalogue_writer_;
  ipc::Segment cursor_segment_;
  ipc::CursorReader cursor_;
};

class RunningWorker {
 public:
  explicit RunningWorker(ipc::WaitMode wait)
      : deployment_(deployment_of_one(wait)),
        telemetry_({.instance = "test",
                    .process = "w0",
                    .role = "orderbook",
                    .group = "",
                    .histograms = 2}),
        worker_({.name = "w0.0",
                 .deployment = deployment_,
                 .placement = {},
                 .running_index = 0,
                 .allowed_cpus = ipc::allowed_cpus(),
                 .publish_first = false,
                 .keeps_telemetry = true,
                 .telemetry = telemetry_}),
        thread_([this] { worker_.run(stop_); }) {
    (void)turns_out([this] { return worker_.ready(); });
  }
  ~RunningWorker() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  [[nodiscard]] const ipc::Telemetry& telemetry() const { return telemetry_; }

 private:
  ipc::Deployment deployment_;
  ipc::Telemetry telemetry_;
  WorkerThread worker_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// An ordinary reader of the book table.
class TableEnd {
 public:
  TableEnd() {
    (void)turns_out([this] {
      return ipc::attach_segment("test", "books.w0.0", ipc::SegmentKind::BookTable, segment_) ==
             ipc::AttachStatus::Ok;
    });
    reader_.emplace(segment_);
  }
  bool shows(InstrumentId id, State state, Cause cause) {
    ipc::BookView view;
    const auto index = reader_->index_of(id);
    return index && reader_->read(*index, view) == ipc::ReadStatus::Ok && view.state == state &&
           view.cause == cause;
  }
  ipc::BookView view(InstrumentId id) {
    ipc::BookView view;
    const auto index = reader_->index_of(id);
    EXPECT_TRUE(index);
    EXPECT_EQ(reader_->read(*index, view), ipc::ReadStatus::Ok);
    return view;
  }

 private:
  ipc::Segment segment_;
  std::optional<ipc::BookTableReader> reader_;
};

class WorkerThreadTest : public ::testing::TestWithParam<ipc::WaitMode> {
 protected:
  ShmRoot root_;
};

bool becomes(CollectorEnd& collector, TableEnd& table, InstrumentId id, State state, Cause cause) {
  return turns_out([&] {
    collector.beat();
    return table.shows(id, state, cause);
  });
}

TEST_P(WorkerThreadTest, ACollectorThatStartsLaterIsFoundAndItsBookPublished) {
  RunningWorker worker(GetParam());
  TableEnd table;
  CollectorEnd collector;
  collector.list(btc, "BTC/USD");
  EXPECT_TRUE(becomes(collector, table, btc, State::Syncing, Cause::Starting)) << "listed";
  collector.snapshot(btc, 1);
  EXPECT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  const auto view = table.view(btc);
  EXPECT_TRUE(view.verified);
  EXPECT_EQ(view.bids[0], bids[0]);
  // Nothing was lost on the way although the records lay there before the worker came.
  ASSERT_TRUE(turns_out([&] { return collector.bind(); }));
}

TEST_P(WorkerThreadTest, ThousandsOfDeltasThroughASmallRingArriveInOrder) {
  RunningWorker worker(GetParam());
  TableEnd table;
  CollectorEnd collector;
  collector.snapshot(btc, 1);
  ASSERT_TRUE(turns_out([&] {
    collector.beat();
    return collector.bind();
  }));
  constexpr std::int64_t last = 20'000;
  for (std::int64_t quantity = 1; quantity <= last; ++quantity) {
    const auto made = with_checksum(level_of(btc, 1, Side::Bid, at(100, quantity)),
                                    WorkerScript::checksum({at(100, quantity)}, asks));
    ASSERT_TRUE(turns_out([&] {
      collector.beat();
      return collector.write(made);
    }));
  }
  EXPECT_TRUE(turns_out([&] {
    collector.beat();
    return table.view(btc).bids[0].quantity.mantissa == last;
  }));
  EXPECT_EQ(table.view(btc).state, State::Live);
}

TEST_P(WorkerThreadTest, AFailedChecksumReachesTheCollectorAsARequest) {
  RunningWorker worker(GetParam());
  TableEnd table;
  CollectorEnd collector;
  collector.snapshot(btc, 1);
  collector.snapshot(eth, 1);
  ASSERT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  ASSERT_TRUE(turns_out([&] { return collector.bind(); }));
  ASSERT_TRUE(collector.write(with_checksum(level_of(btc, 1, Side::Bid, at(100, 6)), 1)));
  const auto request = collector.request();
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (ipc::ResyncRequest{btc, 1, Cause::ChecksumFailed}));
  EXPECT_TRUE(table.shows(btc, State::Gap, Cause::ChecksumFailed));
  EXPECT_TRUE(table.shows(eth, State::Live, Cause::None));
  collector.snapshot(btc, 2);
  EXPECT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
}

TEST_P(WorkerThreadTest, ACollectorThatEndsIsDisconnectedAndItsSuccessorIsTakenUp) {
  RunningWorker worker(GetParam());
  TableEnd table;
  {
    CollectorEnd collector;
    collector.snapshot(btc, 7);
    ASSERT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  }
  EXPECT_TRUE(turns_out([&] { return table.shows(btc, State::Disconnected, Cause::WriterGone); }));
  CollectorEnd successor;
  successor.snapshot(btc, 1);
  EXPECT_TRUE(becomes(successor, table, btc, State::Live, Cause::None));
  EXPECT_EQ(table.view(btc).epoch, 1U);
}

TEST_P(WorkerThreadTest, WhomASuccessorDoesNotListIsToldToBeRemoved) {
  RunningWorker worker(GetParam());
  TableEnd table;
  {
    CollectorEnd collector;
    collector.list(btc, "BTC/USD");
    collector.list(eth, "ETH/USD");
    collector.beat_catalogue();
    collector.snapshot(btc, 7);
    collector.snapshot(eth, 7);
    ASSERT_TRUE(becomes(collector, table, eth, State::Live, Cause::None));
    ASSERT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  }
  ASSERT_TRUE(turns_out([&] { return table.shows(btc, State::Disconnected, Cause::WriterGone); }));
  CollectorEnd successor;
  successor.list(btc, "BTC/USD");
  successor.snapshot(btc, 1);
  ASSERT_TRUE(becomes(successor, table, btc, State::Live, Cause::None));
  EXPECT_FALSE(table.shows(eth, State::Failed, Cause::Removed)) << "it may be about to list it";
  successor.beat_catalogue();
  EXPECT_TRUE(becomes(successor, table, eth, State::Failed, Cause::Removed));
  EXPECT_TRUE(becomes(successor, table, btc, State::Live, Cause::None));
}

TEST_P(WorkerThreadTest, ASuccessorAsksForWhatTheCatalogueLists) {
  CollectorEnd collector;
  collector.list(btc, "BTC/USD");
  collector.snapshot(btc, 3);
  {
    RunningWorker first(GetParam());
    ASSERT_TRUE(turns_out([&] {
      collector.beat();
      return collector.bind();
    }));
  }
  collector.lose_worker();
  RunningWorker worker(GetParam());
  TableEnd table;
  ASSERT_TRUE(turns_out([&] {
    collector.beat();
    return collector.bind();
  }));
  const auto request = collector.request();
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (ipc::ResyncRequest{btc, epoch_any, Cause::Starting}));
  EXPECT_TRUE(table.shows(btc, State::Syncing, Cause::Starting));
  collector.snapshot(btc, 4);
  EXPECT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
}

TEST_P(WorkerThreadTest, AWorkerThatStartsAMomentLateReadsTheUnreadRingAndAsksForNothing) {
  CollectorEnd collector;
  collector.list(btc, "BTC/USD");
  collector.snapshot(btc, 3);
  RunningWorker worker(GetParam());
  TableEnd table;
  ASSERT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  EXPECT_EQ(table.view(btc).epoch, 3U);
  // What is wrong next is the first request ever.
  ASSERT_TRUE(turns_out([&] { return collector.bind(); }));
  ASSERT_TRUE(collector.write(with_checksum(level_of(btc, 3, Side::Bid, at(100, 6)), 1)));
  const auto request = collector.request();
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (ipc::ResyncRequest{btc, 3, Cause::ChecksumFailed}));
}

TEST_P(WorkerThreadTest, AnUnreadRingThatHasDroppedIsNotBelieved) {
  CollectorEnd collector;
  collector.list(btc, "BTC/USD");
  collector.snapshot(btc, 3);
  collector.drop_one();
  RunningWorker worker(GetParam());
  ASSERT_TRUE(turns_out([&] {
    collector.beat();
    return collector.bind();
  }));
  const auto request = collector.request();
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (ipc::ResyncRequest{btc, epoch_any, Cause::Starting}));
}

TEST(RingInputTest, AnUnreadRingIsReadFromItsStartOnlyWhileItIsYoung) {
  const ShmRoot root;
  CollectorEnd collector;
  collector.snapshot(btc, 3);
  auto segment = ipc::cursor_in_memory();
  ipc::CursorWriter cursor(segment);
  const auto now = ipc::now_ticks();
  const auto rate = ipc::TickRate::of_host();
  const auto after = [&](std::uint64_t ns) {
    return Ticks{collector.created().value + rate.ticks(ns)};
  };
  constexpr std::uint64_t rounding_ns = 1'000;
  RingInput young("test", "spsc.c0.0.w0.0");
  EXPECT_EQ(young.look(cursor, after(unread_age_ns_max - rounding_ns), now, {}),
            RingInput::Event::AttachedAtStart);
  RingInput old("test", "spsc.c0.0.w0.0");
  EXPECT_EQ(old.look(cursor, after(unread_age_ns_max + rounding_ns), now, {}),
            RingInput::Event::AttachedAtHead);
}

TEST_P(WorkerThreadTest, StagesAndCountersReachTheTelemetrySegment) {
  RunningWorker worker(GetParam());
  TableEnd table;
  CollectorEnd collector;
  collector.snapshot(btc, 1);
  ASSERT_TRUE(becomes(collector, table, btc, State::Live, Cause::None));
  const ipc::TelemetryReader reader(worker.telemetry().segment());
  EXPECT_TRUE(turns_out([&] {
    for (const auto& counter : reader.counters()) {
      if (counter.name == "w0.0.checksum_good" && counter.value == 1) return true;
    }
    return false;
  }));
  ipc::HistogramSnapshot histogram;
  for (const auto& label : reader.histograms()) {
    ASSERT_TRUE(reader.copy_histogram(label.index, histogram));
    EXPECT_GE(histogram.count(), 1U) << label.stage;
  }
}

INSTANTIATE_TEST_SUITE_P(Waits, WorkerThreadTest,
                         ::testing::Values(ipc::WaitMode::Adaptive, ipc::WaitMode::Spin),
                         [](const auto& wait) {
                           return wait.param == ipc::WaitMode::Spin ? "spin" : "adaptive";
                         });

}  // namespace
}  // namespace ringside::orderbook
