// A latch is rewritten as fast as it goes, and read with each way of copying pairs of words.
//
// Allowed: all words of one update, never an older one than before; Retry. Forbidden: words of two
// updates, a word that nobody wrote, an older value.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "ipc/latch.hpp"

namespace ringside::ipc {
namespace {

constexpr std::size_t words = 15;  // words 1..14 in pairs
constexpr std::uint64_t values_wanted = 20'000;
using TestLatch = Latch<words>;

// The two halves of a word say the same: one that is torn is seen.
std::uint64_t word_of(std::uint64_t number, std::size_t index) {
  const auto half = (number + index) & 0xffff'ffffU;
  return half | half << 32U;
}

template <typename Copy>
void expect_whole_values(Copy copy_two) {
  TestLatch latch{};
  std::atomic<bool> done{false};
  const auto write = [&](std::uint64_t number) {
    latch.write([&](TestLatch::Copy& copy) {
      for (std::size_t i = 0; i < words; ++i) copy.put(i, word_of(number, i));
    });
  };
  write(1);
  std::thread reading([&] {
    std::uint64_t newest = 0;
    for (std::uint64_t good = 0; good < values_wanted;) {
      std::array<std::uint64_t, words> value{};
      const auto status = latch.read([&](const TestLatch::Copy& copy) {
        value[0] = copy.take(0);
        for (std::size_t i = 1; i < words; i += 2) copy_two(&copy.words[i], &value[i]);
      });
      if (status != LatchStatus::Ok) continue;
      ++good;
      const auto number = value[0] & 0xffff'ffffU;
      bool whole = number >= newest;
      for (std::size_t i = 0; i < words; ++i) whole &= value[i] == word_of(number, i);
      EXPECT_TRUE(whole) << number << " after " << newest;
      if (!whole) break;
      newest = number;
    }
    done.store(true, std::memory_order_release);
  });
  for (std::uint64_t number = 2; !done.load(std::memory_order_acquire); ++number) write(number);
  reading.join();
}

TEST(WordPairLitmus, PairsByWordsAreOfOneUpdate) { expect_whole_values(copy_pair_by_words); }
TEST(WordPairLitmus, PairsAsTheyAreCopiedHereAreOfOneUpdate) { expect_whole_values(copy_pair); }
#if RINGSIDE_VECTOR_PAIRS
TEST(WordPairLitmus, PairsByVectorsAreOfOneUpdate) { expect_whole_values(copy_pair_by_vector); }
#endif

}  // namespace
}  // namespace ringside::ipc
