// A capture as a source of events: what the worker publishes of it, read like any consumer's ring.
//
// Threads: one. Bounded by: CaptureRun. Fails by: throwing CommandError.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"
#include "tools/ringside/capture_run.hpp"
#include "tools/ringside/full_book.hpp"

namespace ringside::tools {

class CaptureSource final : public EventSource {
 public:
  CaptureSource(std::string_view venue, const capture::CaptureInput& capture);

  [[nodiscard]] std::string_view venue() const override { return venue_; }
  [[nodiscard]] const std::vector<SourceInstrument>& instruments() const override {
    return instruments_;
  }
  [[nodiscard]] bool next(SourceEvent& event) override;

 private:
  struct Known {
    InstrumentTerms terms;
    std::unique_ptr<FullBook> book;
    std::uint32_t epoch = 0;  // of the newest whole book
    bool whole = false;
    bool live = false;
    std::uint64_t gaps = 0;
  };
  void take(SourceEvent& event);
  static void take_book(Known& known, const ipc::RecordBuffer& buffer, SourceEvent& event);

  std::string venue_;
  std::string capture_;
  CaptureRun run_;
  ipc::BroadcastReader reader_;
  ipc::RecordBuffer buffer_;
  std::vector<SourceInstrument> instruments_;
  std::vector<Known> known_;  // of instruments_
};

}  // namespace ringside::tools
