// A capture through what runs live: the venue's adapter, an SPSC ring, the worker and its books,
// all on the capture's own time. Who wants to know what came of it looks on by hooks, or reads the
// events that the worker publishes, like any consumer.
//
// Deterministic: time is read from the capture, so that two runs are alike to the byte.
//
// Threads: one. Bounded by: capture_instruments_max; events_slots of events, to be read after each
// step. Fails by: throwing CommandError for what cannot be read.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/spsc_ring.hpp"
#include "orderbook/worker.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/offline_venue.hpp"

namespace ringside::tools {

inline constexpr std::uint32_t capture_instruments_max = 4096;

// Called within step(). Null: not wanted.
struct CaptureHooks {
  void* context = nullptr;
  // What the collector wrote, before the worker sees it.
  void (*collected)(void* context, const Record& record) = nullptr;
  // A message of a book is whole; its checksum may be bad.
  void (*applied)(void* context, const orderbook::AppliedMessage& message) = nullptr;
};

class CaptureRun {
 public:
  CaptureRun(std::string_view venue, const capture::CaptureInput& capture, CaptureHooks hooks = {},
             std::uint64_t events_slots = 1U << 12U);
  CaptureRun(const CaptureRun&) = delete;
  CaptureRun& operator=(const CaptureRun&) = delete;

  // The next line. False: that was all.
  [[nodiscard]] bool step();

  [[nodiscard]] const std::vector<OfflineInstrument>& instruments() const {
    return venue_.instruments;
  }
  // Of the line last taken: its number from 1, and its time.
  [[nodiscard]] std::uint64_t line_number() const { return reader_of_lines_.line_number(); }
  [[nodiscard]] std::int64_t unix_ns() const { return line_.unix_ns; }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }    // frames received
  [[nodiscard]] std::uint64_t responses() const { return responses_; }  // HTTP bodies
  [[nodiscard]] const ipc::Segment& events() const { return events_segment_; }
  [[nodiscard]] orderbook::Worker& worker() { return *worker_; }
  [[nodiscard]] const collector::Counters& adapter_counters() const {
    return venue_.adapter->counters();
  }

 private:
  // What the adapter asks of its surroundings goes nowhere; what it asks for by HTTP is remembered
  // until the capture answers.
  class Host final : public collector::AdapterHost {
   public:
    bool send(collector::ConnectionIndex, std::string_view) noexcept override { return true; }
    bool request(std::uint32_t id, std::string_view target) noexcept override {
      open_requests.emplace_back(id, target);
      return true;
    }
    void reconnect(collector::ConnectionIndex) noexcept override {}

    std::vector<std::pair<std::uint32_t, std::string>> open_requests;
  };

  void take(const capture::CaptureLine& line);
  void open(collector::ConnectionIndex connection, collector::Now now);
  void answer(std::string_view payload, collector::Now now);
  void pump(collector::Now now);
  bool drain(Ticks now);

  CaptureHooks hooks_;
  ipc::Segment ring_;
  ipc::SpscWriter writer_{ring_};
  ipc::SpscReader reader_{ring_};
  std::atomic<std::uint64_t> read_position_{0};
  collector::RecordWriter records_{capture_instruments_max};
  Host host_;
  OfflineVenue venue_;
  ipc::Segment events_segment_;
  ipc::BroadcastWriter events_{events_segment_};
  ipc::Segment table_segment_;
  ipc::BookTableWriter table_{table_segment_};
  std::optional<orderbook::Worker> worker_;
  std::vector<bool> opened_;
  std::uint64_t messages_ = 0;
  std::uint64_t responses_ = 0;
  capture::CaptureReader reader_of_lines_;
  capture::CaptureLine line_;
};

}  // namespace ringside::tools
