// What an adapter counts: one counter for each thing that can go wrong with bytes from outside, and
// the work done. Plain words: the adapter's thread owns them and copies them into its telemetry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringside::collector {

enum class Count : std::uint8_t {
  Messages,
  BookSnapshots,
  BookDeltas,
  Trades,
  Bbos,
  Heartbeats,
  Acknowledgements,
  MalformedJson,  // not JSON, or not of the agreed shape at all
  InvalidUtf8,    // a text that is no UTF-8
  MissingField,
  MistypedField,
  RepeatedField,
  NumberOverflow,  // does not fit a mantissa
  NumberTooFine,   // more digits than the exponent: a new exponent follows
  TooManyLevels,   // more than the scratch holds
  MessageTooLarge,
  UnknownSymbol,
  SymbolMismatch,
  UnattributedDamage,  // refused, and whose it was could not be told
  UnknownMessage,      // valid, but of a kind that nobody asked for
  SubscriptionsRefused,
  DeltasWhileSyncing,  // dropped: their snapshot has not come
  DuplicatesDropped,
  SequenceGaps,
  TradeGaps,   // times trade ids were skipped: trades that never came, or come late
  TradesLate,  // came behind a newer one
  ContradictingIds,
  SnapshotsStale,  // older than the buffered deltas: asked again
  SnapshotsLate,   // of an attempt given up: discarded
  SnapshotsUnsound,
  SnapshotsUnasked,  // came for a live book without a request: ignored
  SnapshotTimeouts,
  BufferOverflows,  // a join buffer reached its bound: began again
  RequestsSent,
  RequestsFailed,
  RequestsRefused,  // the venue's limit: 418, 429
  RequestsPaced,    // times that some had to wait, lest they exceed it
  MessagesPaced,    // the same, of what goes over a connection
  Resyncs,
  ResyncsIgnored,  // of an older epoch, or already under way
  ResyncLimits,    // given up for a while
  EpochsExhausted,
  NoDataReconnects,
  PlannedReconnects,
  SendQueueFull,
  VenueHalts,
  AfterRemoval,  // came for an instrument that was removed: dropped
  Listed,        // by the venue, since its first list of all it has
  Delisted,
  IncrementsChanged,
  AnnouncementsDropped,  // more news than may wait
  ListingsOverLimit,     // more symbols than are kept
  Last_,
};
inline constexpr std::size_t counts = static_cast<std::size_t>(Count::Last_);

constexpr std::string_view name_of(Count count) {
  constexpr std::array<std::string_view, counts> names{"messages",
                                                       "book_snapshots",
                                                       "book_deltas",
                                                       "trades",
                                                       "bbos",
                                                       "heartbeats",
                                                       "acknowledgements",
                                                       "malformed_json",
                                                       "invalid_utf8",
                                                       "missing_field",
                                                       "mistyped_field",
                                                       "repeated_field",
                                                       "number_overflow",
                                                       "number_too_fine",
                                                       "too_many_levels",
                                                       "message_too_large",
                                                       "unknown_symbol",
                                                       "symbol_mismatch",
                                                       "unattributed_damage",
                                                       "unknown_message",
                                                       "subscriptions_refused",
                                                       "deltas_while_syncing",
                                                       "duplicates_dropped",
                                                       "sequence_gaps",
                                                       "trade_gaps",
                                                       "trades_late",
                                                       "contradicting_ids",
                                                       "snapshots_stale",
                                                       "snapshots_late",
                                                       "snapshots_unsound",
                                                       "snapshots_unasked",
                                                       "snapshot_timeouts",
                                                       "buffer_overflows",
                                                       "requests_sent",
                                                       "requests_failed",
                                                       "requests_refused",
                                                       "requests_paced",
                                                       "messages_paced",
                                                       "resyncs",
                                                       "resyncs_ignored",
                                                       "resync_limits",
                                                       "epochs_exhausted",
                                                       "no_data_reconnects",
                                                       "planned_reconnects",
                                                       "send_queue_full",
                                                       "venue_halts",
                                                       "after_removal",
                                                       "listed",
                                                       "delisted",
                                                       "increments_changed",
                                                       "announcements_dropped",
                                                       "listings_over_limit"};
  return names[static_cast<std::size_t>(count)];
}

struct Counters {
  std::array<std::uint64_t, counts> values{};
  void add(Count count, std::uint64_t n = 1) noexcept {
    values[static_cast<std::size_t>(count)] += n;
  }
  [[nodiscard]] std::uint64_t operator[](Count count) const noexcept {
    return values[static_cast<std::size_t>(count)];
  }
};

}  // namespace ringside::collector
