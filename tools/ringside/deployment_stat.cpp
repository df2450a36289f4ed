#include "tools/ringside/deployment_stat.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "ipc/broadcast_ring.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/telemetry.hpp"
#include "tools/ringside/book_tables.hpp"

namespace ringside::tools {
namespace {

using ipc::SegmentKind;

std::optional<SegmentKind> kind_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, SegmentKind>, 6> prefixes{
      {{"catalogue.", SegmentKind::Catalogue},
       {"spsc.", SegmentKind::Spsc},
       {"cursor.", SegmentKind::Cursor},
       {"events.", SegmentKind::Broadcast},
       {"books.", SegmentKind::BookTable},
       {"telemetry.", SegmentKind::Telemetry}}};
  for (const auto& [prefix, kind] : prefixes) {
    if (name.starts_with(prefix)) return kind;
  }
  return std::nullopt;
}

std::string behind_point(const std::string& name) { return name.substr(name.find('.') + 1); }

// A word of a segment's header that its writer keeps.
std::uint64_t kind_word(const ipc::Segment& segment, unsigned word) {
  return segment.header().kind_words[word].value.load(std::memory_order_acquire);
}

class Collection {
 public:
  explicit Collection(const std::string& instance)
      : rate_(ipc::TickRate::of_host()),
        bounds_{rate_.ticks(ipc::liveness_probe_after_ns),
                rate_.ticks(ipc::liveness_stale_after_ns)} {
    stat_.instance = instance;
  }
  DeploymentStat collect();

 private:
  struct Attached {
    SegmentStat stat;
    ipc::Segment segment;
  };

  void attach_all();
  void take_process(const Attached& attached);
  void take_ring(const Attached& attached);
  void take_broadcast(const Attached& attached);
  void take_instruments();
  [[nodiscard]] bool read_position(const std::string& ring, std::uint64_t& position) const;

  ipc::TickRate rate_;
  ipc::LivenessBounds bounds_;
  std::vector<Attached> attached_;
  DeploymentStat stat_;
};

void Collection::attach_all() {
  for (const auto& name : ipc::list_segments(stat_.instance)) {
    const auto kind = kind_of(name);
    if (!kind) continue;
    Attached attached;
    ipc::AttachDetail detail;
    const auto status = ipc::attach_segment(stat_.instance, name, *kind, attached.segment, &detail);
    if (status != ipc::AttachStatus::Ok) {
      stat_.problems.push_back(ipc::describe(status, detail, stat_.instance, name));
    }
    attached.stat = {name, *kind, status, {}, ipc::Liveness::Gone, 0};
    if (ipc::is_attached(status)) {
      const auto now = ipc::now_ticks();
      attached.stat.geometry = attached.segment.geometry();
      attached.stat.liveness = attached.segment.liveness(now, bounds_);
      attached.stat.heartbeat_age_ns = rate_.ns(attached.segment.heartbeat_age(now));
    }
    stat_.segments.push_back(attached.stat);
    if (ipc::is_attached(status)) attached_.push_back(std::move(attached));
  }
}

void Collection::take_process(const Attached& attached) {
  const ipc::TelemetryReader reader(attached.segment);
  if (!reader.valid()) {
    return stat_.problems.push_back(
        ipc::describe(ipc::AttachStatus::Hostile, {}, stat_.instance, attached.stat.name));
  }
  ProcessStat process;
  process.name = behind_point(attached.stat.name);
  process.role = reader.role();
  process.version = reader.version();
  process.pid = static_cast<pid_t>(attached.stat.geometry.writer_pid);
  process.liveness = attached.stat.liveness;
  process.heartbeat_age_ns = attached.stat.heartbeat_age_ns;
  for (const auto& counter : reader.counters()) {
    const auto [owner, name] = owner_of_counter(process.name, counter.name);
    process.counters[owner][name] = counter.value;
  }
  process.placement = reader.facts();
  process.degradations = reader.degradations();
  stat_.processes.push_back(std::move(process));
}

// What the worker says in its cursor segment about how far it has read this ring.
bool Collection::read_position(const std::string& ring, std::uint64_t& position) const {
  for (const auto& attached : attached_) {
    if (attached.stat.kind != SegmentKind::Cursor) continue;
    const auto data = attached.segment.data();
    const auto count = std::min<std::uint64_t>(attached.segment.geometry().item_count,
                                               data.size() / sizeof(ipc::CursorEntry));
    const auto* const entries = reinterpret_cast<const ipc::CursorEntry*>(data.data());
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto state = entries[i].state.load(std::memory_order_acquire);  // K1: pairs with W1
      if (state != static_cast<std::uint64_t>(ipc::CursorEntryState::Bound)) continue;
      std::string name;
      for (const auto& word : entries[i].ring_name) {
        const auto bytes = word.load(std::memory_order_relaxed);  // after K1
        for (unsigned byte = 0; byte < 8; ++byte) name += static_cast<char>(bytes >> (8 * byte));
      }
      name.resize(std::min(name.find('\0'), name.size()));
      if (name != ring) continue;
      position = entries[i].read_position.load(std::memory_order_acquire);  // K2: pairs with W2
      return true;
    }
  }
  return false;
}

void Collection::take_ring(const Attached& attached) {
  RingStat ring;
  ring.name = attached.stat.name;
  ring.slots = attached.stat.geometry.item_count;
  // The reader's word first: then it can only be behind the writer's.
  std::uint64_t position = 0;
  ring.bound = read_position(ring.name, position);
  ring.written = kind_word(attached.segment, ipc::spsc_word_head_hint);
  ring.drops = kind_word(attached.segment, ipc::spsc_word_drops);
  if (ring.bound && position <= ring.written) ring.backlog = ring.written - position;
  stat_.rings.push_back(std::move(ring));
}

void Collection::take_broadcast(const Attached& attached) {
  RingStat ring;
  ring.name = attached.stat.name;
  ring.broadcast = true;
  ring.slots = attached.stat.geometry.item_count;
  ring.written = kind_word(attached.segment, ipc::broadcast_word_tail_hint);
  stat_.rings.push_back(std::move(ring));
}

void Collection::take_instruments() {
  CatalogueIndex catalogues(stat_.instance);
  BookTables tables(stat_.instance);
  for (const auto& [id, info] : catalogues.all()) {
    InstrumentStat instrument;
    instrument.info = info;
    instrument.label = catalogues.label_of(info);
    const auto now = ipc::now_ticks();
    instrument.status = tables.read(id, instrument.view, now);
    instrument.age_ns = rate_.ns_between(instrument.view.receive, now);
    stat_.instruments.push_back(std::move(instrument));
  }
}

DeploymentStat Collection::collect() {
  attach_all();
  for (const auto& attached : attached_) {
    if (attached.stat.kind == SegmentKind::Telemetry) take_process(attached);
    if (attached.stat.kind == SegmentKind::Spsc) take_ring(attached);
    if (attached.stat.kind == SegmentKind::Broadcast) take_broadcast(attached);
  }
  take_instruments();
  stat_.memory = collect_memory(stat_.instance);
  return std::move(stat_);
}

}  // namespace

std::string InstrumentStat::state() const {
  return status == ipc::ReadStatus::Ok ? name_of(view.state) : "unknown";
}

CounterOwner owner_of_counter(const std::string& process, const std::string& counter) {
  const auto point = counter.rfind('.');
  if (point == std::string::npos || point + 1 == counter.size()) return {process, counter};
  return {counter.substr(0, point), counter.substr(point + 1)};
}

DeploymentStat collect_deployment(const std::string& instance) {
  return Collection(instance).collect();
}

MemoryStat collect_memory(const std::string& instance) {
  std::map<pid_t, std::string> names;
  for (const auto& name : ipc::list_segments(instance)) {
    const auto kind = kind_of(name);
    ipc::Segment segment;
    if (!kind || ipc::attach_segment(instance, name, *kind, segment) != ipc::AttachStatus::Ok) {
      continue;
    }
    auto& known = names[static_cast<pid_t>(segment.geometry().writer_pid)];
    // The telemetry segment is named after the process, the others after its threads.
    if (*kind == SegmentKind::Telemetry || known.empty()) known = behind_point(name);
  }
  MemoryStat stat;
  std::vector<ipc::ProcessMemory> all;
  for (const auto& [pid, name] : names) {
    auto memory = ipc::memory_of_process(pid);
    if (!memory) continue;
    all.push_back(*memory);
    stat.processes.push_back({name, pid, std::move(*memory)});
  }
  stat.total_bytes = ipc::total_bytes(all);
  return stat;
}

}  // namespace ringside::tools
