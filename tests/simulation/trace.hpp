// What happened in a run, in order: a hash of all of it, and, where somebody wants to read it, the
// words. Two runs of one seed have the same hash.
//
// Threads: one. Bounded by: the run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::simulation {

class Trace {
 public:
  explicit Trace(bool in_words) : in_words_(in_words) {}

  // `words()` makes the line; only asked where somebody wants to read it.
  template <typename Words>
  void note(std::int64_t now_ns, std::uint64_t what, Words words) {
    mix(static_cast<std::uint64_t>(now_ns));
    mix(what);
    if (in_words_) add_line(now_ns, words());
  }
  void text(std::int64_t now_ns, std::string_view who, std::string_view text) {
    mix(static_cast<std::uint64_t>(now_ns));
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
    if (in_words_) add_line(now_ns, std::string(who) + " " + std::string(text));
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  void mix(std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15U;
    hash_ ^= hash_ >> 32;
  }
  void add_line(std::int64_t now_ns, std::string line);

  bool in_words_;
  std::uint64_t hash_ = 1469598103934665603U;
  std::vector<std::string> lines_;
};

}  // namespace ringside::simulation
