// The SPSC ring between two processes: a hop against the floor and against boost::lockfree, and
// throughput against the same and readerwriterqueue. 64-byte items everywhere, contents checked.
#include <fmt/format.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include <algorithm>
#include <array>
#include <boost/lockfree/spsc_queue.hpp>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "ipc/check.hpp"
#include "perf/spsc_transfer.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned batch_records = 32;

struct Item {
  std::array<std::uint64_t, 8> words;
};
static_assert(sizeof(Item) == slot_bytes);
using BoostQueue = boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<ring_slots - 1>>;

// What the tests of both sides agree on: every word of an item follows from its number.
Item item_of(std::uint64_t i) {
  return {{i, scrambled(i), ~i, i + 1, scrambled(i) ^ 1, i ^ 2, 3, 4}};
}
bool is_item(const Item& item, std::uint64_t i) { return item.words == item_of(i).words; }

struct BoostRing {
  BoostRing() : memory(sizeof(BoostQueue)), queue(new (memory.data()) BoostQueue) {}
  SharedMemory memory;
  BoostQueue* queue;
};

void send(ipc::SpscWriter& writer, std::uint64_t i) {
  ipc::Slot* slot = nullptr;
  while ((slot = writer.claim(1)) == nullptr) {
  }
  fill_slot(*slot, i);
  writer.commit();
  writer.publish(Ticks{i});
}
void receive(ipc::SpscReader& reader, std::uint64_t i) {
  const Record* record = nullptr;
  while ((record = reader.peek()) == nullptr) {
  }
  RINGSIDE_CHECK(is_record(*record, i));
  reader.advance();
}
void send(BoostQueue& queue, std::uint64_t i) {
  while (!queue.push(item_of(i))) {
  }
}
void receive(BoostQueue& queue, std::uint64_t i) {
  Item item;
  while (!queue.pop(item)) {
  }
  RINGSIDE_CHECK(is_item(item, i));
}

// --- Round trips -------------------------------------------------------------------------------

// Near: the two sides share a cache; far: they do not. Virtual machines change between the two.
constexpr double far_floor_ns = 300;
constexpr double floors_apart_max = 1.10;  // the probes around a sample: more is a mixed sample

struct RoundTrips {
  std::vector<double> ours, floor, boost, floor_of_boost;
};

struct RttPlan {
  unsigned rounds = 0, probe_batches = 0, sample_batches = 0, batch = 0;
};

// Runs the same plan on both sides; Begin says whether this one begins each round trip.
template <bool Begins>
void round_trips(const RttPlan& plan, PingPong& lines, ipc::SpscWriter& writer,
                 ipc::SpscReader& reader, BoostQueue& out, BoostQueue& in,
                 std::array<RoundTrips, 2>& near_far) {
  std::uint64_t rounds = 0, ring_items = 0, boost_items = 0;
  const auto floor = [&](unsigned calls) {
    for (unsigned i = 0; i < calls; ++i) {
      if constexpr (Begins)
        ping(lines, ++rounds);
      else
        pong(lines, ++rounds);
    }
  };
  const auto ours = [&](unsigned calls) {
    for (unsigned i = 0; i < calls; ++i) {
      ++ring_items;
      if constexpr (Begins) send(writer, ring_items);
      receive(reader, ring_items);
      if constexpr (!Begins) send(writer, ring_items);
    }
  };
  const auto boost = [&](unsigned calls) {
    for (unsigned i = 0; i < calls; ++i) {
      ++boost_items;
      if constexpr (Begins) send(out, boost_items);
      receive(in, boost_items);
      if constexpr (!Begins) send(out, boost_items);
    }
  };
  for (unsigned round = 0; round < plan.rounds; ++round) {
    const double first = median_call_ns(plan.probe_batches, plan.batch, floor);
    const double mine = median_call_ns(plan.sample_batches, plan.batch, ours);
    const double second = median_call_ns(plan.probe_batches, plan.batch, floor);
    const double others = median_call_ns(plan.sample_batches, plan.batch, boost);
    const double third = median_call_ns(plan.probe_batches, plan.batch, floor);
    const auto [least, most] = std::minmax({first, second, third});
    if (most > least * floors_apart_max) continue;
    RoundTrips& kept = near_far[least >= far_floor_ns];
    kept.ours.push_back(mine);
    kept.floor.push_back((first + second) / 2);
    kept.boost.push_back(others);
    kept.floor_of_boost.push_back((second + third) / 2);
  }
}

void bench_round_trips(Report& report, bool small) {
  const RttPlan plan = small ? RttPlan{3, 20, 20, 8} : RttPlan{120, 100, 300, 32};
  const auto cores = core_pair();
  Ring there, back;
  BoostRing boost_there, boost_back;
  SharedMemory lines_memory(sizeof(PingPong));
  auto& lines = *new (lines_memory.data()) PingPong;
  std::array<RoundTrips, 2> near_far, unused;
  Child echo(cores.second, [&] {
    auto writer = back.writer();
    auto reader = there.reader();
    round_trips<false>(plan, lines, writer, reader, *boost_back.queue, *boost_there.queue, unused);
  });
  auto writer = there.writer();
  auto reader = back.reader();
  round_trips<true>(plan, lines, writer, reader, *boost_there.queue, *boost_back.queue, near_far);
  echo.join();

  const std::array names{"near", "far"};
  std::string worst_name, worst_boost_name;
  double worst = 0, worst_boost = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& kept = near_far[i];
    if (kept.ours.empty()) continue;
    report.ratio(fmt::format("spsc.rtt64_over_floor.{}", names[i]), kept.ours, kept.floor);
    if (report.metrics().back().value > worst)
      worst = report.metrics().back().value, worst_name = names[i];
    report.ratio(fmt::format("spsc.rtt64_vs_boost.{}", names[i]), kept.ours, kept.boost);
    if (report.metrics().back().value > worst_boost)
      worst_boost = report.metrics().back().value, worst_boost_name = names[i];
    report.ratio(fmt::format("spsc.boost_rtt64_over_floor.{}", names[i]), kept.boost,
                 kept.floor_of_boost);
  }
  if (worst > 0) {
    report.repeat("spsc.rtt64_over_floor." + worst_name, "spsc.rtt64_over_floor");
    report.repeat("spsc.rtt64_vs_boost." + worst_boost_name, "spsc.rtt64_vs_boost");
  }
  report.figure(
      "spsc.rtt64_samples_kept", "share",
      {static_cast<double>(near_far[0].ours.size() + near_far[1].ours.size()) / plan.rounds});
}

// --- Throughput --------------------------------------------------------------------------------

double ours_ns(std::uint64_t items, unsigned publish_each) {
  Ring ring;
  auto writer = ring.writer();
  auto reader = ring.reader();
  return transfer_ns(
      items, [&] { write_ours(writer, items, publish_each); }, [&] { read_ours(reader, items); });
}

double boost_ns(std::uint64_t items) {
  BoostRing ring;
  return transfer_ns(
      items,
      [&] {
        for (std::uint64_t i = 0; i < items; ++i) send(*ring.queue, i);
      },
      [&] {
        for (std::uint64_t i = 0; i < items; ++i) receive(*ring.queue, i);
      });
}

// boost's own batches: a range pushed, everything there consumed.
double boost_batched_ns(std::uint64_t items) {
  BoostRing ring;
  return transfer_ns(
      items,
      [&] {
        std::array<Item, batch_records> batch;
        for (std::uint64_t i = 0; i < items; i += batch_records) {
          const auto count = std::min<std::uint64_t>(batch_records, items - i);
          for (std::uint64_t k = 0; k < count; ++k) batch[k] = item_of(i + k);
          const Item* from = batch.data();
          const Item* const end = from + count;
          while (from != end) from = ring.queue->push(from, end);
        }
      },
      [&] {
        std::uint64_t i = 0;
        while (i < items)
          ring.queue->consume_all([&](const Item& item) { RINGSIDE_CHECK(is_item(item, i++)); });
      });
}

// Two threads of this process: readerwriterqueue holds pointers. Ours under the same terms.
template <typename Write, typename Read>
double threads_ns(std::uint64_t items, Write write, Read read) {
  const auto cores = core_pair();
  PingPong lines;
  std::thread reader([&] {
    pin_to(cores.second);
    read_between(lines, read);
  });
  const double ns = written_and_read_ns(lines, items, write);
  reader.join();
  return ns;
}

double rwq_ns(std::uint64_t items) {
  moodycamel::ReaderWriterQueue<Item> queue(ring_slots - 1);
  return threads_ns(
      items,
      [&] {
        for (std::uint64_t i = 0; i < items; ++i) {
          while (!queue.try_enqueue(item_of(i))) {
          }
        }
      },
      [&] {
        Item item;
        for (std::uint64_t i = 0; i < items; ++i) {
          while (!queue.try_dequeue(item)) {
          }
          RINGSIDE_CHECK(is_item(item, i));
        }
      });
}

double ours_in_threads_ns(std::uint64_t items) {
  Ring ring;
  auto writer = ring.writer();
  auto reader = ring.reader();
  return threads_ns(
      items, [&] { write_ours(writer, items, batch_records); }, [&] { read_ours(reader, items); });
}

void bench_throughput(Report& report, bool small) {
  const std::uint64_t items = small ? 20'000 : 2'000'000;
  const unsigned rounds = small ? 1 : 15;
  std::vector<double> batched, single, boost, boost_batched, threads, rwq;
  for (unsigned round = 0; round < rounds; ++round) {
    batched.push_back(1 / ours_ns(items, batch_records));
    boost.push_back(1 / boost_ns(items));
    single.push_back(1 / ours_ns(items, 1));
    boost_batched.push_back(1 / boost_batched_ns(items));
    threads.push_back(1 / ours_in_threads_ns(items));
    rwq.push_back(1 / rwq_ns(items));
  }
  report.ratio("spsc.throughput64_vs_boost", batched, boost);
  report.ratio("spsc.throughput64_vs_boost_batched", batched, boost_batched);
  report.ratio("spsc.throughput64_unbatched_vs_boost", single, boost);
  report.ratio("spsc.throughput64_vs_rwq", threads, rwq);
  for (auto& value : batched) value *= 1e9;
  report.figure("spsc.throughput64_records_per_second", "1/s", batched);
}

}  // namespace

void bench_ipc_spsc(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  bench_round_trips(report, small);
  bench_throughput(report, small);
}

}  // namespace ringside::perf
