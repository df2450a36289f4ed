// What moves the market: the generator, or a capture.
#pragma once

#include "ringside/time.hpp"
#include "tools/exchange/market.hpp"

namespace ringside::exchange {

// Comes round soon when nothing is known to be due.
inline constexpr std::int64_t idle_ns = 20'000'000;

class Source {
 public:
  virtual ~Source() = default;
  // Does what is due, a bounded part of it, and nothing while the outlet is congested. Returns when
  // to be called next; `now` for "at once".
  virtual UtcNs advance(UtcNs now) = 0;
  // The listing's mantissas have so many more decimals now.
  virtual void on_refined(ListingIndex, Decimals) {}
};

}  // namespace ringside::exchange
