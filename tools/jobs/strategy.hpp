// How a batch is run: on the caller's thread, by the pool, or through a queue of reads; and which
// of these costs least, by what they have cost so far. Unlike a threshold in items it follows the
// machine: an estimate is begin + items x cost, both measured, the cost of what has not been tried
// yet taken for the best that it could be.
//
// Threads: one. Bounded by: nothing grows. Fails by: nothing.
//
// What costs more is tried again after retry_batches batches times how much more it had cost, so
// that trying costs at most one part in retry_batches. A sample counts as at most surprise_max
// times what was expected: one that lost its core is no news.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringside::jobs {

// What an item is made of.
enum class OperationKind : std::uint8_t { Compute, Read, ReadAndCompute };

// Queue: reads through io_uring; what is computed of them by the pool (ReadAndCompute) or by the
// caller (Read).
enum class Strategy : std::uint8_t { InPlace, Pool, Queue };
inline constexpr std::size_t strategies = 3;
const char* name_of(Strategy strategy) noexcept;

// What one way of running so many items took.
struct StrategyCost {
  std::size_t items = 0;
  double begin_ns = 0;  // until the first item had begun, and after the last had ended
  double work_ns = 0;   // between
};

class Costs {
 public:
  static constexpr double retry_batches = 64;
  static constexpr double surprise_max = 4;
  static constexpr double kept_share = 0.75;  // of the weight of what is known, each time

  // hand_over_ns: to a worker that sleeps, and back.
  Costs(OperationKind kind, unsigned workers, unsigned depth, double hand_over_ns);

  // Nothing is known of what an item costs in place, or it was too long ago.
  [[nodiscard]] bool wants_probe() const noexcept;
  // The cheapest of those allowed (bits, by Strategy); counts as one batch.
  [[nodiscard]] Strategy choose(std::size_t items, unsigned allowed) noexcept;
  void learn(Strategy strategy, const StrategyCost& cost) noexcept;
  [[nodiscard]] double expected_ns(Strategy strategy, std::size_t items) const noexcept;
  [[nodiscard]] double hand_over_ns() const noexcept { return hand_over_ns_; }

 private:
  struct Known {
    double items = 0, work_ns = 0;    // sums that fade
    double begins = 0, begin_ns = 0;  // the same, a batch each
    double batches_ago = 0;
    [[nodiscard]] bool tried() const { return items > 0; }
  };
  [[nodiscard]] double item_ns(Strategy strategy) const noexcept;
  [[nodiscard]] double begin_ns(Strategy strategy) const noexcept;

  OperationKind kind_;
  double workers_, depth_, hand_over_ns_;
  std::array<Known, strategies> known_{};
};

}  // namespace ringside::jobs
