// What each choice of the SPSC ring is worth: the ring as it is against the ring without it, or
// with another value of it, in pairs of one round. low and high of these metrics enclose the median
// of the ratios with 95 % confidence (order statistics); an interval that holds 1 says nothing.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "perf/spsc_transfer.hpp"
#include "perf/suites.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned chosen_batch = 32;
constexpr std::uint64_t large_ring_slots = std::uint64_t{1} << 20;  // 64 MiB
constexpr unsigned tries_max = 12;                      // for a transfer that nothing disturbs
constexpr std::uint64_t suite_ns_max = 90'000'000'000;  // then what was kept has to do

struct Setting {
  unsigned publish_each = chosen_batch;
  unsigned writer_prefetch = ipc::spsc_prefetch_slots;
  unsigned reader_prefetch = 0;  // slots ahead of what is read
  std::uint64_t slots = ring_slots;
  std::string huge_dir;  // empty: small pages
  bool same_core = false;
};

ipc::Segment ring_memory(const Setting& setting) {
  auto spec = ipc::spsc_spec(setting.slots);
  spec.instance = fmt::format("ablation-{}", getpid());
  spec.name = "spsc.c0.0.w0.0";
  spec.huge_dir = setting.huge_dir;
  auto segment = ipc::create_segment(spec);
  RINGSIDE_CHECK(segment.geometry().huge_pages() != setting.huge_dir.empty());
  return segment;
}

void read_ahead(ipc::SpscReader& reader, const ipc::Segment& segment, std::uint64_t items,
                unsigned ahead) {
  const auto* const slots = reinterpret_cast<const ipc::Slot*>(segment.data().data());
  const auto mask = segment.geometry().item_count - 1;
  for (std::uint64_t i = 0; i < items;) {
    __builtin_prefetch(&slots[(i + ahead) & mask]);
    const Record* const record = reader.peek();
    if (record == nullptr) continue;
    RINGSIDE_CHECK(is_record(*record, i));
    reader.advance();
    ++i;
  }
}

std::uint64_t switches_of_this_thread() {
  rusage usage{};
  RINGSIDE_CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
  return static_cast<std::uint64_t>(usage.ru_nivcsw);
}

struct Sample {
  double rate = 0;         // records a second
  bool disturbed = false;  // one side lost its core
};

Sample sample_of(const Setting& setting, std::uint64_t items) {
  Ring ring(ring_memory(setting));
  auto writer = ring.writer();
  writer.set_prefetch_slots(setting.writer_prefetch);
  auto reader = ring.reader();
  SharedMemory memory(sizeof(std::uint64_t));
  auto& lost = *memory.at<std::uint64_t>(0);
  const auto counted = [](std::uint64_t& switches, auto&& transfer) {
    const auto before = switches_of_this_thread();
    transfer();
    switches = switches_of_this_thread() - before;
  };
  const auto read = [&] {
    counted(lost, [&] {
      setting.reader_prefetch == 0
          ? read_ours(reader, items)
          : read_ahead(reader, ring.segment, items, setting.reader_prefetch);
    });
  };
  std::uint64_t own = 0;
  const auto write = [&] {
    counted(own, [&] { write_ours(writer, items, setting.publish_each); });
  };
  const auto cores = core_pair();
  const double ns = transfer_ns(items, write, read, setting.same_core ? cores.first : cores.second);
  return {1e9 / ns, own + lost != 0};
}

struct Comparison {
  std::string name;
  Setting ours, other;
  std::uint64_t items = 0;
  bool disturbed_too = false;  // what cannot be had otherwise
  std::vector<double> rates = {}, other_rates = {};
  unsigned transfers = 0;

  void attempt(bool ours_first) {
    const auto first = quiet_sample(ours_first ? ours : other);
    const auto second = quiet_sample(ours_first ? other : ours);
    if (!first || !second) return;
    rates.push_back(*(ours_first ? first : second));
    other_rates.push_back(*(ours_first ? second : first));
  }

 private:
  std::optional<double> quiet_sample(const Setting& setting) {
    for (unsigned i = 0; i < tries_max; ++i) {
      const auto sample = sample_of(setting, items);
      ++transfers;
      if (disturbed_too || !sample.disturbed) return sample.rate;
    }
    return std::nullopt;
  }
};

std::vector<Comparison> comparisons(const std::string& huge_dir, std::uint64_t items) {
  const auto with = [](auto Setting::*member, auto value) {
    Setting setting;
    setting.*member = value;
    return setting;
  };
  std::vector<Comparison> all;
  const auto against = [&](const std::string& name, const Setting& other) {
    all.push_back({name, Setting{}, other, items});
  };
  against("writer_prefetch.16_vs_0", with(&Setting::writer_prefetch, 0U));
  against("writer_prefetch.16_vs_4", with(&Setting::writer_prefetch, 4U));
  against("writer_prefetch.16_vs_64", with(&Setting::writer_prefetch, 64U));
  against("reader_prefetch.none_vs_4", with(&Setting::reader_prefetch, 4U));
  against("reader_prefetch.none_vs_16", with(&Setting::reader_prefetch, 16U));
  for (const unsigned batch : {1U, 4U, 8U, 128U})
    against(fmt::format("batch.32_vs_{}", batch), with(&Setting::publish_each, batch));
  against("itself.chosen_vs_chosen", Setting{});
  // On one core each side waits for the other's time slice: that is what is measured.
  all.push_back(
      {"placement.other_core_vs_same", Setting{}, with(&Setting::same_core, true), items, true});
  if (huge_dir.empty()) return all;
  for (const auto slots : {ring_slots, large_ring_slots}) {
    Setting small = with(&Setting::slots, slots), huge = small;
    huge.huge_dir = huge_dir;
    // The large one twice round, which no time slice is long enough for.
    const bool is_large = slots == large_ring_slots;
    all.push_back({fmt::format("huge_vs_small_pages.{}_slots", slots), huge, small,
                   is_large ? 2 * slots : items, is_large});
  }
  return all;
}

}  // namespace

// A directory on a hugetlbfs mount in RINGSIDE_BENCH_HUGE_PAGES: huge pages are compared, too.
void bench_ablation(Report& report, Scale scale) {
  const bool is_small = scale == Scale::Small;
  const std::uint64_t items = is_small ? 20'000 : 60'000;
  const unsigned rounds = is_small ? 1 : 21;
  const char* const huge_dir = std::getenv("RINGSIDE_BENCH_HUGE_PAGES");  // NOLINT
  if (huge_dir == nullptr)
    std::fputs("huge pages are left out: RINGSIDE_BENCH_HUGE_PAGES names no hugetlbfs directory\n",
               stderr);
  auto all = comparisons(huge_dir == nullptr ? "" : huge_dir, items);
  const auto begin = steady_ns();
  for (unsigned round = 0; round < rounds && (round == 0 || steady_ns() - begin < suite_ns_max);
       ++round) {
    for (auto& each : all) {
      // Who begins alternates: what a pair does to the machine is nobody's.
      each.attempt(round % 2 == 0);
    }
  }
  for (const auto& each : all) {
    if (each.rates.empty()) continue;  // the machine was never quiet for so long
    report.compared("ablation." + each.name, each.rates, each.other_rates);
    report.figure("ablation." + each.name + ".kept", "share",
                  {2 * static_cast<double>(each.rates.size()) / each.transfers});
  }
}

}  // namespace ringside::perf
