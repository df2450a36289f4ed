// A bounded queue between threads that moves many items at a time: the sender waits while it is
// full, the receiver while it is empty, and one lock serves a whole batch. Unlike the injection
// queue it may hold any movable type and wakes a sleeper only if there is one.
//
// A plain mutex, on purpose: what a batch pays for the lock is spread over its items
// (tools/jobs/DESIGN.md has the figures).
//
// Threads: any number of senders and receivers. Bounded by: the capacity; a batch larger than it
// goes in parts. Fails by: send() answers how many went in before the channel was closed;
// receive() 0 once it is closed and empty.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "ipc/check.hpp"

namespace ringside::jobs {

template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : slots_(capacity) { RINGSIDE_CHECK(capacity != 0); }

  // Moves from `items`; waits for room. Fewer than all: closed.
  std::size_t send(std::span<T> items) {
    std::size_t sent = 0;
    std::unique_lock lock(mutex_);
    while (sent < items.size()) {
      wait(lock, room_, senders_waiting_, [this] { return closed_ || size_ < slots_.size(); });
      if (closed_) break;
      const auto count = std::min(items.size() - sent, slots_.size() - size_);
      for (std::size_t i = 0; i < count; ++i) {
        slots_[(head_ + size_ + i) % slots_.size()] = std::move(items[sent + i]);
      }
      size_ += count;
      sent += count;
      wake(items_, receivers_waiting_);
    }
    return sent;
  }
  bool send(T item) { return send(std::span<T>(&item, 1)) == 1; }

  // As many as there are, at least one, at most `into.size()`. 0: closed, and nothing is left.
  std::size_t receive(std::span<T> into) {
    if (into.empty()) return 0;
    std::unique_lock lock(mutex_);
    wait(lock, items_, receivers_waiting_, [this] { return closed_ || size_ != 0; });
    const auto count = std::min(into.size(), size_);
    for (std::size_t i = 0; i < count; ++i) {
      into[i] = std::move(slots_[(head_ + i) % slots_.size()]);
    }
    head_ = (head_ + count) % slots_.size();
    size_ -= count;
    if (count != 0) wake(room_, senders_waiting_);
    return count;
  }
  bool receive(T& item) { return receive(std::span<T>(&item, 1)) == 1; }

  // Nothing goes in any more; what is in comes out.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
    items_.notify_all();
  }

 private:
  template <typename Until>
  void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
            std::size_t& waiting, Until until) {
    if (until()) return;
    ++waiting;
    condition.wait(lock, until);
    --waiting;
  }
  static void wake(std::condition_variable& condition, std::size_t waiting) {
    if (waiting != 0) condition.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable room_, items_;
  std::size_t senders_waiting_ = 0, receivers_waiting_ = 0;
  std::vector<T> slots_;
  std::size_t head_ = 0, size_ = 0;
  bool closed_ = false;
};

}  // namespace ringside::jobs
