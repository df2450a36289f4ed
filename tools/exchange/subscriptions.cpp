#include "tools/exchange/subscriptions.hpp"

#include <algorithm>

namespace ringside::exchange {
namespace {

auto find(std::vector<Subscriber>& subscribers, SessionId session) {
  return std::find_if(subscribers.begin(), subscribers.end(),
                      [session](const Subscriber& each) { return each.session == session; });
}

}  // namespace

Subscriber* Subscriptions::add(ChannelIndex channel, ListingIndex listing, Subscriber subscriber,
                               UtcNs now) {
  auto& subscribers = of(channel, listing);
  if (find(subscribers, subscriber.session) != subscribers.end()) return nullptr;
  auto& ever = places_[place(channel, listing)].ever;
  if (!ever) last_new_ = now;
  ever = true;
  begun_ = true;
  return &subscribers.emplace_back(subscriber);
}

bool Subscriptions::remove(ChannelIndex channel, ListingIndex listing, SessionId session) {
  auto& subscribers = of(channel, listing);
  const auto at = find(subscribers, session);
  if (at == subscribers.end()) return false;
  subscribers.erase(at);
  return true;
}

void Subscriptions::remove_session(SessionId session) {
  for (auto& each : places_) {
    const auto at = find(each.subscribers, session);
    if (at != each.subscribers.end()) each.subscribers.erase(at);
  }
}

std::vector<Subscriber>& Subscriptions::of(ChannelIndex channel, ListingIndex listing) {
  const auto at = place(channel, listing);
  if (at >= places_.size()) places_.resize(std::size_t{listing + 1} * channels_);
  return places_[at].subscribers;
}

bool Subscriptions::any(ChannelIndex channel, ListingIndex listing) const {
  const auto at = place(channel, listing);
  return at < places_.size() && !places_[at].subscribers.empty();
}

bool Subscriptions::any(SessionId session) const {
  return std::any_of(places_.begin(), places_.end(), [session](const Place& each) {
    return std::any_of(each.subscribers.begin(), each.subscribers.end(),
                       [session](const Subscriber& one) { return one.session == session; });
  });
}

bool Subscriptions::hears(SessionId session, ListingIndex listing) const {
  for (ChannelIndex channel = 0; channel < channels_; ++channel) {
    if (hears(session, channel, listing)) return true;
  }
  return false;
}

bool Subscriptions::hears(SessionId session, ChannelIndex channel, ListingIndex listing) const {
  const auto at = place(channel, listing);
  if (at >= places_.size()) return false;
  const auto& subscribers = places_[at].subscribers;
  return std::any_of(subscribers.begin(), subscribers.end(),
                     [session](const Subscriber& one) { return one.session == session; });
}

}  // namespace ringside::exchange
