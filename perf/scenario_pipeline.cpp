// Wire to reader under rising load. Open loop: the exchange's events are due at times of their own,
// and each record's latency counts from the time its event was due, so that a path that falls
// behind cannot hide it by slowing its source down.
//
// The times of this venue are whole milliseconds: a latency is right to 1 ms, upwards. What the
// path costs below that is `ringside latency`'s to tell.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "ipc/histogram.hpp"
#include "perf/pipeline_rig.hpp"
#include "perf/suites.hpp"
#include "tools/ringside/consumer.hpp"

namespace ringside::perf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned live_seconds_max = 60;
constexpr unsigned records_per_clock = 16;
constexpr std::uint64_t behind_ns = 1'000'000'000;  // a reader that sees older data: too slow
constexpr double offered_share_min = 0.97;          // of the messages of an unhurried run

std::uint64_t utc_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

struct Observation {
  ipc::HistogramSnapshot latency;
  std::uint64_t last_latency_ns = 0;
  std::uint64_t lost = 0;  // slots this reader was too slow for
};

// An ordinary consumer, for so long.
void observe(Observation& seen, std::chrono::milliseconds duration) {
  tools::Consumer consumer({PipelineRig::instance, tools::Join::Tail, false});
  tools::IdleLadder ladder;
  const auto until = Clock::now() + duration;
  unsigned since_clock = records_per_clock;
  std::uint64_t now = 0;
  for (;;) {
    switch (consumer.poll(ipc::now_ticks())) {
      case tools::Step::Idle:
        if (Clock::now() > until) return;
        check_interrupted();
        ladder.pause();
        since_clock = records_per_clock;
        continue;
      case tools::Step::Lost:
        seen.lost += consumer.worker().reader.lost_to() - consumer.worker().reader.lost_from();
        continue;
      case tools::Step::Record:
        break;
      default:
        continue;
    }
    ladder.busy();
    if (++since_clock > records_per_clock) {
      now = utc_ns();
      since_clock = 0;
      check_interrupted();
      if (Clock::now() > until) return;
    }
    const Record& record = consumer.buffer().record;
    if (record.kind != Kind::Trade) continue;  // the kind whose time is its event's own
    const auto due = static_cast<std::uint64_t>(record.exchange_ns);
    seen.last_latency_ns = now > due ? now - due : 0;
    seen.latency.record(std::max<std::uint64_t>(seen.last_latency_ns, 1));
  }
}

struct Run {
  std::uint64_t offered = 0;  // events a second
  double messages_per_second = 0;
  double bytes_per_message = 0;
  std::array<double, 3> cpu_ns_per_message{};
  std::array<double, 3> cpu_share{};  // of one core
  Observation seen;
  std::string broke;  // empty: it held
};

std::string verdict(const Run& run, const PipelineReading& before, const PipelineReading& after,
                    double messages_per_event) {
  if (after.drops != before.drops)
    return fmt::format("ring full: {} records dropped", after.drops - before.drops);
  if (after.connections != before.connections) return "the connection was lost";
  if (after.gaps != before.gaps || after.resyncs != before.resyncs) return "a gap or a resync";
  if (after.live != before.live) return "an instrument left live";
  if (run.seen.lost != 0) return fmt::format("the reader was lapped: {} slots", run.seen.lost);
  const auto offered = static_cast<double>(run.offered) * messages_per_event;
  if (run.seen.last_latency_ns > behind_ns ||
      (messages_per_event > 0 && run.messages_per_second < offered * offered_share_min)) {
    const auto busiest =
        std::max_element(run.cpu_share.begin(), run.cpu_share.end()) - run.cpu_share.begin();
    return fmt::format("fell behind; busiest: the {}, {:.0f} % of a core",
                       PipelineRig::process_names[static_cast<std::size_t>(busiest)],
                       run.cpu_share[static_cast<std::size_t>(busiest)] * 100);
  }
  return {};
}

// The mix of a recorded USD-M feed (BTCUSDT, three streams): of the messages 70 % bookTicker, 23 %
// trade, 7 % depth, of the bytes 41 % depth. The more events, the shorter a depth message gathers.
PipelineOptions recorded_mix(std::uint64_t events_per_second, unsigned instruments) {
  constexpr unsigned changes_per_event = 4;
  constexpr double messages_per_event = 0.85, depth_share = 0.07;
  const double depth_per_second =
      static_cast<double>(events_per_second) * messages_per_event * depth_share;
  const auto period_ms = static_cast<unsigned>(instruments * 1e3 / depth_per_second + 0.5);
  return {events_per_second, instruments, changes_per_event, std::max(period_ms, 1U), 1};
}

// One deployment at one rate. messages_per_event: of a run that was not hurried; 0: this is it.
Run run_at(std::uint64_t rate, std::chrono::milliseconds duration, unsigned instruments,
           double messages_per_event) {
  Run run;
  run.offered = rate;
  PipelineRig rig(recorded_mix(rate, instruments));
  if (!rig.wait_live(live_seconds_max))
    throw std::runtime_error("not all instruments came up live");
  Observation warm_up;
  observe(warm_up, std::min(duration / 4, std::chrono::milliseconds(1'000)));
  const auto before = rig.read();
  observe(run.seen, duration);
  const auto after = rig.read();
  const auto messages = static_cast<double>(after.messages - before.messages);
  const auto wall_ns = static_cast<double>(after.at_ns - before.at_ns);
  run.messages_per_second = messages * 1e9 / wall_ns;
  run.bytes_per_message = static_cast<double>(after.bytes - before.bytes) / messages;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto cpu = static_cast<double>(after.cpu_ns[i] - before.cpu_ns[i]);
    run.cpu_share[i] = cpu / wall_ns;
    run.cpu_ns_per_message[i] = cpu / messages;
  }
  run.broke = verdict(run, before, after, messages_per_event);
  return run;
}

void print(const Run& run) {
  const auto us = [&](double percent) {
    return static_cast<double>(run.seen.latency.percentile(percent)) / 1e3;
  };
  fmt::print(
      "  offered {:>8} events/s: {:>8.0f} messages/s of {:.0f} B; latency from the intended time "
      "p50 {:.0f} p99 {:.0f} p99.9 {:.0f} us; CPU a message: exchange {:.0f}, collector {:.0f}, "
      "worker {:.0f} ns; {}\n",
      run.offered, run.messages_per_second, run.bytes_per_message, us(50), us(99), us(99.9),
      run.cpu_ns_per_message[0], run.cpu_ns_per_message[1], run.cpu_ns_per_message[2],
      run.broke.empty() ? "held" : run.broke);
  std::fflush(stdout);
}

}  // namespace

void scenario_pipeline(Report& report, Scale scale) {
  catch_interrupts();
  const bool small = scale == Scale::Small;
  const unsigned instruments = small ? 4 : 50;
  const std::chrono::milliseconds step(small ? 500 : 5'000);
  const std::chrono::milliseconds sustained(small ? 1'000 : 30'000);
  fmt::print(
      "pipeline: generated Binance mix over TLS, one collector thread, one worker, adaptive\n");

  Run calm = run_at(small ? 2'000 : 20'000, step, instruments, 0);
  print(calm);
  const double messages_per_event = calm.messages_per_second / static_cast<double>(calm.offered);
  Run last = calm;
  std::uint64_t rate = calm.offered;
  std::uint64_t held = rate;
  for (rate = 100'000; !small && last.broke.empty(); rate = rate * 13 / 10) {
    last = run_at(rate, step, instruments, messages_per_event);
    print(last);
    if (last.broke.empty()) held = rate;
  }
  const double breaking = static_cast<double>(last.offered) * messages_per_event;

  // The longest proof at the highest rate that held; a step lower each time it does not.
  Run best;
  for (std::uint64_t at = held; at > 1'000; at = at * 9 / 10) {
    best = run_at(at, sustained, instruments, messages_per_event);
    print(best);
    if (best.broke.empty() || small) break;
  }
  if (!small && !best.broke.empty()) throw std::runtime_error("no rate was sustained");
  if (!small) {
    report.figure("pipeline.breaking_messages_per_second", "1/s", {breaking});
    fmt::print("  broke at {:.0f} messages/s: {}\n", breaking, last.broke);
  }
  report.figure("pipeline.sustained_messages_per_second", "1/s", {best.messages_per_second});
  report.figure("pipeline.bytes_per_message", "B", {best.bytes_per_message});
  for (std::size_t i = 0; i < 3; ++i) {
    report.figure(fmt::format("pipeline.cpu_ns_per_message.{}", PipelineRig::process_names[i]),
                  "ns", {best.cpu_ns_per_message[i]});
  }
  for (const auto& [name, percent] :
       {std::pair("p50", 50.0), std::pair("p99", 99.0), std::pair("p999", 99.9)}) {
    report.figure(fmt::format("pipeline.latency_{}_us", name), "us",
                  {static_cast<double>(best.seen.latency.percentile(percent)) / 1e3});
  }
}

}  // namespace ringside::perf
