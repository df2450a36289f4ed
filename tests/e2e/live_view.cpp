#include "tests/e2e/live_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

namespace ringside::e2e {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

bool becomes_true(const std::function<bool()>& question, milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  while (!question()) {
    if (Clock::now() > until) return false;
  }
  return true;
}

std::map<std::string, std::string> states(LiveSystem& system) {
  std::map<std::string, std::string> result;
  const auto stat = system.ringside({"stat", "--json"});
  if (stat.status != 0) return result;
  const auto parsed = json::parse(stat.out);  // must outlive the loop over a part of it
  for (const auto& instrument : parsed.at("instruments")) {
    result[instrument.at("symbol")] = instrument.at("state");
  }
  return result;
}

bool all_live(LiveSystem& system, std::size_t count) {
  const bool live = becomes_true([&] {
    const auto now = states(system);
    return now.size() == count && std::all_of(now.begin(), now.end(), [](const auto& entry) {
             return entry.second == "live";
           });
  });
  if (live) return true;
  const auto last = system.ringside({"stat"});
  ADD_FAILURE() << "status " << last.status << "\n" << last.out << last.err;
  return false;
}

std::uint64_t counter(LiveSystem& system, const std::string& name) {
  const auto stat = system.ringside({"stat", "--json"});
  std::uint64_t sum = 0;
  const auto parsed = json::parse(stat.out);
  for (const auto& [thread, counters] : parsed.at("counters").items()) {
    for (const auto& [full_name, value] : counters.items()) {
      if (full_name == name || full_name.ends_with("." + name)) sum += value.get<std::uint64_t>();
    }
  }
  return sum;
}

bool counter_becomes(LiveSystem& system, const std::string& name, std::uint64_t wanted) {
  return becomes_true([&] { return counter(system, name) == wanted; });
}

std::map<std::string, std::string> book_hashes(LiveSystem& system, int seconds) {
  const auto books = system.ringside({"books", "--json", "--seconds", std::to_string(seconds)});
  std::map<std::string, std::string> hashes;
  if (books.status != 0) return hashes;
  const auto parsed = json::parse(books.out);
  for (const auto& [symbol, book] : parsed.at("books").items()) {
    if (book.at("state") == "live") hashes[symbol] = book.value("sha256", "");
  }
  return hashes;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::string> points(const std::string& path) {
  std::map<std::string, std::string> result;
  std::istringstream lines(read_text(path));
  for (std::string symbol, time, hash; lines >> symbol >> time >> hash;) {
    result[symbol + " " + time] = hash;
  }
  return result;
}

}  // namespace ringside::e2e
