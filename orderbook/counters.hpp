// What a worker counts: plain words of its own thread, copied to the telemetry segment now and then
// (orderbook/thread.cpp). Every way a record can be refused has one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringside::orderbook {

struct Counters {
  std::uint64_t records = 0;           // taken from the rings
  std::uint64_t passed_through = 0;    // trades and the like, published as they came
  std::uint64_t messages_applied = 0;  // whole deltas
  std::uint64_t snapshots_applied = 0;
  std::uint64_t levels_changed = 0;
  std::uint64_t absent_deletes = 0;
  std::uint64_t checksum_good = 0;
  std::uint64_t checksum_failed = 0;
  std::uint64_t unchecked_messages = 0;  // the instrument has a checksum, the message had none
  std::uint64_t oracles_distrusted = 0;  // times an instrument's checksums were found worthless
  std::uint64_t state_changes = 0;
  std::uint64_t crossed_messages = 0;
  std::uint64_t crossed_resyncs = 0;
  std::uint64_t went_stale = 0;     // live books that fell silent beyond their cadence
  std::uint64_t stale_resyncs = 0;  // of those, asked for anew: the subscription may be lost
  // Dropped records of books, by Verdict.
  std::uint64_t stale_epoch = 0;
  std::uint64_t no_book = 0;
  // Broken books, by Verdict.
  std::uint64_t no_terms = 0;
  std::uint64_t message_cut = 0;
  std::uint64_t bad_record = 0;
  std::uint64_t too_many_levels = 0;
  // Records that belong to no book.
  std::uint64_t bad_passed_through = 0;  // a price or quantity out of range: not published
  std::uint64_t unknown_kind = 0;
  std::uint64_t instruments_over_limit = 0;  // records of instruments there is no room for
  std::uint64_t heartbeats = 0;
  // Loss in the rings.
  std::uint64_t losses = 0;         // instruments named by loss records
  std::uint64_t drops_noticed = 0;  // records the collectors dropped because a ring was full
  std::uint64_t collectors_lost = 0;
  // Resyncs.
  std::uint64_t resyncs_requested = 0;
  std::uint64_t resyncs_timed_out = 0;
  std::uint64_t resync_limit_reached = 0;
  std::uint64_t control_ring_full = 0;
  // For late joiners.
  std::uint64_t keys_published = 0;
  std::uint64_t whole_books_published = 0;
  std::uint64_t storage_growths = 0;  // a book outgrew levels_reserved
  // The thread's.
  std::uint64_t rings_attached = 0;
  std::uint64_t rings_refused = 0;  // attaching failed otherwise than by absence
  std::uint64_t rings_corrupt = 0;
  std::uint64_t parked = 0;  // times the thread slept
  std::uint64_t pauses = 0;  // times it was stopped for longer than readers believe it
};

struct CounterField {
  std::string_view name;
  std::uint64_t Counters::*value;
};

inline constexpr std::array counter_fields{
    CounterField{"records", &Counters::records},
    CounterField{"passed_through", &Counters::passed_through},
    CounterField{"messages_applied", &Counters::messages_applied},
    CounterField{"snapshots_applied", &Counters::snapshots_applied},
    CounterField{"levels_changed", &Counters::levels_changed},
    CounterField{"absent_deletes", &Counters::absent_deletes},
    CounterField{"checksum_good", &Counters::checksum_good},
    CounterField{"checksum_failed", &Counters::checksum_failed},
    CounterField{"unchecked_messages", &Counters::unchecked_messages},
    CounterField{"oracles_distrusted", &Counters::oracles_distrusted},
    CounterField{"state_changes", &Counters::state_changes},
    CounterField{"crossed_messages", &Counters::crossed_messages},
    CounterField{"crossed_resyncs", &Counters::crossed_resyncs},
    CounterField{"went_stale", &Counters::went_stale},
    CounterField{"stale_resyncs", &Counters::stale_resyncs},
    CounterField{"stale_epoch", &Counters::stale_epoch},
    CounterField{"no_book", &Counters::no_book},
    CounterField{"no_terms", &Counters::no_terms},
    CounterField{"message_cut", &Counters::message_cut},
    CounterField{"bad_record", &Counters::bad_record},
    CounterField{"too_many_levels", &Counters::too_many_levels},
    CounterField{"bad_passed_through", &Counters::bad_passed_through},
    CounterField{"unknown_kind", &Counters::unknown_kind},
    CounterField{"instruments_over_limit", &Counters::instruments_over_limit},
    CounterField{"heartbeats", &Counters::heartbeats},
    CounterField{"losses", &Counters::losses},
    CounterField{"drops_noticed", &Counters::drops_noticed},
    CounterField{"collectors_lost", &Counters::collectors_lost},
    CounterField{"resyncs_requested", &Counters::resyncs_requested},
    CounterField{"resyncs_timed_out", &Counters::resyncs_timed_out},
    CounterField{"resync_limit_reached", &Counters::resync_limit_reached},
    CounterField{"control_ring_full", &Counters::control_ring_full},
    CounterField{"keys_published", &Counters::keys_published},
    CounterField{"whole_books_published", &Counters::whole_books_published},
    CounterField{"storage_growths", &Counters::storage_growths},
    CounterField{"rings_attached", &Counters::rings_attached},
    CounterField{"rings_refused", &Counters::rings_refused},
    CounterField{"rings_corrupt", &Counters::rings_corrupt},
    CounterField{"parked", &Counters::parked},
    CounterField{"pauses", &Counters::pauses},
};
static_assert(sizeof(Counters) == counter_fields.size() * sizeof(std::uint64_t),
              "every counter has a name");

}  // namespace ringside::orderbook
