// A market out of a seed: books that walk, trades, in bursts. Its course depends on the seed and
// the spec alone; its times count from the first subscription. Open loop: events are due when they
// are due, and when clients are too slow to take them, they come late but come.
//
// Threads: one. Bounded by: steps_max events a call; GeneratorSpec::levels levels a side, and a
// tenth.
#pragma once

#include <vector>

#include "tools/exchange/random.hpp"
#include "tools/exchange/source.hpp"
#include "tools/exchange/spec.hpp"
#include "tools/exchange/venue.hpp"

namespace ringside::exchange {

// Lists the instruments of the spec, in plausible precisions of their own, with full books.
void list_instruments(Market& market, const GeneratorSpec& spec, const TradingShape& shape,
                      Random& random);

// When the next event is due: bursts of events microseconds apart, with gaps between them, as
// recorded feeds show (a Poisson stream would flatter whoever reads it).
class BurstSchedule {
 public:
  BurstSchedule(const GeneratorSpec& spec);
  // Nanoseconds from one event to the next.
  std::int64_t gap_ns(Random& random);

 private:
  double inside_ns_;   // mean gap inside a burst
  double between_ns_;  // mean gap between bursts
  double burst_;
  std::uint64_t left_ = 0;
};

class Generator final : public Source {
 public:
  struct Options {
    GeneratorSpec spec;
    std::uint64_t seed = 0;
  };
  // `random` continues the sequence that list_instruments() drew from.
  Generator(const Options& options, Random random, Market& market, Venue& venue, Outlet& outlet);

  UtcNs advance(UtcNs now) override;
  // Events a second from here on, all symbols; not 0.
  void change_rate(std::uint32_t rate);
  void on_refined(ListingIndex listing, Decimals more) override;

 private:
  void step(UtcNs time);
  [[nodiscard]] Level near_top(const std::vector<Level>& levels);
  void trade(Listing& listing, ListingIndex index, UtcNs time);
  void change(Listing& listing);
  void change_deep(Listing& listing);
  void insert(Listing& listing, Side side);
  void insert_beyond(Listing& listing, Side side);
  void walk(Listing& listing);
  [[nodiscard]] UtcNs fresh_time(ListingIndex index, UtcNs time);

  GeneratorSpec spec_;
  TradingShape shape_;
  Random random_;
  BurstSchedule schedule_;
  Market& market_;
  Venue& venue_;
  Outlet& outlet_;
  std::vector<UtcNs> last_times_;         // by listing: times only grow
  std::vector<std::uint64_t> trade_ids_;  // by listing
  std::vector<Price> anchors_;            // by listing: the walk is drawn back to it
  bool begun_ = false;
  UtcNs due_;
  UtcNs end_;
};

}  // namespace ringside::exchange
