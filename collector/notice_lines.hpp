// Notices as lines for a person: what, where, likely cause, remedy. What goes on failing is said
// once, then again at the 10th, 100th, ... time; instruments that fail together share a line.
//
// Threads: one. Bounded by: the connections and instruments of the configuration.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collector/config.hpp"
#include "collector/notices.hpp"

namespace ringside::collector {

inline constexpr std::size_t failed_named_max = 5;  // instruments a line; of the others the number

class NoticeLines {
 public:
  // `config` outlives this.
  explicit NoticeLines(const Config& config) : config_(config) {}

  void know(InstrumentId instrument, std::string symbol) {
    symbols_[instrument.value] = std::move(symbol);
  }
  void take(const Notice& notice);
  // Of all notices taken since the last call.
  [[nodiscard]] std::vector<std::string> lines();

 private:
  struct Repeated {
    net::CloseReason reason = net::CloseReason::None;
    std::uint64_t times = 0;
  };
  // [[venue]] table's line and connection; those that never opened share one.
  using Place = std::pair<int, std::uint32_t>;
  void take_close(const Notice& notice, const VenueConfig& venue);
  [[nodiscard]] std::string failed_line(const VenueConfig& venue, Cause cause,
                                        const std::vector<std::string>& symbols) const;
  [[nodiscard]] const VenueConfig* venue_at(int line) const;

  const Config& config_;
  std::map<std::uint32_t, std::string> symbols_;
  std::map<Place, Repeated> closes_;
  std::map<Place, bool> opened_;
  std::map<std::pair<int, Cause>, std::vector<std::string>> failed_;
  std::vector<std::string> lines_;
};

}  // namespace ringside::collector
