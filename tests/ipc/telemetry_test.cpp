#include "ipc/telemetry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "tests/ipc/temporary_root.hpp"

namespace ringside::ipc {
namespace {

TelemetrySpec spec_of(std::size_t histograms = 4) {
  return TelemetrySpec{"test", "c0", "collector", "", histograms};
}

TEST(Telemetry, AnotherProcessReadsCountersHistogramsFactsAndFallBacks) {
  const TemporaryRoot root;
  Telemetry telemetry(spec_of());
  Counter frames = telemetry.counter("c0.0.frames");
  Gauge connections = telemetry.gauge("c0.0.connections");
  Histogram& decode = telemetry.histogram(stage::decrypted_to_decoded, "c0.0");
  telemetry.fact(PlacementFact{"c0.0 cpu", "auto", "3", "of 2-3"});
  telemetry.degradation(Degradation{"spsc.c0.0.w0.0: small pages"});
  frames.add();
  frames.add(4);
  connections.set(7);
  connections.set(2);
  decode.record(1000);

  Segment segment;
  ASSERT_EQ(attach_segment("test", "telemetry.c0", SegmentKind::Telemetry, segment),
            AttachStatus::Ok);
  const TelemetryReader reader(segment);
  EXPECT_EQ(reader.role(), "collector");
  EXPECT_EQ(reader.version(), RINGSIDE_VERSION);
  const auto counters = reader.counters();
  ASSERT_EQ(counters.size(), 2U);
  EXPECT_EQ(counters[0].name, "c0.0.frames");
  EXPECT_EQ(counters[0].kind, CounterKind::Counter);
  EXPECT_EQ(counters[0].value, 5U);
  EXPECT_EQ(counters[1].kind, CounterKind::Gauge);
  EXPECT_EQ(counters[1].value, 2U);
  const auto labels = reader.histograms();
  ASSERT_EQ(labels.size(), 1U);
  EXPECT_EQ(labels[0].stage, "decrypted_to_decoded");
  EXPECT_EQ(labels[0].thread, "c0.0");
  HistogramSnapshot copy;
  ASSERT_TRUE(reader.copy_histogram(labels[0].index, copy));
  EXPECT_EQ(copy.count(), 1U);
  EXPECT_FALSE(reader.copy_histogram(1, copy));
  ASSERT_EQ(reader.facts().size(), 1U);
  EXPECT_EQ(reader.facts()[0].applied, "3");
  ASSERT_EQ(reader.degradations().size(), 1U);
  EXPECT_EQ(reader.degradations()[0].line, "spsc.c0.0.w0.0: small pages");
  ClockReading clock;
  EXPECT_TRUE(reader.clock(clock));
}

TEST(Telemetry, ANameThatIsKnownGivesTheSameWord) {
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  telemetry.counter("a").add(1);
  telemetry.counter("a").add(2);
  EXPECT_EQ(telemetry.counter("a").value(), 3U);
  EXPECT_EQ(&telemetry.histogram("worker", "w0.0"), &telemetry.histogram("worker", "w0.0"));
  EXPECT_NE(&telemetry.histogram("worker", "w0.0"), &telemetry.histogram("worker", "w0.1"));
  EXPECT_THROW(telemetry.gauge("a"), std::system_error);
}

TEST(Telemetry, RefusesNamesThatDoNotFitAndMoreThanThereIsRoomFor) {
  Telemetry telemetry = Telemetry::in_memory(spec_of(1));
  EXPECT_THROW(telemetry.counter(""), std::system_error);
  EXPECT_THROW(telemetry.counter(std::string(64, 'x')), std::system_error);
  EXPECT_THROW(telemetry.counter("a\n"), std::system_error);
  telemetry.counter(std::string(63, 'x'));
  for (std::size_t i = 1; i < counters_max; ++i) telemetry.counter("n" + std::to_string(i));
  EXPECT_THROW(telemetry.counter("one too many"), std::system_error);
  telemetry.histogram("worker", "w0.0");
  EXPECT_THROW(telemetry.histogram("worker", "w0.1"), std::system_error);
}

TEST(Telemetry, TextForPeopleIsCutAndSaysSo) {
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  telemetry.degradation(Degradation{std::string(300, 'x') + "\n"});
  telemetry.fact(PlacementFact{"key", "asked\tby", std::string(48, 'y'), ""});
  const TelemetryReader reader(telemetry.segment());
  const auto line = reader.degradations().at(0).line;
  EXPECT_EQ(line.size(), 255U);
  EXPECT_TRUE(line.ends_with("xxx..."));
  EXPECT_EQ(reader.facts().at(0).asked, "asked?by");
  EXPECT_TRUE(reader.facts().at(0).applied.ends_with("yyy..."));
}

TEST(Telemetry, AFullTableOfFactsSaysThatItIsFull) {
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  for (std::size_t i = 0; i < 2 * facts_max; ++i) telemetry.fact(PlacementFact{"k", "", "", ""});
  for (std::size_t i = 0; i < 2 * degradations_max; ++i) telemetry.degradation(Degradation{"d"});
  const TelemetryReader reader(telemetry.segment());
  EXPECT_EQ(reader.facts().size(), facts_max);
  EXPECT_EQ(reader.facts().back().key, "more");
  EXPECT_EQ(reader.degradations().size(), degradations_max);
  EXPECT_EQ(reader.degradations().back().line, "no room for further fall-backs");
}

TEST(Telemetry, AHostileSegmentIsReadWithinItsBounds) {
  Telemetry telemetry = Telemetry::in_memory(spec_of(2));
  telemetry.counter("good");
  auto& block = const_cast<TelemetryBlock&>(
      *reinterpret_cast<const TelemetryBlock*>(telemetry.segment().data().data()));
  for (auto* count : {&block.counter_count, &block.histogram_count, &block.fact_count,
                      &block.degradation_count}) {
    count->store(UINT64_MAX, std::memory_order_release);
  }
  block.counter_names[1].bytes.fill('x');    // no end
  block.counter_names[2].bytes[0] = '\x1b';  // a terminal's escape
  block.facts[0].detail.bytes.fill('y');
  block.degradations[0].bytes.fill('z');
  const TelemetryReader reader(telemetry.segment());
  EXPECT_EQ(reader.counters().size(), counters_max - 2);
  EXPECT_EQ(reader.histograms().size(), 2U);
  EXPECT_EQ(reader.facts().size(), facts_max - 1);
  EXPECT_EQ(reader.degradations().size(), degradations_max - 1);
  HistogramSnapshot copy;
  EXPECT_FALSE(reader.copy_histogram(2, copy));
  EXPECT_EQ(reader.beyond_range(2), 0U);
}

TEST(Telemetry, BeatsAndKeepsItsClockPage) {
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  const auto now = now_ticks();
  telemetry.on_tick(now);
  EXPECT_EQ(telemetry.segment().heartbeat_age(now), 0U);
  const TelemetryReader reader(telemetry.segment());
  ClockReading first, second;
  ASSERT_TRUE(reader.clock(first));
  telemetry.on_tick(Ticks{first.tsc0.value + 1});
  ASSERT_TRUE(reader.clock(second));
  EXPECT_EQ(second.tsc0, first.tsc0);
  telemetry.on_tick(Ticks{first.tsc0.value + telemetry.rate().ticks(clock_refresh_ns) + 1});
  ASSERT_TRUE(reader.clock(second));
  EXPECT_GT(second.tsc0, first.tsc0);
}

TEST(Telemetry, WithoutOneCountersAndGaugesSwallowWhatTheyAreGiven) {
  Counter counter;
  Gauge gauge;
  counter.add(3);
  gauge.set(3);
  SUCCEED();
}

TEST(Telemetry, ASegmentOfAnotherKindOrGeometryTellsNothing) {
  const SegmentSpec right = telemetry_segment_spec(spec_of());
  SegmentSpec kind = right;
  kind.kind = SegmentKind::BookTable;
  SegmentSpec geometry = right;
  geometry.item_bytes /= 2;
  geometry.item_count *= 2;
  for (const auto& spec : {kind, geometry}) {
    const Segment segment = create_private_segment(spec);
    const TelemetryReader reader(segment);
    EXPECT_FALSE(reader.valid());
    EXPECT_EQ(reader.role(), "");
    EXPECT_EQ(reader.version(), "");
    EXPECT_TRUE(reader.counters().empty());
    EXPECT_TRUE(reader.histograms().empty());
    EXPECT_TRUE(reader.facts().empty());
    EXPECT_TRUE(reader.degradations().empty());
    ClockReading clock;
    EXPECT_FALSE(reader.clock(clock));
    HistogramSnapshot snapshot;
    EXPECT_FALSE(reader.copy_histogram(0, snapshot));
    EXPECT_EQ(reader.beyond_range(0), 0U);
  }
  EXPECT_TRUE(TelemetryReader(create_private_segment(right)).valid());
}

}  // namespace
}  // namespace ringside::ipc
