// Consumers against real segments that a real worker writes: their books must be the worker's, and
// what they missed must be said.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "orderbook/worker.hpp"
#include "tools/ringside/book_text.hpp"
#include "tools/ringside/consumer.hpp"

namespace ringside::tools {
namespace {

namespace fs = std::filesystem;

// Segments of this test alone.
class ScratchRoot {
 public:
  ScratchRoot() {
    std::string folder = (fs::temp_directory_path() / "ringside_consumer_XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    ::setenv("RINGSIDE_SHM_ROOT", folder_.c_str(), 1);
  }
  ~ScratchRoot() {
    ::unsetenv("RINGSIDE_SHM_ROOT");
    fs::remove_all(folder_);
  }
  ScratchRoot(const ScratchRoot&) = delete;
  ScratchRoot& operator=(const ScratchRoot&) = delete;

 private:
  fs::path folder_;
};

constexpr InstrumentTerms terms{Exponent{-2}, Exponent{-4}, ChecksumRule::None, 8};

// A worker thread's two published segments, and the worker that writes them.
class WorkerRig {
 public:
  explicit WorkerRig(const std::string& thread, std::uint64_t slots = 1U << 14U)
      : events_segment_(make_events(thread, slots)),
        books_segment_(make_books(thread)),
        events_(events_segment_),
        table_(books_segment_),
        worker_(options(), events_, table_) {
    worker_.source_attached(0, 0, now());
  }

  void snapshot(InstrumentId id, std::uint32_t epoch, std::span<const Level> bids,
                std::span<const Level> asks) {
    Record record = record_of(id, Kind::Instrument, epoch);
    record.price = terms.packed();
    worker_.take(0, record, {}, now());
    record = record_of(id, Kind::Snapshot, epoch);
    take_levels(record, bids, asks);
  }
  void delta(InstrumentId id, std::uint32_t epoch, std::span<const Level> bids,
             std::span<const Level> asks) {
    Record record = record_of(id, Kind::Levels, epoch);
    take_levels(record, bids, asks);
  }
  void delta(InstrumentId id, std::uint32_t epoch, Side side, Level level) {
    Record record = record_of(id, Kind::Level, epoch);
    record.side_or_reason = static_cast<std::uint8_t>(side);
    record.price = level.price.mantissa;
    record.quantity = level.quantity.mantissa;
    worker_.take(0, record, {}, now());
  }
  void status(InstrumentId id, std::uint32_t epoch, State state, Cause cause) {
    Record record = record_of(id, Kind::Status, epoch);
    record.side_or_reason = static_cast<std::uint8_t>(cause);
    record.quantity = static_cast<std::int64_t>(state);
    worker_.take(0, record, {}, now());
  }
  void tick(int times = 1) {
    for (int i = 0; i < times; ++i) worker_.on_tick(now());
  }
  [[nodiscard]] const orderbook::Book& book(InstrumentId id) const {
    return worker_.book(*worker_.find(id));
  }

 private:
  static orderbook::WorkerOptions options() {
    orderbook::WorkerOptions made;
    made.instruments_max = 64;
    return made;
  }
  static ipc::Segment make_events(const std::string& thread, std::uint64_t slots) {
    auto spec = ipc::broadcast_spec(slots);
    spec.instance = "t";
    spec.name = "events." + thread;
    return ipc::create_segment(spec, ipc::fill_broadcast);
  }
  static ipc::Segment make_books(const std::string& thread) {
    auto spec = ipc::book_table_spec(64);
    spec.instance = "t";
    spec.name = "books." + thread;
    return ipc::create_segment(spec);
  }
  static Ticks now() { return ipc::now_ticks(); }
  static Record record_of(InstrumentId id, Kind kind, std::uint32_t epoch) {
    Record record;
    record.instrument = id.value;
    record.kind = kind;
    record.epoch = epoch;
    record.receive_tsc = now().value;
    record.flags = flag_first | flag_last | flag_no_exchange_time;
    return record;
  }
  void take_levels(Record& record, std::span<const Level> bids, std::span<const Level> asks) {
    record.set_counts(static_cast<std::uint32_t>(bids.size()),
                      static_cast<std::uint32_t>(asks.size()));
    record.slots = static_cast<std::uint8_t>(
        1 + continuation_slots(static_cast<unsigned>(bids.size() + asks.size())));
    std::vector<Level> levels(bids.begin(), bids.end());
    levels.insert(levels.end(), asks.begin(), asks.end());
    levels.resize((record.slots - 1U) * std::size_t{levels_per_slot});
    worker_.take(0, record, levels, now());
  }

  ipc::Segment events_segment_;
  ipc::Segment books_segment_;
  ipc::BroadcastWriter events_;
  ipc::BookTableWriter table_;
  orderbook::Worker worker_;
};

constexpr InstrumentId bitcoin = InstrumentId::of(0, 0);
constexpr InstrumentId ether = InstrumentId::of(0, 1);
const std::vector<Level> some_bids{{Price{9'900}, Quantity{5}}, {Price{9'800}, Quantity{7}}};
const std::vector<Level> some_asks{{Price{10'000}, Quantity{3}}};

Level random_level(std::mt19937_64& random, Side side) {
  const auto offset = static_cast<std::int64_t>(random() % 40);
  const auto price = side == Side::Bid ? 9'900 - offset : 10'000 + offset;
  const auto quantity = random() % 3 == 0 ? 0 : random() % 1'000 + 1;
  return {Price{price}, Quantity{static_cast<std::int64_t>(quantity)}};
}

void random_message(WorkerRig& rig, InstrumentId id, std::uint32_t epoch, std::mt19937_64& random) {
  if (random() % 2 == 0) {
    const auto side = random() % 2 == 0 ? Side::Bid : Side::Ask;
    rig.delta(id, epoch, side, random_level(random, side));
    return;
  }
  std::vector<Level> bids;
  std::vector<Level> asks;
  for (auto count = random() % 6; count > 0; --count)
    bids.push_back(random_level(random, Side::Bid));
  for (auto count = random() % 6; count > 0; --count)
    asks.push_back(random_level(random, Side::Ask));
  rig.delta(id, epoch, bids, asks);
}

// All steps until there is nothing more to read, Idle left out.
std::vector<Step> read_all(Consumer& consumer) {
  std::vector<Step> steps;
  for (;;) {
    const auto step = consumer.poll(ipc::now_ticks());
    if (step == Step::Idle) return steps;
    steps.push_back(step);
  }
}

bool contains(const std::vector<Step>& steps, Step step) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

// Until the step comes; a deadline, because attaching is tried only from time to time.
bool read_until(Consumer& consumer, Step wanted) {
  const auto deadline = ipc::monotonic_ns() + 10'000'000'000U;
  while (ipc::monotonic_ns() < deadline) {
    if (consumer.poll(ipc::now_ticks()) == wanted) return true;
  }
  return false;
}

class ConsumerTest : public ::testing::Test {
 protected:
  ScratchRoot root_;
};

TEST_F(ConsumerTest, ItsBooksAreTheWorkersAfterEveryMessage) {
  WorkerRig rig("w0.0");
  rig.snapshot(bitcoin, 1, some_bids, some_asks);
  rig.snapshot(ether, 1, some_bids, {});
  Consumer consumer({"t", Join::Start, true});
  read_all(consumer);
  std::mt19937_64 random(7);
  for (int i = 0; i < 5'000; ++i) {
    const auto id = random() % 2 == 0 ? bitcoin : ether;
    random_message(rig, id, 1, random);
    if (i % 50 == 0) rig.tick();
    read_all(consumer);
    const auto* const book = consumer.book(id);
    ASSERT_TRUE(book != nullptr && book->valid()) << "at message " << i;
    ASSERT_EQ(fingerprint(book->book()), fingerprint(rig.book(id))) << "at message " << i;
  }
  EXPECT_EQ(consumer.book(bitcoin)->terms(), terms);
}

TEST_F(ConsumerTest, LateJoinersBookIsInvalidUntilItsOwnSnapshotCame) {
  WorkerRig rig("w0.0");
  rig.snapshot(bitcoin, 1, some_bids, some_asks);
  Consumer consumer({"t", Join::Tail, true});
  read_all(consumer);
  rig.delta(bitcoin, 1, Side::Bid, {Price{9'950}, Quantity{1}});
  read_all(consumer);
  EXPECT_TRUE(consumer.book(bitcoin) == nullptr || !consumer.book(bitcoin)->valid());
  rig.tick(2'000);  // the worker's share for late joiners has grown large enough by then
  read_all(consumer);
  ASSERT_TRUE(consumer.book(bitcoin) != nullptr && consumer.book(bitcoin)->valid());
  EXPECT_EQ(consumer.book(bitcoin)->state(), State::Live);
  EXPECT_EQ(fingerprint(consumer.book(bitcoin)->book()), fingerprint(rig.book(bitcoin)));
}

TEST_F(ConsumerTest, LappedConsumerIsToldWhichPositionsItLostAndDistrustsItsBooks) {
  WorkerRig rig("w0.0", 1'024);
  rig.snapshot(bitcoin, 1, some_bids, some_asks);
  Consumer consumer({"t", Join::Start, true});
  read_all(consumer);
  ASSERT_TRUE(consumer.book(bitcoin)->valid());
  for (int i = 0; i < 3'000; ++i) {
    rig.delta(bitcoin, 1, Side::Bid, {Price{9'700 - i % 5}, Quantity{i + 1}});
  }
  ASSERT_EQ(consumer.poll(ipc::now_ticks()), Step::Lost);
  const auto& reader = consumer.worker().reader;
  EXPECT_LT(reader.lost_from(), reader.lost_to());
  EXPECT_FALSE(consumer.book(bitcoin)->valid());
  rig.tick(2'000);
  read_all(consumer);
  ASSERT_TRUE(consumer.book(bitcoin)->valid());
  EXPECT_EQ(fingerprint(consumer.book(bitcoin)->book()), fingerprint(rig.book(bitcoin)));
}

TEST_F(ConsumerTest, WorkersEndAndSuccessorAreToldInOrder) {
  auto rig = std::make_optional<WorkerRig>("w0.0");
  rig->snapshot(bitcoin, 1, some_bids, some_asks);
  Consumer consumer({"t", Join::NewestKey, true});
  read_all(consumer);
  const auto generation = consumer.worker().segment->geometry().generation;
  rig->delta(bitcoin, 1, Side::Bid, {Price{9'950}, Quantity{1}});
  rig.reset();
  // What the worker said before it ended still comes.
  EXPECT_EQ(consumer.poll(ipc::now_ticks()), Step::Record);
  EXPECT_EQ(consumer.poll(ipc::now_ticks()), Step::WriterGone);
  EXPECT_FALSE(consumer.book(bitcoin)->valid());
  rig.emplace("w0.0");
  rig->snapshot(bitcoin, 2, some_asks, {});
  ASSERT_TRUE(read_until(consumer, Step::Joined));
  EXPECT_NE(consumer.worker().segment->geometry().created.value, 0);
  EXPECT_GE(consumer.worker().segment->geometry().generation, generation);
  read_all(consumer);
  ASSERT_TRUE(consumer.book(bitcoin)->valid());
  EXPECT_EQ(consumer.book(bitcoin)->epoch(), 2U);
  EXPECT_EQ(fingerprint(consumer.book(bitcoin)->book()), fingerprint(rig->book(bitcoin)));
}

TEST_F(ConsumerTest, ReadsAllWorkersAndOneThatComesLater) {
  WorkerRig first("w0.0");
  Consumer consumer({"t", Join::Start, true});
  first.snapshot(bitcoin, 1, some_bids, some_asks);
  read_all(consumer);
  WorkerRig second("w0.1");
  second.snapshot(ether, 1, some_bids, some_asks);
  ASSERT_TRUE(read_until(consumer, Step::Joined));
  EXPECT_EQ(consumer.worker().name, "w0.1");
  first.delta(bitcoin, 1, Side::Bid, {Price{9'950}, Quantity{1}});
  second.delta(ether, 1, Side::Ask, {Price{9'990}, Quantity{1}});
  read_all(consumer);
  EXPECT_EQ(consumer.workers().size(), 2U);
  EXPECT_EQ(fingerprint(consumer.book(bitcoin)->book()), fingerprint(first.book(bitcoin)));
}

TEST_F(ConsumerTest, NewEpochReplacesTheBookEvenIfItsNumberIsSmaller) {
  FullBook book;
  const auto buffer = std::make_unique<ipc::RecordBuffer>();
  const auto load = [&](std::uint32_t epoch, Level bid) {
    auto& record = buffer->record;
    record = Record{};
    record.epoch = epoch;
    record.kind = Kind::Instrument;
    record.price = terms.packed();
    book.take(*buffer);
    record.kind = Kind::Snapshot;
    record.flags = flag_first | flag_last;
    record.slots = 2;
    record.set_counts(1, 0);
    buffer->storage[0] = bid;
    return book.take(*buffer);
  };
  EXPECT_EQ(load(70'000, {Price{1}, Quantity{1}}), BookStep::Snapshot);
  EXPECT_EQ(load(3, {Price{2}, Quantity{2}}), BookStep::Snapshot);
  EXPECT_EQ(book.epoch(), 3U);
  EXPECT_EQ(book.book().level(Side::Bid, 0), (Level{Price{2}, Quantity{2}}));
  // One more of the same epoch, as late joiners get it.
  EXPECT_EQ(load(3, {Price{2}, Quantity{9}}), BookStep::Snapshot);
  EXPECT_EQ(book.book().level(Side::Bid, 0), (Level{Price{2}, Quantity{9}}));
  EXPECT_TRUE(book.valid());
  book.invalidate();
  EXPECT_FALSE(book.valid());
}

TEST_F(ConsumerTest, ABookIsNotValidBetweenTheRecordsOfOneMessage) {
  FullBook book;
  const auto buffer = std::make_unique<ipc::RecordBuffer>();
  const auto take = [&](Kind kind, std::uint8_t flags, std::int64_t price, std::int64_t quantity) {
    auto& record = buffer->record;
    record.kind = kind;
    record.flags = flags;
    record.epoch = 1;
    record.slots = 1;
    record.side_or_reason = kind == Kind::Instrument ? 0 : static_cast<std::uint8_t>(Side::Bid);
    record.price = price;
    record.quantity = quantity;
    return book.take(*buffer);
  };
  take(Kind::Instrument, 0, terms.packed(), 0);
  EXPECT_EQ(take(Kind::Snapshot, flag_first | flag_last, 0, 0), BookStep::Snapshot);
  EXPECT_EQ(take(Kind::Level, flag_first, 5, 1), BookStep::Nothing);
  EXPECT_FALSE(book.valid());
  EXPECT_EQ(take(Kind::Level, flag_last, 6, 1), BookStep::Update);
  EXPECT_TRUE(book.valid());
}

TEST_F(ConsumerTest, StatesAreTheWorkersAndADeltaWithoutABookIsRefused) {
  WorkerRig rig("w0.0");
  rig.snapshot(bitcoin, 1, some_bids, some_asks);
  Consumer consumer({"t", Join::Start, true});
  read_all(consumer);
  EXPECT_EQ(consumer.book(bitcoin)->state(), State::Live);
  rig.status(bitcoin, 1, State::Gap, Cause::SequenceGap);
  read_all(consumer);
  EXPECT_EQ(consumer.book(bitcoin)->state(), State::Gap);
  EXPECT_EQ(consumer.book(bitcoin)->cause(), Cause::SequenceGap);
}

TEST_F(ConsumerTest, TermsComeFromTheBookTableWhenTheRingNoLongerHoldsThem) {
  WorkerRig rig("w0.0");
  rig.snapshot(bitcoin, 1, some_bids, some_asks);
  Consumer consumer({"t", Join::Tail, false});
  read_all(consumer);
  rig.delta(bitcoin, 1, Side::Bid, {Price{9'950}, Quantity{1}});
  ASSERT_TRUE(contains(read_all(consumer), Step::Record));
  EXPECT_EQ(consumer.terms_of(consumer.buffer().record), terms);
  Record of_another_epoch = consumer.buffer().record;
  of_another_epoch.epoch = 9;
  EXPECT_EQ(consumer.terms_of(of_another_epoch), std::nullopt);
}

TEST_F(ConsumerTest, InstrumentsHaveTheirSymbolsAsSoonAsACatalogueSaysThem) {
  auto spec = ipc::catalogue_spec(16);
  spec.instance = "t";
  spec.name = "catalogue.c0";
  auto segment = ipc::create_segment(spec);
  ipc::CatalogueWriter catalogue(segment);
  catalogue.append({bitcoin, 0, terms, "kraken", "BTC/USD", "w0.0"});
  CatalogueIndex index("t");
  ASSERT_NE(index.find(bitcoin), nullptr);
  EXPECT_EQ(index.find(bitcoin)->collector, "c0");
  EXPECT_EQ(index.label_of(*index.find(bitcoin)), "BTC/USD");
  EXPECT_EQ(index.find(ether), nullptr);
  catalogue.append({ether, 0, terms, "kraken-v1", "BTC/USD", "w0.0"});
  index.refresh();
  ASSERT_NE(index.find(ether), nullptr);
  EXPECT_EQ(index.label_of(*index.find(ether)), "kraken-v1:BTC/USD");
}

}  // namespace
}  // namespace ringside::tools
