#include "ipc/word_pair.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace ringside::ipc {
namespace {

struct alignas(16) Words {
  std::array<Atomic<std::uint64_t>, 16> words;

  Words() {
    for (std::size_t i = 0; i < words.size(); ++i)
      words[i].store(0x0123'4567'89ab'cdefULL * (2 * i + 1), std::memory_order_relaxed);
  }
};

// Behind what is copied nothing changes.
struct alignas(64) Out {
  std::array<unsigned char, 128> bytes;
};

template <typename Copy>
Out copied(const Words& from, std::size_t word, std::size_t to, Copy copy) {
  Out out;
  out.bytes.fill(0xa5);
  copy(&from.words[word], out.bytes.data() + to);
  return out;
}

// The twins, and the one that is used, whatever it is here.
TEST(WordPair, EveryWayOfCopyingAPairSaysTheSame) {
  const Words from;
  for (std::size_t word = 0; word + 2 <= from.words.size(); word += 2) {
    for (std::size_t to = 0; to + 16 <= sizeof(Out); ++to) {  // aligned or not
      Out wanted;
      wanted.bytes.fill(0xa5);
      for (std::size_t i = 0; i < 2; ++i) {
        const auto value = from.words[word + i].load(std::memory_order_relaxed);
        std::memcpy(wanted.bytes.data() + to + 8 * i, &value, 8);
      }
      ASSERT_EQ(copied(from, word, to, copy_pair_by_words).bytes, wanted.bytes);
      ASSERT_EQ(copied(from, word, to, copy_pair).bytes, wanted.bytes);
#if RINGSIDE_VECTOR_PAIRS
      ASSERT_EQ(copied(from, word, to, copy_pair_by_vector).bytes, wanted.bytes);
#endif
    }
  }
}

}  // namespace
}  // namespace ringside::ipc
