#include "ipc/cursor.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <climits>
#include <cstring>
#include <ctime>

namespace ringside::ipc {

namespace {

// The futex is the low half of the parked word.
static_assert(std::endian::native == std::endian::little);

using NameWords = std::array<std::uint64_t, ring_name_words>;

// Starts of control rings stay far from the end of all positions, whatever a collector's word says.
constexpr std::uint64_t control_start_mask = (ring_position_limit >> 1) - 1;

NameWords words_of(std::string_view name) noexcept {
  NameWords words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), name_bytes_max));
  return words;
}

bool is_cursor(const SegmentGeometry& geometry) {
  return geometry.kind == SegmentKind::Cursor && geometry.item_bytes == sizeof(CursorEntry) &&
         geometry.item_count == cursor_entries_max;
}

// Shared between processes, so never FUTEX_PRIVATE_FLAG. Waking needs no write access.
long futex(const Atomic<std::uint64_t>* word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);  // NOLINT
}

}  // namespace

SegmentSpec cursor_spec() {
  SegmentSpec spec;
  spec.kind = SegmentKind::Cursor;
  spec.payload_bytes = cursor_entries_max * sizeof(CursorEntry);
  spec.item_bytes = sizeof(CursorEntry);
  spec.item_count = cursor_entries_max;
  return spec;
}

Segment cursor_in_memory() { return create_private_segment(cursor_spec()); }

CursorWriter::CursorWriter(Segment& segment)
    : entries_(reinterpret_cast<CursorEntry*>(segment.writable_data().data())),
      parked_(&segment.writable_header().kind_words[cursor_word_parked].value) {
  RINGSIDE_CHECK(is_cursor(segment.geometry()));
}

std::optional<std::uint32_t> CursorWriter::bind(std::string_view ring_name, const Segment& ring,
                                                SpscReader& reader) noexcept {
  if (ring_name.empty() || ring_name.size() > name_bytes_max) return std::nullopt;
  const NameWords name = words_of(ring_name);
  std::uint32_t index = 0;
  for (; index < cursor_entries_max; ++index) {
    const CursorEntry& candidate = entries_[index];
    // owner: only this thread writes, here and below
    if (candidate.state.load(std::memory_order_relaxed) ==
        static_cast<std::uint64_t>(CursorEntryState::Free)) {
      break;
    }
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
      same = same && candidate.ring_name[i].load(std::memory_order_relaxed) == name[i];
    }
    if (same) break;
  }
  if (index == cursor_entries_max) return std::nullopt;

  CursorEntry& entry = entries_[index];
  const auto& collector_position = control_read_position(ring);
  // Past anything that this ring's word can still say about an earlier worker's requests (they were
  // at most one ring ahead of it), and past all requests of our own: a position never returns.
  const auto said = collector_position.load(std::memory_order_acquire);  // W4: pairs with K4
  const RingPosition start =
      std::max((said & control_start_mask) + control_slots, controls_[index].committed());

  entry.state.store(static_cast<std::uint64_t>(CursorEntryState::Binding),
                    std::memory_order_release);  // W1: pairs with K1
  for (std::size_t i = 0; i < name.size(); ++i) {
    entry.ring_name[i].store(name[i], std::memory_order_relaxed);  // published by W1
  }
  entry.ring_generation.store(ring.geometry().generation, std::memory_order_relaxed);  // by W1
  entry.ring_created.store(static_cast<std::uint64_t>(ring.geometry().created.value),
                           std::memory_order_relaxed);          // published by W1
  entry.control_start.store(start, std::memory_order_relaxed);  // published by W1
  reader.set_position_word(&entry.read_position);
  controls_[index] =
      SpscWriter(SpscMemory{entry.control.data(), control_slots, start, nullptr, nullptr});
  controls_[index].set_read_position_source(&collector_position);
  entry.state.store(static_cast<std::uint64_t>(CursorEntryState::Bound),
                    std::memory_order_release);  // W1: pairs with K1
  return index;
}

bool CursorWriter::request_resync(std::uint32_t entry, const ResyncRequest& request,
                                  Ticks now) noexcept {
  RINGSIDE_DCHECK(entry < cursor_entries_max);
  SpscWriter& control = controls_[entry];
  Slot* slot = control.capacity() == 0 ? nullptr : control.claim(1);
  if (slot == nullptr) return false;
  Record record;
  record.kind = Kind::Status;
  record.instrument = request.instrument.value;
  record.epoch = request.epoch;
  record.side_or_reason = static_cast<std::uint8_t>(request.cause);
  record.receive_tsc = now.value;
  slot->put(record);
  control.commit();
  control.publish(now);
  return true;
}

void CursorWriter::announce_parked() noexcept {
  parked_->store(++parked_value_, std::memory_order_seq_cst);  // W5: pairs with K5
}

void CursorWriter::wait_parked(std::uint64_t ns) noexcept {
  const timespec timeout{0, static_cast<long>(std::min(ns, park_ns_max))};
  // Woken, timed out, interrupted or too late: the caller looks at its rings in any case.
  futex(parked_, FUTEX_WAIT, static_cast<std::uint32_t>(parked_value_), &timeout);
}

void CursorWriter::announce_awake() noexcept {
  parked_->store(++parked_value_, std::memory_order_seq_cst);  // W5: pairs with K5
}

CursorReader::CursorReader(const Segment& segment) noexcept {
  if (!segment.mapped() || !is_cursor(segment.geometry())) return;
  entries_ = reinterpret_cast<const CursorEntry*>(segment.data().data());
  entry_count_ = segment.geometry().item_count;
  parked_ = &segment.header().kind_words[cursor_word_parked].value;
}

bool CursorReader::bind(std::string_view ring_name, Segment& ring) noexcept {
  if (entry_ != nullptr) return true;
  if (ring_name.size() > name_bytes_max) return false;
  const NameWords name = words_of(ring_name);
  for (std::uint64_t index = 0; index < entry_count_; ++index) {
    const CursorEntry& entry = entries_[index];
    if (entry.state.load(std::memory_order_acquire) !=  // K1: pairs with W1
        static_cast<std::uint64_t>(CursorEntryState::Bound)) {
      continue;
    }
    // Behind the acquire; a worker that binds anew in between does so because our ring is gone.
    bool ours = entry.ring_created.load(std::memory_order_relaxed) ==
                static_cast<std::uint64_t>(ring.geometry().created.value);
    ours =
        ours && entry.ring_generation.load(std::memory_order_relaxed) == ring.geometry().generation;
    for (std::size_t i = 0; i < name.size(); ++i) {
      ours = ours && entry.ring_name[i].load(std::memory_order_relaxed) == name[i];
    }
    if (!ours) continue;
    const auto start = entry.control_start.load(std::memory_order_relaxed);
    control_ =
        SpscReader(SpscReadMemory{entry.control.data(), control_slots, start, nullptr, nullptr});
    control_.set_position_word(&control_read_position(ring));
    entry_ = &entry;
    return true;
  }
  return false;
}

const Atomic<std::uint64_t>* CursorReader::read_position() const noexcept {
  return entry_ == nullptr ? nullptr : &entry_->read_position;
}

std::optional<ResyncRequest> CursorReader::poll_request() noexcept {
  if (entry_ == nullptr) return std::nullopt;
  const Record* record = control_.peek();
  if (record == nullptr) return std::nullopt;
  const ResyncRequest request{record->id(), record->epoch, record->cause()};
  control_.advance();
  return request;
}

bool CursorReader::wake_if_parked() noexcept {
  if (parked_ == nullptr) return false;
  for (unsigned tries = 0; tries < wake_tries_max; ++tries) {
    const auto parked = parked_->load(std::memory_order_seq_cst);  // K5: pairs with W5
    if (parked % 2 == 0 || parked == woken_) return false;
    if (futex(parked_, FUTEX_WAKE, INT_MAX, nullptr) > 0) {
      woken_ = parked;
      return true;
    }
  }
  return false;
}

}  // namespace ringside::ipc
