// One worker thread: a core, the rings of all collector threads into it, and what it publishes:
// events.<thread>, books.<thread>, cursor.<thread>.
//
// Each round it drains every ring as far as drain_records_max, hands resync requests over, and,
// each millisecond, looks at time, at collectors that came or went, and beats its hearts. With
// nothing to read it spins, or (adaptive) after idle_spin_ns sleeps on its own futex word for at
// most a millisecond.
//
// Threads: constructed and destroyed by the main thread, run() on its own.
// Bounded by: the deployment's collector threads (sources_max) and instruments_max.
// Fails by: the constructor throws std::system_error or std::runtime_error, one line; run() throws
// at its start only, for a core that was named and cannot be had.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/cursor.hpp"
#include "ipc/deployment.hpp"
#include "ipc/telemetry.hpp"
#include "orderbook/catalogue_watch.hpp"
#include "orderbook/ring_input.hpp"
#include "orderbook/worker.hpp"

namespace ringside::orderbook {

inline constexpr std::uint64_t tick_ns = 1'000'000;
inline constexpr std::uint64_t liveness_period_ns = 4'000'000;
inline constexpr std::uint64_t attach_period_ns = 10'000'000;
inline constexpr std::size_t listed_a_tick = 4;  // new instruments, while it runs
inline constexpr std::uint64_t counters_period_ns = 50'000'000;
inline constexpr std::uint64_t idle_spin_ns = 20'000;

class WorkerThread {
 public:
  struct Options {
    std::string name;  // w0.0
    const ipc::Deployment& deployment;
    ipc::ThreadPlacement placement;
    std::size_t running_index = 0;  // for cpu = "auto"
    std::vector<int> allowed_cpus;
    bool publish_first = false;
    bool keeps_telemetry = false;  // beats the process's telemetry segment
    ipc::Telemetry& telemetry;
  };
  // Creates the three segments.
  explicit WorkerThread(Options options);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // On its own thread, until `stop`.
  void run(const std::atomic<bool>& stop);
  // It has its core and has begun.
  [[nodiscard]] bool ready() const noexcept {
    return ready_.load(std::memory_order_acquire);  // C1: pairs with P1
  }
  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }

 private:
  [[nodiscard]] int cpu() const;
  [[nodiscard]] int node() const;  // of its memory; -1: any
  [[nodiscard]] ipc::SegmentSpec placed(ipc::SegmentSpec spec, const char* kind, bool huge) const;
  [[nodiscard]] ipc::Segment create(ipc::SegmentSpec spec, const ipc::SegmentFill& fill = {}) const;
  [[nodiscard]] WorkerOptions worker_options() const;
  void make_counters();
  void place();

  bool drain(SourceIndex source) noexcept;
  void hand_over_requests(Ticks now) noexcept;
  void tick(Ticks now) noexcept;
  void beat(Ticks now) noexcept;
  [[nodiscard]] bool caught_up(Ticks now) noexcept;
  void look_at_rings(Ticks now, bool attach) noexcept;
  void on_ring_event(SourceIndex source, RingInput::Event event, Ticks now) noexcept;
  void look_at_catalogues(Ticks now) noexcept;
  void copy_counters() noexcept;
  void rest(Ticks idle_since) noexcept;

  Options options_;
  ipc::TickRate rate_;
  ipc::Segment events_segment_;
  ipc::Segment books_segment_;
  ipc::Segment cursor_segment_;
  ipc::BroadcastWriter events_;
  ipc::BookTableWriter books_;
  ipc::CursorWriter cursor_;
  Worker worker_;
  std::deque<RingInput> rings_;             // by SourceIndex
  std::deque<CatalogueWatch> catalogues_;   // by collector
  std::vector<SourceIndex> first_sources_;  // of each collector's first thread
  std::vector<bool> joined_at_head_;        // by SourceIndex
  // While returning_ from a pause: by SourceIndex, where the ring's head was when it ended.
  std::vector<ipc::RingPosition> return_to_;
  bool returning_ = false;
  Ticks beaten_;

  ipc::Histogram* ring_hop_;
  ipc::Histogram* worker_stage_;
  std::array<ipc::Counter, counter_fields.size()> counter_words_;
  Counters told_;           // as the counter words say
  Counters thread_counts_;  // the thread's own fields
  ipc::LivenessBounds bounds_;
  Ticks next_tick_, next_liveness_, next_attach_, next_counters_;
  bool catalogues_have_more_ = false;  // than could be listed in one tick
  std::atomic<bool> ready_{false};  // P1 release by run(): pairs with C1
};

}  // namespace ringside::orderbook
