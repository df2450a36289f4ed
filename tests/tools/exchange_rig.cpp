#include "tests/tools/exchange_rig.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>

namespace ringside::exchange {
namespace {

using nlohmann::json;

class DigitKeeper : public nlohmann::detail::json_sax_dom_parser<json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<json>;
  using Base::Base;
  bool number_integer(json::number_integer_t value) { return keep(std::to_string(value)); }
  bool number_unsigned(json::number_unsigned_t value) { return keep(std::to_string(value)); }
  bool number_float(json::number_float_t, const std::string& digits) { return keep(digits); }

 private:
  bool keep(std::string digits) { return Base::string(digits); }
};

std::int64_t digits_of(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '.');
  return std::stoll(digits);
}

std::uint32_t crc_by_bits(const std::string& text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

template <typename Iterator>
void append_ten(std::string& text, Iterator at, Iterator end) {
  for (int i = 0; i < 10 && at != end; ++i, ++at) {
    text += std::to_string(at->first) + std::to_string(at->second);
  }
}

}  // namespace

json parse_keeping_digits(std::string_view text) {
  json result;
  DigitKeeper keeper(result);
  EXPECT_TRUE(json::sax_parse(text, &keeper)) << text;
  return result;
}

UtcNs run(Exchange& exchange, UtcNs from, std::int64_t duration_ns) {
  UtcNs now = from;
  const UtcNs end{from.value + duration_ns};
  while (now < end) {
    const auto next = exchange.advance(now);
    now = std::max(next, UtcNs{now.value + 1});
  }
  return end;
}

void PlainBook::set(bool bid, std::string_view price, std::string_view quantity) {
  auto& side = bid ? bids : asks;
  const auto amount = digits_of(quantity);
  if (amount == 0) {
    side.erase(digits_of(price));
  } else {
    side[digits_of(price)] = amount;
  }
}

void PlainBook::truncate(std::size_t depth) {
  while (bids.size() > depth) bids.erase(bids.begin());
  while (asks.size() > depth) asks.erase(std::prev(asks.end()));
}

std::uint32_t PlainBook::checksum() const {
  std::string text;
  append_ten(text, asks.begin(), asks.end());
  append_ten(text, bids.rbegin(), bids.rend());
  return crc_by_bits(text);
}

std::string PlainBook::canonical_hash() const {
  std::ostringstream lines;
  for (auto at = bids.rbegin(); at != bids.rend(); ++at) {
    lines << "B " << at->first << ' ' << at->second << '\n';
  }
  for (const auto& [price, quantity] : asks) lines << "A " << price << ' ' << quantity << '\n';
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : lines.str()) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

void PlainKrakenClient::on_frame(const std::string& text) {
  const auto frame = parse_keeping_digits(text);
  const std::string channel = frame.value("channel", "");
  if (channel == "book") on_book(frame, text);
  if (channel == "trade") trades += frame.at("data").size();
  if (channel == "ticker") ++tickers;
  if (channel == "heartbeat") ++heartbeats;
}

void PlainKrakenClient::on_book(const json& frame, const std::string& text) {
  const bool snapshot = frame.at("type") == "snapshot";
  ++(snapshot ? snapshots : book_frames);
  for (const auto& entry : frame.at("data")) {
    const std::string symbol = entry.at("symbol");
    auto& book = books[symbol];
    if (snapshot) book.clear();
    for (const bool bid : {true, false}) {
      std::set<std::string> touched;
      for (const auto& level : entry.at(bid ? "bids" : "asks")) {
        const std::string price = level.at("price");
        prices_touched_twice += touched.insert(price).second ? 0 : 1;
        book.set(bid, price, std::string(level.at("qty")));
        ++levels;
      }
    }
    book.truncate(depth_);
    if (std::to_string(book.checksum()) != entry.at("checksum")) failed.push_back(text);
    const auto ns = parse_utc_ns(entry.at("timestamp"));
    if (!snapshot && ns <= last_ns[symbol]) ++times_not_growing;
    last_ns[symbol] = ns;
    if (!book.bids.empty() && !book.asks.empty() &&
        book.bids.rbegin()->first >= book.asks.begin()->first) {
      ++crossed;
    }
    points[symbol + " " + std::to_string(ns)] = book.canonical_hash();
  }
}

std::int64_t parse_utc_ns(const std::string& rfc3339) {
  std::tm time{};
  const char* rest = strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  EXPECT_NE(rest, nullptr) << rfc3339;
  return timegm(&time) * 1'000'000'000LL + std::stoll(std::string(rest + 1, 6)) * 1'000;
}

ScratchFile::ScratchFile(const std::string& content) {
  path = (std::filesystem::temp_directory_path() / "ringside-exchange-XXXXXX").string();
  const int descriptor = mkstemp(path.data());
  EXPECT_GE(descriptor, 0);
  ::close(descriptor);
  std::ofstream(path) << content;
}

std::string ScratchFile::content() const {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::string> read_truth(const std::string& path) {
  std::map<std::string, std::string> result;
  std::ifstream lines(path);
  for (std::string symbol, ns, hash; lines >> symbol >> ns >> hash;) {
    result[symbol + " " + ns] = hash;
  }
  return result;
}

}  // namespace ringside::exchange
