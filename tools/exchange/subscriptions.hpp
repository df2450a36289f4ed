// Who hears what: sessions by channel and instrument.
//
// Threads: one. Bounded by: channels x listings x sessions.
#pragma once

#include <cstdint>
#include <vector>

#include "ringside/time.hpp"
#include "tools/exchange/market.hpp"
#include "tools/exchange/outlet.hpp"

namespace ringside::exchange {

using ChannelIndex = std::uint32_t;  // the venue numbers its own

struct Subscriber {
  SessionId session = 0;
  std::uint32_t parameter = 0;  // depth, speed: the venue's
  bool primed = false;          // has a snapshot, or needs none
  std::uint32_t name = 0;       // Listing::name at its subscription: of another it hears nothing
};

class Subscriptions {
 public:
  explicit Subscriptions(ChannelIndex channels) : channels_(channels) {}

  // Null: this session already has it.
  Subscriber* add(ChannelIndex channel, ListingIndex listing, Subscriber subscriber, UtcNs now);
  // False: it did not have it.
  bool remove(ChannelIndex channel, ListingIndex listing, SessionId session);
  void remove_session(SessionId session);

  [[nodiscard]] std::vector<Subscriber>& of(ChannelIndex channel, ListingIndex listing);
  [[nodiscard]] bool any(ChannelIndex channel, ListingIndex listing) const;
  [[nodiscard]] bool any(SessionId session) const;
  // This session has any channel of it.
  [[nodiscard]] bool hears(SessionId session, ListingIndex listing) const;
  [[nodiscard]] bool hears(SessionId session, ChannelIndex channel, ListingIndex listing) const;
  // Somebody has ever subscribed to anything.
  [[nodiscard]] bool begun() const { return begun_; }
  // When a channel of an instrument got its first subscriber ever, most recently.
  [[nodiscard]] UtcNs last_new() const { return last_new_; }

 private:
  struct Place {
    std::vector<Subscriber> subscribers;
    bool ever = false;
  };
  [[nodiscard]] std::size_t place(ChannelIndex channel, ListingIndex listing) const {
    return std::size_t{listing} * channels_ + channel;
  }

  ChannelIndex channels_;
  std::vector<Place> places_;
  bool begun_ = false;
  UtcNs last_new_;
};

}  // namespace ringside::exchange
