#include "tools/ringside/host_clocks.hpp"

namespace ringside::tools {

UtcNs HostClocks::utc_of(const std::string& collector, Ticks ticks) {
  auto& page = pages_[collector];
  const auto now = ipc::now_ticks();
  if (now >= page.refresh_at) refresh(collector, page, now);
  return page.reading.utc_of(ticks);
}

void HostClocks::refresh(const std::string& collector, Page& page, Ticks now) {
  const auto rate = ipc::TickRate::of_host();
  page.refresh_at = Ticks{now.value + rate.ticks(ipc::clock_refresh_ns)};
  if (page.segment != nullptr && !page.segment->writer_alive()) {
    page.reader.reset();
    page.segment.reset();
  }
  if (page.segment == nullptr && !collector.empty()) {
    ipc::Segment segment;
    const auto status = ipc::attach_segment(instance_, "telemetry." + collector,
                                            ipc::SegmentKind::Telemetry, segment);
    if (status == ipc::AttachStatus::Ok) {
      page.segment = std::make_unique<ipc::Segment>(std::move(segment));
      page.reader = std::make_unique<ipc::TelemetryReader>(*page.segment);
    }
  }
  page.valid = page.reader != nullptr && page.reader->clock(page.reading);
  if (page.valid) return;
  const auto sample = ipc::sample_clocks();
  page.reading = {sample.ticks, sample.utc, ipc::ScaledRatio::of(1.0 / rate.ticks_per_ns),
                  rate.invariant_tsc};
}

}  // namespace ringside::tools
