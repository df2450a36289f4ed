// The channels of a [[venue]] table: what is collected of each of its instruments.
//
// Threads: any. Fails by: false.
#pragma once

#include <string>
#include <string_view>

namespace ringside::collector {

struct Channels {
  bool trade = true;
  bool book = true;
  bool bbo = true;

  [[nodiscard]] bool any() const noexcept { return trade || book || bbo; }
  friend bool operator==(const Channels&, const Channels&) = default;
};

inline constexpr Channels no_channels{false, false, false};
inline constexpr std::string_view channel_names = "trade, book, bbo";

// By its name: wanted, or not any more. False: there is no such channel.
[[nodiscard]] inline bool set_channel(Channels& channels, std::string_view name,
                                      bool wanted) noexcept {
  if (name == "trade") {
    channels.trade = wanted;
  } else if (name == "book") {
    channels.book = wanted;
  } else if (name == "bbo") {
    channels.bbo = wanted;
  } else {
    return false;
  }
  return true;
}

// "trade,book,bbo", or some of them, in this order.
[[nodiscard]] std::string channels_text(const Channels& channels);

}  // namespace ringside::collector
