// What one run of the simulation is to be, all of it drawn from its seed: the deployment's shape,
// and which faults strike when.
//
// Threads: none; plain values. Bounded by: faults_max, changes_max, channel_changes_max.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/channels.hpp"
#include "tools/exchange/market.hpp"
#include "tools/exchange/random.hpp"

namespace ringside::simulation {

using exchange::ListingIndex;
using exchange::no_listing;
using exchange::Random;

inline constexpr unsigned faults_max = 8;
inline constexpr unsigned changes_max = 8;
inline constexpr unsigned channel_changes_max = 4;

enum class FaultKind : std::uint8_t {
  // Frames from the exchange: of one instrument, or whichever come
  Drop,
  Duplicate,
  Reorder,        // arrives `duration` later than it should, behind others
  Corrupt,        // a digit, where the venue's protocol can show it
  Mute,           // no book messages of that instrument for `duration`; the rest goes on
  Lag,            // everything on every connection comes `duration` late, in order
  CutAtSnapshot,  // the connection ends where a snapshot was due
  // Connections
  Reset,
  CloseFrame,
  Stall,       // neither side hears the other any more
  Restart,     // the exchange goes away for `duration`
  Blackhole,   // connecting gets no answer for `duration`
  RetryAfter,  // upgrades are refused for `duration`, saying when to come again
  SendFull,    // the client's send queue has no room, once
  Refuse,      // the next subscription to books is refused
  // REST
  RestLate,
  RestStale,
  RestWrongSymbol,
  RestTooFast,  // 429
  RestError,    // 500
  RestLost,
  RestGarbage,  // cut in the middle
  // Not drawn: for `duration` all checksums of an instrument are 0. It has a test of its own.
  OracleZero,
  // Our own processes
  WorkerHang,  // the ring fills
  WorkerRestart,
  CollectorHang,
  CollectorRestart,
  ControlFull,  // requests of nobody's fill the control ring, and the collector does not look
  ClockStep,    // everybody's clock jumps ahead
};
inline constexpr unsigned fault_kinds = static_cast<unsigned>(FaultKind::ClockStep) + 1;
[[nodiscard]] std::string_view name_of(FaultKind kind);

struct Fault {
  std::int64_t at_ns = 0;
  FaultKind kind = FaultKind::Drop;
  ListingIndex listing = no_listing;  // no_listing: any
  unsigned count = 1;                 // frames, requests
  std::int64_t duration_ns = 0;
};

// What is no fault: somebody wants other instruments or channels, or the exchange has others.
struct Change {
  enum class What : std::uint8_t {
    Add,
    Remove,
    Channels,  // of all instruments
    List,      // or: trades again
    Delist,
    Halt,
    Increments,
    Refine,  // one decimal more
  };
  std::int64_t at_ns = 0;
  What what = What::Add;
  ListingIndex listing = 0;
  collector::Channels channels{};

  [[nodiscard]] bool of_the_exchange() const { return what >= What::List; }
};
[[nodiscard]] std::string_view name_of(Change::What what);

struct Plan {
  std::string venue;
  std::uint64_t seed = 0;
  std::vector<std::string> symbols;
  collector::Channels channels;  // at first
  bool sharded = false;          // an instrument a connection
  bool single_layout = false;
  std::uint64_t ring_slots = 64;
  std::int64_t tick_ns = 5'000'000;
  std::uint32_t rate = 40;     // market events a second, all instruments
  unsigned lazy_percent = 20;  // steps in which the worker does not look
  bool worker_first = false;
  std::int64_t faulty_ns = 3'000'000'000;
  std::vector<Fault> faults;  // by time
  // By listing
  std::vector<bool> unwanted;  // at first
  std::vector<bool> unlisted;  // at first
  std::uint32_t metadata_ms = 300'000;
  std::vector<Change> changes;  // by time

  [[nodiscard]] bool listings_change() const;
  // Neither they nor what the exchange has of it change in this run.
  [[nodiscard]] bool is_left_alone(ListingIndex listing) const;
};

[[nodiscard]] const std::array<std::string_view, 6>& simulated_venues();
[[nodiscard]] Plan make_plan(std::string_view venue, std::uint64_t seed);
[[nodiscard]] bool is_kraken(std::string_view venue);

}  // namespace ringside::simulation
