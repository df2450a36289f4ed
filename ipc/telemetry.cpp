#include "ipc/telemetry.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "ipc/check.hpp"
#include "ipc/plain_bytes.hpp"

namespace ringside::ipc {
namespace {

Atomic<std::uint64_t> unread_word;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

bool is_telemetry(const Segment& segment) noexcept {
  return segment.mapped() && segment.geometry().kind == SegmentKind::Telemetry &&
         segment.geometry().item_bytes == sizeof(HistogramEntry) &&
         segment.geometry().data_bytes >= sizeof(TelemetryBlock);
}

// The histograms lie behind the block, so that item_count alone does not bound them.
std::size_t histogram_capacity_of(const SegmentGeometry& geometry) {
  const auto room = (geometry.data_bytes - sizeof(TelemetryBlock)) / sizeof(HistogramEntry);
  return std::min({std::size_t{room}, std::size_t{geometry.item_count}, histograms_max});
}

template <std::size_t Bytes>
void assign_name(FixedText<Bytes>& shared, std::string_view name, const char* what) {
  FixedText<Bytes> text;
  if (name.empty() || !text.assign(name)) {
    fail(EINVAL, std::string(what) + " \"" + std::string(name) + "\" must have 1 to " +
                     std::to_string(text.length_max) + " printable characters");
  }
  put_plain(&shared, &text, sizeof text);  // P1: pairs with C2
}

// The count that a reader may go by.
std::size_t released(const Atomic<std::uint64_t>& count, std::size_t max) noexcept {
  const auto said = count.load(std::memory_order_acquire);  // C1: pairs with P2
  return std::min(std::size_t{said}, max);
}

// Private copy first: a hostile writer may change bytes while they are looked at.
template <typename Text>
bool take_text(const Text& shared, std::string& text) {
  Text copy;
  take_plain(&copy, &shared, sizeof copy);  // C2: pairs with P1
  if (!copy.valid()) return false;
  text = std::string(copy.view());
  return true;
}

}  // namespace

Counter::Counter() noexcept : word_(&unread_word) {}
Gauge::Gauge() noexcept : word_(&unread_word) {}

SegmentSpec telemetry_segment_spec(const TelemetrySpec& spec) {
  RINGSIDE_CHECK(spec.histograms >= 1 && spec.histograms <= histograms_max);
  SegmentSpec segment;
  segment.instance = spec.instance;
  segment.name = "telemetry." + spec.process;
  segment.kind = SegmentKind::Telemetry;
  segment.group = spec.group;
  segment.item_bytes = sizeof(HistogramEntry);
  segment.item_count = spec.histograms;
  segment.payload_bytes = sizeof(TelemetryBlock) + spec.histograms * sizeof(HistogramEntry);
  return segment;
}

// --- The writing side ---------------------------------------------------------------------------

Telemetry::Telemetry(const TelemetrySpec& spec)
    : Telemetry(spec, create_segment(telemetry_segment_spec(spec))) {}

Telemetry::Telemetry(const TelemetrySpec& spec, InMemory)
    : Telemetry(spec, create_private_segment(telemetry_segment_spec(spec))) {}

Telemetry Telemetry::in_memory(const TelemetrySpec& spec) { return {spec, InMemory{}}; }

Telemetry::Telemetry(const TelemetrySpec& spec, Segment segment)
    : rate_(TickRate::of_host()),
      segment_(std::move(segment)),
      block_(reinterpret_cast<TelemetryBlock*>(segment_.writable_data().data())),
      entries_(reinterpret_cast<HistogramEntry*>(segment_.writable_data().data() +
                                                 sizeof(TelemetryBlock))),
      histogram_capacity_(histogram_capacity_of(segment_.geometry())),
      clock_(block_->clock, rate_) {
  block_->role.assign_cut(spec.role);
  block_->version.assign_cut(RINGSIDE_VERSION);
  on_tick(now_ticks());
}

std::string Telemetry::full(std::string_view what, std::size_t capacity) const {
  return segment_.path() + " has room for " + std::to_string(capacity) + " " + std::string(what) +
         "; spread the venues and threads over more processes";
}

Atomic<std::uint64_t>& Telemetry::value_of(std::string_view name, CounterKind kind) {
  const std::lock_guard lock(registration_);
  const auto count = block_->counter_count.load(std::memory_order_relaxed);  // owner: under lock
  for (std::size_t i = 0; i < count; ++i) {
    if (block_->counter_names[i].view() != name) continue;
    if (block_->counter_values[i].kind != static_cast<std::uint32_t>(kind)) {
      fail(EINVAL, "\"" + std::string(name) + "\" is a counter here and a gauge there");
    }
    return block_->counter_values[i].value;
  }
  if (count == counters_max) fail(ENOSPC, full("counters", counters_max));
  assign_name(block_->counter_names[count], name, "counter");
  const auto wire_kind = static_cast<std::uint32_t>(kind);
  put_plain(&block_->counter_values[count].kind, &wire_kind, sizeof wire_kind);  // P1: with C2
  block_->counter_count.store(count + 1, std::memory_order_release);  // P2: pairs with C1
  return block_->counter_values[count].value;
}

Counter Telemetry::counter(std::string_view name) {
  return Counter(value_of(name, CounterKind::Counter));
}

Gauge Telemetry::gauge(std::string_view name) { return Gauge(value_of(name, CounterKind::Gauge)); }

Histogram& Telemetry::histogram(std::string_view stage, std::string_view thread) {
  const std::lock_guard lock(registration_);
  const auto count = block_->histogram_count.load(std::memory_order_relaxed);  // owner: under lock
  for (std::size_t i = 0; i < count; ++i) {
    if (entries_[i].stage.view() == stage && entries_[i].thread.view() == thread) {
      return histograms_[i];
    }
  }
  if (count == histogram_capacity_) fail(ENOSPC, full("histograms", histogram_capacity_));
  HistogramEntry& entry = entries_[count];
  assign_name(entry.stage, stage, "stage");
  assign_name(entry.thread, thread, "thread");
  histograms_[count] = Histogram(entry.slots, entry.beyond);
  block_->histogram_count.store(count + 1, std::memory_order_release);  // P2: pairs with C1
  return histograms_[count];
}

void Telemetry::fact(const PlacementFact& fact) {
  const std::lock_guard lock(registration_);
  const auto count = block_->fact_count.load(std::memory_order_relaxed);  // owner: under lock
  if (count == facts_max) return;
  FactEntry entry;
  if (count == facts_max - 1) {
    // The table says itself that it is full; a process must not fail for that.
    entry.key.assign_cut("more");
    entry.detail.assign_cut("no room for further facts");
  } else {
    entry.key.assign_cut(fact.key);
    entry.asked.assign_cut(fact.asked);
    entry.applied.assign_cut(fact.applied);
    entry.detail.assign_cut(fact.detail);
  }
  FactEntry& shared = block_->facts[count];
  put_plain(&shared.key, &entry.key, sizeof entry.key);              // P1: pairs with C2
  put_plain(&shared.asked, &entry.asked, sizeof entry.asked);        // P1: pairs with C2
  put_plain(&shared.applied, &entry.applied, sizeof entry.applied);  // P1: pairs with C2
  put_plain(&shared.detail, &entry.detail, sizeof entry.detail);     // P1: pairs with C2
  block_->fact_count.store(count + 1, std::memory_order_release);    // P2: pairs with C1
}

void Telemetry::degradation(const Degradation& degradation) {
  const std::lock_guard lock(registration_);
  const auto count =
      block_->degradation_count.load(std::memory_order_relaxed);  // owner: under lock
  if (count == degradations_max) return;
  const bool last = count == degradations_max - 1;
  DegradationLine line;
  line.assign_cut(last ? std::string("no room for further fall-backs") : degradation.line);
  put_plain(&block_->degradations[count], &line, sizeof line);            // P1: pairs with C2
  block_->degradation_count.store(count + 1, std::memory_order_release);  // P2: pairs with C1
}

void Telemetry::on_tick(Ticks now) noexcept {
  segment_.beat(now);
  if (clock_.due(now)) clock_.publish(sample_clocks());
}

// --- The reading side ---------------------------------------------------------------------------

TelemetryReader::TelemetryReader(const Segment& segment) noexcept {
  if (!is_telemetry(segment)) return;
  block_ = reinterpret_cast<const TelemetryBlock*>(segment.data().data());
  entries_ =
      reinterpret_cast<const HistogramEntry*>(segment.data().data() + sizeof(TelemetryBlock));
  histogram_capacity_ = histogram_capacity_of(segment.geometry());
}

std::string TelemetryReader::role() const {
  std::string text;
  return valid() && take_text(block_->role, text) ? text : std::string{};
}

std::string TelemetryReader::version() const {
  std::string text;
  return valid() && take_text(block_->version, text) ? text : std::string{};
}

std::vector<CounterReading> TelemetryReader::counters() const {
  std::vector<CounterReading> readings;
  if (!valid()) return readings;
  const auto count = released(block_->counter_count, counters_max);
  readings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    CounterReading reading;
    const auto& entry = block_->counter_values[i];
    std::uint32_t kind = 0;
    take_plain(&kind, &entry.kind, sizeof kind);  // C2: pairs with P1
    reading.kind = kind == static_cast<std::uint32_t>(CounterKind::Gauge) ? CounterKind::Gauge
                                                                          : CounterKind::Counter;
    reading.value = entry.value.load(std::memory_order_relaxed);  // C3: pairs with P3
    if (take_text(block_->counter_names[i], reading.name)) readings.push_back(std::move(reading));
  }
  return readings;
}

std::size_t TelemetryReader::histogram_count() const noexcept {
  return valid() ? released(block_->histogram_count, histogram_capacity_) : 0;
}

std::vector<HistogramLabel> TelemetryReader::histograms() const {
  std::vector<HistogramLabel> labels;
  const auto count = histogram_count();
  for (std::size_t i = 0; i < count; ++i) {
    HistogramLabel label;
    label.index = i;
    if (take_text(entries_[i].stage, label.stage) && take_text(entries_[i].thread, label.thread)) {
      labels.push_back(std::move(label));
    }
  }
  return labels;
}

std::vector<PlacementFact> TelemetryReader::facts() const {
  std::vector<PlacementFact> facts;
  if (!valid()) return facts;
  const auto count = released(block_->fact_count, facts_max);
  for (std::size_t i = 0; i < count; ++i) {
    const FactEntry& entry = block_->facts[i];
    PlacementFact fact;
    if (take_text(entry.key, fact.key) && take_text(entry.asked, fact.asked) &&
        take_text(entry.applied, fact.applied) && take_text(entry.detail, fact.detail)) {
      facts.push_back(std::move(fact));
    }
  }
  return facts;
}

std::vector<Degradation> TelemetryReader::degradations() const {
  std::vector<Degradation> lines;
  if (!valid()) return lines;
  const auto count = released(block_->degradation_count, degradations_max);
  for (std::size_t i = 0; i < count; ++i) {
    Degradation degradation;
    if (take_text(block_->degradations[i], degradation.line)) {
      lines.push_back(std::move(degradation));
    }
  }
  return lines;
}

bool TelemetryReader::clock(ClockReading& reading) const noexcept {
  return valid() && read_clock(block_->clock, reading);
}

bool TelemetryReader::copy_histogram(std::size_t index,
                                     HistogramSnapshot& snapshot) const noexcept {
  if (index >= histogram_count()) return false;
  copy_live_slots(entries_[index].slots, snapshot);
  return true;
}

std::uint64_t TelemetryReader::beyond_range(std::size_t index) const noexcept {
  if (index >= histogram_count()) return 0;
  return entries_[index].beyond.load(std::memory_order_relaxed);
}

}  // namespace ringside::ipc
