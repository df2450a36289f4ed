// Damage done to recorded feeds: it must be counted under its own name, cost the instrument it hit
// and no other, and never end in a good verdict by accident.
#include <algorithm>
#include <fstream>
#include <functional>

#include "tests/tools/verify_rig.hpp"

namespace ringside::tools::verify_test {
namespace {

using nlohmann::json;

constexpr const char* bitcoin = "BTC/USD";
constexpr const char* ripple = "XRP/USD";

class VerifyEdited : public ::testing::Test {
 protected:
  void SetUp() override {
    RINGSIDE_NEEDS_CAPTURES();
    lines_ = interleaved(lines_of("kraken_v2_btcusd_d25"), lines_of("kraken_v2_xrpusd_d25"));
  }

  // Index of the n-th delta of a symbol, from 0.
  [[nodiscard]] std::size_t delta(const std::string& symbol, std::size_t n) const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const auto& text = lines_[i].payload;
      if (text.find("\"type\":\"update\"") == std::string::npos ||
          text.find("\"symbol\":\"" + symbol + "\"") == std::string::npos) {
        continue;
      }
      if (n-- == 0) return i;
    }
    ADD_FAILURE() << "the capture has not so many deltas";
    return 0;
  }
  [[nodiscard]] std::size_t snapshot(const std::string& symbol) const {
    const auto found = std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) {
      return line.payload.find("\"type\":\"snapshot\"") != std::string::npos &&
             line.payload.find("\"symbol\":\"" + symbol + "\"") != std::string::npos;
    });
    return static_cast<std::size_t>(found - lines_.begin());
  }
  // Of line `index`; the text must be there.
  void replace(std::size_t index, const std::string& from, const std::string& to) {
    auto& text = lines_[index].payload;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " is not in " << text;
    text.replace(at, from.size(), to);
  }
  // The value of the first key of this name in line `index`.
  [[nodiscard]] std::string value_of(std::size_t index, const std::string& key) const {
    const auto& text = lines_[index].payload;
    const auto begin = text.find("\"" + key + "\":") + key.size() + 3;
    return text.substr(begin, text.find_first_of(",}", begin) - begin);
  }
  [[nodiscard]] Verified verify() const { return verify_lines("kraken", lines_); }

  // Bitcoin left live at line `index` for this reason, for good; ripple never noticed.
  static void expect_only_bitcoin_hit(const Verified& verified, std::size_t index,
                                      const std::string& cause) {
    EXPECT_EQ(verified.status, 1) << verified.error;
    ASSERT_TRUE(verified.json.is_object());
    const auto& book = verified.json["books"][bitcoin];
    EXPECT_NE(book["state"], "live");
    EXPECT_GE(book["gaps"].get<int>(), 1);
    EXPECT_GE(book["resyncs"].get<int>(), 1);
    EXPECT_TRUE(book["sha256"].is_null());
    ASSERT_FALSE(verified.json["departures"].empty());
    const auto& departure = verified.json["departures"][0];
    EXPECT_EQ(departure["symbol"], bitcoin);
    EXPECT_EQ(departure["line"].get<std::size_t>(), index + 1);
    EXPECT_EQ(departure["cause"], cause);
    expect_ripple_untouched(verified);
  }
  static void expect_ripple_untouched(const Verified& verified) {
    const auto oracle = oracle_of("kraken_v2_xrpusd_d25")["books"][ripple];
    const auto& book = verified.json["books"][ripple];
    EXPECT_EQ(book["state"], "live");
    for (const auto* key : {"updates", "sha256", "bbo_stream_sha256"}) {
      EXPECT_EQ(book[key], oracle[key]) << key;
    }
    EXPECT_EQ(book["gaps"], 0);
    EXPECT_EQ(book["checksums_failed"], 0);
  }
  static std::uint64_t counter(const Verified& verified, const std::string& name) {
    return verified.json["counters"].value(name, std::uint64_t{0});
  }

  std::vector<Line> lines_;
};

TEST_F(VerifyEdited, NothingEditedIsGood) {
  const auto verified = verify();
  EXPECT_EQ(verified.status, 0) << verified.json;
  EXPECT_TRUE(verified.json["departures"].empty());
  expect_ripple_untouched(verified);
}

TEST_F(VerifyEdited, FlippedDigitFailsTheChecksumOfThatVeryMessage) {
  // A level near the best: the checksum covers ten a side.
  for (std::size_t n = 1'000;; ++n) {
    ASSERT_LT(n, 1'050U) << "no delta near the best";
    const auto index = delta(bitcoin, n);
    const auto before = lines_[index].payload;
    auto quantity = value_of(index, "qty");
    if (quantity.find_first_not_of("0.") == std::string::npos) continue;
    auto& digit = quantity.back();
    digit = digit == '9' ? '1' : static_cast<char>(digit + 1);
    replace(index, "\"qty\":" + value_of(index, "qty"), "\"qty\":" + quantity);
    const auto verified = verify();
    const auto& departures = verified.json["departures"];
    lines_[index].payload = before;
    if (departures.empty() || departures[0]["line"].get<std::size_t>() != index + 1) continue;
    expect_only_bitcoin_hit(verified, index, "checksum_failed");
    EXPECT_EQ(verified.json["books"][bitcoin]["checksums_failed"], 1);
    EXPECT_EQ(counter(verified, "worker.checksum_failed"), 1U);
    return;
  }
}

TEST_F(VerifyEdited, WrongChecksumCostsTheInstrumentItsBook) {
  const auto index = delta(bitcoin, 500);
  const auto checksum = value_of(index, "checksum");
  replace(index, checksum, std::to_string(std::stoul(checksum) ^ 1U));
  const auto verified = verify();
  expect_only_bitcoin_hit(verified, index, "checksum_failed");
  EXPECT_EQ(verified.json["books"][bitcoin]["updates"], 500);
}

TEST_F(VerifyEdited, DroppedLineIsFoundByTheNextChecksumThatItTouches) {
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(delta(bitcoin, 700)));
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1);
  EXPECT_EQ(verified.json["books"][bitcoin]["checksums_failed"], 1);
  EXPECT_EQ(verified.json["departures"][0]["cause"], "checksum_failed");
  expect_ripple_untouched(verified);
}

TEST_F(VerifyEdited, DroppedSnapshotLeavesAllItsDeltasWithoutABook) {
  lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(snapshot(bitcoin)));
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1);
  EXPECT_EQ(verified.json["books"][bitcoin]["updates"], 0);
  EXPECT_EQ(verified.json["books"][bitcoin]["bbo_stream_n"], 0);
  EXPECT_EQ(counter(verified, "deltas_while_syncing"), 2'051U);
  expect_ripple_untouched(verified);
}

TEST_F(VerifyEdited, DuplicatedLineChangesNothingBecauseLevelsAreAbsolute) {
  const auto at = lines_.begin() + static_cast<std::ptrdiff_t>(delta(bitcoin, 900));
  lines_.insert(at, *at);
  const auto verified = verify();
  EXPECT_EQ(verified.status, 0);
  const auto oracle = oracle_of("kraken_v2_btcusd_d25")["books"][bitcoin];
  EXPECT_EQ(verified.json["books"][bitcoin]["sha256"], oracle["sha256"]);
  EXPECT_EQ(verified.json["books"][bitcoin]["updates"], 2'052);
}

TEST_F(VerifyEdited, SwappedLinesFailAChecksum) {
  std::swap(lines_[delta(bitcoin, 300)].payload, lines_[delta(bitcoin, 301)].payload);
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1);
  EXPECT_EQ(verified.json["books"][bitcoin]["checksums_failed"], 1);
  expect_ripple_untouched(verified);
}

TEST_F(VerifyEdited, SnapshotCutShortFailsItsOwnChecksum) {
  const auto index = snapshot(bitcoin);
  auto text = json::parse(lines_[index].payload);
  const auto checksum = value_of(index, "checksum");
  auto& payload = lines_[index].payload;
  const auto begin = payload.find("\"bids\":[") + 8;
  payload.erase(begin, payload.find("},", begin) + 2 - begin);  // the best bid
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1);
  EXPECT_EQ(verified.json["books"][bitcoin]["checksums_failed"], 1);
  EXPECT_EQ(verified.json["books"][bitcoin]["updates"], 0);
  expect_ripple_untouched(verified);
}

struct Damage {
  const char* name;
  const char* counter;
  const char* cause;
  // What becomes of the text of one delta.
  std::function<void(std::string&)> edit;
};

void replace_all_of(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

void replace_value(std::string& text, const std::string& key, const std::string& value) {
  const auto begin = text.find("\"" + key + "\":") + key.size() + 3;
  text.replace(begin, text.find_first_of(",}", begin) - begin, value);
}

const Damage damages[] = {
    {"MalformedJson", "malformed_json", "bad_message",
     [](std::string& text) { text.erase(text.size() - 3); }},
    {"MissingChecksum", "missing_field", "bad_message",
     [](std::string& text) { replace_all_of(text, "\"checksum\"", "\"chocksum\""); }},
    {"MistypedPrice", "mistyped_field", "bad_message",
     [](std::string& text) { replace_value(text, "price", "\"high\""); }},
    {"NumberThatOverflows", "number_overflow", "number_overflow",
     [](std::string& text) { replace_value(text, "qty", "123456789012345678901.00000000"); }},
    {"NumberWithMoreDigitsThanTheExponent", "number_too_fine", "precision_changed",
     [](std::string& text) { replace_value(text, "qty", "0.1234567891"); }},
};

class VerifyDamaged : public VerifyEdited, public ::testing::WithParamInterface<Damage> {};

TEST_P(VerifyDamaged, IsCountedUnderItsNameAndCostsOneBookAtThatMessage) {
  const auto index = delta(bitcoin, 400);
  GetParam().edit(lines_[index].payload);
  const auto verified = verify();
  expect_only_bitcoin_hit(verified, index, GetParam().cause);
  EXPECT_EQ(counter(verified, GetParam().counter), 1U) << verified.json["counters"];
}

INSTANTIATE_TEST_SUITE_P(Kraken, VerifyDamaged, ::testing::ValuesIn(damages),
                         [](const auto& damage) { return std::string(damage.param.name); });

TEST_F(VerifyEdited, SymbolThatNobodySubscribedToIsCountedAndIsNoInstrument) {
  const auto index = delta(bitcoin, 400);
  replace(index, bitcoin, "ABC/USD");
  const auto verified = verify();
  EXPECT_EQ(counter(verified, "unknown_symbol"), 1U);
  EXPECT_FALSE(verified.json["books"].contains("ABC/USD"));
  // And what it took from bitcoin's book is found by a checksum.
  EXPECT_EQ(verified.status, 1);
  expect_ripple_untouched(verified);
}

TEST_F(VerifyEdited, LaterSnapshotHealsTheBookButNotTheVerdict) {
  // As if the venue had answered the resync: its first messages once more, at the end.
  const auto damaged = delta(bitcoin, 400);
  const auto again = lines_[snapshot(bitcoin)];
  const auto checksum = value_of(damaged, "checksum");
  replace(damaged, checksum, std::to_string(std::stoul(checksum) ^ 1U));
  lines_.push_back(again);
  lines_.back().unix_ns = lines_[lines_.size() - 2].unix_ns + 1'000'000;
  const auto verified = verify();
  EXPECT_EQ(verified.status, 1) << "a checksum failed";
  const auto& book = verified.json["books"][bitcoin];
  EXPECT_EQ(book["state"], "live");
  EXPECT_EQ(book["checksums_failed"], 1);
  EXPECT_EQ(book["gaps"], 1);
  EXPECT_TRUE(book["sha256"].is_string());
}

TEST_F(VerifyEdited, CaptureThatIsCutOffIsUnreadableNotBad) {
  const e2e::Scratch scratch;
  std::ifstream file(captures_folder() + "/kraken_v2_btcusd_d25.gz", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  bytes.resize(bytes.size() / 2);
  const auto verified = verify_file("kraken", scratch.write("cut.gz", bytes));
  EXPECT_EQ(verified.status, 2);
  EXPECT_NE(verified.error.find("cut.gz"), std::string::npos) << verified.error;
}

TEST_F(VerifyEdited, CaptureOfAnotherVenueIsSaidToBeOne) {
  const auto verified = verify_file("kraken", captures_folder() + "/binance_spot_multi.gz");
  EXPECT_EQ(verified.status, 2);
  EXPECT_NE(verified.error.find("another venue"), std::string::npos) << verified.error;
}

}  // namespace
}  // namespace ringside::tools::verify_test
