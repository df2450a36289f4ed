// Changes are appended whole or not at all, by several at once; what a crash left is cut off, what
// was never written here is not believed.
#include "collector/change_journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace ringside::collector {
namespace {

using What = Change::What;
using Answer = ChangeFollower::Answer;

class Journal : public ::testing::Test {
 protected:
  Journal() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringside_changes_XXXXXX");
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Journal() override { std::filesystem::remove_all(directory_); }

  static Change change(What what, const std::string& symbol) {
    Change made;
    made.what = what;
    made.venue = "kraken";
    made.subject = symbol;
    return made;
  }
  [[nodiscard]] ChangeJournal journal() const { return {directory_, "c0"}; }
  [[nodiscard]] std::string contents() const {
    std::ifstream file(journal().path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& text) const {
    std::ofstream(journal().path(), std::ios::binary | std::ios::trunc) << text;
  }
  void add_text(const std::string& text) const {
    std::ofstream(journal().path(), std::ios::binary | std::ios::app) << text;
  }
  static std::vector<std::string> symbols(const std::vector<Change>& changes) {
    std::vector<std::string> found;
    for (const auto& each : changes) {
      found.push_back((each.what == What::Add ? "+" : "-") + each.subject);
    }
    return found;
  }

  std::string directory_;
};
using Symbols = std::vector<std::string>;

TEST_F(Journal, IsReadAsItWasWrittenAndGrowsBySequences) {
  auto first = change(What::Add, "BTC/USD");
  first.channels = "trade,book";
  first.depth = 25;
  EXPECT_EQ(journal().append({first, change(What::Remove, "ETH/USD")}), 2U);
  EXPECT_EQ(journal().append({change(What::Add, "SOL/USD")}), 3U);
  const auto read = journal().read_all();
  ASSERT_EQ(read.size(), 3U);
  first.sequence = 1;
  EXPECT_EQ(read[0], first);
  EXPECT_EQ(symbols(read), (Symbols{"+BTC/USD", "-ETH/USD", "+SOL/USD"}));
  EXPECT_EQ(read[2].sequence, 3U);
  struct stat status {};
  ASSERT_EQ(::stat(journal().path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U & ~0640U, 0U) << "nobody else's to write";
}

TEST_F(Journal, ThatDoesNotExistIsEmpty) {
  EXPECT_TRUE(journal().read_all().empty());
  ChangeFollower follower(journal(), 0);
  std::vector<Change> changes;
  EXPECT_EQ(follower.look(changes), Answer::Nothing);
}

TEST_F(Journal, IsReducedToTheNewestOfEachInstrumentAndItsSequencesGoOn) {
  static_cast<void>(journal().append({change(What::Add, "A"), change(What::Add, "B"),
                                      change(What::Remove, "A"), change(What::Add, "A")}));
  EXPECT_EQ(symbols(journal().read_all()), (Symbols{"+B", "+A"}));
  EXPECT_EQ(read_changes(contents()).changes.size(), 2U) << "the file, too";
  EXPECT_EQ(journal().append({change(What::Add, "C")}), 5U);
}

Change of_venue(What what, const std::string& table = "") {
  Change made;
  made.what = what;
  made.venue = "kraken";
  made.subject = table;
  return made;
}

TEST_F(Journal, KeepsChannelsAndVenuesAsTheyWereSaid) {
  auto channel = change(What::AddChannel, "trade");
  channel.depth = 25;
  const std::string keys = "name = \"kraken\"\n# 100%\tof it: \xc3\xa9\ninstruments = []\n";
  const std::vector<Change> all{of_venue(What::AddVenue, keys), of_venue(What::AddVenue),
                                of_venue(What::RemoveVenue), channel,
                                change(What::RemoveChannel, "bbo")};
  static_cast<void>(journal().append(all));
  const auto text = contents();
  const auto read = read_changes(text);
  ASSERT_EQ(read.changes.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto expected = all[i];
    expected.sequence = i + 1;
    EXPECT_EQ(read.changes[i], expected);
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_NE(text.find("name%20=%20\"kraken\"%0A"), std::string::npos) << text;
}

TEST_F(Journal, RefusesAChangeThatCannotBe) {
  Change read;
  for (const auto& bad : {change(What::AddChannel, "ticker"), change(What::AddChannel, ""),
                          of_venue(What::RemoveVenue, "name")}) {
    auto numbered = bad;
    numbered.sequence = 1;
    EXPECT_FALSE(read_change_line(line_of(numbered), read)) << line_of(numbered);
  }
  auto numbered = of_venue(What::AddVenue, std::string(table_bytes_max + 1, 'x'));
  numbered.sequence = 1;
  EXPECT_FALSE(read_change_line(line_of(numbered), read));
}

// An older line of a venue is void: it begins as its table says.
TEST_F(Journal, IsReducedToWhatIsNewerThanItsVenue) {
  static_cast<void>(journal().append({change(What::Add, "A"), change(What::AddChannel, "trade"),
                                      of_venue(What::RemoveVenue), of_venue(What::AddVenue),
                                      change(What::Add, "B"), change(What::RemoveChannel, "trade"),
                                      change(What::AddChannel, "trade"),
                                      change(What::Add, "trade")}));
  const auto before = contents();
  EXPECT_EQ(journal().look_at_all().size(), 4U);
  EXPECT_EQ(contents(), before) << "looking changes nothing";
  const auto kept = journal().read_all();
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept[0].what, What::AddVenue);
  EXPECT_EQ(kept[1].subject, "B");
  EXPECT_EQ(kept[2].what, What::AddChannel);
  EXPECT_EQ(kept[3].what, What::Add) << "a symbol of that name is no channel";
  EXPECT_EQ(newest_changes(kept), kept);
}

TEST_F(Journal, ADirectoryThatIsNotThereIsAnErrorThatNamesTheFile) {
  const ChangeJournal nowhere(directory_ + "/none", "c0");
  try {
    static_cast<void>(nowhere.append({change(What::Add, "A")}));
    FAIL() << "was written";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("none/c0.changes"), std::string::npos);
    EXPECT_EQ(error.code().value(), ENOENT);
  }
}

// Every length that a write can be cut to: what is whole stays, what is not never happened.
TEST_F(Journal, AWriteThatWasCutShortAnywhereLosesNothingThatWasWhole) {
  static_cast<void>(journal().append({change(What::Add, "A"), change(What::Add, "B")}));
  const auto before = contents();
  static_cast<void>(journal().append({change(What::Add, "C"), change(What::Remove, "A")}));
  const auto whole = contents();
  for (std::size_t bytes = before.size(); bytes < whole.size(); ++bytes) {
    write(whole.substr(0, bytes));
    const auto read = read_changes(contents());
    ASSERT_FALSE(read.damaged) << bytes;
    ASSERT_GE(read.changes.size(), 2U) << bytes;
    ASSERT_LE(read.changes.size(), 3U) << bytes;
    const auto next = journal().append({change(What::Add, "D")});
    ASSERT_EQ(next, read.changes.size() + 1) << bytes;
    ASSERT_EQ(read_changes(contents()).good_bytes, contents().size()) << bytes;
  }
}

// A page that never reached the disk: zeros, or anything, at the end.
TEST_F(Journal, GarbageAtTheEndIsCutOffByTheNextAppend) {
  static_cast<void>(journal().append({change(What::Add, "A")}));
  for (const auto& garbage :
       {std::string(300, '\0'), std::string("2 add kraken - 0 B 00000000\n"), std::string("\n\n"),
        std::string("2 add kraken - 0\n"), std::string(100, '\xff') + "\n"}) {
    add_text(garbage);
    EXPECT_EQ(symbols(read_changes(contents()).changes), (Symbols{"+A"}));
    static_cast<void>(journal().append({change(What::Add, "B")}));
    EXPECT_EQ(symbols(read_changes(contents()).changes), (Symbols{"+A", "+B"}));
    write(contents().substr(0, contents().find('\n') + 1));
  }
}

TEST_F(Journal, AChangedByteBeforeGoodLinesIsDamageThatNobodyWritesOver) {
  static_cast<void>(
      journal().append({change(What::Add, "A"), change(What::Add, "B"), change(What::Add, "C")}));
  const auto good = contents();
  const auto second = good.find('\n') + 1;
  const auto third = good.find('\n', second) + 1;
  // Without the line end before the last line, that is one with the line before: a torn end.
  for (std::size_t at = 0; at + 1 < third; ++at) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write(bad);
    const auto read = read_changes(bad);
    ASSERT_TRUE(read.damaged) << at;
    ASSERT_LE(read.changes.size(), at < second ? 0U : 1U) << at;
    ASSERT_THROW(static_cast<void>(journal().append({change(What::Add, "D")})), std::runtime_error);
    ASSERT_THROW(static_cast<void>(journal().read_all()), std::runtime_error);
    ASSERT_EQ(contents(), bad);
  }
}

TEST_F(Journal, LinesOutOfOrderOrOfSymbolsThatAreNoneAreRefused) {
  auto late = change(What::Add, "B");
  late.sequence = 2;
  const auto line = line_of(late) + "\n";
  EXPECT_TRUE(read_changes(line + line).damaged) << "the same sequence twice";
  Change read;
  for (const auto& symbol : {std::string(64, 'A'), std::string("A B"), std::string("A\tB"),
                             std::string(), std::string("\x7f")}) {
    auto bad = change(What::Add, symbol);
    bad.sequence = 1;
    EXPECT_FALSE(read_change_line(line_of(bad), read)) << symbol;
  }
  for (const char* text : {"", " ", "0 add kraken - 0 A", "1 add", "+1 add kraken - 0 A 0"}) {
    EXPECT_FALSE(read_change_line(text, read)) << text;
  }
}

// Any bytes: no crash, what is read reads back as the same, and is the front of the text.
TEST_F(Journal, AnyBytesAreRefusedOrReadBackAsTheSame) {
  std::mt19937_64 random(4711);
  static_cast<void>(journal().append(
      {change(What::Add, "A"), change(What::Remove, "B"), change(What::Add, "C")}));
  const auto good = contents();
  for (int round = 0; round < 20'000; ++round) {
    auto text = good;
    const auto edits = 1 + random() % 4;
    for (std::uint64_t i = 0; i < edits && !text.empty(); ++i) {
      const auto at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, random() % 8);
      } else if (random() % 2 == 0) {
        text.insert(at, text.substr(random() % text.size(), random() % 40));
      } else {
        text[at] = static_cast<char>(random());
      }
    }
    const auto read = read_changes(text);
    std::string back;
    for (const auto& each : read.changes) back += line_of(each) + "\n";
    ASSERT_EQ(back, text.substr(0, read.good_bytes)) << "round " << round;
  }
}

TEST_F(Journal, SeveralAtOnceLoseNothingAndShareNoSequence) {
  constexpr int writers = 4;
  constexpr int each = 50;
  std::vector<std::vector<std::uint64_t>> given(writers);
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < writers; ++w) {
      threads.emplace_back([&, w] {
        for (int i = 0; i < each; ++i) {
          const auto symbol = std::to_string(w) + "-" + std::to_string(i);
          given[static_cast<std::size_t>(w)].push_back(
              journal().append({change(What::Add, symbol)}));
          if (i % 10 == 0) static_cast<void>(journal().read_all());  // may replace the file
        }
      });
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& sequences : given) {
    EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
    all.insert(sequences.begin(), sequences.end());
  }
  EXPECT_EQ(all.size(), std::size_t{writers * each});
  EXPECT_EQ(journal().read_all().size(), std::size_t{writers * each});
}

// --- The follower ---

TEST_F(Journal, IsFollowedLineByLineOverATornEndAndAReplacedFile) {
  static_cast<void>(journal().append({change(What::Add, "A"), change(What::Remove, "A")}));
  static_cast<void>(journal().read_all());
  ChangeFollower follower(journal(), 2);
  std::vector<Change> changes;
  EXPECT_EQ(follower.look(changes), Answer::Nothing) << "all of it has been seen";
  static_cast<void>(journal().append({change(What::Add, "B")}));
  EXPECT_EQ(follower.look(changes), Answer::Grown);
  EXPECT_EQ(symbols(changes), (Symbols{"+B"}));
  EXPECT_EQ(follower.look(changes), Answer::Nothing);
  add_text("4 add kraken - 0 C");  // half a line, and then never the rest
  EXPECT_EQ(follower.look(changes), Answer::Nothing);
  static_cast<void>(journal().append({change(What::Add, "D")}));
  EXPECT_EQ(follower.look(changes), Answer::Grown);
  EXPECT_EQ(symbols(changes), (Symbols{"+D"}));
  EXPECT_EQ(follower.seen(), 4U);
  static_cast<void>(journal().append({change(What::Add, "A")}));
  static_cast<void>(journal().read_all());  // replaces it
  static_cast<void>(journal().append({change(What::Add, "E")}));
  EXPECT_EQ(follower.look(changes), Answer::Grown);
  EXPECT_EQ(symbols(changes), (Symbols{"+A", "+E"}));
}

TEST_F(Journal, DamageIsSaidOnceAndEndsWithAnotherFile) {
  static_cast<void>(journal().append({change(What::Add, "A")}));
  ChangeFollower follower(journal(), 0);
  std::vector<Change> changes;
  auto third = change(What::Add, "C");
  third.sequence = 3;
  add_text("rubbish\n" + line_of(third) + "\n");
  EXPECT_EQ(follower.look(changes), Answer::Damaged);
  EXPECT_EQ(symbols(changes), (Symbols{"+A"})) << "what stands before it is good";
  add_text("more\n");
  EXPECT_EQ(follower.look(changes), Answer::Nothing);
  std::filesystem::remove(journal().path());
  static_cast<void>(follower.look(changes));
  static_cast<void>(journal().append({change(What::Add, "X"), change(What::Add, "Y")}));
  EXPECT_EQ(follower.look(changes), Answer::Grown);
  EXPECT_EQ(symbols(changes), (Symbols{"+Y"})) << "sequence 1 has been seen";
}

TEST_F(Journal, ThatLosesWholeLinesIsDamaged) {
  static_cast<void>(journal().append({change(What::Add, "A"), change(What::Add, "B")}));
  ChangeFollower follower(journal(), 0);
  std::vector<Change> changes;
  EXPECT_EQ(follower.look(changes), Answer::Grown);
  std::filesystem::resize_file(journal().path(), 5);
  EXPECT_EQ(follower.look(changes), Answer::Damaged);
}

TEST_F(Journal, HasARoomThatEndsAndSaysSo) {
  write(std::string(changes_bytes_max + 1, '\n'));
  EXPECT_THROW(static_cast<void>(journal().append({change(What::Add, "A")})), std::runtime_error);
  ChangeFollower follower(journal(), 0);
  std::vector<Change> changes;
  EXPECT_EQ(follower.look(changes), Answer::Damaged);
}

}  // namespace
}  // namespace ringside::collector
