// One collector thread: a core, a loop, its venues' connections, one ring to each worker thread.
//
// Each round: what one socket read brought is decoded into records and published at once; at most a
// millisecond apart it also looks at the control rings, at workers that came or went, and at time.
//
// Threads: constructed and destroyed by the main thread, run() on its own; stop and ready flags
// between them. Bounded by: the configuration. Fails by: run() throws at its start only; after
// ready() nothing throws.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/change_queue.hpp"
#include "collector/notices.hpp"
#include "collector/record_writer.hpp"
#include "collector/stages.hpp"
#include "collector/venue_session.hpp"
#include "ipc/cursor.hpp"
#include "ipc/deployment.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::collector {

inline constexpr std::int64_t tick_ns = 1'000'000;
inline constexpr std::int64_t worker_look_ns = 10'000'000;  // between looks for an absent worker
inline constexpr std::int64_t counters_period_ns = 50'000'000;  // between copies into telemetry
inline constexpr std::int64_t goodbye_ns_max = 3'000'000'000;   // for closing handshakes at the end
// After a pause: no heartbeat until a round finds the sockets empty, or for so long.
inline constexpr std::int64_t catching_up_ns_max = 1'000'000'000;
inline constexpr unsigned requests_a_tick = 64;  // taken from each control ring
inline constexpr unsigned thread_changes_a_tick = 8;

// The ring to one worker thread, and what that worker says back.
struct WorkerLink {
  std::string worker;     // w0.0
  std::string ring_name;  // spsc.c0.0.w0.0
  ipc::Segment ring;
  ipc::SpscWriter writer;
  ipc::Segment cursor_segment;
  ipc::CursorReader cursor;
  std::int64_t next_look_ns = 0;
};

class CollectorThread {
 public:
  struct Options {
    std::string name;  // c0.0
    const ipc::Deployment& deployment;
    ipc::ThreadPlacement placement;
    std::size_t running_index = 0;  // for cpu = "auto"
    std::vector<int> allowed_cpus;
    ipc::Telemetry& telemetry;
    bool receive_stamps = false;  // by the kernel
  };
  // Creates the rings. Throws as create_segment.
  explicit CollectorThread(Options options);

  // Setup, before run().
  [[nodiscard]] RingIndex ring_of(const std::string& worker) const;
  InstrumentIndex add_instrument(InstrumentId id, RingIndex ring) {
    return records_.add_instrument(id, ring);
  }
  void add_venue(VenueSession::Options options);

  // At any time, from the thread that made this. False: later again; `change` is as it was.
  [[nodiscard]] bool change(ThreadChange& change) noexcept { return changes_.post(change); }
  [[nodiscard]] bool changes_done() const noexcept { return changes_.drained(); }

  // On its own thread, until `stop`. Throws at the start: a core or certificate that cannot be had.
  void run(const std::atomic<bool>& stop);
  [[nodiscard]] bool ready() const noexcept {
    return ready_.load(std::memory_order_acquire);
  }  // C1: pairs with P1
  [[nodiscard]] Notices& notices() noexcept { return notices_; }
  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }

 private:
  static void batch_end(void* context) noexcept;
  static void decoded(void* context, net::ReceiveTimes times) noexcept;
  void place();
  void make_links();
  void make_counters();
  void make_session_counters(std::size_t session);
  void publish() noexcept;
  void tick() noexcept;
  void look_for_worker(WorkerLink& link, std::int64_t now_ns) noexcept;
  void take_requests(WorkerLink& link) noexcept;
  void apply_changes() noexcept;
  void apply(ThreadChange& change) noexcept;
  void add_instrument(ThreadChange& change) noexcept;
  void begin_venue(ThreadChange& change) noexcept;
  void end_venue(std::size_t session) noexcept;
  void copy_counters() noexcept;
  void copy_states() noexcept;
  [[nodiscard]] bool take_leave(const VenueSession& session) noexcept;
  void tell_failures() noexcept;

  Options options_;
  RecordWriter records_;
  std::vector<std::unique_ptr<WorkerLink>> links_;
  struct Owner {
    InstrumentId instrument;
    InstrumentIndex record = 0;
    std::size_t session = 0;
    Cause told = Cause::None;  // why it is failed
  };
  std::vector<VenueSession::Options> plans_;  // until run() makes sessions of them
  std::vector<Owner> owners_;
  Stages stages_;
  Notices notices_;
  ChangeQueue changes_;
  std::unique_ptr<net::Loop> loop_;
  // A removed venue's stays, stopped, until the venue is added again.
  std::vector<std::unique_ptr<VenueSession>> sessions_;
  std::vector<std::unique_ptr<VenueSession>>
      leaving_;                         // replaced, until their connections are closed
  std::vector<ipc::Counter> counters_;  // in the order of make_counters()
  struct SessionCounter {
    ipc::Counter counter;
    std::uint64_t before = 0;  // what earlier sessions of this place have counted
  };
  std::vector<std::vector<SessionCounter>> session_counters_;  // of each, in order
  // By net::ConnectionState, of all venues: times that connections entered it, and how many are in
  // it.
  std::array<ipc::Counter, net::connection_state_count> entered_;
  std::array<ipc::Gauge, net::connection_state_count> in_;
  net::StateCounters entered_by_gone_{};  // by replaced sessions that are no more
  std::int64_t next_tick_ns_ = 0;
  std::int64_t next_counters_ns_ = 0;
  std::int64_t returning_since_ns_ = 0;  // 0: not back from a pause
  std::uint64_t failure_changes_ = 0;    // told
  std::atomic<bool> ready_{false};       // P1 release by run(): pairs with C1
};

}  // namespace ringside::collector
