// What one process says about itself: segment telemetry.<process>. Counters, latency histograms,
// the clock page, what was asked for and what was got, and every fall-back in one line. Unlike a
// log it is read from outside, at any moment, without a word to the process.
//
// Threads: registering (counter, histogram, fact, degradation) from any thread of the process, at
// setup: it takes a lock and may throw. A Counter, Gauge or Histogram belongs to one thread after
// that. on_tick() from one thread. TelemetryReader in any process, one thread each.
// Bounded by: the *_max below; texts by their fields. Fails by: registering throws
// std::system_error; what cannot be trusted in a reader's segment is left out of its answers.
//
// Order of the shared words (P: writer, C: reader):
//   P1 names, facts, lines  plain, before P2     C2 plain, after C1: below a count nothing changes
//   P2 the four counts      release              C1 acquire
//   P3 values               relaxed              C3 relaxed: each is a number of its own
//   Histogram slots: ipc/histogram.hpp. Clock page: ipc/clock.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/clock.hpp"
#include "ipc/degradation.hpp"
#include "ipc/fixed_text.hpp"
#include "ipc/histogram.hpp"
#include "ipc/placement.hpp"
#include "ipc/segment.hpp"
#include "ipc/shared_words.hpp"

namespace ringside::ipc {

inline constexpr std::size_t counters_max = 8192;   // 128 worker threads, or some 45 venue tables
inline constexpr std::size_t histograms_max = 256;  // four a thread
inline constexpr std::size_t facts_max = 128;
inline constexpr std::size_t degradations_max = 64;

// Names of the stages between a venue's bytes and a consumer, in the order of the path. Each is
// recorded by the process at its end.
namespace stage {
inline constexpr std::string_view kernel_to_read = "kernel_to_read";  // other clock: kept apart
inline constexpr std::string_view read_to_decrypted = "read_to_decrypted";
inline constexpr std::string_view decrypted_to_decoded = "decrypted_to_decoded";
inline constexpr std::string_view decoded_to_published = "decoded_to_published";
inline constexpr std::string_view ring_hop = "ring_hop";  // collector published -> worker read
inline constexpr std::string_view worker = "worker";      // worker read -> worker published
inline constexpr std::string_view broadcast_hop = "broadcast_hop";  // published -> consumer read
inline constexpr std::string_view socket_to_consumer = "socket_to_consumer";
inline constexpr std::array<std::string_view, 8> in_order{
    kernel_to_read, read_to_decrypted, decrypted_to_decoded, decoded_to_published, ring_hop,
    worker,         broadcast_hop,     socket_to_consumer};
}  // namespace stage

// --- As it lies in the segment ------------------------------------------------------------------

// Wire values of CounterValue::kind.
enum class CounterKind : std::uint32_t { Counter = 1, Gauge = 2 };

using CounterName = FixedText<64>;

struct alignas(hot_line_bytes) CounterValue {
  Atomic<std::uint64_t> value;
  std::uint32_t kind;
  std::uint8_t reserved[116];
};
static_assert(sizeof(CounterValue) == 128);

struct FactEntry {
  FixedText<32> key;
  FixedText<48> asked;
  FixedText<48> applied;
  FixedText<128> detail;
};
static_assert(sizeof(FactEntry) == 256);

using DegradationLine = FixedText<256>;

struct alignas(hot_line_bytes) HistogramEntry {
  FixedText<32> stage;
  FixedText<32> thread;
  Atomic<std::uint64_t> beyond;  // values above live_geometry.highest(), in the last slot
  std::uint8_t reserved[56];
  std::array<Atomic<std::uint64_t>, live_slots> slots;
};
static_assert(sizeof(HistogramEntry) == 30848);
static_assert(sizeof(HistogramEntry) == telemetry_histogram_bytes);
static_assert(offsetof(HistogramEntry, beyond) == 64);
static_assert(offsetof(HistogramEntry, slots) == 128);

// Start of the payload. The histograms follow it: as many as SegmentGeometry::item_count.
struct alignas(hot_line_bytes) TelemetryBlock {
  Atomic<std::uint64_t> counter_count;
  Atomic<std::uint64_t> histogram_count;
  Atomic<std::uint64_t> fact_count;
  Atomic<std::uint64_t> degradation_count;
  FixedText<32> role;  // collector, orderbook, ...
  FixedText<64> version;
  ClockPage clock;
  std::uint8_t reserved[128];
  std::array<CounterName, counters_max> counter_names;
  std::array<CounterValue, counters_max> counter_values;
  std::array<FactEntry, facts_max> facts;
  std::array<DegradationLine, degradations_max> degradations;
};
static_assert(std::is_standard_layout_v<TelemetryBlock>);
static_assert(offsetof(TelemetryBlock, histogram_count) == 8);
static_assert(offsetof(TelemetryBlock, fact_count) == 16);
static_assert(offsetof(TelemetryBlock, degradation_count) == 24);
static_assert(offsetof(TelemetryBlock, role) == 32);
static_assert(offsetof(TelemetryBlock, version) == 64);
static_assert(offsetof(TelemetryBlock, clock) == 128);
static_assert(offsetof(TelemetryBlock, clock) == telemetry_clock_offset);
static_assert(offsetof(TelemetryBlock, counter_names) == 512);
static_assert(offsetof(TelemetryBlock, counter_values) == 524800);
static_assert(offsetof(TelemetryBlock, facts) == 1573376);
static_assert(offsetof(TelemetryBlock, degradations) == 1606144);
static_assert(sizeof(TelemetryBlock) == 1622528);

// --- The writing side ---------------------------------------------------------------------------

// Only ever grows. A default one counts into a word nobody reads.
class Counter {
 public:
  Counter() noexcept;
  explicit Counter(Atomic<std::uint64_t>& word) noexcept : word_(&word) {}

  void add(std::uint64_t n = 1) noexcept {
    // owner: only this thread writes. P3: pairs with C3
    word_->store(word_->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return word_->load(std::memory_order_relaxed);  // C3: pairs with P3
  }

 private:
  Atomic<std::uint64_t>* word_;
};

// A level that rises and falls.
class Gauge {
 public:
  Gauge() noexcept;
  explicit Gauge(Atomic<std::uint64_t>& word) noexcept : word_(&word) {}

  void set(std::uint64_t value) noexcept {
    word_->store(value, std::memory_order_relaxed);  // P3: pairs with C3
  }

 private:
  Atomic<std::uint64_t>* word_;
};

struct TelemetrySpec {
  std::string instance;
  std::string process;  // c0, w0, top.1234, ...
  std::string role;     // collector, orderbook, ...
  std::string group;    // as SegmentSpec::group
  // Histograms there is room for; 30 KB each.
  std::size_t histograms = 32;
};

class Telemetry {
 public:
  // Creates telemetry.<process>. Throws as create_segment().
  explicit Telemetry(const TelemetrySpec& spec);
  // The same in private memory: for tests and for whoever may not create segments.
  static Telemetry in_memory(const TelemetrySpec& spec);

  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  // Names are printable, 1 to 63 characters: <thread>.<what>, e.g. c0.0.frames. A name that is
  // known already gives the same word again: then both askers are one thread. Throws
  // std::system_error: ENOSPC, EINVAL.
  Counter counter(std::string_view name);
  Gauge gauge(std::string_view name);
  // The reference lives as long as this. Same rules; stage and thread are 1 to 31 characters.
  Histogram& histogram(std::string_view stage, std::string_view thread);
  // Texts too long for their field are cut, and end in "...".
  void fact(const PlacementFact& fact);
  void degradation(const Degradation& degradation);

  // Heartbeat, and the clock page when it is due. Every heartbeat_period_ns or so.
  void on_tick(Ticks now) noexcept;

  [[nodiscard]] const TickRate& rate() const noexcept { return rate_; }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }

 private:
  struct InMemory {};
  Telemetry(const TelemetrySpec& spec, InMemory);
  Telemetry(const TelemetrySpec& spec, Segment segment);
  Atomic<std::uint64_t>& value_of(std::string_view name, CounterKind kind);
  [[nodiscard]] std::string full(std::string_view what, std::size_t capacity) const;

  TickRate rate_;
  Segment segment_;
  TelemetryBlock* block_;
  HistogramEntry* entries_;
  std::size_t histogram_capacity_;
  ClockPageWriter clock_;
  std::mutex registration_;  // of this process's threads, never across processes
  std::array<Histogram, histograms_max> histograms_;
};

// --- The reading side ---------------------------------------------------------------------------

struct CounterReading {
  std::string name;
  CounterKind kind = CounterKind::Counter;
  std::uint64_t value = 0;
};

struct HistogramLabel {
  std::size_t index = 0;  // for copy_histogram()
  std::string stage;
  std::string thread;
};

class TelemetryReader {
 public:
  // Of an attached segment, which stays where it is and outlives this. One of any other kind, or of
  // another geometry, is not valid(): it tells nothing.
  explicit TelemetryReader(const Segment& segment) noexcept;

  [[nodiscard]] bool valid() const noexcept { return block_ != nullptr; }
  [[nodiscard]] std::string role() const;
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::vector<CounterReading> counters() const;
  [[nodiscard]] std::vector<HistogramLabel> histograms() const;
  [[nodiscard]] std::vector<PlacementFact> facts() const;
  [[nodiscard]] std::vector<Degradation> degradations() const;
  // As read_clock().
  [[nodiscard]] bool clock(ClockReading& reading) const noexcept;

  // Overwrites `snapshot`, which has live_geometry (checked). False: no such histogram.
  [[nodiscard]] bool copy_histogram(std::size_t index, HistogramSnapshot& snapshot) const noexcept;
  // How many values of it were above the range. 0 for no such histogram.
  [[nodiscard]] std::uint64_t beyond_range(std::size_t index) const noexcept;

 private:
  [[nodiscard]] std::size_t histogram_count() const noexcept;

  const TelemetryBlock* block_ = nullptr;
  const HistogramEntry* entries_ = nullptr;
  std::size_t histogram_capacity_ = 0;
};

SegmentSpec telemetry_segment_spec(const TelemetrySpec& spec);

}  // namespace ringside::ipc
