// Recorded feeds of each venue in a form that tests can damage: where the snapshots and deltas of
// one instrument lie, what they say, and what `ringside verify` makes of the feed as it is.
//
// Threads: one. Fails by: gtest failures where a feed does not hold what is looked for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/tools/verify_rig.hpp"

namespace ringside::tools::verify_test {

struct FeedLevel {
  bool bid = false;
  std::string price;  // as written
  std::string quantity;
};

enum class Family { Kraken, KrakenV1, Spot, Usdm, Coinm };

class EditedFeed {
 public:
  // The feed of a venue, and the instrument that is to be hit.
  explicit EditedFeed(const std::string& venue);

  [[nodiscard]] bool kraken() const { return family <= Family::KrakenV1; }
  [[nodiscard]] bool is_delta(std::size_t index, const std::string& symbol) const;
  [[nodiscard]] std::vector<FeedLevel> levels(std::size_t index) const;
  // A delta of the instrument, from the middle of its live time on, that satisfies this; with
  // another one behind it.
  [[nodiscard]] std::size_t pick(const std::function<bool(std::size_t)>& good) const;
  [[nodiscard]] std::size_t next_delta(std::size_t index) const;
  // A delta that changes the best ten of a side for good; of the levels that do so the first.
  [[nodiscard]] std::size_t pick_visible(FeedLevel& level) const;
  // Whether the price comes up again behind this line.
  [[nodiscard]] bool touched_after(std::size_t index, const FeedLevel& level) const;
  // In the text of one line; it must be there.
  void replace(std::size_t index, const std::string& from, const std::string& to);
  // How a level stands in the text.
  [[nodiscard]] std::string written(const FeedLevel& level) const;
  // The text of a number or string behind a key, as it stands.
  [[nodiscard]] std::string value_of(std::size_t index, const std::string& key) const;

  [[nodiscard]] Verified verify() const { return verify_lines(venue, lines); }

  std::string venue;
  Family family;
  std::vector<Line> lines;
  std::string hit;                  // the instrument that is damaged
  std::string other;                // another one, whose snapshot comes first
  std::size_t snapshot = 0;         // the line of hit's
  std::size_t other_snapshot = 0;   // of the other's
  std::vector<std::size_t> deltas;  // of hit, behind its snapshot

 private:
  [[nodiscard]] bool is_snapshot(std::size_t index, const std::string& symbol) const;
};

}  // namespace ringside::tools::verify_test
