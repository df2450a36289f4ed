// What a published book is worth. Only Live means: continuous since its snapshot, and its checksum
// (where the venue sends one) good for this very book. With the cause ChecksumFailed: the venue's
// checksums have turned out to be worth nothing, and the book goes on without them.
#pragma once

#include <cstdint>

namespace ringside {

// By precedence: of several that apply, the first (smallest) is published. Wire values.
enum class State : std::uint8_t {
  Failed = 0,        // resync attempts are exhausted, or the configuration cannot be met
  Disconnected = 1,  // no connection, or no live collector
  Gap = 2,           // a message is missing, a checksum failed, or records were dropped
  Syncing = 3,       // subscribed; the snapshot has not arrived
  Halted = 4,        // the venue says so
  Crossed = 5,       // best bid >= best ask after a whole message
  Stale = 6,         // no data beyond the instrument's learned cadence
  Live = 7,
};

// Why. Wire values; travels in status records beside the state, and names a counter each.
enum class Cause : std::uint8_t {
  None = 0,
  Starting = 1,
  SocketClosed = 2,
  SubscriptionRefused = 3,
  Resubscribing = 4,
  SequenceGap = 5,
  ChecksumFailed = 6,
  RecordsDropped = 7,  // the ring was full
  BookCrossed = 8,
  VenueHalt = 9,
  NoData = 10,
  BadMessage = 11,  // malformed, missing or mistyped field, cut short
  NumberOverflow = 12,
  PrecisionChanged = 13,
  WriterGone = 14,  // the upstream process died or hung
  ResyncLimit = 15,
  OperatorRequest = 16,
  UnknownSymbol = 17,
  SnapshotStale = 18,
  Removed = 19,   // nobody collects it any more: so it was said at run time
  Delisted = 20,  // the venue lists it no more
};

constexpr const char* name_of(State state) {
  constexpr const char* names[] = {"failed", "disconnected", "gap",   "syncing",
                                   "halted", "crossed",      "stale", "live"};
  const auto index = static_cast<unsigned>(state);
  return index < 8 ? names[index] : "unknown";
}

constexpr const char* name_of(Cause cause) {
  constexpr const char* names[] = {"none",
                                   "starting",
                                   "socket_closed",
                                   "subscription_refused",
                                   "resubscribing",
                                   "sequence_gap",
                                   "checksum_failed",
                                   "records_dropped",
                                   "book_crossed",
                                   "venue_halt",
                                   "no_data",
                                   "bad_message",
                                   "number_overflow",
                                   "precision_changed",
                                   "writer_gone",
                                   "resync_limit",
                                   "operator_request",
                                   "unknown_symbol",
                                   "snapshot_stale",
                                   "removed",
                                   "delisted"};
  const auto index = static_cast<unsigned>(cause);
  return index < 21 ? names[index] : "unknown";
}

}  // namespace ringside
