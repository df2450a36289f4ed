// Two threads and the queue of changes between them: each change arrives once, whole, in order, and
// is known to be applied only when it was.
#include "collector/change_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace ringside::collector {
namespace {

ThreadChange change_of(std::uint32_t number) {
  ThreadChange change;
  change.what =
      number % 2 == 0 ? ThreadChange::What::AddInstrument : ThreadChange::What::RemoveInstrument;
  change.session = number;
  // Longer than what a string holds without memory of its own.
  change.instrument = {"SYMBOL-WITH-A-LONG-NAME-" + std::to_string(number),
                       InstrumentId::of(0, number), number};
  return change;
}

TEST(ChangeQueue, TakesSoManyAndThenNoneUntilOneWasApplied) {
  ChangeQueue queue;
  EXPECT_EQ(queue.front(), nullptr);
  EXPECT_TRUE(queue.drained());
  for (std::uint32_t i = 0; i < changes_queued_max; ++i) {
    auto change = change_of(i);
    ASSERT_TRUE(queue.post(change));
  }
  auto one_more = change_of(1000);
  EXPECT_FALSE(queue.post(one_more));
  EXPECT_EQ(one_more.instrument.symbol, change_of(1000).instrument.symbol) << "it is as it was";
  EXPECT_FALSE(queue.drained());
  ASSERT_NE(queue.front(), nullptr);
  EXPECT_EQ(queue.front()->session, 0U);
  EXPECT_FALSE(queue.post(one_more)) << "looked at is not applied";
  queue.pop();
  EXPECT_TRUE(queue.post(one_more));
}

// Forbidden: a change twice, none, torn, out of order; drained() before what was posted has had its
// effect. The effect is a plain word: ThreadSanitizer sees whether drained() orders it.
TEST(ChangeQueue, WhatIsSeenOnTheOtherSideIsWholeAndInOrder) {
  constexpr std::uint32_t count = 20'000;
  ChangeQueue queue;
  std::uint64_t effect = 0;
  std::jthread applier([&] {
    for (std::uint32_t expected = 0; expected < count;) {
      ThreadChange* const change = queue.front();
      if (change == nullptr) {
        std::this_thread::yield();
        continue;
      }
      const auto wanted = change_of(expected);
      ASSERT_EQ(change->session, wanted.session);
      ASSERT_EQ(change->what, wanted.what);
      ASSERT_EQ(change->instrument.symbol, wanted.instrument.symbol);
      ++effect;
      ++expected;
      queue.pop();
    }
  });
  for (std::uint32_t i = 0; i < count; ++i) {
    auto change = change_of(i);
    while (!queue.post(change)) std::this_thread::yield();
    if (i % 1000 != 999) continue;
    while (!queue.drained()) std::this_thread::yield();
    ASSERT_EQ(effect, i + 1);
  }
}

}  // namespace
}  // namespace ringside::collector
