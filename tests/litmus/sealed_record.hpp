// Records whose every word follows from their number, so that a reader can tell a whole record
// from one of two laps.
#pragma once

#include <cstdint>
#include <span>

#include "ringside/event.hpp"

namespace ringside::ipc {

// splitmix64.
constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

constexpr std::int64_t mantissa_of(std::uint64_t x) {
  return static_cast<std::int64_t>(mixed(x) >> 2);
}

// reference is the number; the rest follows from it.
constexpr Record sealed_record(std::uint64_t number, unsigned slots) {
  Record record;
  record.kind = Kind::Trade;
  record.slots = static_cast<std::uint8_t>(slots);
  record.instrument = static_cast<std::uint32_t>(mixed(number + 1));
  record.receive_tsc = mixed(number + 2) | (std::uint64_t{1} << 63);  // publish_delta stays 0
  record.exchange_ns = mantissa_of(number + 3);
  // A few levels on each side, so that a key record is bounded in as few slots as it has.
  record.set_counts(slots > 1 ? 2 : 0, slots > 1 ? 1 : 0);
  record.quantity = mantissa_of(number + 4);
  record.reference = number;
  record.epoch = static_cast<std::uint32_t>(mixed(number + 5));
  return record;
}

constexpr Level sealed_level(std::uint64_t number, std::size_t index) {
  return Level{Price{mantissa_of(number * 1000 + index)},
               Quantity{-mantissa_of(number * 1000 + index + 500)}};
}

inline void fill_sealed_levels(std::uint64_t number, std::span<Level> levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = sealed_level(number, i);
}

inline bool is_whole(const Record& record, std::span<const Level> levels) {
  const Record expected = sealed_record(record.reference, record.slots);
  bool whole = record.instrument == expected.instrument &&
               record.receive_tsc == expected.receive_tsc &&
               record.exchange_ns == expected.exchange_ns && record.price == expected.price &&
               record.quantity == expected.quantity && record.epoch == expected.epoch &&
               record.publish_delta == 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    whole = whole && levels[i] == sealed_level(record.reference, i);
  }
  return whole;
}

}  // namespace ringside::ipc
