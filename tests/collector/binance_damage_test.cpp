// Recorded feeds, edited: whatever happens to one line costs at most the instrument it belongs to,
// at the latest with that instrument's next depth message, and never passes unseen where the venue
// offers a way to see it.
//
// Needs the environment variable RINGSIDE_CAPTURES; skipped without.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "tests/collector/binance_replay.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr int samples = 10;  // of each kind of edit and capture

struct Set {
  const char* name;
  BinanceMarket market;
  friend void PrintTo(const Set& set, std::ostream* out) { *out << set.name; }
};

class EditedCapture : public ::testing::TestWithParam<Set> {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("RINGSIDE_CAPTURES");
    if (folder == nullptr) GTEST_SKIP() << "RINGSIDE_CAPTURES is not set";
    lines_ = read_capture(std::string(folder) + "/" + GetParam().name + ".gz");
    Replay whole(lines_, GetParam().market);
    std::vector<bool> was_live(whole.run->books.size());
    joined_at_.assign(whole.run->books.size(), 0);
    whole.play(lines_, [&](std::size_t i) {
      for (std::size_t book = 0; book < was_live.size(); ++book) {
        const bool live = whole.run->books[book].state == State::Live;
        if (live && !was_live[book]) joined_at_[book] = i;
        was_live[book] = live;
      }
    });
    whole_ = std::move(whole.run->books);
    names_ = whole.run->names();
  }

  [[nodiscard]] static std::string symbol_of(const Line& line) {
    if (line.kind != "recv") return {};
    const auto data = nlohmann::json::parse(line.payload)["data"];
    return data.contains("s") ? data["s"].get<std::string>() : std::string();
  }
  [[nodiscard]] static bool is_depth(const Line& line) {
    return line.kind == "recv" && line.payload.find("depthUpdate") != std::string::npos;
  }
  [[nodiscard]] std::size_t book_of(const Line& line) const {
    const auto found = std::find(names_.begin(), names_.end(), symbol_of(line));
    return static_cast<std::size_t>(found - names_.begin());
  }
  // A depth line that comes behind its book's join; not the last of its symbol.
  [[nodiscard]] std::size_t some_depth_line() {
    for (;;) {
      const auto i = random_() % lines_.size();
      if (is_depth(lines_[i]) && i > joined_at_[book_of(lines_[i])] && next_depth(i) != 0) return i;
    }
  }
  // The same symbol's next depth line; 0: none.
  [[nodiscard]] std::size_t next_depth(std::size_t from) const {
    const auto symbol = symbol_of(lines_[from]);
    for (auto i = from + 1; i < lines_.size(); ++i) {
      if (is_depth(lines_[i]) && symbol_of(lines_[i]) == symbol) return i;
    }
    return 0;
  }

  // Plays edited lines. Which state each book was in after line `watch`; all books at the end.
  struct Outcome {
    std::vector<State> watched;
    std::vector<NaiveBook> books;
    Counters counters;
  };
  Outcome play(const std::vector<Line>& lines, std::size_t watch) const {
    Replay replay(lines, GetParam().market);
    Outcome outcome;
    EXPECT_EQ(replay.run->names(), names_);
    replay.play(lines, [&](std::size_t i) {
      if (i != watch) return;
      for (const auto& book : replay.run->books) outcome.watched.push_back(book.state);
    });
    outcome.counters = replay.run->adapter().counters();
    outcome.books = std::move(replay.run->books);
    return outcome;
  }
  void expect_others_untouched(const Outcome& outcome, std::size_t hit) const {
    for (std::size_t i = 0; i < whole_.size(); ++i) {
      if (i == hit) continue;
      SCOPED_TRACE(names_[i]);
      EXPECT_EQ(outcome.books[i].state, State::Live);
      EXPECT_EQ(outcome.books[i].states.size(), whole_[i].states.size());
      EXPECT_TRUE(outcome.books[i].bids == whole_[i].bids);
      EXPECT_TRUE(outcome.books[i].asks == whole_[i].asks);
    }
  }

  std::vector<Line> lines_;
  std::vector<std::string> names_;
  std::vector<NaiveBook> whole_;  // of the capture as it is
  std::vector<std::size_t> joined_at_;
  std::mt19937_64 random_{20261121};
};

TEST_P(EditedCapture, ADroppedDepthLineIsAGapAtItsSymbolsNextOne) {
  for (int i = 0; i < samples && !HasFailure(); ++i) {
    const auto at = some_depth_line();
    const auto hit = book_of(lines_[at]);
    const auto next = next_depth(at) - 1;  // its place once the line is gone
    auto edited = lines_;
    edited.erase(edited.begin() + static_cast<std::ptrdiff_t>(at));
    const auto outcome = play(edited, next);
    EXPECT_EQ(outcome.watched[hit], State::Gap) << "line " << at;
    EXPECT_GE(outcome.counters[Count::SequenceGaps], 1U);
    EXPECT_NE(outcome.books[hit].state, State::Live) << "no second snapshot was recorded";
    expect_others_untouched(outcome, hit);
  }
}

TEST_P(EditedCapture, ADuplicatedDepthLineIsDroppedAndCounted) {
  for (int i = 0; i < samples && !HasFailure(); ++i) {
    const auto at = some_depth_line();
    const auto hit = book_of(lines_[at]);
    auto edited = lines_;
    edited.insert(edited.begin() + static_cast<std::ptrdiff_t>(next_depth(at)), lines_[at]);
    const auto outcome = play(edited, at);
    EXPECT_GE(outcome.counters[Count::DuplicatesDropped], 1U);
    expect_others_untouched(outcome, whole_.size());
    EXPECT_EQ(outcome.books[hit].updates, whole_[hit].updates);
  }
}

TEST_P(EditedCapture, TwoSwappedDepthLinesAreAGapAtTheFirst) {
  for (int i = 0; i < samples && !HasFailure(); ++i) {
    const auto at = some_depth_line();
    const auto hit = book_of(lines_[at]);
    auto edited = lines_;
    std::swap(edited[at].payload, edited[next_depth(at)].payload);
    const auto outcome = play(edited, at);
    EXPECT_EQ(outcome.watched[hit], State::Gap) << "line " << at;
    expect_others_untouched(outcome, hit);
  }
}

TEST_P(EditedCapture, ALineCutShortIsMalformedAndCostsItsSymbolAtOnce) {
  for (int i = 0; i < samples && !HasFailure(); ++i) {
    const auto at = some_depth_line();
    const auto hit = book_of(lines_[at]);
    auto edited = lines_;
    auto& text = edited[at].payload;
    const auto from = text.find("\"data\"");
    text.resize(from + random_() % (text.size() - from));
    const auto outcome = play(edited, at);
    EXPECT_EQ(outcome.watched[hit], State::Gap) << text;
    EXPECT_EQ(outcome.counters[Count::MalformedJson], 1U) << text;
    expect_others_untouched(outcome, hit);
  }
}

// One digit of one message of any kind becomes another one. Where it stands decides what can be
// known of it.
TEST_P(EditedCapture, AChangedDigitNeverPassesUnseenWhereTheVenueShowsIt) {
  const bool futures = rule_of(GetParam().market) == BinanceRule::Futures;
  // No venue rule covers these: numbers of the market itself, times, ids that nothing follows.
  const std::set<std::string> unseen =
      futures ? std::set<std::string>{"b", "a", "B", "A", "p", "q", "E", "T", "U", "f", "l", "k"}
              : std::set<std::string>{"b", "a", "B", "A", "p", "q", "E", "T", "f", "l", "k"};
  for (int i = 0; i < 4 * samples && !HasFailure(); ++i) {
    const auto at = some_depth_line();
    const auto hit = book_of(lines_[at]);
    auto edited = lines_;
    auto& text = edited[at].payload;
    auto place = text.find("\"data\"") + random_() % (text.size() - text.find("\"data\""));
    while (place < text.size() && (text[place] < '0' || text[place] > '9')) ++place;
    if (place == text.size()) continue;
    text[place] = static_cast<char>('0' + (text[place] - '0' + 1 + int(random_() % 9)) % 10);
    const auto outcome = play(edited, next_depth(at));
    expect_others_untouched(outcome, hit);
    if (outcome.watched[hit] == State::Gap) continue;
    const auto before = nlohmann::json::parse(lines_[at].payload)["data"];
    const auto after = nlohmann::json::parse(text)["data"];
    for (const auto& [key, value] : before.items()) {
      if (value != after[key]) {
        EXPECT_TRUE(unseen.contains(key)) << key << " in " << text;
      }
    }
  }
}

TEST_P(EditedCapture, ADamagedSnapshotIsNeverPublished) {
  for (std::size_t at = 0; at < lines_.size() && !HasFailure(); ++at) {
    if (lines_[at].kind != "http") continue;
    const auto symbol = std::string(symbol_of_target(lines_[at].payload));
    const auto hit =
        static_cast<std::size_t>(std::find(names_.begin(), names_.end(), symbol) - names_.begin());
    const auto expect_refused = [&](const std::string& payload, Count count) {
      auto edited = lines_;
      edited[at].payload = payload;
      const auto outcome = play(edited, at);
      EXPECT_NE(outcome.books[hit].state, State::Live) << payload.substr(0, 200);
      EXPECT_EQ(outcome.books[hit].snapshots, 0U);
      EXPECT_GE(outcome.counters[count], 1U) << name_of(count);
      expect_others_untouched(outcome, hit);
    };
    const auto& payload = lines_[at].payload;
    expect_refused(payload.substr(0, payload.size() / 2), Count::MalformedJson);
    const auto id = payload.find(':', payload.find("lastUpdateId")) + 1;
    const auto behind = payload.substr(payload.find(',', id));
    expect_refused(fmt::format("{}7{}", payload.substr(0, id), behind), Count::SnapshotsStale);
  }
}

TEST_P(EditedCapture, ASnapshotOfTheWrongSymbolIsNeverPublished) {
  std::vector<std::size_t> bodies;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].kind == "http") bodies.push_back(i);
  }
  ASSERT_GE(bodies.size(), 2U);
  auto edited = lines_;
  auto& first = edited[bodies[0]].payload;
  const auto symbol = std::string(symbol_of_target(first));
  first = first.substr(0, first.find(' ') + 1) + std::string(body_of(lines_[bodies[1]]));
  const auto outcome = play(edited, 0);
  const auto hit =
      static_cast<std::size_t>(std::find(names_.begin(), names_.end(), symbol) - names_.begin());
  EXPECT_NE(outcome.books[hit].state, State::Live);
  expect_others_untouched(outcome, hit);
}

INSTANTIATE_TEST_SUITE_P(Sets, EditedCapture,
                         ::testing::Values(Set{"binance_delivery_multi",
                                               BinanceMarket::CoinMargined},
                                           Set{"binance_futures_multi", BinanceMarket::UsdMargined},
                                           Set{"binance_spot_multi", BinanceMarket::Spot},
                                           Set{"binance_us_multi", BinanceMarket::SpotUs}),
                         [](const auto& set) { return std::string(set.param.name); });

}  // namespace
}  // namespace ringside::collector::binance_test
