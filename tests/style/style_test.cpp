// The rules of the house that a script can check: who may include whom, what may stand at the top,
// how long a file gets, and which words have no place in which files.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path root = RINGSIDE_SOURCE_DIR;

const std::set<std::string> folders{"collector", "orderbook", "ipc", "net",
                                    "tools",     "tests",     "perf"};

struct SourceFile {
  std::string path;  // relative to the root
  std::vector<std::string> lines;
};

std::vector<SourceFile> sources() {
  std::vector<SourceFile> files;
  for (const auto& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".h") continue;
      SourceFile file{fs::relative(entry.path(), root).string(), {}};
      std::ifstream stream(entry.path());
      for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    }
  }
  return files;
}

std::string top_folder(const std::string& path) { return path.substr(0, path.find('/')); }

bool product(const std::string& path) {
  const auto top = top_folder(path);
  return top != "tests" && top != "perf";
}

// Calls `report` with path:line for each line of the chosen files that matches.
template <typename Choose>
std::vector<std::string> matches(const std::regex& pattern, Choose choose) {
  std::vector<std::string> found;
  for (const auto& file : sources()) {
    if (!choose(file.path)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      if (std::regex_search(file.lines[i], pattern)) {
        found.push_back(file.path + ":" + std::to_string(i + 1) + ": " + file.lines[i]);
      }
    }
  }
  return found;
}

TEST(Style, EveryFolderIncludesOnlyTheLayersBelowIt) {
  const std::map<std::string, std::set<std::string>> allowed{
      {"ipc", {"ipc"}},
      {"net", {"net", "ipc"}},
      {"orderbook", {"orderbook", "ipc"}},
      {"collector", {"collector", "net", "ipc"}},
      {"tools", {"tools", "collector", "orderbook", "net", "ipc"}},
  };
  const std::regex include("^\\s*#\\s*include\\s+\"([a-z_]+)/");
  std::vector<std::string> wrong;
  for (const auto& file : sources()) {
    const auto layer = allowed.find(top_folder(file.path));
    if (layer == allowed.end()) continue;
    for (const auto& line : file.lines) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      const auto target = match[1].str() == "ringside" ? std::string("ipc") : match[1].str();
      if (folders.contains(target) && !layer->second.contains(target)) {
        wrong.push_back(file.path + " includes " + target);
      }
    }
  }
  EXPECT_EQ(wrong, std::vector<std::string>{});
}

TEST(Style, TheLowerLayersDoNotKnowJsonSocketsOrToml) {
  struct Ban {
    std::string folder, header;
  };
  const std::array<Ban, 7> bans{{{"ipc", "simdjson"},
                                 {"ipc", "sys/socket"},
                                 {"net", "simdjson"},
                                 {"orderbook", "simdjson"},
                                 {"orderbook", "sys/socket"},
                                 {"orderbook", "toml"},
                                 {"net", "toml"}}};
  for (const auto& ban : bans) {
    const std::regex include("^\\s*#\\s*include\\s+[<\"]" + ban.header);
    EXPECT_EQ(matches(include, [&](const auto& path) { return top_folder(path) == ban.folder; }),
              std::vector<std::string>{})
        << ban.folder << " must not include " << ban.header;
  }
}

TEST(Style, TheTopLevelIsTheAgreedOne) {
  const std::set<std::string> agreed{"CMakeLists.txt",
                                     "CMakePresets.json",
                                     "collector",
                                     "orderbook",
                                     "ipc",
                                     "net",
                                     "tools",
                                     "tests",
                                     "perf",
                                     "scripts",
                                     "README.md"};
  for (const auto& entry : fs::directory_iterator(root)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(".") || name == "build") continue;
    EXPECT_TRUE(agreed.contains(name)) << name << " has no place at the top level";
  }
}

TEST(Style, NoFileIsLongerThanSixHundredLines) {
  for (const auto& file : sources()) EXPECT_LE(file.lines.size(), 600U) << file.path;
}

TEST(Style, NoFolderIsADrawer) {
  const std::set<std::string> drawers{"util", "utils", "common", "helpers", "misc"};
  for (const auto& file : sources()) {
    for (const auto& part : fs::path(file.path).parent_path()) {
      EXPECT_FALSE(drawers.contains(part.string())) << file.path;
    }
  }
}

TEST(Style, EveryAtomicAccessNamesItsOrder) {
  const std::regex silent(
      "\\.(load\\([^()]*|(exchange|fetch_add|fetch_sub|compare_exchange_(weak|strong))\\([^()]+)"
      "\\)");
  for (const auto& hit : matches(silent, product)) {
    EXPECT_NE(hit.find("memory_order"), std::string::npos) << hit;
  }
}

TEST(Style, NoStandAloneFencesAndNoVolatileButInAssembly) {
  EXPECT_EQ(matches(std::regex("atomic_thread_fence|atomic_signal_fence"), product),
            std::vector<std::string>{});
  for (const auto& hit : matches(std::regex("\\bvolatile\\b"), product)) {
    EXPECT_NE(hit.find("asm"), std::string::npos) << hit;
  }
}

TEST(Style, TestsDoNotSleepToSynchronise) {
  const std::regex sleeping("sleep_for|sleep_until|\\busleep\\(|\\bnanosleep\\(|\\bsleep\\(");
  EXPECT_EQ(matches(sleeping,
                    [](const auto& path) {
                      return top_folder(path) == "tests" && path != "tests/style/style_test.cpp";
                    }),
            std::vector<std::string>{});
}

TEST(Style, EveryHeaderOpensWithWhatItIs) {
  for (const auto& file : sources()) {
    if (!product(file.path) || file.path.ends_with(".cpp") || file.lines.empty()) continue;
    EXPECT_TRUE(file.lines.front().starts_with("//") || file.lines.front().starts_with("/*"))
        << file.path << " opens without saying what it is";
  }
}

TEST(Style, AToDoSaysOfWhatKindItIs) {
  const std::regex bare("(TODO(?!\\((perf|soon|someday)\\):)|FIXME|//.*\\bXXX\\b)");
  EXPECT_EQ(matches(bare, [](const auto& path) { return path != "tests/style/style_test.cpp"; }),
            std::vector<std::string>{});
}

}  // namespace
