// The record: one or more 64-byte slots, each one cache line. Layout version 0 (ipc/PROTOCOL.md).
//
// The first slot is a Record. Continuation slots follow it directly and hold four Levels each, bids
// first; a record never wraps over the end of its ring. The stamp lies in the payload's line, so
// that a hop between cores costs one line transfer.
//
// Invariant: the first word of a continuation slot has equal top bits (it is a mantissa, or a
// number below 2^62); a stamp has top bits 01. So stale payload never reads as a stamp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ringside/instrument.hpp"
#include "ringside/price.hpp"
#include "ringside/state.hpp"
#include "ringside/time.hpp"

namespace ringside {

inline constexpr std::size_t slot_bytes = 64;
inline constexpr unsigned record_slots_max = 255;
inline constexpr unsigned levels_per_slot = 4;
inline constexpr unsigned record_levels_max = (record_slots_max - 1) * levels_per_slot;  // 1016

// Wire values.
enum class Kind : std::uint8_t {
  Invalid = 0,
  Trade = 1,     // price, quantity, reference = trade id, side = aggressor
  Level = 2,     // a delta of one level: side, price, quantity (0: gone)
  Levels = 3,    // a delta of many levels: counts in place of price, levels in continuation slots
  Snapshot = 4,  // as Levels; First on the first and Last on the last record of one snapshot
  Bbo = 5,       // price, quantity = bid; second slot: Level = ask
  Ticker = 6,
  Mark = 7,
  Funding = 8,
  OpenInterest = 9,
  Liquidation = 10,
  Status = 11,      // of one instrument: side_or_reason = Cause, quantity = State
  Loss = 12,        // collector to worker: this instrument lost records; the last has flag Last
  Key = 13,         // broadcast, for late joiners: as Status, and the top levels, as Levels
  Instrument = 14,  // exponents, depth, checksum rule from here on (InstrumentTerms); or news of
                    // the venue's metadata (Announcement)
  Heartbeat = 15,   // of a connection; instrument = any, no data
  Pad = 16,         // skip to the ring's start
};

// What a Kind::Instrument record is about: its side_or_reason. Wire values.
enum class Announcement : std::uint8_t {
  Terms = 0,       // what its numbers mean from here on; all others change nothing of that
  Listed = 1,      // the venue lists it: new, or again
  Delisted = 2,    // no more
  Halted = 3,      // it is listed, and not traded
  Resumed = 4,     // traded again
  Increments = 5,  // its prices or quantities move in other steps, or have other decimals
};

constexpr const char* name_of(Announcement announcement) {
  constexpr const char* names[] = {"terms",  "listed",  "delisted",
                                   "halted", "resumed", "increments"};
  const auto index = static_cast<unsigned>(announcement);
  return index < 6 ? names[index] : "unknown";
}

enum class Side : std::uint8_t { None = 0, Bid = 1, Ask = 2 };  // a trade's: Bid = buyer aggressed

// Bits of Record::flags.
enum Flag : std::uint8_t {
  flag_first = 0x01,  // first record of one venue message for this instrument
  flag_last = 0x02,   // last one: the book is consistent after it
  flag_no_exchange_time = 0x04,
  flag_reference_hashed = 0x08,  // reference is a 64-bit hash of an id that is no number
  flag_reference_checksum =
      0x10,  // reference is the venue's checksum of the book after this record
  flag_reference_sequence = 0x20,  // reference is the venue's sequence
  flag_unverified = 0x40,          // published before its checksum was looked at
};

// First slot of each record, in private memory. In a ring its words are shared.
struct Record {
  std::uint64_t stamp = 0;
  std::uint32_t instrument = 0;
  Kind kind = Kind::Invalid;
  std::uint8_t flags = 0;
  std::uint8_t slots = 1;           // of the whole record, 1..255
  std::uint8_t side_or_reason = 0;  // Side, Cause or Announcement, by kind
  std::uint64_t receive_tsc = 0;    // ticks when the bytes that completed the frame were read
  std::int64_t exchange_ns = 0;     // UTC
  std::int64_t price = 0;           // mantissa; Levels, Snapshot, Key: LevelCounts
  std::int64_t quantity = 0;        // mantissa
  std::uint64_t reference = 0;
  std::uint32_t publish_delta = 0;  // ticks from receive_tsc to publication, saturating
  std::uint32_t epoch = 0;

  constexpr InstrumentId id() const { return InstrumentId{instrument}; }
  constexpr Side side() const { return static_cast<Side>(side_or_reason); }
  constexpr Cause cause() const { return static_cast<Cause>(side_or_reason); }
  constexpr Announcement announcement() const { return static_cast<Announcement>(side_or_reason); }
  // What its numbers mean from here on.
  constexpr bool is_terms() const {
    return kind == Kind::Instrument && announcement() == Announcement::Terms;
  }
  // News of the venue's metadata: an AnnouncedName lies in its second slot.
  constexpr bool is_announcement() const {
    return kind == Kind::Instrument && announcement() != Announcement::Terms;
  }
  constexpr bool first() const { return (flags & flag_first) != 0; }
  constexpr bool last() const { return (flags & flag_last) != 0; }
  // Levels, Snapshot and Key: how many bids, then asks, lie in the continuation slots.
  constexpr std::uint32_t bid_count() const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(price));
  }
  constexpr std::uint32_t ask_count() const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(price) >> 32);
  }
  constexpr void set_counts(std::uint32_t bids, std::uint32_t asks) {
    price = static_cast<std::int64_t>((static_cast<std::uint64_t>(asks) << 32) | bids);
  }
};

static_assert(sizeof(Record) == slot_bytes);
static_assert(offsetof(Record, stamp) == 0);
static_assert(offsetof(Record, instrument) == 8);
static_assert(offsetof(Record, kind) == 12);
static_assert(offsetof(Record, flags) == 13);
static_assert(offsetof(Record, slots) == 14);
static_assert(offsetof(Record, side_or_reason) == 15);
static_assert(offsetof(Record, receive_tsc) == 16);
static_assert(offsetof(Record, exchange_ns) == 24);
static_assert(offsetof(Record, price) == 32);
static_assert(offsetof(Record, quantity) == 40);
static_assert(offsetof(Record, reference) == 48);
static_assert(offsetof(Record, publish_delta) == 56);
static_assert(offsetof(Record, epoch) == 60);

// What a Kind::Instrument record carries, packed: price = terms(); quantity and reference = 0, or,
// of an announcement, the smallest steps of price and quantity, mantissas of these exponents (0:
// not said).
struct InstrumentTerms {
  Exponent price_exponent;
  Exponent quantity_exponent;
  ChecksumRule checksum = ChecksumRule::None;
  std::uint32_t depth = 0;  // levels kept a side; 0: all

  constexpr std::int64_t packed() const {
    const auto bits =
        static_cast<std::uint64_t>(static_cast<std::uint8_t>(price_exponent.power_of_ten)) |
        static_cast<std::uint64_t>(static_cast<std::uint8_t>(quantity_exponent.power_of_ten)) << 8 |
        static_cast<std::uint64_t>(checksum) << 16 | static_cast<std::uint64_t>(depth) << 32;
    return static_cast<std::int64_t>(bits);
  }
  static constexpr InstrumentTerms unpacked(std::int64_t packed) {
    const auto bits = static_cast<std::uint64_t>(packed);
    return InstrumentTerms{Exponent{static_cast<std::int8_t>(bits & 0xff)},
                           Exponent{static_cast<std::int8_t>((bits >> 8) & 0xff)},
                           static_cast<ChecksumRule>((bits >> 16) & 0xff),
                           static_cast<std::uint32_t>(bits >> 32)};
  }
  friend constexpr bool operator==(const InstrumentTerms&, const InstrumentTerms&) = default;
};

// Second slot of an announcement: "VENUE SYMBOL", for the instrument may be nobody's.
struct AnnouncedName {
  static constexpr std::size_t bytes_max = 56;

  std::uint64_t bytes = 0;    // of the whole name; of a longer one bytes_max are there
  char text[bytes_max] = {};  // no zero behind it
};
static_assert(sizeof(AnnouncedName) == slot_bytes);
static_assert(offsetof(AnnouncedName, text) == 8);

// Slots that `level_count` levels need behind the first slot.
constexpr unsigned continuation_slots(unsigned level_count) {
  return (level_count + levels_per_slot - 1) / levels_per_slot;
}

// Epoch of a book: generation of its collector (high 16 bits) x count of snapshots (low 16 bits).
constexpr std::uint32_t epoch_of(std::uint32_t generation, std::uint32_t count) {
  return (generation << 16) | (count & 0xffffu);
}

}  // namespace ringside
