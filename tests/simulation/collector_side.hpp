// A collector thread of the simulation: the session and adapter of one venue as they run live, a
// record writer, a ring. What a CollectorThread does in a round is done here by calls.
//
// Threads: one. Lifetime: the ring outlives it, for the worker that still reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "collector/binance.hpp"
#include "collector/notices.hpp"
#include "collector/record_writer.hpp"
#include "collector/venue_session.hpp"
#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/simulation/exchange_side.hpp"

namespace ringside::simulation {

inline constexpr std::string_view ring_name = "spsc.c0.0.w0.0";

class CollectorSide {
 public:
  struct Options {
    const Plan& plan;
    const collector::VenueConfig& venue;
    const std::int64_t& local_ns;
    std::uint32_t generation;
    ExchangeSide& exchange;
    collector::Notices& notices;
  };
  explicit CollectorSide(const Options& options);

  [[nodiscard]] const std::shared_ptr<ipc::Segment>& ring() const { return ring_; }
  // What the sockets and timers have brought.
  void round();
  void tick();
  // A worker's cursor segment has come, in place of an earlier one.
  void meet(std::shared_ptr<ipc::Segment> cursor_segment);
  [[nodiscard]] std::int64_t next_timer_ns() const { return loop_.next_timer_ns(); }
  [[nodiscard]] const collector::Counters& counters() { return session_->adapter().counters(); }
  // Whether a Binance book goes on from a snapshot of its own.
  [[nodiscard]] bool joined(ListingIndex listing) const {
    const auto* const binance =
        dynamic_cast<const collector::BinanceAdapter*>(&session_->adapter());
    return binance != nullptr && binance->live(listing);
  }
  bool looks_at_requests = true;

 private:
  static void batch_end(void* context) noexcept;
  void publish() noexcept;

  const std::int64_t& local_ns_;
  ExchangeSide& exchange_;
  VirtualLoop loop_;
  std::shared_ptr<ipc::Segment> ring_;
  ipc::SpscWriter writer_;
  collector::RecordWriter records_;
  std::shared_ptr<ipc::Segment> cursor_segment_;
  ipc::CursorReader cursor_;
  std::unique_ptr<collector::BasicVenueSession<VirtualSockets>> session_;
};

}  // namespace ringside::simulation
