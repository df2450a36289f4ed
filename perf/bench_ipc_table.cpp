// The book table: what a read of the newest value costs, alone and while another process rewrites
// that very entry a million times a second. Resident reads: a line that the writer has just changed
// has to cross between the cores first, whatever the software.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <new>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/check.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned levels = 10;
constexpr unsigned batch = 16;
constexpr std::uint64_t write_period_ns = 1'000;

ipc::BookView view_of(std::uint64_t i) {
  ipc::BookView view;
  view.state = State::Live;
  view.updates = i;
  view.epoch = 1;
  view.bid_count = levels;
  view.ask_count = levels;
  const auto base = static_cast<std::int64_t>(i % 1'000'000);
  for (unsigned k = 0; k < levels; ++k) {
    view.bids[k] = {Price{base - k}, Quantity{base + k}};
    view.asks[k] = {Price{base + 1 + k}, Quantity{base + k}};
  }
  return view;
}
// All that is read belongs to one update.
bool is_whole(const ipc::BookView& view) {
  const auto base = static_cast<std::int64_t>(view.updates % 1'000'000);
  for (unsigned k = 0; k < view.bid_count; ++k) {
    if (view.bids[k].price.mantissa != base - k || view.bids[k].quantity.mantissa != base + k ||
        view.asks[k].price.mantissa != base + 1 + k)
      return false;
  }
  return true;
}

// The floor of a read: that many bytes of private memory that nobody writes, copied elsewhere.
template <std::size_t Bytes>
double copy_ns(unsigned batches) {
  struct alignas(64) Block {
    std::array<std::byte, Bytes> bytes;
  };
  static Block from{}, to{};
  return median_call_ticks_ns(batches, batch, [&](unsigned calls) {
    for (unsigned i = 0; i < calls; ++i) {
      std::memcpy(&to, &from, Bytes);
      asm volatile("" : : "r"(&from), "r"(&to) : "memory");
    }
  });
}

struct Control {
  alignas(128) std::atomic<std::uint64_t> started{0};
  alignas(128) std::atomic<std::uint64_t> stop{0};
  std::uint64_t writes = 0, ns = 0;
};

// ns a read, the last of every batch checked; retries are part of it.
double best_read_ns(ipc::BookTableReader& reader, unsigned batches) {
  ipc::BestView best;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, batch, [&](unsigned calls) {
    const Ticks now = ipc::now_ticks();  // a strategy that polls has its own
    for (unsigned i = 0; i < calls; ++i)
      good &= reader.read_best(0, best, now) == ipc::ReadStatus::Ok;
    good &= best.has_bid() && best.has_ask() &&
            best.bid.quantity.mantissa == best.bid.price.mantissa &&
            best.ask.price.mantissa == best.bid.price.mantissa + 1;
  });
  RINGSIDE_CHECK(good);
  return ns;
}
double depth_read_ns(ipc::BookTableReader& reader, unsigned wanted, unsigned batches) {
  ipc::BookView view;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, batch, [&](unsigned calls) {
    const Ticks now = ipc::now_ticks();  // a strategy that polls has its own
    for (unsigned i = 0; i < calls; ++i)
      good &= reader.read(0, view, now, wanted) == ipc::ReadStatus::Ok;
    good &= view.bid_count == std::min(wanted, levels) && is_whole(view);
  });
  RINGSIDE_CHECK(good);
  return ns;
}

void write_at_a_rate(ipc::BookTableWriter& table, Control& control) {
  std::uint64_t i = 1;
  const auto begin = steady_ns();
  for (auto next = begin; control.stop.load(std::memory_order_acquire) == 0;) {
    if (steady_ns() < next) continue;
    next += write_period_ns;
    table.update(0, view_of(++i));
    control.started.store(1, std::memory_order_release);
  }
  control.writes = i;
  control.ns = steady_ns() - begin;
}

}  // namespace

void bench_ipc_table(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  const unsigned rounds = small ? 1 : 15;
  const unsigned batches = small ? 20 : 5'000;
  auto segment = ipc::create_private_segment(ipc::book_table_spec(4));
  ipc::BookTableWriter table(segment);
  (void)table.add(InstrumentId{0});
  table.update(0, view_of(1));
  ipc::BookTableReader reader(segment);
  SharedMemory control_memory(sizeof(Control));

  std::vector<double> best_idle, best_busy, depth_idle, depth_busy, rates, copy64, copy384;
  for (unsigned round = 0; round < rounds; ++round) {
    copy64.push_back(copy_ns<64>(batches));
    copy384.push_back(copy_ns<384>(batches));
    best_idle.push_back(best_read_ns(reader, batches));
    depth_idle.push_back(depth_read_ns(reader, levels, batches));
    auto& control = *new (control_memory.data()) Control;
    Child writer(core_pair().second, [&] { write_at_a_rate(table, control); });
    while (control.started.load(std::memory_order_acquire) == 0) {
    }
    best_busy.push_back(best_read_ns(reader, batches));
    depth_busy.push_back(depth_read_ns(reader, levels, batches));
    control.stop.store(1, std::memory_order_release);
    writer.join();
    rates.push_back(static_cast<double>(control.writes) * 1e9 / static_cast<double>(control.ns));
  }
  report.figure("table.bbo_read_ns_idle", "ns", best_idle);
  report.figure("table.bbo_read_ns_busy", "ns", best_busy);
  report.figure("table.depth_read_ns_idle", "ns", depth_idle);
  report.figure("table.depth_read_ns_busy", "ns", depth_busy);
  report.figure("table.copy_64_bytes_ns", "ns", copy64);
  report.figure("table.copy_384_bytes_ns", "ns", copy384);
  report.figure("table.writes_per_second_while_busy", "1/s", rates);
}

}  // namespace ringside::perf
