// Every recorded text through our decoders and through another parser: accepted by both, and of the
// same meaning. Then the same texts with bytes changed at random: refused, or still of the same
// meaning.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "collector/binance_metadata.hpp"
#include "tests/collector/adapter_bench.hpp"
#include "tests/collector/binance_replay.hpp"
#include "tests/collector/capture_lines.hpp"
#include "tests/fuzz/binance_reference.hpp"
#include "tests/fuzz/kraken_reference.hpp"
#include "tests/fuzz/kraken_v1_reference.hpp"

namespace ringside::collector {
namespace {

using bench::Padded;
using bench::received;

constexpr unsigned seed = 20'261'121;
constexpr std::size_t mutations = 30'000;

// Some bytes of a text replaced, removed or doubled; mostly by what JSON is made of.
class Mutator {
 public:
  std::string mutate(std::string text) {
    constexpr std::string_view grammar = "{}[]\",:.-+eE0123456789 \\nulltrefas";
    for (auto count = 1 + random_() % 3; count > 0 && !text.empty(); --count) {
      const auto at = random_() % text.size();
      const char byte =
          random_() % 4 == 0 ? static_cast<char>(random_()) : grammar[random_() % grammar.size()];
      switch (random_() % 4) {
        case 0:
          text.erase(at, 1 + random_() % 3);
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        case 2:
          text.insert(at, text.substr(at, 1 + random_() % 40));
          break;
        default:
          text[at] = byte;
      }
    }
    return text;
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::mt19937_64 random_{seed};
};

// Changes texts of a feed at random; short ones, so that a change hits something.
template <typename Compare>
void compare_mutations(const std::vector<std::string>& texts, Compare compare) {
  Mutator mutator;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < mutations; ++i) {
    const auto& text = texts[mutator.below(texts.size())];
    if (text.size() > 2'000) continue;
    accepted += compare(mutator.mutate(text)) ? 1 : 0;
  }
  EXPECT_GT(accepted, mutations / 100) << "hardly anything was compared";
  EXPECT_LT(accepted, mutations * 9 / 10) << "hardly anything was damaged";
}

// --- Kraken -------------------------------------------------------------------------------------

class KrakenTexts : public ::testing::TestWithParam<const char*> {};

TEST_P(KrakenTexts, AreReadAlikeByAnotherParser) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto texts = received(GetParam());
  ASSERT_GT(texts.size(), 1'000U);
  KrakenDecoder decoder;
  for (const auto& text : texts) {
    ASSERT_EQ(fuzz::v2::compare(decoder, Padded(text).view()), KrakenStatus::Ok) << text;
  }
  compare_mutations(texts, [&](const std::string& text) {
    return fuzz::v2::compare(decoder, Padded(text).view()) == KrakenStatus::Ok;
  });
}

INSTANTIATE_TEST_SUITE_P(Sets, KrakenTexts,
                         ::testing::Values("kraken_v2_btcusd_d25", "kraken_v2_xrpusd_d25"),
                         [](const auto& set) { return std::string(set.param); });

TEST(KrakenV1Texts, AreReadAlikeByAnotherParser) {
  RINGSIDE_NEEDS_CAPTURES();
  const auto texts = received("kraken_v1_a");
  ASSERT_GT(texts.size(), 10'000U);
  KrakenV1Decoder decoder;
  for (const auto& text : texts) {
    ASSERT_EQ(fuzz::v1::compare(decoder, Padded(text).view()), KrakenStatus::Ok) << text;
  }
  compare_mutations(texts, [&](const std::string& text) {
    return fuzz::v1::compare(decoder, Padded(text).view()) == KrakenStatus::Ok;
  });
}

// --- Binance ------------------------------------------------------------------------------------

struct BinanceSet {
  const char* name;
  BinanceRule rule;
};
void PrintTo(const BinanceSet& set, std::ostream* out) { *out << set.name; }

class BinanceTexts : public ::testing::TestWithParam<BinanceSet> {
 protected:
  void SetUp() override {
    RINGSIDE_NEEDS_CAPTURES();
    lines_ = binance_test::read_capture(bench::captures_folder() + "/" + GetParam().name + ".gz");
    BinanceFirstPass pass;
    for (const auto& line : lines_) {
      const Padded padded(line.payload);
      if (line.kind == "open") pass.on_open(line.payload);
      if (line.kind == "recv") pass.on_message(padded.view());
      if (line.kind == "http") {
        pass.on_response(line.payload, Padded(binance_test::body_of(line)).view());
      }
    }
    std::vector<std::string> names;
    for (const auto& found : pass.found()) names.push_back(found.symbol);
    symbols_ = std::make_unique<BinanceSymbols>(names);
    for (const auto& found : pass.found()) {
      symbols_->set_units(symbols_->find(found.symbol), found.price_exponent,
                          found.quantity_exponent);
    }
  }
  DecodeStatus compare(BinanceDecoder& decoder, const std::string& text) const {
    return fuzz::compare_message(decoder, *symbols_, GetParam().rule, Padded(text).view());
  }

  std::vector<binance_test::Line> lines_;
  std::unique_ptr<BinanceSymbols> symbols_;
};

TEST_P(BinanceTexts, AreReadAlikeByAnotherParser) {
  BinanceDecoder decoder(*symbols_, GetParam().rule);
  std::size_t snapshots = 0;
  for (const auto& line : lines_) {
    if (line.kind == "recv") {
      ASSERT_EQ(compare(decoder, line.payload), DecodeStatus::Ok) << line.payload;
    } else if (line.kind == "http") {
      const auto symbol = symbols_->find(symbol_of_target(line.payload));
      ASSERT_NE(symbol, no_symbol);
      const Padded body(binance_test::body_of(line));
      ASSERT_EQ(fuzz::compare_snapshot(decoder, *symbols_, symbol, body.view()), DecodeStatus::Ok);
      ++snapshots;
    }
  }
  EXPECT_GT(snapshots, 0U);
}

TEST_P(BinanceTexts, WithBytesChangedAreReadAlikeOrRefused) {
  BinanceDecoder decoder(*symbols_, GetParam().rule);
  std::vector<std::string> texts;
  for (const auto& line : lines_) {
    if (line.kind == "recv") texts.push_back(line.payload);
  }
  compare_mutations(
      texts, [&](const std::string& text) { return compare(decoder, text) == DecodeStatus::Ok; });
}

INSTANTIATE_TEST_SUITE_P(
    Sets, BinanceTexts,
    ::testing::Values(BinanceSet{"binance_cm_btcusd_perp", BinanceRule::Futures},
                      BinanceSet{"binance_delivery_multi", BinanceRule::Futures},
                      BinanceSet{"binance_futures_multi", BinanceRule::Futures},
                      BinanceSet{"binance_spot_btcusdt", BinanceRule::Spot},
                      BinanceSet{"binance_spot_multi", BinanceRule::Spot},
                      BinanceSet{"binance_us_multi", BinanceRule::Spot},
                      BinanceSet{"binance_usdm_btcusdt", BinanceRule::Futures}),
    [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::collector
