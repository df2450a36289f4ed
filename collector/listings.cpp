#include "collector/listings.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ringside::collector {
namespace {

AnnouncedName name_of(std::string_view venue, std::string_view symbol) noexcept {
  AnnouncedName name;
  name.bytes = venue.size() + 1 + symbol.size();
  const auto of_venue = std::min(venue.size(), AnnouncedName::bytes_max - 1);
  std::memcpy(name.text, venue.data(), of_venue);
  name.text[of_venue] = ' ';
  std::memcpy(name.text + of_venue + 1, symbol.data(),
              std::min(symbol.size(), AnnouncedName::bytes_max - of_venue - 1));
  return name;
}

}  // namespace

void Listings::note(std::string_view symbol, const Listing& now, InstrumentIndex record) noexcept {
  auto found = known_.find(symbol);
  if (found == known_.end()) {
    if (known_.size() == listings_max) return counters_.add(Count::ListingsOverLimit);
    found = known_.emplace(std::string(symbol), Known{now, list_, record}).first;
    if (whole_ && now.status != ListingStatus::Delisted) {
      counters_.add(Count::Listed);
      tell(*found, Announcement::Listed);
    }
    return;
  }
  auto& known = found->second;
  const auto was = std::exchange(known.listing, now);
  known.list = list_;
  known.record = record;
  if (!whole_) return;
  if (was.status != now.status) {
    if (now.status == ListingStatus::Delisted) {
      counters_.add(Count::Delisted);
      return tell(*found, Announcement::Delisted);
    }
    if (was.status == ListingStatus::Delisted) {
      counters_.add(Count::Listed);
      return tell(*found, Announcement::Listed);
    }
    tell(*found,
         now.status == ListingStatus::Halted ? Announcement::Halted : Announcement::Resumed);
  }
  if (now.status == ListingStatus::Delisted || was.same_numbers(now)) return;
  counters_.add(Count::IncrementsChanged);
  tell(*found, Announcement::Increments);
}

void Listings::finish() noexcept {
  if (whole_) {
    for (auto& each : known_) {
      auto& known = each.second;
      if (known.list == list_ || known.listing.status == ListingStatus::Delisted) continue;
      known.listing.status = ListingStatus::Delisted;
      counters_.add(Count::Delisted);
      tell(each, Announcement::Delisted);
    }
  }
  whole_ = true;
}

void Listings::tell(const Table::value_type& of, Announcement what) noexcept {
  if (waiting_.size() == announcements_waiting_max) {
    return counters_.add(Count::AnnouncementsDropped);
  }
  const auto& listing = of.second.listing;
  waiting_.push_back({&of,
                      {what, listing.price_exponent, listing.quantity_exponent, listing.price_step,
                       listing.quantity_step, name_of(venue_, of.first)}});
}

void Listings::announce(Ticks now) noexcept {
  const Origin origin{now, {}, false};
  for (unsigned i = 0; i < announcements_a_tick && !waiting_.empty(); ++i) {
    const auto& next = waiting_.front();
    const auto record = next.of->second.record;
    const bool written = record == no_record ? records_.write_news(next.news, origin)
                                             : records_.write_news(record, next.news, origin);
    if (!written) return;
    waiting_.pop_front();
  }
}

}  // namespace ringside::collector
