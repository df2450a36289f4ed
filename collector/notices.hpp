// What happened to a connection or an instrument, from the collector thread to the main thread,
// which prints it. A pinned thread formats and prints nothing itself.
//
// Threads: post() from the collector thread, take() from one other. Bounded by: notices_max
// waiting; one more is dropped and counted.
//
// Order (P: collector thread, C: main thread):
//   P1 posted   release    C1 acquire: the notice is there
//   C2 taken    release    P2 acquire: its place may be used again
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "net/close_reason.hpp"
#include "net/connection_state.hpp"
#include "ringside/instrument.hpp"
#include "ringside/state.hpp"

namespace ringside::collector {

inline constexpr std::size_t notices_max = 64;

struct Notice {
  enum class What : std::uint8_t {
    Opened,
    Closed,
    RequestFailed,     // the first REST request in a row that got no answer
    InstrumentFailed,  // `instrument`, for `cause`
  };
  What what = What::Opened;
  net::CloseReason reason = net::CloseReason::None;
  std::uint16_t code = 0;  // of the Close frame
  std::uint32_t connection = 0;
  Cause cause = Cause::None;
  InstrumentId instrument;
  int line = 0;                // of the [[venue]] table in the file
  net::StateTimes spent_ns{};  // Opened, Closed: in each state of this attempt
  std::array<char, 200> detail{};
};

class Notices {
 public:
  void post(Notice notice, std::string_view detail = {}) noexcept {
    const auto posted = posted_.load(std::memory_order_relaxed);  // owner: only this thread writes
    if (posted - taken_.load(std::memory_order_acquire) == notices_max) {  // P2: pairs with C2
      // owner: only this thread writes
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    detail.copy(notice.detail.data(), notice.detail.size() - 1);
    notices_[posted % notices_max] = notice;
    posted_.store(posted + 1, std::memory_order_release);  // P1: pairs with C1
  }
  [[nodiscard]] bool take(Notice& notice) noexcept {
    const auto taken = taken_.load(std::memory_order_relaxed);  // owner: only this thread writes
    if (posted_.load(std::memory_order_acquire) == taken) return false;  // C1: pairs with P1
    notice = notices_[taken % notices_max];
    taken_.store(taken + 1, std::memory_order_release);  // C2: pairs with P2
    return true;
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  std::array<Notice, notices_max> notices_;
  std::atomic<std::uint64_t> posted_{0};
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace ringside::collector
