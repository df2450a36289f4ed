#include "tools/ringside/running_collector.hpp"

#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "ipc/clock.hpp"
#include "ipc/telemetry.hpp"
#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

constexpr long look_ns = 5'000'000;

}  // namespace

void wait_a_moment() {
  const timespec period{0, look_ns};
  nanosleep(&period, nullptr);
}

RunningCollector::RunningCollector(std::string instance, std::string name)
    : instance_(std::move(instance)), name_(std::move(name)), rate_(ipc::TickRate::of_host()) {
  const auto status =
      ipc::attach_segment(instance_, "telemetry." + name_, ipc::SegmentKind::Telemetry, segment_);
  if (status != ipc::AttachStatus::Ok || !lives()) {
    throw CommandError(
        fmt::format("collector '{}' of instance '{}' does not run: start it with scripts/launch up "
                    "CONFIG, or change CONFIG itself",
                    name_, instance_));
  }
}

bool RunningCollector::lives() const {
  const ipc::LivenessBounds bounds{rate_.ticks(ipc::liveness_probe_after_ns),
                                   rate_.ticks(ipc::liveness_stale_after_ns)};
  const auto liveness = segment_.liveness(ipc::now_ticks(), bounds);
  return liveness == ipc::Liveness::Alive || liveness == ipc::Liveness::Stale;
}

std::uint64_t RunningCollector::changes_done() const {
  for (const auto& counter : ipc::TelemetryReader(segment_).counters()) {
    if (counter.name == "changes_done") return counter.value;
  }
  return 0;
}

bool RunningCollector::wait_for(std::uint64_t sequence, unsigned seconds) const {
  const auto until = ipc::monotonic_ns() + std::uint64_t{seconds} * 1'000'000'000;
  while (changes_done() < sequence) {
    if (!lives() || stop_asked() || ipc::monotonic_ns() >= until) return false;
    wait_a_moment();
  }
  return true;
}

int say_unanswered(const std::string& collector, const std::string& journal, std::uint64_t sequence,
                   unsigned seconds) {
  fmt::print(
      stderr,
      "ringside: collector '{}' has not answered in {} s; the change stands in {} up to line "
      "{}, and is carried out when it does, or starts\n",
      collector, seconds, journal, sequence);
  return exit_check_failed;
}

}  // namespace ringside::tools
