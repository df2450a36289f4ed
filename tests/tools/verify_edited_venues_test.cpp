// Every venue's recorded feed with one thing wrong in it, through the real adapter, ring and
// worker: it must be counted under its own name, cost the instrument it hit its place at that very
// message, and no other instrument anything. What a venue gives no way to see must end in exactly
// the books that collector/DESIGN.md says it ends in.
#include <algorithm>
#include <optional>
#include <ostream>

#include "tests/tools/edited_feed.hpp"

namespace ringside::tools::verify_test {
namespace {

enum class Seen {
  AtOnce,  // leaves live at the damaged line
  AtNext,  // at the next delta of the instrument
  Never,   // live all along; the books are as `dump` says
  Unborn,  // the instrument never becomes live
};

struct Expected {
  Seen seen = Seen::AtOnce;
  const char* counter = nullptr;  // null: nothing is counted
  const char* cause = nullptr;    // of leaving live
};

// What an edit did.
struct Edited {
  std::size_t at = 0;    // the damaged line
  std::size_t next = 0;  // the instrument's next delta
  // Lines of the final dump that change: from, to. Never.
  std::optional<std::pair<std::string, std::string>> dump{};
};

struct Edit {
  const char* name;
  Edited (*apply)(EditedFeed& feed);
  Expected kraken, kraken_v1, spot, usdm, coinm;

  [[nodiscard]] const Expected& of(Family family) const {
    const Expected* const all[] = {&kraken, &kraken_v1, &spot, &usdm, &coinm};
    return *all[static_cast<std::size_t>(family)];
  }
};

void PrintTo(const Edit& edit, std::ostream* out) { *out << edit.name; }

// --- What the edits share -----------------------------------------------------------------------

Edited at_visible_delta(const EditedFeed& feed, FeedLevel& level) {
  Edited edited;
  edited.at = feed.pick_visible(level);
  edited.next = feed.next_delta(edited.at);
  return edited;
}

// Another number, never zero.
std::string other_digit(std::string number) {
  number[0] = number[0] == '9' ? '8' : static_cast<char>(number[0] + 1);
  return number;
}

std::string plain(std::string decimal) {
  if (decimal.find('.') == std::string::npos) return decimal;
  decimal.erase(decimal.find_last_not_of('0') + 1);
  if (decimal.back() == '.') decimal.pop_back();
  return decimal;
}

std::string dump_line(const EditedFeed& feed, const FeedLevel& level) {
  return feed.hit + (level.bid ? " B " : " A ") + plain(level.price) + " " + plain(level.quantity) +
         "\n";
}

bool is_zero(const std::string& number) {
  return number.find_first_not_of("0.") == std::string::npos;
}

std::string body_of(const std::string& payload) { return payload.substr(payload.find(' ') + 1); }

// --- The edits ----------------------------------------------------------------------------------

Edited drop(EditedFeed& feed) {
  FeedLevel level;
  auto edited = at_visible_delta(feed, level);
  feed.lines.erase(feed.lines.begin() + static_cast<std::ptrdiff_t>(edited.at));
  --edited.next;
  return edited;
}

Edited duplicate(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  const auto at = feed.lines.begin() + static_cast<std::ptrdiff_t>(edited.at);
  feed.lines.insert(at, Line(*at));
  return edited;
}

Edited swap(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  std::swap(feed.lines[edited.at].payload, feed.lines[edited.next].payload);
  return edited;
}

// Binance: of a level that no later message mentions, so that the dump shows it.
Edited change_quantity(EditedFeed& feed) {
  FeedLevel level;
  Edited edited;
  if (feed.kraken()) {
    edited = at_visible_delta(feed, level);
  } else {
    edited.at = feed.pick([&](std::size_t i) {
      const auto levels = feed.levels(i);
      const auto found = std::find_if(levels.begin(), levels.end(), [&](const FeedLevel& each) {
        return !is_zero(each.quantity) && !feed.touched_after(i, each);
      });
      if (found == levels.end()) return false;
      level = *found;
      return true;
    });
  }
  auto changed = level;
  changed.quantity = other_digit(level.quantity);
  feed.replace(edited.at, feed.written(level), feed.written(changed));
  edited.dump = {dump_line(feed, level), dump_line(feed, changed)};
  return edited;
}

// Of what chains the messages: the checksum, U on spot, pu on the futures.
Edited change_chain(EditedFeed& feed) {
  FeedLevel level;
  auto edited = at_visible_delta(feed, level);
  if (feed.kraken()) {
    const std::string key = feed.family == Family::Kraken ? "checksum" : "c";
    auto checksum = feed.value_of(edited.at, key);
    const auto before = checksum;
    auto& digit = *std::find_if(checksum.rbegin(), checksum.rend(),
                                [](char c) { return c >= '0' && c <= '9'; });
    digit = static_cast<char>(digit ^ 1);
    feed.replace(edited.at, "\"" + key + "\":" + before, "\"" + key + "\":" + checksum);
    return edited;
  }
  const bool spot = feed.family == Family::Spot;
  const std::string key = spot ? "U" : "pu";
  edited.at = feed.pick([&](std::size_t i) {
    const auto id = feed.value_of(i, key);
    return spot ? id.back() != '9' && id != feed.value_of(i, "u") : id.back() != '0';
  });
  auto id = feed.value_of(edited.at, key);
  const auto before = id;
  id.back() = static_cast<char>(id.back() + (spot ? 1 : -1));
  feed.replace(edited.at, "\"" + key + "\":" + before, "\"" + key + "\":" + id);
  return edited;
}

// One level of the snapshot is missing. Kraken: the best; Binance: one that is never mentioned
// again, so that the dump shows it.
Edited snapshot_without_a_level(EditedFeed& feed) {
  Edited edited{feed.snapshot, feed.next_delta(feed.snapshot)};
  const auto levels = feed.levels(feed.snapshot);
  auto level = levels.front();
  if (!feed.kraken()) {
    // Not the last of its side: a comma follows.
    for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
      if (levels[i].bid && levels[i + 1].bid && !feed.touched_after(0, levels[i])) {
        level = levels[i];
      }
    }
    edited.dump = {dump_line(feed, level), ""};
  }
  auto& text = feed.lines[feed.snapshot].payload;
  const auto begin = text.find(feed.written(level));
  const auto end = text.find(feed.family == Family::Kraken ? '}' : ']', begin);
  EXPECT_EQ(text[end + 1], ',');
  text.erase(begin, end + 2 - begin);
  return edited;
}

Edited snapshot_cut_short(EditedFeed& feed) {
  auto& text = feed.lines[feed.snapshot].payload;
  text.resize(text.size() / 2);
  return {feed.snapshot, 0};
}

// Kraken: it comes once more, long after. Binance: it ends before the stream begins.
Edited snapshot_stale(EditedFeed& feed) {
  if (feed.kraken()) {
    FeedLevel level;
    const auto edited = at_visible_delta(feed, level);
    feed.lines.insert(feed.lines.begin() + static_cast<std::ptrdiff_t>(edited.at),
                      Line(feed.lines[feed.snapshot]));
    return edited;
  }
  std::size_t first = 0;
  while (!feed.is_delta(first, feed.hit)) ++first;
  const auto begins = feed.value_of(first, feed.family == Family::Spot ? "U" : "pu");
  const auto id = feed.value_of(feed.snapshot, "lastUpdateId");
  feed.replace(feed.snapshot, "\"lastUpdateId\":" + id,
               "\"lastUpdateId\":" + std::to_string(std::stoull(begins) - 2));
  return {feed.snapshot, 0};
}

// Kraken: the instrument's own, under the name of another that is live. Binance: what was answered
// to the instrument's request is the other's book.
Edited snapshot_of_another(EditedFeed& feed) {
  if (feed.kraken()) {
    feed.replace(feed.snapshot, "\"" + feed.hit + "\"", "\"" + feed.other + "\"");
    return {feed.snapshot, 0};
  }
  auto& text = feed.lines[feed.snapshot].payload;
  text = text.substr(0, text.find(' ') + 1) + body_of(feed.lines[feed.other_snapshot].payload);
  return {feed.snapshot, 0};
}

Edited malformed(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  auto& text = feed.lines[edited.at].payload;
  text.erase(text.size() - 3);
  return edited;
}

Edited missing_field(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  const std::string key = feed.family == Family::Kraken     ? "checksum"
                          : feed.family == Family::KrakenV1 ? "c"
                                                            : "u";
  feed.replace(edited.at, "\"" + key + "\":", "\"" + std::string(key.size(), 'z') + "\":");
  return edited;
}

// A text where a number belongs, or the other way round.
Edited mistyped_field(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  const auto text = feed.written(level);
  if (feed.family == Family::Kraken) {
    feed.replace(edited.at, "\"price\":" + level.price, "\"price\":\"" + level.price + "\"");
  } else {
    feed.replace(edited.at, text, "[" + level.price + ",\"" + level.quantity + "\"");
  }
  return edited;
}

Edited with_quantity(EditedFeed& feed, const char* quantity) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  auto changed = level;
  changed.quantity = quantity;
  feed.replace(edited.at, feed.written(level), feed.written(changed));
  return edited;
}
Edited overflow(EditedFeed& feed) { return with_quantity(feed, "123456789012345678901.00000000"); }
Edited too_fine(EditedFeed& feed) { return with_quantity(feed, "0.1234567890123"); }

// A delta under a name that nobody subscribed to.
Edited unknown_symbol(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  if (feed.kraken()) {
    feed.replace(edited.at, "\"" + feed.hit + "\"", "\"ABC/USD\"");
    return edited;
  }
  feed.replace(edited.at, "\"s\":\"" + feed.hit + "\"", "\"s\":\"ABCUSDT\"");
  const auto stream = feed.value_of(edited.at, "stream");
  feed.replace(edited.at, stream, "\"abcusdt" + stream.substr(stream.find('@')));
  return edited;
}

// A delta under the name of another instrument that is live.
Edited symbol_of_another(EditedFeed& feed) {
  FeedLevel level;
  const auto edited = at_visible_delta(feed, level);
  feed.replace(edited.at, "\"" + feed.hit + "\"", "\"" + feed.other + "\"");
  return edited;
}

// A bookTicker of the instrument whose quantity is no text.
Edited mistyped_ticker(EditedFeed& feed) {
  FeedLevel level;
  auto edited = at_visible_delta(feed, level);
  const auto ticker = [&](const Line& line) {
    return line.payload.find("\"" + feed.hit + "\"") != std::string::npos &&
           line.payload.find("@bookTicker") != std::string::npos;
  };
  while (!ticker(feed.lines[edited.at])) ++edited.at;
  feed.replace(edited.at, "\"B\":\"", "\"B\":1,\"z\":\"");
  return edited;
}

// --- What each venue shows of them --------------------------------------------------------------

constexpr Expected checksum_at_once{Seen::AtOnce, "worker.checksum_failed", "checksum_failed"};
constexpr Expected checksum_at_next{Seen::AtNext, "worker.checksum_failed", "checksum_failed"};
constexpr Expected gap_at_once{Seen::AtOnce, "sequence_gaps", "sequence_gap"};
constexpr Expected gap_at_next{Seen::AtNext, "sequence_gaps", "sequence_gap"};
constexpr Expected unseen{Seen::Never, nullptr, nullptr};

constexpr Expected unborn(const char* counter) { return {Seen::Unborn, counter, nullptr}; }
constexpr Expected at_once(const char* counter, const char* cause = "bad_message") {
  return {Seen::AtOnce, counter, cause};
}
constexpr Expected harmless(const char* counter) { return {Seen::Never, counter, nullptr}; }

const Edit edits[] = {
    {"LineDropped", drop, checksum_at_next, checksum_at_next, gap_at_next, gap_at_next,
     gap_at_next},
    {"LineDuplicated", duplicate, unseen, unseen, harmless("duplicates_dropped"),
     harmless("duplicates_dropped"), harmless("duplicates_dropped")},
    {"LinesSwapped", swap, checksum_at_once, checksum_at_once, gap_at_once, gap_at_once,
     gap_at_once},
    {"DigitOfAQuantityChanged", change_quantity, checksum_at_once, checksum_at_once, unseen, unseen,
     unseen},
    {"DigitOfTheChainChanged", change_chain, checksum_at_once, checksum_at_once, gap_at_once,
     gap_at_once, gap_at_once},
    {"SnapshotWithoutALevel", snapshot_without_a_level, unborn("worker.checksum_failed"),
     checksum_at_next, unseen, unseen, unseen},
    {"SnapshotCutShort", snapshot_cut_short, unborn("malformed_json"), unborn("malformed_json"),
     unborn("malformed_json"), unborn("malformed_json"), unborn("malformed_json")},
    {"SnapshotStale", snapshot_stale, harmless("snapshots_unasked"), harmless("snapshots_unasked"),
     unborn("snapshots_stale"), unborn("snapshots_stale"), unborn("snapshots_stale")},
    {"SnapshotOfAnotherSymbol", snapshot_of_another, unborn("snapshots_unasked"),
     unborn("symbol_mismatch"), unborn("snapshots_stale"), unborn("symbol_mismatch"),
     unborn("symbol_mismatch")},
    {"MalformedJson", malformed, at_once("malformed_json"), at_once("malformed_json"),
     at_once("malformed_json"), at_once("malformed_json"), at_once("malformed_json")},
    {"FieldMissing", missing_field, at_once("missing_field"), at_once("missing_field"),
     at_once("missing_field"), at_once("missing_field"), at_once("missing_field")},
    {"FieldMistyped", mistyped_field, at_once("mistyped_field"), at_once("mistyped_field"),
     at_once("mistyped_field"), at_once("mistyped_field"), at_once("mistyped_field")},
    {"NumberOverflows", overflow, at_once("number_overflow", "number_overflow"),
     at_once("number_overflow", "number_overflow"), at_once("number_overflow", "number_overflow"),
     at_once("number_overflow", "number_overflow"), at_once("number_overflow", "number_overflow")},
    {"NumberTooFine", too_fine, at_once("number_too_fine", "precision_changed"),
     at_once("number_too_fine", "precision_changed"),
     at_once("number_too_fine", "precision_changed"),
     at_once("number_too_fine", "precision_changed"),
     at_once("number_too_fine", "precision_changed")},
    {"UnknownSymbol",
     unknown_symbol,
     {Seen::AtNext, "unknown_symbol", "checksum_failed"},
     at_once("unknown_symbol", "unknown_symbol"),
     {Seen::AtNext, "unknown_symbol", "sequence_gap"},
     {Seen::AtNext, "unknown_symbol", "sequence_gap"},
     {Seen::AtNext, "unknown_symbol", "sequence_gap"}},
};

// Kraken v2 gives no way to see this one before the other's checksum.
const Edit named_edits[] = {{"SymbolOfAnother",
                             symbol_of_another,
                             {},
                             at_once("symbol_mismatch", "unknown_symbol"),
                             at_once("symbol_mismatch", "unknown_symbol"),
                             at_once("symbol_mismatch", "unknown_symbol"),
                             at_once("symbol_mismatch", "unknown_symbol")}};

// The recorded Kraken feeds hold no tickers.
const Edit ticker_edits[] = {{"TickerMistyped",
                              mistyped_ticker,
                              {},
                              {},
                              at_once("mistyped_field"),
                              at_once("mistyped_field"),
                              at_once("mistyped_field")}};

class VerifyEditedVenues : public ::testing::TestWithParam<std::tuple<const char*, Edit>> {
 protected:
  void SetUp() override { RINGSIDE_NEEDS_CAPTURES(); }

  static std::uint64_t counter(const Verified& verified, const std::string& name) {
    return verified.json["counters"].value(name, std::uint64_t{0});
  }
  static void expect_others_untouched(const EditedFeed& feed, const Verified& whole,
                                      const Verified& verified) {
    ASSERT_EQ(verified.json["books"].size(), whole.json["books"].size());
    for (const auto& [symbol, book] : whole.json["books"].items()) {
      if (symbol == feed.hit) continue;
      EXPECT_EQ(verified.json["books"][symbol], book) << symbol;
    }
    for (const auto& [symbol, trades] : whole.json["trades"].items()) {
      EXPECT_EQ(verified.json["trades"][symbol], trades) << symbol;
    }
    for (const auto& departure : verified.json["departures"]) {
      EXPECT_EQ(departure["symbol"], feed.hit) << departure;
    }
  }
  static void expect_hit(const EditedFeed& feed, const Edited& edited, const Expected& expected,
                         const Verified& verified) {
    const auto& book = verified.json["books"][feed.hit];
    EXPECT_EQ(verified.status, 1) << verified.error;
    EXPECT_NE(book["state"], "live");
    EXPECT_TRUE(book["sha256"].is_null());
    const auto& departures = verified.json["departures"];
    if (expected.seen == Seen::Unborn) {
      EXPECT_EQ(book["updates"], 0);
      EXPECT_TRUE(departures.empty()) << departures;
      return;
    }
    ASSERT_EQ(departures.size(), 1U) << departures;
    const auto line = expected.seen == Seen::AtOnce ? edited.at : edited.next;
    EXPECT_EQ(departures[0]["line"].get<std::size_t>(), line + 1);
    EXPECT_EQ(departures[0]["cause"], expected.cause);
    EXPECT_GE(book["gaps"], 1);
    EXPECT_GE(book["resyncs"], 1);
  }
  static void expect_unseen(const Edited& edited, const Verified& whole, const Verified& verified) {
    EXPECT_EQ(verified.status, 0) << verified.json["departures"];
    EXPECT_TRUE(verified.json["departures"].empty());
    auto wanted = whole.dump;
    if (edited.dump) {
      const auto at = wanted.find(edited.dump->first);
      ASSERT_NE(at, std::string::npos) << edited.dump->first;
      wanted.replace(at, edited.dump->first.size(), edited.dump->second);
    }
    EXPECT_TRUE(verified.dump == wanted) << "not the books that the documentation promises";
  }
};

TEST_P(VerifyEditedVenues, DamageIsCountedByNameAndCostsOneInstrumentAtThatMessage) {
  const auto& [venue, edit] = GetParam();
  EditedFeed feed(venue);
  const auto whole = feed.verify();
  ASSERT_EQ(whole.status, 0) << whole.error;
  const auto edited = edit.apply(feed);
  const auto verified = feed.verify();
  ASSERT_TRUE(verified.json.is_object()) << verified.error;
  const auto& expected = edit.of(feed.family);
  expect_others_untouched(feed, whole, verified);
  if (expected.counter != nullptr) {
    EXPECT_GE(counter(verified, expected.counter), counter(whole, expected.counter) + 1)
        << verified.json["counters"];
  }
  if (expected.seen == Seen::Never) {
    expect_unseen(edited, whole, verified);
  } else {
    expect_hit(feed, edited, expected, verified);
  }
}

std::string name_of_case(const ::testing::TestParamInfo<std::tuple<const char*, Edit>>& info) {
  std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param).name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, VerifyEditedVenues,
                         ::testing::Combine(::testing::Values("kraken", "kraken-v1", "binance",
                                                              "binance-us", "binance-usdm",
                                                              "binance-coinm"),
                                            ::testing::ValuesIn(edits)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Named, VerifyEditedVenues,
                         ::testing::Combine(::testing::Values("kraken-v1", "binance", "binance-us",
                                                              "binance-usdm", "binance-coinm"),
                                            ::testing::ValuesIn(named_edits)),
                         name_of_case);

INSTANTIATE_TEST_SUITE_P(Tickers, VerifyEditedVenues,
                         ::testing::Combine(::testing::Values("binance", "binance-us",
                                                              "binance-usdm", "binance-coinm"),
                                            ::testing::ValuesIn(ticker_edits)),
                         name_of_case);

}  // namespace
}  // namespace ringside::tools::verify_test
