// Random messages in every spelling that JSON allows - any order of fields, space anywhere, more
// fields than are used - decode to what they were made of; and with one field gone, doubled or of
// another type they are refused by the name of what is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "collector/binance_decode.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr int runs = 2000;
constexpr int price_decimals = 4;
constexpr int quantity_decimals = 2;

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}
  using Fields = std::vector<std::pair<std::string, std::string>>;  // key, value as JSON

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  std::string space() {
    static const char* const kinds[] = {"", "", "", " ", "\n", "\t \r"};
    return kinds[below(6)];
  }
  // A value in this many decimals, spelled with fewer where they are zeros, or with more zeros.
  std::pair<std::int64_t, std::string> decimal(int decimals) {
    const auto mantissa =
        static_cast<std::int64_t>(below(2) == 0 ? below(1000) : below(1'000'000'000'000));
    std::string text = std::to_string(mantissa);
    if (static_cast<int>(text.size()) <= decimals) {
      text.insert(0, static_cast<std::size_t>(decimals) + 1 - text.size(), '0');
    }
    text.insert(text.size() - static_cast<std::size_t>(decimals), ".");
    if (below(2) == 0) {
      text.append(below(5), '0');
    } else {
      text.erase(text.find_last_not_of('0') + 1);
      if (text.back() == '.') text.pop_back();
    }
    return {mantissa, '"' + text + '"'};
  }
  std::string rows(std::vector<Level>& levels) {
    std::string text = "[" + space();
    levels.resize(below(6));
    for (auto& level : levels) {
      const auto price = decimal(price_decimals);
      const auto quantity = decimal(quantity_decimals);
      level = {Price{price.first}, Quantity{quantity.first}};
      if (&level != &levels.front()) text += "," + space();
      text += "[" + space() + price.second + space() + "," + space() + quantity.second + space() +
              "]" + space();
    }
    return text + "]";
  }
  std::string object(Fields fields) {
    std::shuffle(fields.begin(), fields.end(), random_);
    std::string text = space() + "{" + space();
    for (const auto& [key, value] : fields) {
      if (&key != &fields.front().first) text += "," + space();
      text += '"' + key + '"' + space() + ":" + space() + value + space();
    }
    return text + "}" + space();
  }
  std::string unused() {
    static const char* const kinds[] = {"null",  "[1,[2,{\"a\":\"\\u00e9\"}]]", "-1.5e-3",
                                        "false", "{\"e\":\"nested\"}",          "\"x\\ny\""};
    return kinds[below(6)];
  }
  std::string message(const std::string& channel, Fields fields) {
    if (below(2) == 0) fields.emplace_back("unused", unused());
    const auto data = object(std::move(fields));
    if (below(4) == 0) return data;
    return object({{"stream", "\"adausdt@" + channel + "\""}, {"data", data}});
  }

 private:
  std::mt19937_64 random_;
};

struct Decoding : ::testing::TestWithParam<BinanceRule> {
  Decoding() { symbols.set_units(0, Exponent{-price_decimals}, Exponent{-quantity_decimals}); }
  DecodeStatus decode(const std::string& text) {
    buffer = text + std::string(64, '5');
    return decoder.decode(std::string_view(buffer).substr(0, text.size()), message);
  }
  [[nodiscard]] bool futures() const { return GetParam() == BinanceRule::Futures; }
  // A depth message and what it was made of.
  struct Depth {
    Maker::Fields fields;
    DepthIds ids;
    std::uint64_t event_ms = 0;
    std::uint64_t trade_ms = 0;
    std::vector<Level> bids;
    std::vector<Level> asks;
  };
  Depth depth(Maker& maker) const {
    Depth made;
    made.ids.previous = futures() ? maker.below(1'000'000'000'000) : 0;
    made.ids.first = made.ids.previous + 1 + maker.below(1000);
    made.ids.last = made.ids.first + maker.below(1000);
    made.event_ms = maker.below(4'000'000'000'000);
    made.trade_ms = maker.below(4'000'000'000'000);
    made.fields = {{"e", "\"depthUpdate\""},
                   {"E", std::to_string(made.event_ms)},
                   {"s", "\"ADAUSDT\""},
                   {"U", std::to_string(made.ids.first)},
                   {"u", std::to_string(made.ids.last)},
                   {"b", maker.rows(made.bids)},
                   {"a", maker.rows(made.asks)}};
    if (futures()) {
      made.fields.emplace_back("T", std::to_string(made.trade_ms));
      made.fields.emplace_back("pu", std::to_string(made.ids.previous));
    }
    return made;
  }

  BinanceSymbols symbols{{"ADAUSDT"}};
  BinanceDecoder decoder{symbols, GetParam()};
  BinanceMessage message;
  std::string buffer;
};

TEST_P(Decoding, EverySpellingOfADepthMessageSaysTheSame) {
  for (std::uint64_t seed = 0; seed < runs && !HasFailure(); ++seed) {
    Maker maker(seed);
    const auto made = depth(maker);
    const auto text = maker.message("depth@100ms", made.fields);
    ASSERT_EQ(decode(text), DecodeStatus::Ok) << text;
    EXPECT_EQ(message.event, BinanceEvent::Depth);
    EXPECT_EQ(message.ids, made.ids);
    const auto ms = futures() ? made.trade_ms : made.event_ms;
    EXPECT_EQ(message.exchange.value, static_cast<std::int64_t>(ms) * 1'000'000);
    EXPECT_TRUE(std::ranges::equal(message.bids, made.bids)) << text;
    EXPECT_TRUE(std::ranges::equal(message.asks, made.asks)) << text;
  }
}

TEST_P(Decoding, EverySpellingOfATradeSaysTheSame) {
  for (std::uint64_t seed = 0; seed < runs && !HasFailure(); ++seed) {
    Maker maker(seed);
    const bool aggregated = maker.below(2) == 0;
    const auto price = maker.decimal(price_decimals);
    const auto quantity = maker.decimal(quantity_decimals);
    const auto id = maker.below(1'000'000'000'000);
    const bool buyer_is_maker = maker.below(2) == 0;
    const std::string event = aggregated ? "aggTrade" : "trade";
    const auto text = maker.message(event, {{"e", '"' + event + '"'},
                                            {"E", "5"},
                                            {"T", "7"},
                                            {"s", "\"ADAUSDT\""},
                                            {aggregated ? "a" : "t", std::to_string(id)},
                                            {"p", price.second},
                                            {"q", quantity.second},
                                            {"m", buyer_is_maker ? "true" : "false"}});
    ASSERT_EQ(decode(text), DecodeStatus::Ok) << text;
    EXPECT_EQ(message.event, aggregated ? BinanceEvent::AggTrade : BinanceEvent::Trade);
    EXPECT_EQ(message.trade_id, id);
    EXPECT_EQ(message.price.mantissa, price.first);
    EXPECT_EQ(message.quantity.mantissa, quantity.first);
    EXPECT_EQ(message.buyer_is_maker, buyer_is_maker);
    EXPECT_EQ(message.exchange.value, 7'000'000);
  }
}

TEST_P(Decoding, EverySpellingOfATickerSaysTheSame) {
  for (std::uint64_t seed = 0; seed < runs && !HasFailure(); ++seed) {
    Maker maker(seed);
    const auto bid = maker.decimal(price_decimals);
    const auto bid_quantity = maker.decimal(quantity_decimals);
    const auto ask = maker.decimal(price_decimals);
    const auto ask_quantity = maker.decimal(quantity_decimals);
    Maker::Fields fields{{"u", "77"},       {"s", "\"ADAUSDT\""},
                         {"b", bid.second}, {"B", bid_quantity.second},
                         {"a", ask.second}, {"A", ask_quantity.second}};
    if (futures()) {
      fields.insert(fields.end(), {{"e", "\"bookTicker\""}, {"E", "5"}, {"T", "7"}});
    }
    const auto text = maker.message("bookTicker", fields);
    ASSERT_EQ(decode(text), DecodeStatus::Ok) << text;
    EXPECT_EQ(message.event, BinanceEvent::BookTicker);
    EXPECT_EQ(message.bid, (Level{Price{bid.first}, Quantity{bid_quantity.first}}));
    EXPECT_EQ(message.ask, (Level{Price{ask.first}, Quantity{ask_quantity.first}}));
    EXPECT_EQ(message.has_exchange_time, futures());
  }
}

TEST_P(Decoding, AFieldGoneDoubledOrOfAnotherTypeIsRefusedByName) {
  const char* const others[] = {"null", "true", "1", "\"x\"", "{}", "[1]"};
  for (std::uint64_t seed = 0; seed < runs && !HasFailure(); ++seed) {
    Maker maker(seed);
    auto fields = depth(maker).fields;
    const auto at = maker.below(fields.size());
    const auto key = fields[at].first;
    const auto kind = maker.below(3);
    const char* other = others[maker.below(6)];
    if (kind == 0) fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(at));
    if (kind == 1) fields.push_back(fields[at]);
    const auto was = fields[std::min<std::size_t>(at, fields.size() - 1)].second;
    if (kind == 2 && was.front() == other[0]) continue;  // the same type, after all
    if (kind == 2 && was.front() <= '9' && other[0] == '1') continue;
    if (kind == 2) fields[at].second = other;
    const auto text =
        maker.object({{"stream", "\"adausdt@depth@100ms\""}, {"data", maker.object(fields)}});
    const auto status = decode(text);
    const auto expected = kind == 0   ? DecodeStatus::MissingField
                          : kind == 1 ? DecodeStatus::RepeatedField
                                      : DecodeStatus::MistypedField;
    EXPECT_EQ(status, expected) << key << " in " << text;
    EXPECT_EQ(message.symbol, 0U) << "whose it was is still known";
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Decoding,
                         ::testing::Values(BinanceRule::Spot, BinanceRule::Futures),
                         [](const auto& rule) {
                           return rule.param == BinanceRule::Spot ? "spot" : "futures";
                         });

}  // namespace
}  // namespace ringside::collector::binance_test
