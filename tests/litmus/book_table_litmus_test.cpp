// One thread publishes books as fast as it can, others read them.
//
// Allowed: a whole value, never older than one read before; Retry. Forbidden: a value of which two
// parts come from different updates; an older value after a newer one; anything else.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "ipc/book_table.hpp"
#include "tests/ipc/temporary_root.hpp"

namespace ringside::ipc {
namespace {

constexpr std::uint64_t reads_wanted = 20'000;
const TickRate rate = TickRate::of(1.0, false);

// Every word of a value follows from its number, and so do the counts.
void fill(BookView& view, std::uint64_t number) {
  const auto mark = static_cast<std::int64_t>(number);
  view.state = State::Live;
  view.verified = number % 2 == 0;
  view.epoch = static_cast<std::uint32_t>(number);
  view.receive = view.publish = Ticks{number};
  view.exchange = UtcNs{-mark};
  view.updates = number;
  view.bid_count = static_cast<std::uint32_t>(number % (book_levels_max + 1));
  view.ask_count = static_cast<std::uint32_t>((number / 3) % (book_levels_max + 1));
  for (std::uint32_t i = 0; i < view.bid_count; ++i) {
    view.bids[i] = Level{Price{mark - i}, Quantity{mark + i}};
  }
  for (std::uint32_t i = 0; i < view.ask_count; ++i) {
    view.asks[i] = Level{Price{mark + i + 1}, Quantity{-mark - i}};
  }
}

bool is_whole(const BookView& view) {
  const auto number = view.updates;
  BookView wanted;
  fill(wanted, number);
  bool same = view.state == wanted.state && view.verified == wanted.verified &&
              view.epoch == wanted.epoch && view.receive == wanted.receive &&
              view.publish == wanted.publish && view.exchange == wanted.exchange &&
              view.bid_count == wanted.bid_count && view.ask_count == wanted.ask_count;
  for (std::uint32_t i = 0; same && i < wanted.bid_count; ++i) {
    same = view.bids[i] == wanted.bids[i];
  }
  for (std::uint32_t i = 0; same && i < wanted.ask_count; ++i) {
    same = view.asks[i] == wanted.asks[i];
  }
  return same;
}

// Reads until enough values came; returns how many forbidden outcomes there were.
std::uint64_t read_values(const Segment& segment, std::uint64_t wanted) {
  BookTableReader reader(segment, rate);
  BookView view;
  std::uint64_t good = 0, forbidden = 0, newest = 0;
  while (good < wanted && forbidden == 0) {
    const auto status = reader.read(0, view, Ticks{1}, book_levels_max);
    if (status == ReadStatus::Retry) continue;
    if (status != ReadStatus::Ok || !is_whole(view) || view.updates < newest) ++forbidden;
    newest = view.updates;
    ++good;
  }
  return forbidden;
}

TEST(BookTableLitmus, AReaderSeesWholeValuesInOrderWhileTheyAreReplaced) {
  Segment segment = book_table_in_memory(1);
  BookTableWriter writer(segment);
  BookView view;
  fill(view, 1);
  writer.update(writer.add(InstrumentId{1}), view);
  std::atomic<unsigned> reading{2};
  std::atomic<std::uint64_t> forbidden{0};
  const auto read = [&] {
    forbidden.fetch_add(read_values(segment, reads_wanted), std::memory_order_relaxed);
    reading.fetch_sub(1, std::memory_order_relaxed);
  };
  std::thread first(read), second(read);
  for (std::uint64_t number = 2; reading.load(std::memory_order_relaxed) > 0; ++number) {
    fill(view, number);
    writer.update(0, view);
  }
  first.join();
  second.join();
  EXPECT_EQ(forbidden.load(std::memory_order_relaxed), 0U);
}

// Allowed: an entry that is not there yet, or one with its instrument. Forbidden: another number.
TEST(BookTableLitmus, AnEntryThatIsCountedHasItsInstrument) {
  constexpr std::uint32_t entries = 4096;
  Segment segment = book_table_in_memory(entries);
  BookTableWriter writer(segment);
  std::thread adding([&] {
    for (std::uint32_t i = 0; i < entries; ++i) writer.add(InstrumentId{i + 1000});
  });
  const BookTableReader reader(segment, rate);
  std::uint32_t seen = 0;
  while (seen < entries) {
    const auto count = reader.count();
    for (; seen < count; ++seen) {
      ASSERT_EQ(reader.instrument_at(seen), InstrumentId{seen + 1000});
    }
  }
  adding.join();
}

[[noreturn]] void publish_for_ever(int ready) {
  SegmentSpec spec = book_table_spec(1);
  spec.instance = "test";
  spec.name = "books.w0.0";
  Segment segment = create_segment(spec);
  BookTableWriter writer(segment);
  BookView view;
  fill(view, 1);
  writer.update(writer.add(InstrumentId{1}), view);
  if (::write(ready, "r", 1) != 1) ::_exit(1);
  for (std::uint64_t number = 2;; ++number) {
    fill(view, number);
    writer.update(0, view);
    writer.beat(Ticks{1});
  }
}

// Allowed: the last whole value stays in the entry, and no read gives it out. Forbidden: an entry
// that can no longer be read, or a read that answers Ok.
TEST(BookTableLitmus, AWriterKilledAtAnyMomentLeavesAWholeValueThatIsNotGivenOut) {
  const TemporaryRoot root;
  for (unsigned round = 0; round < 20; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) publish_for_ever(ready[1]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    Segment segment;
    ASSERT_EQ(attach_segment("test", "books.w0.0", SegmentKind::BookTable, segment),
              AttachStatus::Ok);
    EXPECT_EQ(read_values(segment, 100 + 37 * round), 0U);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    BookTableReader reader(segment, rate);
    BookView view;
    EXPECT_EQ(reader.read(0, view, Ticks{1'000'000'000}, 1), ReadStatus::WriterGone);
    const auto& entry = *reinterpret_cast<const BookEntry*>(segment.data().data());
    std::uint64_t updates = 0, receive = 0;
    const auto status = entry.read([&](const BookEntry::Copy& copy) {
      updates = copy.take(book_word::updates);
      receive = copy.take(book_word::receive_tsc);
    });
    EXPECT_EQ(status, LatchStatus::Ok);
    EXPECT_EQ(updates, receive);
    remove_dead_segments("test");
  }
}

}  // namespace
}  // namespace ringside::ipc
