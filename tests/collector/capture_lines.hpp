// The recorded feeds for tests: where they are, their texts in order, their oracles' dumps.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::collector::bench {

inline std::string gunzip(const std::string& path) {
  std::string text;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return text;
  std::vector<char> block(std::size_t{1} << 16);
  for (int n; (n = gzread(file, block.data(), static_cast<unsigned>(block.size()))) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  gzclose(file);
  return text;
}

// Empty: the environment variable RINGSIDE_CAPTURES is not set, or the set is not there.
inline std::string captures_folder() {
  const char* folder = std::getenv("RINGSIDE_CAPTURES");
  return folder == nullptr ? std::string() : std::string(folder);
}

// The texts of all `recv` lines of a set.
inline std::vector<std::string> received(const std::string& set) {
  std::vector<std::string> texts;
  const std::string text = gunzip(captures_folder() + "/" + set + ".gz");
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const auto kind = line.find("\trecv\t");
    if (kind != std::string_view::npos) texts.emplace_back(line.substr(kind + 6));
  }
  return texts;
}

inline std::string oracle_dump(const std::string& set) {
  return gunzip(captures_folder() + "/oracle/" + set + ".book.txt.gz");
}

}  // namespace ringside::collector::bench

// For use at the top of a test: captures are not part of the project.
#define RINGSIDE_NEEDS_CAPTURES()                            \
  if (ringside::collector::bench::captures_folder().empty()) \
  GTEST_SKIP() << "RINGSIDE_CAPTURES is not set: recorded feeds are needed"
