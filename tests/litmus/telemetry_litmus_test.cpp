// Threads count and register while another copies what there is.
//
// Allowed: any count between two of a writer's; a list that lacks what was just registered.
// Forbidden: a count that falls; a total that is not the sum of its slots; a nameless entry; a
// value lost once its writer has ended.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "ipc/telemetry.hpp"

namespace ringside::ipc {
namespace {

TelemetrySpec spec_of() { return TelemetrySpec{"test", "c0", "collector", "", 4}; }

TEST(TelemetryLitmus, ACopyTakenWhileItIsCountedIsATrueHistogram) {
  constexpr std::uint64_t values = 200'000;
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  Histogram& histogram = telemetry.histogram(stage::worker, "w0.0");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < values; ++i) histogram.record(i % 5000);
    done.store(true, std::memory_order_release);
  });
  const TelemetryReader reader(telemetry.segment());
  HistogramSnapshot earlier, later, interval;
  bool last = false;
  while (!last) {
    last = done.load(std::memory_order_acquire);
    ASSERT_TRUE(reader.copy_histogram(0, later));
    interval = later;
    ASSERT_TRUE(interval.subtract(earlier));
    ASSERT_EQ(interval.count() + earlier.count(), later.count());
    earlier = later;
  }
  writer.join();
  EXPECT_EQ(later.count(), values);
}

TEST(TelemetryLitmus, WhatIsRegisteredMeanwhileAppearsWithItsName) {
  constexpr int names = 200;
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  const auto work = [&](const std::string& thread) {
    for (int i = 0; i < names; ++i) {
      Counter counter = telemetry.counter(thread + "." + std::to_string(i));
      for (int j = 0; j <= i; ++j) counter.add();
      telemetry.on_tick(now_ticks());
    }
    telemetry.fact(PlacementFact{thread, "asked", "applied", "detail"});
  };
  std::thread first(work, "c0.0");
  const TelemetryReader reader(telemetry.segment());
  std::size_t seen = 0;
  ClockReading clock;
  while (seen < names || reader.facts().empty()) {
    const auto counters = reader.counters();
    ASSERT_GE(counters.size(), seen);
    seen = counters.size();
    for (std::size_t i = 0; i < seen; ++i) {
      ASSERT_EQ(counters[i].name, "c0.0." + std::to_string(i));
      ASSERT_LE(counters[i].value, i + 1);
    }
    ASSERT_TRUE(reader.clock(clock));
  }
  first.join();
  EXPECT_EQ(reader.facts().at(0).key, "c0.0");
  EXPECT_EQ(reader.counters().back().value, static_cast<std::uint64_t>(names));
}

TEST(TelemetryLitmus, TwoThreadsRegisterAtOnceAndLoseNothing) {
  Telemetry telemetry = Telemetry::in_memory(spec_of());
  const auto work = [&](const std::string& thread) {
    for (int i = 0; i < 100; ++i) telemetry.counter(thread + "." + std::to_string(i)).add();
  };
  std::thread first(work, "c0.0"), second(work, "c0.1");
  first.join();
  second.join();
  const auto counters = TelemetryReader(telemetry.segment()).counters();
  EXPECT_EQ(counters.size(), 200U);
  for (const auto& counter : counters) EXPECT_EQ(counter.value, 1U) << counter.name;
}

// Allowed: a page as published. Forbidden: words of two pages.
TEST(TelemetryLitmus, AClockPageIsReadWhole) {
  const auto page = std::make_unique<ClockPage>();
  ClockPageWriter writer(*page, TickRate::of(1.0, true));
  std::atomic<bool> done{false};
  writer.publish(ClockSample{Ticks{1}, UtcNs{1}, 0});
  std::thread reading([&] {
    ClockReading reading_now;
    for (int i = 0; i < 20'000;) {
      if (!read_clock(*page, reading_now)) continue;
      ASSERT_EQ(reading_now.tsc0.value, static_cast<std::uint64_t>(reading_now.utc0.value));
      ++i;
    }
    done.store(true, std::memory_order_relaxed);
  });
  for (std::uint64_t i = 2; !done.load(std::memory_order_relaxed); ++i) {
    writer.publish(ClockSample{Ticks{i}, UtcNs{static_cast<std::int64_t>(i)}, 0});
  }
  reading.join();
}

}  // namespace
}  // namespace ringside::ipc
