// One collector thread's ring as a worker thread sees it: absent, attached, dead, or attached anew
// because the collector came back. All that enters the kernel is in look(), which the worker calls
// off its hot path.
//
// Threads: the worker's. Bounded by: one attempt to attach each look. Fails by: Event; a ring that
// cannot be used is left alone until there is another generation of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"
#include "ipc/segment.hpp"
#include "ipc/spsc_ring.hpp"

namespace ringside::orderbook {

// A ring that was there before its worker is read from its first record if nobody has read it yet
// and it is younger than this; what is older is not news, and is asked for anew.
inline constexpr std::uint64_t unread_age_ns_max = 5'000'000'000;

class RingInput {
 public:
  enum class Event : std::uint8_t {
    None = 0,
    AttachedAtStart,  // from its very first record on
    AttachedAtHead,   // passing over what an earlier worker may have read or missed
    Died,             // the collector has ended or hangs
    CameBack,         // it only hung, or was found late, and what it published has been read
    Refused,          // there is a ring, but not one of ours
  };

  RingInput(std::string instance, std::string ring_name);

  // The reader publishes its position in the cursor segment: it stays where it is.
  RingInput(const RingInput&) = delete;
  RingInput& operator=(const RingInput&) = delete;
  RingInput(RingInput&&) = delete;

  // `cursor_created`: a ring that is older may have been read by an earlier worker.
  [[nodiscard]] Event look(ipc::CursorWriter& cursor, Ticks cursor_created, Ticks now,
                           const ipc::LivenessBounds& bounds) noexcept;

  [[nodiscard]] bool attached() const noexcept { return segment_.mapped(); }
  // Its collector lives, and what it had published before it was believed has been read.
  [[nodiscard]] bool alive() const noexcept { return alive_; }
  [[nodiscard]] bool catching_up() const noexcept { return return_to_.has_value(); }
  [[nodiscard]] ipc::SpscReader& reader() noexcept { return reader_; }
  [[nodiscard]] const ipc::SpscReader& reader() const noexcept { return reader_; }
  // Of the cursor segment, while attached.
  [[nodiscard]] std::uint32_t cursor_entry() const noexcept { return cursor_entry_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[nodiscard]] Event attach(ipc::CursorWriter& cursor, Ticks cursor_created) noexcept;
  [[nodiscard]] static bool never_read(const ipc::Segment& ring, const ipc::SpscReader& reader,
                                       Ticks cursor_created) noexcept;
  [[nodiscard]] bool caught_up() noexcept;

  std::string instance_;
  std::string name_;
  ipc::Segment segment_;
  ipc::SpscReader reader_;
  std::uint32_t cursor_entry_ = 0;
  // Head when a hung collector was seen to beat again, or when the ring was found.
  std::optional<ipc::RingPosition> return_to_;
  bool alive_ = false;
  bool refused_ = false;  // said once
};

}  // namespace ringside::orderbook
