// The recorded feeds, through decoder, continuity and ring into the slowest possible books: final
// books, update by update tops and trades must be the independent oracle's; and after each depth
// update the top must be what the venue's own bookTicker says.
//
// Needs the environment variable RINGSIDE_CAPTURES; skipped without.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "collector/decimal.hpp"
#include "tests/collector/binance_replay.hpp"

namespace ringside::collector::binance_test {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view text) { EVP_DigestUpdate(context_, text.data(), text.size()); }
  std::string hex() {
    unsigned char digest[32];
    EVP_DigestFinal_ex(context_, digest, nullptr);
    std::string text;
    for (const auto byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};

__extension__ typedef __int128 Sum;  // no product of two mantissas overflows it

// Exact sums of mantissas; the product's exponent is the sum of both.
std::string sum_text(Sum sum, int decimals) {
  std::string digits;
  for (auto rest = sum; rest != 0; rest /= 10) digits += static_cast<char>('0' + int(rest % 10));
  while (static_cast<int>(digits.size()) <= decimals) digits += '0';
  std::reverse(digits.begin(), digits.end());
  if (decimals == 0) return digits;
  digits.insert(digits.end() - decimals, '.');
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

std::string top_text(const NaiveBook& book) {
  const auto text = [&](const auto& level) {
    return decimal_text(level.first, book.terms.price_exponent) + " " +
           decimal_text(level.second, book.terms.quantity_exponent);
  };
  return (book.bids.empty() ? "- -" : text(*book.bids.rbegin())) + " " +
         (book.asks.empty() ? "- -" : text(*book.asks.begin())) + "\n";
}

std::string dump(const std::string& symbol, const NaiveBook& book) {
  std::string text;
  const auto add = [&](const char* side, const auto& level) {
    text += symbol + side + decimal_text(level.first, book.terms.price_exponent) + " " +
            decimal_text(level.second, book.terms.quantity_exponent) + "\n";
  };
  for (auto each = book.bids.rbegin(); each != book.bids.rend(); ++each) add(" B ", *each);
  for (const auto& level : book.asks) add(" A ", level);
  return text;
}

// A top of a book: after the update that ends at `id`, or as a ticker of that id says.
struct Top {
  std::uint64_t id = 0;
  Level bid;
  Level ask;
};

// A replay that keeps what the oracle tells of every update.
struct Watched {
  explicit Watched(const std::vector<Line>& lines, BinanceMarket market)
      : replay(lines, market), streams(replay.run->books.size()), tops(replay.run->books.size()) {
    for (std::size_t i = 0; i < replay.run->books.size(); ++i) {
      replay.run->books[i].on_update = [this, i](const NaiveBook& book, std::uint64_t id) {
        streams[i].add(top_text(book));
        Top top{id, {}, {}};
        if (!book.bids.empty()) {
          top.bid = {Price{book.bids.rbegin()->first}, Quantity{book.bids.rbegin()->second}};
        }
        if (!book.asks.empty()) {
          top.ask = {Price{book.asks.begin()->first}, Quantity{book.asks.begin()->second}};
        }
        tops[i].push_back(top);
      };
    }
    replay.play(lines);
  }

  Replay replay;
  std::vector<Sha256> streams;
  std::vector<std::vector<Top>> tops;
};

struct Set {
  const char* name;
  BinanceMarket market;
  friend void PrintTo(const Set& set, std::ostream* out) { *out << set.name; }
};

class BinanceCapture : public ::testing::TestWithParam<Set> {};

void expect_trades(const nlohmann::json& oracle, const std::string& symbol, const NaiveBook& book) {
  Sum quantity = 0;
  Sum notional = 0;
  for (const auto& trade : book.trades) {
    quantity += trade.quantity;
    notional += static_cast<Sum>(trade.quantity) * trade.price;
  }
  const int price_decimals = -book.terms.price_exponent.power_of_ten;
  const int quantity_decimals = -book.terms.quantity_exponent.power_of_ten;
  if (!oracle["trades"].contains(symbol)) {
    EXPECT_TRUE(book.trades.empty());
    return;
  }
  const auto& expected = oracle["trades"][symbol];
  EXPECT_EQ(book.trades.size(), expected["n"].get<std::size_t>());
  EXPECT_EQ(sum_text(quantity, quantity_decimals), expected["sum_qty"]);
  EXPECT_EQ(sum_text(notional, quantity_decimals + price_decimals), expected["sum_notional"]);
  EXPECT_EQ(book.trades.front().reference, expected["first_id"].get<std::uint64_t>());
  EXPECT_EQ(book.trades.back().reference, expected["last_id"].get<std::uint64_t>());
}

// The venue's own check of each book: compared and equal.
std::pair<std::uint64_t, std::uint64_t> compare_tops(const std::vector<Top>& tops,
                                                     const NaiveBook& book) {
  std::map<std::uint64_t, Top> tickers;
  for (const auto& ticker : book.tickers) {
    const auto& record = ticker.record;
    tickers[record.reference] = {
        record.reference, {Price{record.price}, Quantity{record.quantity}}, ticker.ask};
  }
  std::uint64_t compared = 0;
  std::uint64_t equal = 0;
  for (const auto& top : tops) {
    const auto after = tickers.upper_bound(top.id);
    if (after == tickers.begin()) continue;
    const auto& ticker = std::prev(after)->second;
    if (ticker.id <= book.snapshot_reference) continue;  // as old as the snapshot: no news
    ++compared;
    equal += ticker.bid == top.bid && ticker.ask == top.ask;
  }
  return {compared, equal};
}

TEST_P(BinanceCapture, GivesTheOraclesBooksTopsAndTrades) {
  const char* folder = std::getenv("RINGSIDE_CAPTURES");
  if (folder == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
  const std::string name = GetParam().name;
  const auto oracle =
      nlohmann::json::parse(std::ifstream(std::string(folder) + "/oracle/" + name + ".json"));
  const auto lines = read_capture(std::string(folder) + "/" + name + ".gz");
  ASSERT_FALSE(lines.empty());
  Watched watched(lines, GetParam().market);
  auto& run = *watched.replay.run;

  Sha256 all;
  std::uint64_t updates = 0;
  std::pair<std::uint64_t, std::uint64_t> tops{0, 0};
  EXPECT_EQ(run.names().size(), oracle["books"].size());
  for (std::size_t i = 0; i < run.names().size(); ++i) {
    const auto& symbol = run.names()[i];
    const auto& book = run.books[i];
    const auto& expected = oracle["books"][symbol];
    SCOPED_TRACE(symbol);
    EXPECT_EQ(book.state, State::Live);
    EXPECT_EQ(book.snapshots, 1U);
    EXPECT_EQ(book.updates, expected["updates"].get<std::uint64_t>());
    EXPECT_EQ(watched.streams[i].hex(), expected["bbo_stream_sha256"]);
    const auto text = dump(symbol, book);
    all.add(text);
    Sha256 own;
    own.add(text);
    EXPECT_EQ(own.hex(), expected["sha256"]);
    expect_trades(oracle, symbol, book);
    const auto [compared, equal] = compare_tops(watched.tops[i], book);
    tops.first += compared;
    tops.second += equal;
    updates += book.updates;
    EXPECT_EQ(run.adapter().counts(static_cast<SymbolIndex>(i)).trade_gaps, 0U);
  }
  EXPECT_EQ(all.hex(), oracle["books_sha256"]);
  EXPECT_EQ(updates, oracle["book_updates"].get<std::uint64_t>());
  EXPECT_EQ(tops.first, oracle["totals"]["bbo_compared"].get<std::uint64_t>());
  EXPECT_EQ(tops.second, oracle["totals"]["bbo_match"].get<std::uint64_t>());
  for (const auto which : {Count::MalformedJson, Count::MissingField, Count::MistypedField,
                           Count::SequenceGaps, Count::SnapshotsStale, Count::NumberOverflow,
                           Count::NumberTooFine, Count::UnknownSymbol, Count::SymbolMismatch}) {
    EXPECT_EQ(run.count(which), 0U) << name_of(which);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sets, BinanceCapture,
    ::testing::Values(Set{"binance_cm_btcusd_perp", BinanceMarket::CoinMargined},
                      Set{"binance_delivery_multi", BinanceMarket::CoinMargined},
                      Set{"binance_futures_multi", BinanceMarket::UsdMargined},
                      Set{"binance_spot_btcusdt", BinanceMarket::Spot},
                      Set{"binance_spot_multi", BinanceMarket::Spot},
                      Set{"binance_us_multi", BinanceMarket::SpotUs},
                      Set{"binance_usdm_btcusdt", BinanceMarket::UsdMargined}),
    [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::collector::binance_test
