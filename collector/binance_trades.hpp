// Trade ids of one instrument: +1 each on every Binance market. Tells a repeated trade, which must
// not be counted twice, from a late one, and counts those that never came.
//
// Threads: none. Bounded by: the newest 64 ids; an older one begins the count anew.
#pragma once

#include <cstdint>

namespace ringside::collector {

class TradeIds {
 public:
  enum class Verdict : std::uint8_t { Next = 0, AfterGap, Late, Repeated };

  constexpr Verdict take(std::uint64_t id) noexcept {
    if (seen_ == 0) {
      newest_ = id;
      seen_ = 1;
      return Verdict::Next;
    }
    if (id > newest_) {
      const auto step = id - newest_;
      seen_ = step < 64 ? (seen_ << step) | 1 : 1;
      newest_ = id;
      return step == 1 ? Verdict::Next : Verdict::AfterGap;
    }
    const auto age = newest_ - id;
    if (age >= 64) {  // no stream repeats so late: the newest id was damaged, or ids begin anew
      newest_ = id;
      seen_ = 1;
      return Verdict::AfterGap;
    }
    if ((seen_ >> age & 1) != 0) return Verdict::Repeated;
    seen_ |= std::uint64_t{1} << age;
    return Verdict::Late;
  }
  // A new connection: what came meanwhile was never promised.
  constexpr void restart() noexcept { seen_ = 0; }

 private:
  std::uint64_t newest_ = 0;
  std::uint64_t seen_ = 0;  // bit i: newest_ - i was seen; 0: nothing was
};

}  // namespace ringside::collector
