// A venue adapter: frames in, records out. Owns continuity (snapshot joining, sequence rules,
// subscription), because the rules differ by venue; keeps no book. Pure: time and bytes are passed
// in, effects go out through AdapterHost, so that the same code runs live, offline over a capture,
// and in a simulation on virtual time.
//
// Threads: every call comes from the one thread that owns the adapter.
// Bounded by: the capacity given at construction; scratch for levels_scratch_max levels.
// Fails by: counting under a named counter and resyncing the instrument hit; never throws once
// constructed, never crashes on bytes from outside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/channels.hpp"
#include "collector/counters.hpp"
#include "collector/record_writer.hpp"
#include "ringside/event.hpp"

namespace ringside::collector {

using ConnectionIndex = std::uint32_t;  // 0-based within one adapter

class RestSchedule;

// What an adapter may ask of its surroundings.
class AdapterHost {
 public:
  virtual ~AdapterHost() = default;
  // Queues one text frame. False: the bounded send queue is full (the host closes the connection).
  [[nodiscard]] virtual bool send(ConnectionIndex connection, std::string_view text) noexcept = 0;
  // GET of `target` (path and query) from the venue's REST endpoint; the answer comes through
  // Adapter::on_response with the same id, or never arrives and on_response gets status 0.
  [[nodiscard]] virtual bool request(std::uint32_t request_id,
                                     std::string_view target) noexcept = 0;
  // Closes and reopens a connection, with the host's backoff.
  virtual void reconnect(ConnectionIndex connection) noexcept = 0;
};

// What a request came to.
struct RestReply {
  int status = 0;                   // 0: no answer came
  std::string_view padded;          // the body, padded like a message
  std::int64_t retry_after_ns = 0;  // what the venue's Retry-After says; 0: nothing
};

// When things happened, as the caller saw it. Ticks of the host (or virtual), UTC for logs only.
struct Now {
  Ticks ticks;                 // of receipt of the bytes now handed over
  std::int64_t steady_ns = 0;  // monotonic, for deadlines
};

// An instrument as the registry and the record writer know it.
struct VenueInstrument {
  std::string symbol;
  InstrumentId id;
  InstrumentIndex record = 0;
};

class Adapter {
 public:
  virtual ~Adapter() = default;

  // How many connections this adapter wants, and the path (and query) of each one's URL.
  [[nodiscard]] virtual std::uint32_t connection_count() const noexcept = 0;
  [[nodiscard]] virtual std::string_view connection_path(
      ConnectionIndex connection) const noexcept = 0;

  virtual void on_open(ConnectionIndex connection, Now now) noexcept = 0;
  // One whole text message. At least 64 readable bytes lie behind its end (simdjson's padding).
  virtual void on_message(ConnectionIndex connection, std::string_view padded,
                          Now now) noexcept = 0;
  virtual void on_close(ConnectionIndex connection, Now now) noexcept = 0;
  // Answer to a request, or the news that none will come.
  virtual void on_response(std::uint32_t request_id, const RestReply& reply, Now now) noexcept = 0;
  // At most 1 ms apart live; deadlines, resubscription and backoff live here.
  virtual void on_tick(Now now) noexcept = 0;
  // The worker (or the record writer, after a drop) asks for a new snapshot of one instrument.
  // Ignored when `epoch` is older than the instrument's.
  virtual void on_resync(InstrumentId instrument, std::uint32_t epoch, Cause cause,
                         Now now) noexcept = 0;

  // --- Change at run time: of one instrument; the others show nothing of it ---

  // Collects it from now on, over a connection that has room, else over one more: then
  // connection_count() has grown. One that was removed comes back in its old place, with its next
  // epoch. False: no room, or it is collected already.
  [[nodiscard]] virtual bool add(VenueInstrument instrument, Now now) noexcept = 0;
  // Ends its subscriptions. Its state is Failed, cause Removed, until it is added again.
  virtual void remove(InstrumentId instrument, Now now) noexcept = 0;

  // --- Change at run time: of a channel, of all its instruments ---

  // Those are collected from now on, and the others no more; of one that stays nothing is touched.
  // Where a connection has no room for the streams of a channel more, connection_count() has grown.
  // Without a book an instrument has an epoch of its own, as it has with one.
  virtual void set_channels(const Channels& channels, Now now) noexcept = 0;

  // Before anything is opened: this one takes the place of another, whose requests went to the same
  // address. What the venue still counts of them is this one's.
  virtual void succeed(const Adapter& other, Now now) noexcept = 0;
  // The schedule of its REST requests; null: it has none.
  [[nodiscard]] virtual const RestSchedule* rest_schedule() const noexcept { return nullptr; }

  [[nodiscard]] virtual const Counters& counters() const noexcept = 0;
};

}  // namespace ringside::collector
