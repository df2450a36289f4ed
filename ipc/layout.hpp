// The fields of each kind of segment, spelt out, and a hash of them. The hash stands in the header:
// two programs with the same version number but other layouts refuse each other instead of
// misreading. Whoever changes a layout changes its text here (a test compares with offsetof).
#pragma once

#include <cstdint>
#include <string_view>

namespace ringside::ipc {

// Wire values.
enum class SegmentKind : std::uint32_t {
  Spsc = 1,
  Broadcast = 2,
  BookTable = 3,
  Catalogue = 4,
  Cursor = 5,
  Telemetry = 6,
};

constexpr const char* name_of(SegmentKind kind) {
  constexpr const char* names[] = {"unknown",   "spsc",   "broadcast", "book table",
                                   "catalogue", "cursor", "telemetry"};
  const auto index = static_cast<std::uint32_t>(kind);
  return index < 7 ? names[index] : names[0];
}

inline constexpr std::string_view header_layout =
    "header 4096: magic@0 abi_major@8 abi_minor@10 header_bytes@12 schema_hash@16 kind@24 flags@28 "
    "total_bytes@32 data_offset@40 data_bytes@48 item_bytes@56 page_bytes@60 generation@64 "
    "created_utc_ns@72 writer_pid@80 writer_start_time@88 boot_id@96 item_count@112 "
    "created_ticks@120 "
    "state@128 heartbeat@136 kind_words@256,384,512";

inline constexpr std::string_view record_layout =
    "record 64: stamp@0 instrument@8 kind@12 flags@13 slots@14 side_or_reason@15 receive_tsc@16 "
    "exchange_ns@24 price@32 quantity@40 reference@48 publish_delta@56 epoch@60; "
    "continuation 64: 4 x (price@0 quantity@8), or name: bytes@0 text@8x56";

// What follows the header, by kind.
constexpr std::string_view layout_of(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::Spsc:
      return "spsc: slots; stamp 2^62|pos+1; drops@256 control_read_position@384 head_hint@512";
    case SegmentKind::Broadcast:
      return "broadcast: slots; stamp 2^62|2pos+1, 2^62|2pos+2; tail_hint@256 last_key@384";
    case SegmentKind::Cursor:
      return "cursor: parked@256; 64 entries of 16640: state@0 ring_generation@8 ring_name@16 "
             "ring_created@80 control_start@88 read_position@128 control@256, 256 slots";
    case SegmentKind::BookTable:
      return "book table: count@256; entries of 1920: current@0 instrument@8 copies@128,1024; "
             "copy: "
             "sequence@0 status@8 best@16 receive_tsc@48 epoch@56 publish_tsc@64 exchange_ns@72 "
             "terms@80 updates@88 rows@128x24x32";
    case SegmentKind::Catalogue:
      return "catalogue: count@256; entries of 256: instrument@0 connection@4 terms@8 venue@16x24 "
             "symbol@40x64 worker@104x32";
    case SegmentKind::Telemetry:
      return "telemetry: counts@0,8,16,24 role@32x32 version@64x64 clock@128 "
             "counter_names@512x64x8192 "
             "counter_values@524800x128x8192 facts@1573376x256x128 degradations@1606144x256x64 "
             "histograms@1622528x30848; clock: current@0 copies@128,192 sequence@0 tsc0@8 utc0@16 "
             "multiplier@24 shift@32; histogram: stage@0x32 thread@32x32 beyond@64 slots@128x3840";
  }
  return {};
}

// FNV-1a, 64 bits.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

// Of the header, the record and the kind's own part, in this order, with nothing between them.
constexpr std::uint64_t schema_hash(SegmentKind kind) {
  return fnv1a(layout_of(kind), fnv1a(record_layout, fnv1a(header_layout)));
}

}  // namespace ringside::ipc
