// The segment a worker thread says things in to the collector threads that feed it: how far it has
// read each of its rings, which instruments must be resynced (a control ring for each collector
// thread), and whether it sleeps. One writer: the worker thread. Collectors map it read-only.
//
// One entry a collector thread, found by its ring's name and creation; an entry is taken once and,
// when that collector restarts, bound again to the new ring of the same name.
//
// Threads: CursorWriter is the worker thread's; CursorReader the collector thread's.
// Bounded by: cursor_entries_max entries, control_slots slots of requests each. A full control ring
// refuses: the request stays pending with the worker, which tries again.
// Fails by: bool; CursorReader answers "not bound" to anything that does not add up.
//
// Order (W: worker, K: collector):
//   W1 entry state       worker, release       K1 acquire: the entry's other words
//   W2 read position     worker, release       K2 = C2 of ipc/spsc_ring.hpp
//   W3 control stamps    worker, release       K3 = C1 of ipc/spsc_ring.hpp, the roles swapped
//   K4 control position  collector, release    W4 = C2 of ipc/spsc_ring.hpp, the roles swapped
//   W5 parked            worker, seq_cst       K5 seq_cst
//   P3s, C3s             head hint, ipc/spsc_ring.hpp
//
// Why seq_cst on the parked word. Sleeping is a store (parked) followed by a load (a ring's head);
// publishing is a store (that head) followed by a load (parked). With release and acquire each side
// may miss the other's store, and the record lies there while the worker sleeps. In the single
// order of the four seq_cst operations W5 < C3s and P3s < K5, so at least one side sees the other.
// The head hint, not the stamps, because it stands for the whole batch in one word. It costs the
// collector one exchange a batch, in adaptive mode only; a spinning worker never parks and its
// collectors publish with Visibility::Eventually.
//
// What is left: the collector cannot change the word (it is the worker's), so a wake-up between the
// worker's last look and its entering the kernel finds nobody. wake_if_parked then tries a few
// times, and the sleep ends after park_ns_max in any case.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ipc/spsc_ring.hpp"

namespace ringside::ipc {

inline constexpr std::uint32_t cursor_entries_max = 64;
inline constexpr std::uint64_t control_slots = 256;
inline constexpr std::uint64_t park_ns_max = 1'000'000;
inline constexpr unsigned wake_tries_max = 4;      // a call of wake_if_parked
inline constexpr unsigned cursor_word_parked = 0;  // of the header's kind words
inline constexpr std::size_t ring_name_words = name_bytes_max / 8;

// Values of CursorEntry::state.
enum class CursorEntryState : std::uint64_t { Free = 0, Binding = 1, Bound = 2 };

struct alignas(hot_line_bytes) CursorEntry {
  Atomic<std::uint64_t> state;
  Atomic<std::uint64_t> ring_generation;
  std::array<Atomic<std::uint64_t>, ring_name_words> ring_name;  // zero-padded
  Atomic<std::uint64_t> ring_created;   // UTC ns; generations may begin at 1 again
  Atomic<std::uint64_t> control_start;  // position of the first request for this ring
  std::uint8_t reserved_0[hot_line_bytes - 96];
  Atomic<std::uint64_t> read_position;  // on a line of its own
  std::uint8_t reserved_1[hot_line_bytes - 8];
  std::array<Slot, control_slots> control;
};
static_assert(std::is_standard_layout_v<CursorEntry>);
static_assert(sizeof(CursorEntry) == 16640);
static_assert(offsetof(CursorEntry, state) == 0);
static_assert(offsetof(CursorEntry, ring_generation) == 8);
static_assert(offsetof(CursorEntry, ring_name) == 16);
static_assert(offsetof(CursorEntry, ring_created) == 80);
static_assert(offsetof(CursorEntry, control_start) == 88);
static_assert(offsetof(CursorEntry, read_position) == 128);
static_assert(offsetof(CursorEntry, control) == 256);

// What a control ring carries, as a record of Kind::Status.
struct ResyncRequest {
  InstrumentId instrument;
  std::uint32_t epoch = 0;  // that the worker complains of; an older one is ignored
  Cause cause = Cause::None;
  friend bool operator==(const ResyncRequest&, const ResyncRequest&) = default;
};

SegmentSpec cursor_spec();
Segment cursor_in_memory();

class CursorWriter {
 public:
  CursorWriter() = default;
  explicit CursorWriter(Segment& segment);  // writable Cursor segment; checked

  // Binds an entry to one generation of a ring, as attached, at the reader's position: from now on
  // `reader` publishes its position there. Takes the entry of that ring's name, or a free one.
  // nullopt: there are cursor_entries_max others. `ring` must outlive the binding.
  [[nodiscard]] std::optional<std::uint32_t> bind(std::string_view ring_name, const Segment& ring,
                                                  SpscReader& reader) noexcept;
  // False: the control ring is full; keep the request and try again.
  [[nodiscard]] bool request_resync(std::uint32_t entry, const ResyncRequest& request,
                                    Ticks now) noexcept;

  // Sleeps until woken, at most `ns` (<= park_ns_max), unless `ready()` says after the announcement
  // that there is work: then returns false at once. `ready` must look with
  // SpscReader::ready_before_park at every ring.
  template <typename Ready>
  bool park(Ready&& ready, std::uint64_t ns = park_ns_max) noexcept {
    announce_parked();
    const bool sleep = !ready();
    if (sleep) wait_parked(ns);
    announce_awake();
    return sleep;
  }

 private:
  void announce_parked() noexcept;
  void wait_parked(std::uint64_t ns) noexcept;
  void announce_awake() noexcept;

  CursorEntry* entries_ = nullptr;
  Atomic<std::uint64_t>* parked_ = nullptr;
  std::uint64_t parked_value_ = 0;
  std::array<SpscWriter, cursor_entries_max> controls_;
};

class CursorReader {
 public:
  CursorReader() = default;
  // An attached segment of kind Cursor; anything else never binds. It must outlive the reader and
  // every SpscWriter that was given its read position.
  explicit CursorReader(const Segment& segment) noexcept;

  // Looks for the entry of this collector thread's ring. True: bound, now or before. `ring` is the
  // collector's own segment, in whose header the control position is kept.
  [[nodiscard]] bool bind(std::string_view ring_name, Segment& ring) noexcept;
  [[nodiscard]] bool bound() const noexcept { return entry_ != nullptr; }
  // For SpscWriter::set_read_position_source; null until bound.
  [[nodiscard]] const Atomic<std::uint64_t>* read_position() const noexcept;
  // The next request, if there is one.
  [[nodiscard]] std::optional<ResyncRequest> poll_request() noexcept;
  // The control ring holds what no worker of ours writes; it is not read any further.
  [[nodiscard]] bool corrupt() const noexcept { return control_.corrupt(); }

  // After SpscWriter::publish(.., Visibility::BeforeWakeCheck). One load, unless the worker sleeps.
  // Wakes once each time it has gone to sleep; true: somebody was woken by this call.
  bool wake_if_parked() noexcept;

 private:
  const CursorEntry* entries_ = nullptr;
  std::uint64_t entry_count_ = 0;
  const Atomic<std::uint64_t>* parked_ = nullptr;
  const CursorEntry* entry_ = nullptr;
  SpscReader control_;
  std::uint64_t woken_ = 0;  // the odd value whose sleeper was woken
};

}  // namespace ringside::ipc
