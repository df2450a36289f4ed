// When which instrument may ask its collector for a new snapshot: at once the first time, later
// ever more slowly, and never too many at a time of one ring, because venues count requests.
//
//     wanted --(due, a place in its ring is free)--> asked --(collector says so)--> acknowledged
//       ^                                              |                                |
//       '---- no snapshot within its time -------------+--------------------------------'
//     settled(): from anywhere, when the new book is whole.
//
// Threads: one. Bounded by: instruments_max requests, each instrument has at most one;
// ResyncPolicy. Fails by: failed(): attempts_max requests in a row did not bring a lasting book; it
// keeps asking, every interval_max.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ringside/instrument.hpp"
#include "ringside/state.hpp"
#include "ringside/time.hpp"

namespace ringside::orderbook {

using SourceIndex = std::uint32_t;      // of a collector thread's ring, from 0
using InstrumentIndex = std::uint32_t;  // of an instrument within one worker, from 0

inline constexpr SourceIndex sources_max = 64;
// Not older than any epoch: for when the worker cannot know it.
inline constexpr std::uint32_t epoch_any = ~std::uint32_t{0};

// In ticks. Defaults for ticks of a nanosecond; scaled() for others.
struct ResyncPolicy {
  std::uint64_t interval_min = 1'000'000'000;          // after the first request
  std::uint64_t interval_max = 60'000'000'000;         // doubling ends here
  std::uint64_t answer_within = 10'000'000'000;        // else asked again, whatever the epoch
  std::uint64_t acknowledged_within = 60'000'000'000;  // the collector is at it
  std::uint64_t calm = 60'000'000'000;  // a book this long whole: attempts start anew
  std::uint32_t attempts_max = 8;
  std::uint32_t concurrent_max = 8;  // asked and not settled, of one ring

  [[nodiscard]] ResyncPolicy scaled(double ticks_per_ns) const noexcept;
};

class ResyncSchedule {
 public:
  struct Due {
    InstrumentIndex instrument;
    SourceIndex source;
    std::uint32_t epoch;
    Cause cause;
  };
  struct Counts {
    std::uint64_t requested = 0;
    std::uint64_t timed_out = 0;
    std::uint64_t limit_reached = 0;  // times an instrument became failed()
  };

  ResyncSchedule(const ResyncPolicy& policy, std::uint32_t instruments_max);

  // The next index is count(). At most instruments_max.
  void add() noexcept;

  // A new snapshot is needed: the book of `epoch` is no good. The answer to an earlier request, if
  // one is out, has come and was no good either.
  void want(InstrumentIndex instrument, SourceIndex source, std::uint32_t epoch, Cause cause,
            Ticks now) noexcept;
  // The collector is fetching a snapshot, asked or by itself.
  void acknowledged(InstrumentIndex instrument, Ticks now) noexcept;
  // The book is whole and good.
  void settled(InstrumentIndex instrument, Ticks now) noexcept;
  // It is no longer the collector's to answer: no connection, or no collector.
  void cancel(InstrumentIndex instrument) noexcept;
  // It could not be handed over: as if it had not been due; due again after `delay` ticks.
  void undo(InstrumentIndex instrument, Ticks now, std::uint64_t delay) noexcept;

  [[nodiscard]] bool open(InstrumentIndex instrument) const noexcept {
    return entries_[instrument].stage != Stage::None;
  }
  [[nodiscard]] bool failed(InstrumentIndex instrument) const noexcept {
    return entries_[instrument].failed;
  }

  // Looks for requests that ran out of time or have become due. About every ms.
  void on_tick(Ticks now) noexcept;
  // The next request to hand over, oldest first; it counts as asked. Cheap when there is none.
  [[nodiscard]] std::optional<Due> next(Ticks now) noexcept;

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  enum class Stage : std::uint8_t { None = 0, Wanted, Asked, Acknowledged };
  struct Entry {
    Ticks not_before;
    Ticks asked;  // when it was asked, or acknowledged
    Ticks settled;
    std::uint32_t epoch = 0;
    std::uint32_t attempts = 0;
    SourceIndex source = 0;
    Cause cause = Cause::None;
    Stage stage = Stage::None;
    bool listed = false;
    bool was_settled = false;
    bool failed = false;
  };

  // Whether it takes one of its ring's places.
  static bool takes_place(Stage stage) noexcept {
    return stage == Stage::Asked || stage == Stage::Acknowledged;
  }
  void set_stage(Entry& entry, Stage stage) noexcept;
  void list(InstrumentIndex instrument) noexcept;
  void postpone(Entry& entry, Ticks now) noexcept;

  ResyncPolicy policy_;
  std::vector<Entry> entries_;
  std::vector<InstrumentIndex> open_;  // stage is not None, oldest first
  std::vector<std::uint32_t> asked_of_source_;
  Counts counts_;
  bool look_ = false;  // something may have become due
};

}  // namespace ringside::orderbook
