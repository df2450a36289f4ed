// Books kept the slow, obvious way from the records that an adapter wrote: maps, truncation after
// each message, Kraken's checksum printed digit by digit.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "collector/decimal.hpp"
#include "ringside/event.hpp"
#include "tests/collector/adapter_bench.hpp"

namespace ringside::collector::bench {

struct NaiveBook {
  InstrumentTerms terms;
  std::map<std::int64_t, std::int64_t, std::greater<>> bids;
  std::map<std::int64_t, std::int64_t> asks;
  std::uint32_t epoch = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t updates = 0;
  std::uint64_t checksums_good = 0;
  std::uint64_t checksums_failed = 0;
  std::uint64_t trades = 0;
  std::vector<State> states;  // as reported, in order

  void take(const Seen& seen) {
    const Record& record = seen.record;
    switch (record.kind) {
      case Kind::Instrument:
        if (!record.is_terms()) return;
        terms = InstrumentTerms::unpacked(record.price);
        epoch = record.epoch;
        return;
      case Kind::Status:
        return states.push_back(static_cast<State>(record.quantity));
      case Kind::Trade:
        ++trades;
        return;
      case Kind::Snapshot:
        if (record.first()) bids.clear();
        if (record.first()) asks.clear();
        apply(seen);
        snapshots += record.last() ? 1 : 0;
        return check(record);
      case Kind::Level:
        set(record.side() == Side::Bid, {Price{record.price}, Quantity{record.quantity}});
        ++updates;
        return check(record);
      case Kind::Levels:
        apply(seen);
        updates += record.last() ? 1 : 0;
        return check(record);
      default:
        return;
    }
  }

  [[nodiscard]] std::uint32_t checksum() const {
    std::string text;
    append_best(text, asks);
    append_best(text, bids);
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
  }

  // As the oracles' dumps.
  [[nodiscard]] std::string dump(const std::string& symbol) const {
    std::string text;
    append_dump(text, symbol + " B ", bids);
    append_dump(text, symbol + " A ", asks);
    return text;
  }

 private:
  void set(bool bid, const Level& level) {
    const auto price = level.price.mantissa;
    const auto quantity = level.quantity.mantissa;
    if (quantity == 0) {
      bid ? bids.erase(price) : asks.erase(price);
    } else {
      (bid ? bids[price] : asks[price]) = quantity;
    }
  }
  void apply(const Seen& seen) {
    for (const auto& level : seen.bids) set(true, level);
    for (const auto& level : seen.asks) set(false, level);
  }
  void check(const Record& record) {
    if (!record.last()) return;
    truncate(bids);
    truncate(asks);
    if ((record.flags & flag_reference_checksum) == 0) return;
    ++(record.reference == checksum() ? checksums_good : checksums_failed);
  }
  template <typename Map>
  void truncate(Map& side) const {
    while (terms.depth != 0 && side.size() > terms.depth) side.erase(std::prev(side.end()));
  }
  template <typename Map>
  static void append_best(std::string& text, const Map& side) {
    int left = 10;
    for (const auto& [price, quantity] : side) {
      if (left-- == 0) return;
      text += std::to_string(price) + std::to_string(quantity);
    }
  }
  template <typename Map>
  void append_dump(std::string& text, const std::string& begin, const Map& side) const {
    for (const auto& [price, quantity] : side) {
      text += begin + decimal_text(price, terms.price_exponent) + " " +
              decimal_text(quantity, terms.quantity_exponent) + "\n";
    }
  }
};

}  // namespace ringside::collector::bench
