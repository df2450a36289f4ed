// A collector thread of the simulation: the session and adapter of one venue as they run live, a
// record writer, a ring. What a CollectorThread does in a round is done here by calls.
//
// Threads: one. Lifetime: the ring outlives it, for the worker that still reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/binance.hpp"
#include "collector/change_queue.hpp"
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
    std::vector<bool> wanted;  // by listing
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
  [[nodiscard]] bool joined(ListingIndex listing) const;
  [[nodiscard]] const net::StateCounters& connection_states() const {
    return session_->states_now();
  }
  [[nodiscard]] const collector::ConnectionCounters& connection_counters() const {
    return session_->connection_counters();
  }
  [[nodiscard]] std::uint32_t connection_count() const {
    return session_->adapter().connection_count();
  }
  [[nodiscard]] bool records_were_dropped() const {
    return records_.counters().records_dropped > 0;
  }

  // It is to collect that instrument, or not any more; done by the next tick.
  void change(ListingIndex listing, bool add);
  void change(const collector::Channels& channels);  // likewise
  [[nodiscard]] const collector::Channels& channels() const { return channels_; }
  // It does, as far as it has been told.
  [[nodiscard]] bool collects(ListingIndex listing) const { return members_[listing].wanted; }
  // Its catalogue has it.
  [[nodiscard]] bool lists(ListingIndex listing) const {
    return members_[listing].place != nowhere;
  }
  // Changes carried out so far.
  [[nodiscard]] std::uint64_t changed() const { return changed_; }
  bool looks_at_requests = true;

 private:
  static constexpr std::uint32_t nowhere = ~0U;
  struct Member {
    bool wanted = false;
    std::uint32_t place = nowhere;  // in the order in which they came
    collector::InstrumentIndex record = 0;
  };
  static void batch_end(void* context) noexcept;
  void publish() noexcept;
  [[nodiscard]] collector::VenueInstrument enlist(ListingIndex listing);
  void apply_changes();
  void apply(const collector::ThreadChange& change);

  const Plan& plan_;
  const std::int64_t& local_ns_;
  ExchangeSide& exchange_;
  VirtualLoop loop_;
  std::shared_ptr<ipc::Segment> ring_;
  ipc::SpscWriter writer_;
  collector::RecordWriter records_;
  std::vector<Member> members_;  // by listing
  std::uint32_t places_ = 0;
  collector::Channels channels_;  // that it collects
  collector::ChangeQueue changes_;
  std::uint64_t changed_ = 0;
  std::shared_ptr<ipc::Segment> cursor_segment_;
  ipc::CursorReader cursor_;
  std::unique_ptr<collector::BasicVenueSession<VirtualSockets>> session_;
};

}  // namespace ringside::simulation
