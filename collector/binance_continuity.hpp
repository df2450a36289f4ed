// One Binance book's way from "subscribed" to "continuous", as a pure state machine: depth messages
// and REST snapshots go in, in any order of arrival; out comes what to do with each of them.
//
//   Waiting   messages are buffered; no usable snapshot yet
//   Bridging  a snapshot is held back until a message reaches beyond it, or the stream stays quiet:
//             a snapshot that is ahead of the stream for ever (a damaged lastUpdateId) must not
//             turn into a book that looks live and never changes
//             (one that ends where the newest buffered message does joins at once)
//   Joined    each message must follow the one before
//
// Differs from the venue's recipe in two ways: a hole inside the buffer is seen when it is made
// (what lies before it can be of no use), and the message that showed a gap is kept as the first of
// the next buffer, so that the next snapshot can join to it.
//
// Bounded by: join_messages_max and join_levels_max buffered, snapshot_levels_max held; at either
// the buffer is dropped and a new snapshot wanted. Bridging by bridge_messages_max old messages and
// bridge_ns_max.
// Threads: the adapter's. Time is passed in. Fails by: enumerators; allocates only while it
// buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collector/binance_sequencer.hpp"
#include "ringside/event.hpp"

namespace ringside::collector {

inline constexpr std::size_t join_messages_max = 4096;
inline constexpr std::size_t join_levels_max = std::size_t{1} << 15;  // 512 KiB an instrument
inline constexpr std::size_t snapshot_levels_max = 10'000;            // the venue's 5000 a side
inline constexpr std::uint32_t bridge_messages_max = 1024;
inline constexpr std::int64_t bridge_ns_max = 30'000'000'000;
inline constexpr std::int64_t bridge_quiet_ns = 10'000'000'000;
// A connection that brought nothing at all may be stalled; after this a ping would have ended it.
inline constexpr std::int64_t bridge_unheard_ns = 30'000'000'000;

// One depth message with its levels, bids first. The levels live as long as the caller's scratch,
// or, for a buffered one, until the next call.
struct DepthDelta {
  DepthIds ids;
  UtcNs exchange;
  Ticks receive;
  std::span<const Level> bids;
  std::span<const Level> asks;
};

struct DepthSnapshot {
  std::uint64_t last_update_id = 0;
  UtcNs exchange;  // 0: the venue did not say (spot)
  std::span<const Level> bids;
  std::span<const Level> asks;
};

enum class JoinState : std::uint8_t { Waiting, Bridging, Joined };

// What became of a depth message.
enum class DeltaOutcome : std::uint8_t {
  Apply = 0,   // the next one: apply it
  Joined,      // publish the held snapshot, then apply this message
  Buffered,    // kept for the snapshot
  Old,         // dropped: a duplicate, or older than the book
  Restarted,   // buffered, but what was buffered before it had a hole behind it and is gone
  Overflowed,  // the buffer was full and is dropped, with this message: want a new snapshot
  Unbridged,   // the held snapshot ends before this message begins: want a new one
  Ahead,       // the held snapshot stayed ahead of the stream too long: want a new one
  Gap,         // something is missing: the book is invalid; want a snapshot. This one is buffered
};

// What became of a snapshot.
enum class SnapshotOutcome : std::uint8_t {
  Joined = 0,  // publish it, then apply each of buffered()
  Held,        // kept until a message reaches beyond it
  Stale,       // ends before the first buffered message begins: want a newer one
  Unwanted,    // the book is joined, or another one is held
};

class DepthJoin {
 public:
  explicit DepthJoin(DepthSequencer rule) noexcept : sequencer_(rule) {}

  // Starts again from nothing: the stream (re)opens, or the book is not to be trusted.
  void restart() noexcept;
  // Like restart, but keeps what is buffered: only the snapshot is new.
  void want_snapshot() noexcept;

  [[nodiscard]] DeltaOutcome on_delta(const DepthDelta& delta, std::int64_t steady_ns);
  // Copies the snapshot's levels when it is Held.
  [[nodiscard]] SnapshotOutcome on_snapshot(const DepthSnapshot& snapshot, std::int64_t steady_ns);
  // True once: the held snapshot is as good as joined, since the stream has been quiet behind it;
  // publish it. `heard_ns`: when its connection brought a message last, of any instrument.
  [[nodiscard]] bool quiet_since_snapshot(std::int64_t steady_ns, std::int64_t heard_ns) noexcept;

  [[nodiscard]] JoinState state() const noexcept { return state_; }
  // The held snapshot; valid after DeltaOutcome::Joined or quiet_since_snapshot, until the next
  // call.
  [[nodiscard]] DepthSnapshot held() const noexcept;
  // Messages to apply after SnapshotOutcome::Joined, oldest first; index below buffered_count().
  [[nodiscard]] std::size_t buffered_count() const noexcept { return messages_.size(); }
  [[nodiscard]] DepthDelta buffered(std::size_t index) const noexcept;
  // How many buffered messages the last on_snapshot dropped as older than the snapshot.
  [[nodiscard]] std::uint32_t dropped_by_snapshot() const noexcept { return dropped_; }
  // Gives the buffers' memory back; call after a join has been published.
  void release_buffers() noexcept;
  // Of the newest message or snapshot.
  [[nodiscard]] std::uint64_t newest_id() const noexcept { return sequencer_.newest(); }
  [[nodiscard]] bool plausible(const DepthIds& ids) const noexcept {
    return sequencer_.plausible(ids);
  }

 private:
  struct Message {
    DepthIds ids;
    UtcNs exchange;
    Ticks receive;
    std::uint32_t bid_count;
    std::uint32_t ask_count;
    std::size_t levels_begin;
  };

  [[nodiscard]] DeltaOutcome buffer(const DepthDelta& delta);
  [[nodiscard]] DeltaOutcome bridge(const DepthDelta& delta, std::int64_t steady_ns);
  void append(const DepthDelta& delta);
  void clear_buffer() noexcept;

  DepthSequencer sequencer_;  // Waiting: of the buffer's end; else of the book
  JoinState state_ = JoinState::Waiting;
  std::uint32_t dropped_ = 0;
  std::vector<Message> messages_;
  std::vector<Level> levels_;  // of messages_

  struct Held {
    std::uint64_t last_update_id = 0;
    UtcNs exchange;
    std::size_t bid_count = 0;
    std::int64_t since_ns = 0;
    std::uint32_t old_messages = 0;
  };
  Held held_;
  std::vector<Level> held_levels_;
};

}  // namespace ringside::collector
