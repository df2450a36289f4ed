// A worker thread of the simulation: the worker as it runs live, its segments in private memory,
// and a reader of its book table. What a WorkerThread does in a round is done here by calls.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/cursor.hpp"
#include "orderbook/worker.hpp"

namespace ringside::simulation {

class WorkerSide {
 public:
  WorkerSide(const std::vector<std::string>& symbols, const std::int64_t& local_ns);

  [[nodiscard]] const std::shared_ptr<ipc::Segment>& cursor_segment() const {
    return cursor_segment_;
  }
  // `from_start`: the ring was made after this worker. `listed`: whom its catalogue has.
  void attach(std::shared_ptr<ipc::Segment> ring, bool from_start, const std::vector<bool>& listed);
  void collector_alive(bool alive) { worker_.source_alive(0, alive, now()); }
  [[nodiscard]] const ipc::Segment* ring() const { return ring_.get(); }
  // Returns how many records there were.
  unsigned drain();
  void tick();
  // Requests of nobody's, until no more fit.
  void fill_control_ring();

  [[nodiscard]] ipc::ReadStatus read(std::uint32_t instrument, ipc::BookView& view);
  // The venue's sequence that came with the message that this view is of; 0: none.
  [[nodiscard]] std::uint64_t sequence(std::uint32_t instrument, const ipc::BookView& view) const;
  [[nodiscard]] orderbook::Worker& worker() { return worker_; }
  // Of the market, taken so far of that instrument; from whichever collector.
  [[nodiscard]] std::uint64_t records(std::uint32_t instrument) const {
    return records_[instrument];
  }
  // What was announced last of that symbol's listing, by the collector whose ring this is; Terms:
  // nothing.
  [[nodiscard]] Announcement news(std::uint32_t instrument) const { return news_[instrument]; }

 private:
  static void on_message(void* context, const orderbook::AppliedMessage& message);
  void note(const Record& record, std::span<const Level> levels);
  [[nodiscard]] orderbook::WorkerOptions options(std::uint32_t instruments);
  [[nodiscard]] Ticks now() const { return Ticks{static_cast<std::uint64_t>(local_ns_)}; }

  const std::int64_t& local_ns_;
  const std::vector<std::string>& symbols_;
  std::uint32_t instruments_;
  std::vector<std::vector<std::uint64_t>> sequences_;  // of each instrument's whole messages
  std::vector<std::uint64_t> records_;
  std::vector<Announcement> news_;
  ipc::Segment events_segment_;
  ipc::Segment books_segment_;
  std::shared_ptr<ipc::Segment> cursor_segment_;
  ipc::BroadcastWriter events_;
  ipc::BookTableWriter books_;
  ipc::CursorWriter cursor_;
  orderbook::Worker worker_;
  ipc::BookTableReader table_;
  std::shared_ptr<ipc::Segment> ring_;
  ipc::SpscReader reader_;
  std::uint32_t cursor_entry_ = 0;
};

}  // namespace ringside::simulation
