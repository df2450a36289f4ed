#include "ipc/book_table.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/ipc/temporary_root.hpp"

namespace ringside::ipc {
namespace {

// Ticks are nanoseconds here.
const TickRate rate = TickRate::of(1.0, false);
constexpr Ticks start{1'000'000'000'000};
Ticks after(std::uint64_t ns) { return Ticks{start.value + ns}; }

Level level(std::int64_t price, std::int64_t quantity) {
  return Level{Price{price}, Quantity{quantity}};
}

BookView view_of(std::uint32_t bids, std::uint32_t asks, std::int64_t mark) {
  BookView view;
  view.state = State::Live;
  view.cause = Cause::None;
  view.verified = true;
  view.terms = InstrumentTerms{Exponent{-2}, Exponent{-8}, ChecksumRule::Kraken, 25};
  view.epoch = static_cast<std::uint32_t>(mark);
  view.receive = Ticks{static_cast<std::uint64_t>(mark)};
  view.publish = Ticks{static_cast<std::uint64_t>(mark + 1)};
  view.exchange = UtcNs{-mark};
  view.updates = static_cast<std::uint64_t>(mark + 2);
  view.bid_count = bids;
  view.ask_count = asks;
  for (std::uint32_t i = 0; i < bids; ++i) view.bids[i] = level(mark - i, mark + i);
  for (std::uint32_t i = 0; i < asks; ++i) view.asks[i] = level(mark + i + 1, -mark - i);
  return view;
}

void expect_equal(const BookView& got, const BookView& wanted) {
  EXPECT_EQ(got.state, wanted.state);
  EXPECT_EQ(got.cause, wanted.cause);
  EXPECT_EQ(got.verified, wanted.verified);
  EXPECT_EQ(got.terms, wanted.terms);
  EXPECT_EQ(got.epoch, wanted.epoch);
  EXPECT_EQ(got.receive, wanted.receive);
  EXPECT_EQ(got.publish, wanted.publish);
  EXPECT_EQ(got.exchange, wanted.exchange);
  EXPECT_EQ(got.updates, wanted.updates);
  ASSERT_EQ(got.bid_count, wanted.bid_count);
  ASSERT_EQ(got.ask_count, wanted.ask_count);
  for (std::uint32_t i = 0; i < wanted.bid_count; ++i) EXPECT_EQ(got.bids[i], wanted.bids[i]);
  for (std::uint32_t i = 0; i < wanted.ask_count; ++i) EXPECT_EQ(got.asks[i], wanted.asks[i]);
}

BookEntry& entry_of(Segment& segment, std::size_t index) {
  return reinterpret_cast<BookEntry*>(segment.writable_data().data())[index];
}

SegmentSpec named_spec() {
  SegmentSpec spec = book_table_spec(4);
  spec.instance = "test";
  spec.name = "books.w0.0";
  return spec;
}

TEST(BookTable, GivesBackWhatWasPublished) {
  Segment segment = book_table_in_memory(3);
  BookTableWriter writer(segment);
  BookTableReader reader(segment, rate);
  EXPECT_EQ(reader.count(), 0U);
  const auto first = writer.add(InstrumentId::of(1, 7));
  const auto second = writer.add(InstrumentId::of(1, 9));
  EXPECT_EQ(reader.count(), 2U);
  EXPECT_EQ(reader.instrument_at(second), InstrumentId::of(1, 9));
  EXPECT_EQ(reader.index_of(InstrumentId::of(1, 7)), first);
  EXPECT_EQ(reader.index_of(InstrumentId::of(2, 7)), std::nullopt);
  for (const auto& [bids, asks] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {25, 25}, {0, 0}, {1, 0}, {0, 1}, {25, 3}, {2, 25}, {1, 1}}) {
    const auto published = view_of(bids, asks, 100 + bids);
    writer.update(second, published);
    BookView got;
    ASSERT_EQ(reader.read(second, got, start, book_levels_max), ReadStatus::Ok);
    expect_equal(got, published);
    EXPECT_EQ(got.instrument, InstrumentId::of(1, 9).value);
  }
}

TEST(BookTable, AnEntryWithoutAValueIsEmpty) {
  Segment segment = book_table_in_memory(2);
  BookTableWriter writer(segment);
  BookTableReader reader(segment, rate);
  BookView view;
  EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Empty);
  writer.add(InstrumentId{1});
  EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Empty);
  EXPECT_EQ(reader.read(UINT32_MAX, view, start, 1), ReadStatus::Empty);
}

TEST(BookTable, ReadsNoMoreLevelsThanAskedFor) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  BookTableReader reader(segment, rate);
  writer.update(writer.add(InstrumentId{1}), view_of(25, 2, 500));
  for (const unsigned levels : {0U, 1U, 2U, 5U, 25U, 1000U}) {
    BookView view;
    ASSERT_EQ(reader.read(0, view, start, levels), ReadStatus::Ok);
    EXPECT_EQ(view.bid_count, std::min(levels, 25U));
    EXPECT_EQ(view.ask_count, std::min(levels, 2U));
    if (levels == 0) continue;
    EXPECT_EQ(view.bids[view.bid_count - 1].price.mantissa, 501 - view.bid_count);
  }
}

TEST(BookTable, AFullTableSaysWhichSettingToRaise) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{1});
  try {
    writer.add(InstrumentId{2});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOSPC);
    EXPECT_NE(std::string(error.what()).find("instruments_max"), std::string::npos);
  }
}

// The stores of one update in their order, applied one by one to the memory as it was before: what
// a reader finds when the writer is killed between any two of them.
TEST(BookTable, AWriterKilledAtAnyWordLeavesTheLastGoodValue) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{1});
  writer.update(0, view_of(25, 25, 100));
  const auto good = view_of(25, 25, 200);
  writer.update(0, good);
  BookEntry& entry = entry_of(segment, 0);
  const auto version = entry.current.load(std::memory_order_relaxed) + 1;
  auto& copy = entry.copies[version % 2];
  BookTableReader reader(segment, rate);
  const auto expect_good = [&](std::size_t word) {
    BookView view;
    ASSERT_EQ(reader.read(0, view, start, book_levels_max), ReadStatus::Ok) << word;
    expect_equal(view, good);
  };
  copy.sequence.store(2 * version - 1, std::memory_order_relaxed);
  expect_good(0);
  for (std::size_t word = 0; word < book_word::count; ++word) {
    copy.put(word, 0x0123'4567'89ab'cdefULL * (word + 1));
    expect_good(word);
  }
  copy.sequence.store(2 * version, std::memory_order_release);
  expect_good(book_word::count);
}

TEST(BookTable, AStuckSequenceAnswersRetryAndComesBack) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{1});
  writer.update(0, view_of(1, 1, 100));
  BookEntry& entry = entry_of(segment, 0);
  entry.copies[1].sequence.store(77, std::memory_order_relaxed);
  BookTableReader reader(segment, rate);
  BookView view;
  EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Retry);
  entry.copies[1].sequence.store(2, std::memory_order_relaxed);
  EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Ok);
}

TEST(BookTable, ContentsThatNoWriterLeavesAreCorrupt) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{1});
  writer.update(0, view_of(1, 1, 100));
  auto& copy = entry_of(segment, 0).copies[1];
  const auto status = copy.take(book_word::status);
  BookTableReader reader(segment, rate);
  BookView view;
  BestView best;
  for (const std::uint64_t word :
       {status | 0x08, status | 0xff, status | 0x02'0000, status | 0x0100'0000,
        std::uint64_t{26} << 32, std::uint64_t{26} << 48, std::uint64_t{0xffff} << 32,
        std::uint64_t{0xffff} << 48, UINT64_MAX}) {
    copy.put(book_word::status, word);
    view.state = State::Live;
    view.bid_count = 1;
    best.state = State::Live;
    best.bid_count = 1;
    EXPECT_EQ(reader.read(0, view, start, book_levels_max), ReadStatus::Corrupt);
    EXPECT_EQ(reader.read_best(0, best, start), ReadStatus::Corrupt);
    EXPECT_EQ(view.state, State::Syncing) << "what may be torn is not handed out";
    EXPECT_EQ(view.bid_count, 0U);
    EXPECT_FALSE(best.has_bid());
    EXPECT_NE(best.state, State::Live);
  }
  copy.put(book_word::status, status);
  copy.put(book_word::epoch, std::uint64_t{2} << 32);  // another entry's words
  EXPECT_EQ(reader.read(0, view, start, book_levels_max), ReadStatus::Corrupt);
  EXPECT_EQ(reader.read_best(0, best, start), ReadStatus::Corrupt);
}

TEST(BookTable, TheBestOfAReadIsWhatTheWholeReadSays) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{9});
  BookTableReader reader(segment, rate);
  BookView view;
  BestView best;
  EXPECT_EQ(reader.read_best(0, best, start), ReadStatus::Empty);
  for (unsigned bids = 0; bids < 4; ++bids) {
    for (unsigned asks = 0; asks < 4; ++asks) {
      auto written = view_of(bids, asks, 10 * bids + asks);
      written.verified = asks % 2 == 1;
      writer.update(0, written);
      ASSERT_EQ(reader.read(0, view, start, book_levels_max), ReadStatus::Ok);
      ASSERT_EQ(reader.read_best(0, best, start), ReadStatus::Ok);
      EXPECT_EQ(best.state, view.state);
      EXPECT_EQ(best.cause, view.cause);
      EXPECT_EQ(best.verified, view.verified);
      EXPECT_EQ(best.epoch, view.epoch);
      EXPECT_EQ(best.receive, view.receive);
      ASSERT_EQ(best.has_bid(), bids > 0);
      ASSERT_EQ(best.has_ask(), asks > 0);
      if (bids > 0) {
        EXPECT_EQ(best.bid, view.bids[0]);
      }
      if (asks > 0) {
        EXPECT_EQ(best.ask, view.asks[0]);
      }
    }
  }
}

// Every state, and every count at and beyond its bound, alone and together: what is refused is what
// the bounds say, no matter how it is tested for.
TEST(BookTable, ExactlyTheStatusWordsWithinTheirBoundsAreRead) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  writer.add(InstrumentId{1});
  writer.update(0, view_of(25, 25, 100));
  auto& copy = entry_of(segment, 0).copies[1];
  BookTableReader reader(segment, rate);
  BookView view;
  BestView best;
  const std::vector<std::uint64_t> counts{0,  1,  9,  24,   25,     26,    31,
                                          32, 57, 63, 0xff, 0xfff9, 0xffff};
  for (std::uint64_t state = 0; state < 256; ++state) {
    for (const auto bids : counts) {
      for (const auto asks : counts) {
        copy.put(book_word::status, state | 1 << 16 | bids << 32 | asks << 48);
        const bool is_good = state <= 7 && bids <= 25 && asks <= 25;
        const auto wanted = is_good ? ReadStatus::Ok : ReadStatus::Corrupt;
        ASSERT_EQ(reader.read(0, view, start, 10), wanted) << state << ' ' << bids << ' ' << asks;
        ASSERT_EQ(reader.read_best(0, best, start), wanted) << state << ' ' << bids << ' ' << asks;
      }
    }
  }
}

TEST(BookTable, ACountThatLiesDoesNotLeadOutOfTheTable) {
  Segment segment = book_table_in_memory(2);
  BookTableReader reader(segment, rate);
  segment.writable_header().kind_words[0].value.store(UINT64_MAX, std::memory_order_release);
  EXPECT_EQ(reader.count(), 2U);
  BookView view;
  EXPECT_EQ(reader.read(2, view, start, 1), ReadStatus::Empty);
}

TEST(BookTable, ASegmentOfAnotherKindIsRefused) {
  SegmentSpec spec = book_table_spec(1);
  spec.kind = SegmentKind::Catalogue;
  Segment segment = create_private_segment(spec);
  const Segment nothing;
  EXPECT_THROW(BookTableWriter{segment}, std::system_error);
  for (const Segment* other : {&std::as_const(segment), &nothing}) {
    BookTableReader reader(*other, rate);
    BookView view;
    BestView best;
    EXPECT_EQ(reader.count(), 0U);
    EXPECT_EQ(reader.instrument_at(0), std::nullopt);
    EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Corrupt);
    EXPECT_EQ(reader.read_best(0, best, start), ReadStatus::Corrupt);
  }
}

class LiveBookTable : public ::testing::Test {
 protected:
  void SetUp() override {
    writer_segment_ = create_segment(named_spec());
    writer_.emplace(writer_segment_);
    writer_->update(writer_->add(InstrumentId{1}), view_of(2, 2, 100));
    writer_->beat(start);
    ASSERT_EQ(attach_segment("test", "books.w0.0", SegmentKind::BookTable, reader_segment_),
              AttachStatus::Ok);
    reader_.emplace(reader_segment_, rate);
  }
  ReadStatus read(Ticks now) {
    BookView view;
    view.epoch = 4711;
    const auto status = reader_->read(0, view, now, book_levels_max);
    EXPECT_EQ(view.epoch, status == ReadStatus::Ok ? 100U : 4711U);
    return status;
  }

  TemporaryRoot root_;
  Segment writer_segment_, reader_segment_;
  std::optional<BookTableWriter> writer_;
  std::optional<BookTableReader> reader_;
};

TEST_F(LiveBookTable, AClosedTableIsGoneWithinTheBoundAndItsValueIsNotGivenOut) {
  EXPECT_EQ(read(start), ReadStatus::Ok);
  writer_segment_ = Segment{};
  // Within the period the last look counts, after it there is a new one.
  EXPECT_EQ(read(after(book_liveness_period_ns - 1)), ReadStatus::Ok);
  EXPECT_EQ(read(after(book_liveness_period_ns)), ReadStatus::WriterGone);
  EXPECT_EQ(read(after(book_liveness_period_ns + 1)), ReadStatus::WriterGone);
}

TEST_F(LiveBookTable, AnOldHeartbeatIsStaleUntilTheNextOne) {
  EXPECT_EQ(read(after(book_heartbeat_bound_ns)), ReadStatus::Ok);
  EXPECT_EQ(read(after(book_heartbeat_bound_ns + book_liveness_period_ns)),
            ReadStatus::WriterStale);
  writer_->beat(after(book_heartbeat_bound_ns + book_liveness_period_ns));
  EXPECT_EQ(read(after(book_heartbeat_bound_ns + 2 * book_liveness_period_ns)), ReadStatus::Ok);
}

TEST_F(LiveBookTable, AReplacedTableIsSuperseded) {
  writer_segment_.writable_header().state.store(
      static_cast<std::uint32_t>(SegmentState::Superseded), std::memory_order_release);
  EXPECT_EQ(read(start), ReadStatus::Superseded);
}

TEST(BookTableOfAnotherProcess, IsGoneTenMillisecondsAfterItWasKilled) {
  const TemporaryRoot root;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Segment segment = create_segment(named_spec());
    BookTableWriter writer(segment);
    writer.update(writer.add(InstrumentId{1}), view_of(2, 2, 100));
    writer.beat(start);
    const bool told = ::write(ready[1], "r", 1) == 1;
    while (told) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  Segment segment;
  ASSERT_EQ(attach_segment("test", "books.w0.0", SegmentKind::BookTable, segment),
            AttachStatus::Ok);
  BookTableReader reader(segment, rate);
  BookView view;
  EXPECT_EQ(reader.read(0, view, start, 1), ReadStatus::Ok);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // The last heartbeat was at `start`: a writer is believed for liveness_probe_after_ns.
  EXPECT_EQ(reader.read(0, view, after(10'000'000), 1), ReadStatus::WriterGone);
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace ringside::ipc
