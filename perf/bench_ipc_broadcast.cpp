// The broadcast ring: what a stopped reader costs the writer (nothing is the aim: it does not know
// its readers), and how soon a reader that joins late has its first good record.
#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <new>
#include <vector>

#include "ipc/broadcast_ring.hpp"
#include "ipc/check.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"

namespace ringside::perf {
namespace {

constexpr std::uint64_t ring_slots = 65'536;
constexpr unsigned readers = 3;

Record record_of(std::uint64_t i, Kind kind) {
  Record record{};
  record.instrument = static_cast<std::uint32_t>(i);
  record.kind = kind;
  record.receive_tsc = i;
  record.reference = i * 3;
  return record;
}
bool is_whole(const Record& record) {
  return record.reference == record.receive_tsc * 3 &&
         record.instrument == static_cast<std::uint32_t>(record.receive_tsc);
}

struct Control {
  alignas(128) std::atomic<std::uint64_t> started{0};
  alignas(128) std::atomic<std::uint64_t> stop{0};
};

void read_until_stopped(const ipc::Segment& segment, Control& control) {
  ipc::BroadcastReader reader(segment);
  const auto buffer = std::make_unique<ipc::RecordBuffer>();
  control.started.fetch_add(1, std::memory_order_release);
  while (control.stop.load(std::memory_order_acquire) == 0) {
    const auto status = reader.poll(*buffer);
    RINGSIDE_CHECK(status != ipc::PollStatus::Corrupt);
    if (status == ipc::PollStatus::Ok) RINGSIDE_CHECK(is_whole(buffer->record));
  }
}

// ns a record at the writer, in batches.
double writer_cost_ns(ipc::BroadcastWriter& writer, unsigned batches) {
  constexpr unsigned batch = 256;
  return median_call_ns(batches, batch, [&](unsigned calls) {
    for (unsigned i = 0; i < calls; ++i)
      writer.publish(record_of(writer.position(), Kind::Trade), {}, Ticks{writer.position()});
  });
}

void bench_stopped_reader(Report& report, bool small) {
  const unsigned rounds = small ? 2 : 25;
  const unsigned batches = small ? 20 : 2'000;
  const auto cores = core_pair();
  auto segment = ipc::create_private_segment(ipc::broadcast_spec(ring_slots), ipc::fill_broadcast);
  ipc::BroadcastWriter writer(segment);
  SharedMemory control_memory(sizeof(Control));
  auto& control = *new (control_memory.data()) Control;
  std::vector<std::unique_ptr<Child>> children;
  for (unsigned i = 0; i < readers; ++i) {
    children.push_back(
        std::make_unique<Child>(cores.second, [&] { read_until_stopped(segment, control); }));
  }
  while (control.started.load(std::memory_order_acquire) != readers) {
  }
  std::vector<double> all_running, one_stopped;
  for (unsigned round = 0; round < rounds; ++round) {
    all_running.push_back(writer_cost_ns(writer, batches));
    children[0]->signal(SIGSTOP);
    children[0]->wait_stopped();
    one_stopped.push_back(writer_cost_ns(writer, batches));
    children[0]->signal(SIGCONT);
  }
  control.stop.store(1, std::memory_order_release);
  for (auto& child : children) child->join();
  report.ratio("broadcast.writer_cost_stopped_reader_ratio", one_stopped, all_running);
  report.figure("broadcast.writer_cost_three_readers_ns", "ns", all_running);
}

// A name in /dev/shm (or RINGSIDE_SHM_ROOT), so that joining is what a stranger does: open, check,
// map, look for the newest key record, read it. A writer fills the ring meanwhile, a key in 64.
void bench_late_join(Report& report, bool small) {
  const auto cores = core_pair();
  const std::string instance = fmt::format("bench-{}", getpid());
  SharedMemory control_memory(sizeof(Control));
  auto& control = *new (control_memory.data()) Control;
  Child writing(cores.second, [&] {
    auto spec = ipc::broadcast_spec(ring_slots);
    spec.instance = instance;
    spec.name = "events.w0.0";
    auto segment = ipc::create_segment(spec, ipc::fill_broadcast);
    ipc::BroadcastWriter writer(segment);
    for (std::uint64_t i = 0; control.stop.load(std::memory_order_acquire) == 0; ++i) {
      writer.publish(record_of(i, i % 64 == 0 ? Kind::Key : Kind::Trade), {}, Ticks{i});
      if (i == ring_slots) control.started.store(1, std::memory_order_release);
      for (const auto until = steady_ns() + 1'000; i > ring_slots && steady_ns() < until;) {
      }
    }
  });
  while (control.started.load(std::memory_order_acquire) == 0) {
  }
  std::vector<double> joined_us;
  const auto buffer = std::make_unique<ipc::RecordBuffer>();
  for (unsigned round = 0; round < (small ? 5U : 200U); ++round) {
    const auto begin = steady_ns();
    ipc::Segment segment;
    RINGSIDE_CHECK(ipc::is_attached(
        ipc::attach_segment(instance, "events.w0.0", ipc::SegmentKind::Broadcast, segment)));
    ipc::BroadcastReader reader(segment);
    while (reader.poll(*buffer) != ipc::PollStatus::Ok) {
    }
    joined_us.push_back(static_cast<double>(steady_ns() - begin) / 1e3);
    RINGSIDE_CHECK(is_whole(buffer->record) && buffer->record.kind == Kind::Key);
  }
  control.stop.store(1, std::memory_order_release);
  writing.join();
  (void)ipc::remove_dead_segments(instance);
  report.figure("broadcast.late_join_us", "us", joined_us);
}

}  // namespace

void bench_ipc_broadcast(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  bench_stopped_reader(report, small);
  bench_late_join(report, small);
}

}  // namespace ringside::perf
