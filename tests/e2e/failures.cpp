#include "tests/e2e/failures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

namespace ringside::e2e {

using ipc::ReadStatus;

SystemOptions kraken(const std::string& symbols, const std::vector<std::string>& instruments,
                     const std::string& keys) {
  SystemOptions options;
  options.exchange = {"--generate", "kraken:" + symbols, "--seed", "11"};
  options.instruments = instruments;
  options.extra_venue_keys = keys;
  return options;
}

VenueOptions more_kraken(const std::string& symbols, const std::string& instrument,
                         const std::string& keys) {
  VenueOptions venue;
  venue.exchange = {"--generate", "kraken:" + symbols, "--seed", "12"};
  venue.instruments = {instrument};
  venue.extra_venue_keys = keys;
  return venue;
}

OldValues::~OldValues() {
  EXPECT_GT(reads_, 0U);
  EXPECT_EQ(old_, 0U) << "of " << reads_ << " reads";
}

void OldValues::expect_none_before(Ticks moment) {
  for (const auto& symbol : symbols_) {
    const auto seen = watcher_.read(symbol);
    ++reads_;
    if (seen.is(State::Live) && seen.view.receive < moment) ++old_;
  }
}

void OldValues::expect_none() {
  for (const auto& symbol : symbols_) {
    ++reads_;
    if (watcher_.read(symbol).status == ReadStatus::Ok) ++old_;
  }
}

bool newer(Watcher& watcher, const std::map<std::string, std::uint32_t>& epochs) {
  return std::all_of(epochs.begin(), epochs.end(), [&](const auto& entry) {
    const auto seen = watcher.read(entry.first);
    return seen.is(State::Live) && seen.view.epoch > entry.second;
  });
}

namespace {

// What grows with every message; of everything else a consumer's fate moves nothing.
bool grows_by_itself(const std::string& name) {
  static const std::vector<std::string> growing{"records_written",
                                                "frames",
                                                "frame_bytes",
                                                "messages",
                                                "book_deltas",
                                                "trades",
                                                "bbos",
                                                "heartbeats",
                                                "records",
                                                "passed_through",
                                                "messages_applied",
                                                "levels_changed",
                                                "absent_deletes",
                                                "checksum_good",
                                                "keys_published",
                                                "parked",
                                                "whole_books_published",
                                                "unchecked_messages"};
  return std::any_of(growing.begin(), growing.end(),
                     [&](const std::string& entry) { return name.ends_with("." + entry); });
}

}  // namespace

std::map<std::string, std::uint64_t> what_must_not_move(Watcher& watcher) {
  auto counters = watcher.counters();
  std::erase_if(counters, [](const auto& entry) {
    return grows_by_itself(entry.first) ||
           !(entry.first.starts_with("c0") || entry.first.starts_with("w0"));
  });
  return counters;
}

std::vector<std::string> moved_since(const std::map<std::string, std::uint64_t>& before,
                                     Watcher& watcher) {
  std::vector<std::string> moved;
  for (const auto& [name, now] : what_must_not_move(watcher)) {
    const auto then = before.find(name);
    const auto value = then == before.end() ? 0 : then->second;
    if (now != value) {
      moved.push_back(name + ": " + std::to_string(value) + ", " + std::to_string(now));
    }
  }
  return moved;
}

void a_stopped_worker_costs_its_own_instruments_only(milliseconds stopped_for, unsigned ring_slots,
                                                     SystemOptions options,
                                                     const std::vector<std::string>& busy) {
  options.workers = 2;
  options.memory_keys = "spsc_slots = " + std::to_string(ring_slots) +
                        "\nevents_slots = 131072\ninstruments_max = 256\n";
  options.more.push_back(
      more_kraken("ADA/USD;depth=25;rate=200;seconds=1", "ADA/USD", "worker = \"w0.0\"\n"));
  options.more.push_back(
      more_kraken("SOL/USD;depth=25;rate=500", "SOL/USD", "worker = \"w1.0\"\n"));
  LiveSystem system(options);
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(system.instruments(), State::Live); });
  // Its market stands still a second after the subscription.
  std::uint64_t updates = 0;
  Clock::time_point moved = Clock::now();
  watcher.until("ADA/USD is silent", [&] {
    const auto now = watcher.read("ADA/USD").view.updates;
    if (now != std::exchange(updates, now)) moved = Clock::now();
    return Clock::now() - moved > milliseconds(500);
  });
  ASSERT_EQ(watcher.ring("spsc.c0.0.w0.0").drops, 0U);
  const auto epochs = watcher.epochs(busy);
  const auto quiet_epoch = watcher.read("ADA/USD").view.epoch;
  watcher.forget();

  system.worker->signal(SIGSTOP);
  const auto stopped = Clock::now();
  const auto since = [&] {
    return std::chrono::duration<double, std::milli>(Clock::now() - stopped).count();
  };
  double full = 0;
  double stale = 0;
  watcher.until(
      "the collector drops, and reads say what is wrong",
      [&] {
        if (full == 0 && watcher.ring("spsc.c0.0.w0.0").drops > 0) full = since();
        if (stale == 0 && watcher.read(busy[0]).status == ReadStatus::WriterStale) stale = since();
        return full > 0 && stale > 0;
      },
      noticed_within);
  measured("ring of a stopped worker full", full);
  measured("worker stopped -> WriterStale", stale);
  {
    OldValues old(watcher, busy);
    const auto other = watcher.read("SOL/USD").view.updates;
    watcher.look_on(
        std::max(std::chrono::duration_cast<milliseconds>(stopped + stopped_for - Clock::now()),
                 milliseconds(200)),
        [&] { old.expect_none(); });
    EXPECT_GT(watcher.read("SOL/USD").view.updates, other) << "the other worker's goes on";
  }
  EXPECT_EQ(watcher.ring("spsc.c0.0.w1.0").drops, 0U);

  const auto resumed = ipc::now_ticks();
  system.worker->signal(SIGCONT);
  {
    OldValues old(watcher, busy);
    const auto healed = watcher.until("all live again", [&] {
      old.expect_none_before(resumed);
      return newer(watcher, epochs) && watcher.read("ADA/USD").is(State::Live);
    });
    if (healed) measured("worker continued -> all live, resynced", *healed);
  }
  watcher.until("the ring's own news",
                [&] { return watcher.announced("ADA/USD", State::Live, Cause::None); });
  for (const auto& symbol : busy) {
    EXPECT_TRUE(watcher.announced(symbol, State::Gap, Cause::RecordsDropped)) << symbol;
  }
  EXPECT_TRUE(watcher.announced("ADA/USD", State::Gap, Cause::RecordsDropped));
  EXPECT_EQ(watcher.read("ADA/USD").view.epoch, quiet_epoch) << "unnamed: no resync";
  EXPECT_TRUE(watcher.history("SOL/USD").empty()) << "another ring, another worker";
  EXPECT_EQ(watcher.ring("spsc.c0.0.w1.0").drops, 0U);
  EXPECT_TRUE(watcher.counter_becomes("losses_named", [&](auto n) { return n >= busy.size(); }));
  const auto named = watcher.counter("losses_named");
  EXPECT_TRUE(watcher.counter_becomes("losses", [&](auto n) { return n >= named; }));
  EXPECT_EQ(watcher.counter("checksum_failed"), 0U);
  EXPECT_EQ(watcher.counter("sequence_gaps"), 0U);
  EXPECT_EQ(watcher.counter("connections_opened"), 2U + options.more.size() - 1U);
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

void a_stopped_consumer_changes_nothing(milliseconds stopped_for) {
  const std::vector<std::string> two{"BTC/USD", "ETH/USD"};
  LiveSystem system(kraken("BTC/USD,ETH/USD;depth=25;rate=2000", two));
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  auto tail = system.start_ringside({"tail", "--json"});
  ASSERT_TRUE(tail->line(milliseconds(30'000)));
  watcher.look_on(milliseconds(100));
  watcher.forget();
  const auto before = what_must_not_move(watcher);
  tail->signal(SIGSTOP);
  std::map<std::string, std::uint64_t> answers;
  watcher.look_on(stopped_for, [&] {
    for (const auto& symbol : two) {
      const auto seen = watcher.read(symbol);
      ++answers[seen.status == ReadStatus::Ok ? name_of(seen.view.state) : name_of(seen.status)];
    }
  });
  EXPECT_EQ(answers.size(), 1U) << ::testing::PrintToString(answers);
  EXPECT_GT(answers["live"], 0U);
  EXPECT_EQ(moved_since(before, watcher), std::vector<std::string>{});
  tail->signal(SIGCONT);
  watcher.look_on(milliseconds(200));
  EXPECT_EQ(moved_since(before, watcher), std::vector<std::string>{});
  for (const auto& symbol : two) EXPECT_TRUE(watcher.history(symbol).empty()) << symbol;
  tail.reset();
  system.stop();
}

}  // namespace ringside::e2e
