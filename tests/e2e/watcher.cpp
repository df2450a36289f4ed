#include "tests/e2e/watcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ringside::e2e {
namespace {

constexpr const char* instance = "test";
constexpr milliseconds refresh_period{2};

const std::string& rooted(const std::string& name, LiveSystem& system) {
  ::setenv("RINGSIDE_SHM_ROOT", system.scratch.shm_root().c_str(), 1);
  return name;
}

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

void measured(const std::string& what, double ms) {
  std::printf("  measured: %s: %.2f ms\n", what.c_str(), ms);
  ::testing::Test::RecordProperty(what, std::to_string(ms));
}

Watcher::Watcher(LiveSystem& system)
    : catalogues_(rooted(instance, system)),
      tables_(instance),
      consumer_({instance, tools::Join::NewestKey, true}) {}

const tools::InstrumentInfo* Watcher::find(const std::string& symbol) {
  for (const auto& [id, info] : catalogues_.all()) {
    if (info.symbol == symbol) return &info;
  }
  return nullptr;
}

Watcher::Seen Watcher::read(const std::string& symbol) {
  Seen seen;
  const auto* info = find(symbol);
  const auto now = Clock::now();
  if (info != nullptr) seen.status = tables_.read(info->id, seen.view, ipc::now_ticks());
  if (seen.status == ipc::ReadStatus::Ok || now - refreshed_ < refresh_period) return seen;
  // For the next read: what there was to be said of this one has been said.
  refreshed_ = now;
  if (info == nullptr) catalogues_.refresh();
  tables_.refresh(ipc::now_ticks());
  return seen;
}

bool Watcher::all(const std::vector<std::string>& symbols, State state) {
  return std::all_of(symbols.begin(), symbols.end(),
                     [&](const std::string& symbol) { return read(symbol).is(state); });
}

std::map<std::string, std::uint32_t> Watcher::epochs(const std::vector<std::string>& symbols) {
  std::map<std::string, std::uint32_t> result;
  for (const auto& symbol : symbols) result[symbol] = read(symbol).view.epoch;
  return result;
}

void Watcher::follow() {
  constexpr unsigned steps_max = 4096;
  for (unsigned i = 0; i < steps_max; ++i) {
    const auto step = consumer_.poll(ipc::now_ticks());
    if (step == tools::Step::Idle) return;
    if (step == tools::Step::Lost) ++lost_;
    if (step == tools::Step::WriterGone) ++gone_;
    if (step != tools::Step::Record) continue;
    const Record& record = consumer_.buffer().record;
    if (record.kind != Kind::Status) continue;
    const auto* info = consumer_.info(record.id());
    if (info == nullptr) continue;
    history_[info->symbol].push_back(
        {static_cast<State>(record.quantity), record.cause(), record.epoch});
  }
}

std::optional<double> Watcher::until(const std::string& description,
                                     const std::function<bool()>& what, milliseconds deadline) {
  const auto start = Clock::now();
  tools::IdleLadder ladder;
  for (;;) {
    const bool holds = what();
    const auto now = Clock::now();
    follow();
    if (holds) return ms_between(start, now);
    if (now - start > deadline) break;
    ladder.pause();
  }
  ADD_FAILURE() << "not within " << deadline.count() << " ms: " << description << "\n"
                << tools::deployment_text(tools::collect_deployment(instance));
  return std::nullopt;
}

void Watcher::look_on(milliseconds duration, const std::function<void()>& each) {
  const auto end = Clock::now() + duration;
  tools::IdleLadder ladder;
  while (Clock::now() < end) {
    if (each) each();
    follow();
    ladder.pause();
  }
}

bool Watcher::announced(const std::string& symbol, State state, Cause cause) {
  const auto& all = history_[symbol];
  return std::any_of(all.begin(), all.end(), [&](const Announced& entry) {
    return entry.state == state && entry.cause == cause;
  });
}

tools::RingStat Watcher::ring(const std::string& name) const {
  for (auto& ring : tools::collect_deployment(instance).rings) {
    if (ring.name == name) return ring;
  }
  return {};
}

std::map<std::string, std::uint64_t> Watcher::counters() const {
  std::map<std::string, std::uint64_t> result;
  for (const auto& process : tools::collect_deployment(instance).processes) {
    for (const auto& [owner, counters] : process.counters) {
      for (const auto& [name, value] : counters) result[owner + "." + name] = value;
    }
  }
  return result;
}

std::uint64_t Watcher::counter(const std::string& name) const {
  std::uint64_t sum = 0;
  for (const auto& [full_name, value] : counters()) {
    if (full_name.ends_with("." + name)) sum += value;
  }
  return sum;
}

bool Watcher::counter_becomes(const std::string& name,
                              const std::function<bool(std::uint64_t)>& what) {
  return until(
             "counter " + name, [&] { return what(counter(name)); }, milliseconds(10'000))
      .has_value();
}

std::vector<std::string> Watcher::fall_backs() const {
  std::vector<std::string> lines;
  for (const auto& process : tools::collect_deployment(instance).processes) {
    for (const auto& entry : process.degradations)
      lines.push_back(process.name + ": " + entry.line);
  }
  return lines;
}

}  // namespace ringside::e2e
