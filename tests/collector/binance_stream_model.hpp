// A slow, obvious Binance: it knows the true book at every update id, cuts the history into depth
// messages by either rule, and answers snapshots of any moment. What a client makes of a damaged
// stream is compared with the truth, not with another client.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "collector/binance_continuity.hpp"

namespace ringside::collector::binance_test {

using Truth = std::map<std::int64_t, std::int64_t>;  // price -> quantity, bids only

struct ModelMessage {
  DepthIds ids;
  std::vector<Level> levels;  // final quantity of each price touched in (previous, last]
};

class StreamModel {
 public:
  StreamModel(bool futures, std::uint64_t seed, std::size_t message_count)
      : futures_(futures), random_(seed) {
    std::uint64_t id = 1000 + random_() % 1000;
    Truth book;
    std::uint64_t previous = id;
    books_[id] = book;
    for (std::size_t i = 0; i < message_count; ++i) {
      ModelMessage message;
      std::map<std::int64_t, std::int64_t> touched;
      const auto updates = 1 + random_() % 4;
      for (std::uint64_t k = 0; k < updates; ++k) {
        id += futures_ ? 1 + random_() % 5 : 1;  // futures: ids are shared with other symbols
        const auto price = static_cast<std::int64_t>(1 + random_() % 20);
        const auto quantity = static_cast<std::int64_t>(random_() % 4 == 0 ? 0 : random_() % 100);
        touched[price] = quantity;
        if (quantity == 0) {
          book.erase(price);
        } else {
          book[price] = quantity;
        }
        if (k == 0) message.ids.first = id;
        books_[id] = book;
      }
      message.ids.last = id;
      if (futures_) message.ids.previous = previous;
      previous = id;
      for (const auto& [price, quantity] : touched) {
        message.levels.push_back(Level{Price{price}, Quantity{quantity}});
      }
      messages_.push_back(std::move(message));
    }
  }

  [[nodiscard]] DepthSequencer rule() const {
    return futures_ ? DepthSequencer(FuturesSequencer{}) : DepthSequencer(SpotSequencer{});
  }
  [[nodiscard]] const std::vector<ModelMessage>& messages() const { return messages_; }
  // The book after the newest update at or before this id.
  [[nodiscard]] const Truth& book_at(std::uint64_t id) const {
    return std::prev(books_.upper_bound(id))->second;
  }
  // An update's id near message `index`: what a REST answer of that moment would carry.
  [[nodiscard]] std::uint64_t id_near(std::size_t index) {
    const auto& ids = messages_[index].ids;
    const auto at = ids.first + random_() % (ids.last - ids.first + 1);
    return std::prev(books_.upper_bound(at))->first;
  }
  [[nodiscard]] std::vector<Level> snapshot_at(std::uint64_t id) const {
    std::vector<Level> levels;
    for (const auto& [price, quantity] : book_at(id)) {
      levels.push_back(Level{Price{price}, Quantity{quantity}});
    }
    return levels;
  }

 private:
  bool futures_;
  std::mt19937_64 random_;
  std::map<std::uint64_t, Truth> books_;
  std::vector<ModelMessage> messages_;
};

// What a consumer keeps: does blindly what DepthJoin says.
class Client {
 public:
  explicit Client(DepthSequencer rule) : join_(rule) {}

  DeltaOutcome receive(const ModelMessage& message, std::int64_t steady_ns = 0) {
    const DepthDelta delta{message.ids, {}, {}, message.levels, {}};
    const auto outcome = join_.on_delta(delta, steady_ns);
    if (outcome == DeltaOutcome::Joined) publish(join_.held());
    if (outcome == DeltaOutcome::Joined || outcome == DeltaOutcome::Apply) {
      apply(delta);
    } else if (outcome != DeltaOutcome::Old) {
      live_ = false;
    }
    return outcome;
  }
  SnapshotOutcome receive_snapshot(std::uint64_t id, const std::vector<Level>& levels,
                                   std::int64_t steady_ns = 0) {
    const DepthSnapshot snapshot{id, {}, levels, {}};
    const auto outcome = join_.on_snapshot(snapshot, steady_ns);
    if (outcome != SnapshotOutcome::Joined) return outcome;
    publish(snapshot);
    for (std::size_t i = 0; i < join_.buffered_count(); ++i) apply(join_.buffered(i));
    join_.release_buffers();
    return outcome;
  }
  // Its connection has just brought something else.
  void tick(std::int64_t steady_ns) { tick(steady_ns, steady_ns); }
  void tick(std::int64_t steady_ns, std::int64_t heard_ns) {
    if (join_.quiet_since_snapshot(steady_ns, heard_ns)) publish(join_.held());
  }

  [[nodiscard]] bool live() const { return live_; }
  [[nodiscard]] const Truth& book() const { return book_; }
  [[nodiscard]] DepthJoin& join() { return join_; }

 private:
  void publish(const DepthSnapshot& snapshot) {
    book_.clear();
    for (const auto& level : snapshot.bids) book_[level.price.mantissa] = level.quantity.mantissa;
    live_ = true;
  }
  void apply(const DepthDelta& delta) {
    for (const auto& level : delta.bids) {
      if (level.quantity.mantissa == 0) {
        book_.erase(level.price.mantissa);
      } else {
        book_[level.price.mantissa] = level.quantity.mantissa;
      }
    }
  }

  DepthJoin join_;
  Truth book_;
  bool live_ = false;
};

}  // namespace ringside::collector::binance_test
