// A value of several words that one process replaces and any number of others read: two copies,
// each with its own sequence, and a word that says which is whole. After Boehm, "Can seqlocks get
// along with programming language memory models?" (2012), without fences, and doubled.
//
// Unlike a plain seqlock a writer that is killed half-way leaves the previous value readable, and a
// reader has to try again only if two whole updates went by while it read.
//
// Threads: write() from one thread of one process. read() from any thread of any process; it never
// writes, so that a read-only mapping will do. Bounded by: Words. Fails by: read() answers Retry;
// how often to try again is the caller's to bound.
//
// Invariants: current = number of whole updates so far, 0: none. copies[v % 2].sequence = 2v - 1
// while update v is being written, 2v once it is whole.
//
// Order of the words (P: writer, C: reader):
//   P1 sequence = 2v - 1  relaxed, before P2      C3 relaxed: a reader that saw a word of update v
//                                                    (C2) sees at least this, and gives up
//   P2 words              release each            C2 acquire each
//   P3 sequence = 2v      release                 C3 relaxed: a reader that saw current = v (C1)
//                                                    sees at least this
//   P4 current = v        release                 C1 acquire: P2 and P3 of update v are there
// One look at the sequence, behind the words, says both that update v was there and that none came
// after it. P3 is release for readers who take a copy without asking which is newest; for those
// here P4 and C1 order it. tests/model weakens each of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ipc/shared_words.hpp"
#include "ipc/word_pair.hpp"

namespace ringside::ipc {

enum class LatchStatus : std::uint8_t { Ok = 0, Empty, Retry };

template <std::size_t Words>
struct alignas(64) LatchCopy {
  Atomic<std::uint64_t> sequence;
  std::array<Atomic<std::uint64_t>, Words> words;

  void put(std::size_t index, std::uint64_t value) noexcept {
    words[index].store(value, std::memory_order_release);  // P2: pairs with C2
  }
  [[nodiscard]] std::uint64_t take(std::size_t index) const noexcept {
    return words[index].load(std::memory_order_acquire);  // C2: pairs with P2
  }
  // Words `index` and `index + 1` into the 16 bytes at `out`. An odd index: the pair is aligned.
  void take_pair(std::size_t index, void* out) const noexcept {
    copy_pair(&words[index], out);  // C2: pairs with P2
  }
};

// Lies in shared memory; all bytes 0 is the empty latch.
template <std::size_t Words>
struct alignas(128) Latch {
  using Copy = LatchCopy<Words>;

  Atomic<std::uint64_t> current;
  Plain<std::uint64_t> tag;  // the user's; does not change once readers know the latch
  std::uint8_t reserved[112];
  std::array<Copy, 2> copies;

  // `fill(Copy&)` stores the words it wants to change the meaning of; the others keep what the
  // update before last left there.
  template <typename Fill>
  void write(Fill&& fill) noexcept {
    const auto version = current.load(std::memory_order_relaxed) + 1;  // owner: only writer
    Copy& copy = copies[version % 2];
    copy.sequence.store(2 * version - 1, std::memory_order_relaxed);  // P1: pairs with C3
    fill(copy);
    copy.sequence.store(2 * version, std::memory_order_release);  // P3: pairs with C3
    current.store(version, std::memory_order_release);            // P4: pairs with C1
  }

  // `take(const Copy&)` loads words into private memory and must stand any values: what it took is
  // of one update only if this answers Ok.
  template <typename Take>
  [[nodiscard]] LatchStatus read(Take&& take) const noexcept {
    const auto version = current.load(std::memory_order_acquire);  // C1: pairs with P4
    if (version == 0) return LatchStatus::Empty;
    const Copy& copy = copies[version % 2];
    take(copy);
    const auto sequence = copy.sequence.load(std::memory_order_relaxed);  // C3: pairs with P1, P3
    return sequence == 2 * version ? LatchStatus::Ok : LatchStatus::Retry;
  }
};

}  // namespace ringside::ipc
