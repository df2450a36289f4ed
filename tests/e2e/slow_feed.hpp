// Recorded feeds read the slow, obvious way: another JSON parser, decimals as text, maps for books.
// Shares nothing with the product but the reader of the capture's lines. What the oracles are for
// whole sets, this is for any part of one.
//
// Threads: one. Bounded by: the capture. Fails by: std::runtime_error or json exceptions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/capture/capture.hpp"

namespace ringside::e2e {

struct SlowBook {
  using Level = std::pair<std::string, std::string>;  // price and quantity, no trailing zeros
  std::map<std::int64_t, Level> bids;                 // by price
  std::map<std::int64_t, Level> asks;

  void set(bool bid, const std::string& price, const std::string& quantity);
  void truncate(std::size_t depth);
};

class SlowFeed {
 public:
  // Reads all lines up to `seconds` after the first one.
  static SlowFeed read(const std::string& path, double seconds);

  // The canonical dump of all final books.
  [[nodiscard]] std::string dump() const;
  [[nodiscard]] std::vector<std::string> symbols() const;
  // The lines read, as a capture of their own.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  struct Diff {
    std::uint64_t last_id;
    std::vector<std::pair<bool, SlowBook::Level>> levels;
  };
  struct Book {
    SlowBook book;
    std::size_t depth = 0;  // 0: not truncated
    bool has_snapshot = false;
    std::uint64_t snapshot_id = 0;
    std::vector<Diff> early;
  };

  void take(const capture::CaptureLine& line);
  void take_binance(const std::string& payload);
  void take_binance_snapshot(const std::string& url, const std::string& body);
  static void apply(Book& book, const Diff& diff);
  void take_kraken(const std::string& payload);
  void take_kraken_v1(const std::string& payload);

  enum class Kind { Unknown, Binance, Kraken, KrakenV1 };
  Kind kind_ = Kind::Unknown;
  std::map<std::string, Book> books_;
  std::map<std::string, std::size_t> depths_;  // Kraken: acknowledged, before the snapshot
  std::string text_;
};

}  // namespace ringside::e2e
