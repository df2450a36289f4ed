// What a feed was like, by instrument: rates, spread, depth, silence, gaps.
//
// Spread and depth are weighted by how long they stood, while the book was live and had both sides;
// by our clock, which goes on alone between messages. Minima and maxima are exact, means are not.
//
// Deterministic. Threads: one. Bounded by: a few words an instrument, and the levels looked at.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"

namespace ringside::tools {

inline constexpr std::uint32_t statistics_levels = 10;  // that count as depth

// How many came in the busiest second, and in how many seconds some did; seconds of UTC.
class Rate {
 public:
  void count(std::int64_t ns) noexcept;
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t most_a_second() const noexcept { return most_; }

 private:
  std::uint64_t total_ = 0;
  std::uint64_t most_ = 0;
  std::int64_t second_ = -1;
  std::uint64_t in_second_ = 0;
};

// A value that stands until the next one.
class Standing {
 public:
  void add(double value, std::int64_t for_ns) noexcept;
  [[nodiscard]] double mean() const noexcept {
    return ns_ == 0 ? 0 : sum_ / static_cast<double>(ns_);
  }

 private:
  double sum_ = 0;
  std::int64_t ns_ = 0;
};

struct InstrumentStatistics {
  Rate trades;
  Rate updates;                         // of the book
  std::uint64_t gaps = 0;               // times its book has left live
  std::int64_t longest_silence_ns = 0;  // between updates of a live book
  std::int64_t live_ns = 0;
  std::int64_t crossed_ns = 0;  // bid >= ask, of live_ns
  bool any_spread = false;
  std::string spread_least;  // exact decimals, once the feed has ended
  std::string spread_most;
  Standing spread;        // in units of price
  Standing spread_share;  // of the mid
  Standing best_bid;      // quantity
  Standing best_ask;
  Standing bid_depth;  // of statistics_levels
  Standing ask_depth;
};

class Statistics {
 public:
  explicit Statistics(std::size_t instruments) : instruments_(instruments) {}

  void take(const SourceEvent& event);
  // Of all that was taken: from the first event to the last.
  [[nodiscard]] std::int64_t span_ns() const noexcept { return newest_ns_ - first_ns_; }
  // The feed has ended: what stands has stood until the newest event.
  void finish();
  [[nodiscard]] const InstrumentStatistics& of(std::size_t instrument) const {
    return instruments_[instrument].result;
  }

 private:
  // The top of a book, since `since_ns`.
  struct Top {
    bool stands = false;
    std::int64_t since_ns = 0;
    bool crossed = false;
    double spread = 0;
    double spread_share = 0;
    double best_bid = 0;
    double best_ask = 0;
    double bid_depth = 0;
    double ask_depth = 0;
  };
  struct Instrument {
    InstrumentStatistics result;
    Top top;
    bool live = false;
    std::int64_t live_since_ns = 0;
    std::int64_t updated_ns = 0;    // 0: not since it is live
    std::int64_t spread_least = 0;  // mantissas, of `units`
    std::int64_t spread_most = 0;
    int units = 0;
  };
  static void settle(Instrument& instrument, std::int64_t now_ns);
  static void look(Instrument& instrument, const SourceEvent& event, std::int64_t now_ns);
  static void note_spread(Instrument& instrument, std::int64_t spread, int units);

  std::vector<Instrument> instruments_;
  std::int64_t first_ns_ = 0;
  std::int64_t newest_ns_ = 0;
  bool any_ = false;
};

// {"venue", "span_s", "instruments": {symbol: {...}}}; exact decimals are strings.
std::string statistics_json(const Statistics& statistics, const EventSource& source);
// A table.
std::string statistics_text(const Statistics& statistics, const EventSource& source);

}  // namespace ringside::tools
