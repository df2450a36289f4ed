// Hands out instrument ordinals, once and for ever, and the collector's generation.
//
// Two small text files in the state directory: `<collector>.instruments`, one line "ordinal venue
// symbol" each, only ever appended to and synced before an ordinal is used;
// `<collector>.generation`, one number, replaced by rename at every start.
//
// Threads: setup only, before the collector's threads start, or under the owner's own order.
// Bounded by: 2^24 - 1 ordinals. Fails by: throwing std::system_error (directory absent, read-only
// or full) or std::runtime_error (contents that were not written here); text names file and remedy.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringside/instrument.hpp"

namespace ringside::collector {

class InstrumentRegistry {
 public:
  // Loads what `directory` keeps of `collector`, and advances the generation. Creates the
  // directory (0750) when its parent exists.
  InstrumentRegistry(std::string directory, std::string collector, std::uint32_t collector_number);

  // The id of this symbol: the one it always had, or a new one, synced to disk before return.
  InstrumentId id_of(std::string_view venue, std::string_view symbol) {
    const std::string one(symbol);
    return ids_of(venue, std::span(&one, 1)).front();
  }
  // Of many, in their order; the new ones are synced together.
  std::vector<InstrumentId> ids_of(std::string_view venue, std::span<const std::string> symbols);

  // 1 at the first start; grows by one at each.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  // The next one, on disk before this returns: whoever begins anew has epochs above all before.
  // Throws std::system_error.
  void advance_generation();
  [[nodiscard]] std::size_t count() const { return ordinals_.size(); }

 private:
  void load();
  [[nodiscard]] std::string path(std::string_view suffix) const;

  std::string directory_;
  std::string collector_;
  std::uint32_t collector_number_;
  std::uint32_t generation_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint32_t> ordinals_;
};

}  // namespace ringside::collector
