// What only ever grows, over the checker: the catalogue, and what telemetry says about itself.
//
// Allowed: what is counted, whole; a value that was counted before. Forbidden: an entry that is
// counted and not there, one that changes, a value that goes back, a data race on plain bytes.
#include <string>

#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"
#include "tests/model/mutants.hpp"

namespace ringside::ipc {
namespace {

using namespace ringside::model;

constexpr std::uint32_t entries = 3;
constexpr unsigned looks = 4;

void catalogue(Checker& checker) {
  Segment segment = catalogue_in_memory(entries);
  checker.name(&segment.writable_header().kind_words[0], 8, "count");
  CatalogueWriter writer(segment);
  checker.thread([&] {
    for (std::uint32_t i = 0; i < entries; ++i)
      writer.append(
          {InstrumentId{i + 1000}, i, {}, "venue", "symbol " + std::to_string(i), "w0.0"});
  });
  checker.thread([&] {
    const CatalogueReader reader(segment);
    for (unsigned look = 0; look < looks; ++look) {
      CatalogueEntry entry;
      const auto count = reader.count();
      for (std::uint32_t i = 0; i < count; ++i) {
        const bool is_there = reader.at(i, entry) == CatalogueStatus::Ok &&
                              entry.id() == InstrumentId{i + 1000} &&
                              entry.symbol.view() == "symbol " + std::to_string(i);
        checker.forbid(!is_there, "a counted entry that is not there");
      }
    }
  });
  checker.run();
}

void add_all(Telemetry& telemetry) {
  for (std::uint32_t i = 0; i < entries; ++i) {
    const auto number = std::to_string(i);
    auto counter = telemetry.counter("c" + number);
    counter.add(i + 1);
    counter.add();
    telemetry.fact({"k" + number, "asked", "applied", "detail"});
    telemetry.degradation({"line " + number});
  }
  (void)telemetry.histogram("stage", "thread");
}

void read_all(Checker& checker, const Telemetry& telemetry) {
  const TelemetryReader reader(telemetry.segment());
  std::array<std::uint64_t, entries> newest{};
  for (unsigned look = 0; look < looks; ++look) {
    const auto counters = reader.counters();
    for (std::size_t i = 0; i < counters.size(); ++i) {
      checker.forbid(counters[i].name != "c" + std::to_string(i), "another counter");
      checker.forbid(counters[i].value < newest[i] || counters[i].value > i + 2, "a lost count");
      newest[i] = counters[i].value;
    }
    const auto facts = reader.facts();
    for (std::size_t i = 0; i < facts.size(); ++i)
      checker.forbid(facts[i].key != "k" + std::to_string(i) || facts[i].detail != "detail",
                     "another fact");
    const auto lines = reader.degradations();
    for (std::size_t i = 0; i < lines.size(); ++i)
      checker.forbid(lines[i].line != "line " + std::to_string(i), "another line");
    for (const auto& label : reader.histograms())
      checker.forbid(label.stage != "stage" || label.thread != "thread", "another histogram");
  }
}

void telemetry(Checker& checker) {
  auto said = Telemetry::in_memory({"test", "c0", "collector", "", 1});
  const TelemetryBlock& block =
      *reinterpret_cast<const TelemetryBlock*>(said.segment().data().data());
  checker.name(&block.counter_count, 8, "counter count");
  checker.name(&block.histogram_count, 8, "histogram count");
  checker.name(&block.fact_count, 8, "fact count");
  checker.name(&block.degradation_count, 8, "line count");
  checker.thread([&] { add_all(said); });
  checker.thread([&] { read_all(checker, said); });
  checker.run();
}

constexpr auto release = std::memory_order_release;
constexpr auto acquire = std::memory_order_acquire;

TEST(AppendModel, TheCatalogueHolds) { expect_sound(catalogue); }
TEST(AppendModel, TelemetryHolds) { expect_sound(telemetry); }

TEST(AppendModel, EveryMutantIsCaught) {
  std::vector<Mutant> mutants{
      {"catalogue P2: count stored relaxed",
       catalogue,
       {{"count", Access::Store, release, Change::Relaxed}}},
      {"catalogue C1: count loaded relaxed",
       catalogue,
       {{"count", Access::Load, acquire, Change::Relaxed}}},
      {"catalogue: one more than is counted",
       catalogue,
       {{"count", Access::Load, acquire, Change::Forward, 1}}},
  };
  for (const char* word : {"counter count", "histogram count", "fact count", "line count"}) {
    mutants.push_back({word, telemetry, {{word, Access::Store, release, Change::Relaxed}}});
    mutants.push_back({word, telemetry, {{word, Access::Load, acquire, Change::Relaxed}}});
  }
  expect_caught(mutants);
}

}  // namespace
}  // namespace ringside::ipc
