// The latch, which is the book table's entry and the clock page, and the table's count, over the
// checker.
//
// Allowed: a whole value, never older than one this reader had; Retry, if two whole updates went
// by. Forbidden: words of two updates, a value that goes back, any other Retry, a data race on the
// instrument of a counted entry.
#include <memory>

#include "ipc/book_table.hpp"
#include "ipc/latch.hpp"
#include "tests/model/mutants.hpp"

namespace ringside::ipc {
namespace {

using namespace ringside::model;

constexpr std::size_t words = 3;
constexpr std::uint64_t updates = 5;
constexpr unsigned reads_each = 5;
using SmallLatch = Latch<words>;

void name_words(Checker& checker, const SmallLatch& latch) {
  checker.name(&latch, sizeof latch, "words");
  checker.name(&latch.current, 8, "current");
  for (const auto& copy : latch.copies) checker.name(&copy.sequence, 8, "sequence");
}

void read_values(Checker& checker, const SmallLatch& latch, const std::uint64_t& begun) {
  std::uint64_t newest = 0;
  for (unsigned i = 0; i < reads_each; ++i) {
    std::array<std::uint64_t, words> value{};
    const auto status = latch.read([&](const SmallLatch::Copy& copy) {
      value[0] = copy.take(0);
      copy.take_pair(1, &value[1]);
    });
    if (status == LatchStatus::Ok) {
      checker.forbid(value[0] != value[1] || value[0] != value[2], "words of two updates");
      checker.forbid(value[0] < newest, "a value that goes back");
      newest = value[0];
    } else if (status == LatchStatus::Retry) {
      checker.forbid(begun < *checker.last_seen(&latch.current) + 2,
                     "a retry without two updates in between");
    }
  }
}

void latch(Checker& checker) {
  const auto latch = std::make_unique<SmallLatch>();
  name_words(checker, *latch);
  std::uint64_t begun = 0;  // of the test, not of the model
  checker.thread([&] {
    for (std::uint64_t number = 1; number <= updates; ++number) {
      begun = number;
      latch->write([&](SmallLatch::Copy& copy) {
        for (std::size_t i = 0; i < words; ++i) copy.put(i, number);
      });
    }
  });
  checker.thread([&] { read_values(checker, *latch, begun); });
  checker.thread([&] { read_values(checker, *latch, begun); });
  checker.run();
}

void counted_entries(Checker& checker) {
  Segment segment = book_table_in_memory(3);
  checker.name(&segment.writable_header().kind_words[0], 8, "count");
  BookTableWriter writer(segment);
  checker.thread([&] {
    for (std::uint32_t i = 0; i < 3; ++i) writer.add(InstrumentId{i + 1000});
  });
  checker.thread([&] {
    const BookTableReader reader(segment, TickRate::of(1.0, false));
    for (unsigned look = 0; look < 4; ++look) {
      const auto count = reader.count();
      for (std::uint32_t i = 0; i < count; ++i) {
        checker.forbid(reader.instrument_at(i) != InstrumentId{i + 1000}, "another instrument");
      }
    }
  });
  checker.run();
}

constexpr auto release = std::memory_order_release;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto relaxed = std::memory_order_relaxed;

TEST(LatchModel, TheLatchHolds) { expect_sound(latch); }
TEST(LatchModel, TheCountOfEntriesHolds) { expect_sound(counted_entries); }

TEST(LatchModel, EveryMutantIsCaught) {
  const std::vector<Mutant> mutants{
      {"P1: no mark that the copy is being written",
       latch,
       {{"sequence", Access::Store, relaxed, Change::Dropped}}},
      {"P2: words stored relaxed", latch, {{"words", Access::Store, release, Change::Relaxed}}},
      {"P3: the copy is never called whole",
       latch,
       {{"sequence", Access::Store, release, Change::Dropped}}},
      {"P4: current stored relaxed", latch, {{"current", Access::Store, release, Change::Relaxed}}},
      {"C1: current loaded relaxed", latch, {{"current", Access::Load, acquire, Change::Relaxed}}},
      {"C2: words loaded relaxed", latch, {{"words", Access::Load, acquire, Change::Relaxed}}},
      {"C3: no look at the sequence",
       latch,
       {{.word = "sequence",
         .access = Access::Load,
         .order = relaxed,
         .change = Change::Implied,
         .amount = 2,
         .of = "current"}}},
      {"P3 and P4 relaxed",
       latch,
       {{"sequence", Access::Store, release, Change::Relaxed},
        {"current", Access::Store, release, Change::Relaxed}}},
      {"table P2: count stored relaxed",
       counted_entries,
       {{"count", Access::Store, release, Change::Relaxed}}},
      {"table C1: count loaded relaxed",
       counted_entries,
       {{"count", Access::Load, acquire, Change::Relaxed}}},
  };
  expect_caught(mutants);
}

// P4 and C1 order whatever P3 does: it stands for a reader who takes a copy without asking for the
// newest.
TEST(LatchModel, TheSequencesOrderIsASecondNet) {
  const std::vector<Mutant> mutants{
      {"P3: sequence stored relaxed",
       latch,
       {{"sequence", Access::Store, release, Change::Relaxed}}},
  };
  expect_held_by_another(mutants);
}

}  // namespace
}  // namespace ringside::ipc
