// The order rules of Binance's depth streams: is this message the next one, an old one, or is
// something missing before it? Two sequencers, because the venue has two rules:
//
//   spot, binance.us    U == previous u + 1; after a snapshot L the first has U <= L + 1 <= u
//   USD-M, COIN-M       pu == previous u;    after a snapshot L the first has pu <= L <= u
//
// The futures page states the first message's rule as U <= L <= u. As pu < U, that implies ours;
// and a message whose pu is not beyond L brings every change after L, so the narrower reading would
// only throw away snapshots that fall between two messages.
//
// Messages of one connection arrive in order, so that "old" after the join means: a duplicate of
// the newest message, or wholly before it. A message that overlaps the newest one contradicts it -
// one of the two has a damaged id - and is a gap; else a damaged, huge u would silence the book.
//
// Threads: none; plain values. Fails by: Order::Gap, after which the caller starts again.
#pragma once

#include <cstdint>
#include <variant>

namespace ringside::collector {

// The update ids of one depth message.
struct DepthIds {
  std::uint64_t first = 0;     // U
  std::uint64_t last = 0;      // u
  std::uint64_t previous = 0;  // pu; futures only

  friend constexpr bool operator==(const DepthIds&, const DepthIds&) = default;
};

// Ids at or beyond this are damage; below it none of the arithmetic here wraps.
inline constexpr std::uint64_t depth_id_limit = std::uint64_t{1} << 62;

enum class DepthOrder : std::uint8_t { Next = 0, Old, Gap };

class SpotSequencer {
 public:
  // False: these ids contradict themselves; the message is damaged.
  static constexpr bool plausible(const DepthIds& ids) noexcept {
    return ids.first <= ids.last && ids.last < depth_id_limit;
  }

  // The book is a snapshot with this lastUpdateId.
  constexpr void start_at(std::uint64_t last_update_id) noexcept {
    newest_ = DepthIds{0, last_update_id, 0};
    at_snapshot_ = true;
  }
  // The newest message is this one, whatever came before.
  constexpr void advance(const DepthIds& ids) noexcept {
    newest_ = ids;
    at_snapshot_ = false;
  }
  [[nodiscard]] constexpr DepthOrder order_of(const DepthIds& ids) const noexcept {
    if (at_snapshot_) {
      if (ids.last <= newest_.last) return DepthOrder::Old;
      return ids.first <= newest_.last + 1 ? DepthOrder::Next : DepthOrder::Gap;
    }
    if (ids.first == newest_.last + 1) return DepthOrder::Next;
    const bool old = ids == newest_ || ids.last < newest_.first;
    return old ? DepthOrder::Old : DepthOrder::Gap;
  }
  [[nodiscard]] constexpr std::uint64_t newest() const noexcept { return newest_.last; }
  // No message has followed the snapshot yet.
  [[nodiscard]] constexpr bool at_snapshot() const noexcept { return at_snapshot_; }

 private:
  DepthIds newest_;
  bool at_snapshot_ = true;
};

class FuturesSequencer {
 public:
  static constexpr bool plausible(const DepthIds& ids) noexcept {
    return ids.first <= ids.last && ids.last < depth_id_limit && ids.previous < ids.first;
  }
  constexpr void start_at(std::uint64_t last_update_id) noexcept {
    newest_ = DepthIds{0, last_update_id, 0};
    at_snapshot_ = true;
  }
  constexpr void advance(const DepthIds& ids) noexcept {
    newest_ = ids;
    at_snapshot_ = false;
  }
  // A message that ends exactly at the snapshot is applied: it changes nothing, and starts the
  // chain.
  [[nodiscard]] constexpr DepthOrder order_of(const DepthIds& ids) const noexcept {
    if (at_snapshot_) {
      if (ids.last < newest_.last) return DepthOrder::Old;
      return ids.previous <= newest_.last ? DepthOrder::Next : DepthOrder::Gap;
    }
    if (ids.previous == newest_.last) return DepthOrder::Next;
    const bool old = ids == newest_ || ids.last < newest_.first;
    return old ? DepthOrder::Old : DepthOrder::Gap;
  }
  [[nodiscard]] constexpr std::uint64_t newest() const noexcept { return newest_.last; }
  // No message has followed the snapshot yet.
  [[nodiscard]] constexpr bool at_snapshot() const noexcept { return at_snapshot_; }

 private:
  DepthIds newest_;
  bool at_snapshot_ = true;
};

// One of the two, chosen once by venue.
class DepthSequencer {
 public:
  constexpr explicit DepthSequencer(SpotSequencer rule) noexcept : rule_(rule) {}
  constexpr explicit DepthSequencer(FuturesSequencer rule) noexcept : rule_(rule) {}

  [[nodiscard]] constexpr bool plausible(const DepthIds& ids) const noexcept {
    return std::visit([&](const auto& rule) { return rule.plausible(ids); }, rule_);
  }
  constexpr void start_at(std::uint64_t last_update_id) noexcept {
    std::visit([&](auto& rule) { rule.start_at(last_update_id); }, rule_);
  }
  constexpr void advance(const DepthIds& ids) noexcept {
    std::visit([&](auto& rule) { rule.advance(ids); }, rule_);
  }
  [[nodiscard]] constexpr DepthOrder order_of(const DepthIds& ids) const noexcept {
    return std::visit([&](const auto& rule) { return rule.order_of(ids); }, rule_);
  }
  [[nodiscard]] constexpr std::uint64_t newest() const noexcept {
    return std::visit([](const auto& rule) { return rule.newest(); }, rule_);
  }
  [[nodiscard]] constexpr bool at_snapshot() const noexcept {
    return std::visit([](const auto& rule) { return rule.at_snapshot(); }, rule_);
  }

 private:
  std::variant<SpotSequencer, FuturesSequencer> rule_;
};

}  // namespace ringside::collector
