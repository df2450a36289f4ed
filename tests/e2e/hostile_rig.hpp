// One collector, one worker, and the same venue twice on the same collector thread: once through a
// server that breaks rules, once straight. What the first meets, the second must not notice.
//
// Threads: one. Bounded by: settle_deadline where it waits. Fails by: gtest failures.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"
#include "tests/e2e/hostile_server.hpp"
#include "tests/e2e/live_system.hpp"

namespace ringside::e2e {

struct RigOptions {
  std::string venue = "kraken";
  std::string spec;                     // of the exchange
  std::string misled;                   // the instrument that meets the faults
  std::string bystander;                // and the one that must not notice
  bool tls = false;                     // between the collector and the exchange
  std::string more_ca{};                // PEM of an authority that the collector trusts, too
  std::string keys{};                   // of both [[venue]] tables
  std::vector<std::string> exchange{};  // more arguments of the exchange
};

// A fault, what must be counted because of it, and whether it costs the connection or the book.
struct HostileRow {
  std::string name;
  Fault fault;
  std::vector<std::string> counted;
  bool book_survives = false;
  milliseconds recovers_after{0};  // not before: the venue asked for that
};

class HostileRig {
 public:
  explicit HostileRig(RigOptions options);  // up, both books live
  ~HostileRig();

  // Lets it happen, and waits until it is counted and over.
  void meet(const HostileRow& row);
  // The same over REST: the feed is reset, so that a snapshot is asked for.
  void meet_over_rest(const HostileRow& row);
  void stop();

  [[nodiscard]] std::uint64_t counter(const std::string& name) const;  // of the misled venue

  LiveSystem system;
  std::unique_ptr<HostileServer> feed, rest;

 private:
  struct Book {
    State state = State::Syncing;
    std::uint32_t epoch = 0;
  };
  [[nodiscard]] std::string tables(const Endpoints& endpoints);
  [[nodiscard]] Book book(const std::string& symbol);
  [[nodiscard]] bool live(const std::string& symbol) { return book(symbol).state == State::Live; }
  void attach();
  void look_at_bystander();
  // Asks each time the collector says something, and every few milliseconds.
  bool becomes(const std::function<bool()>& question);
  void await_all(const HostileRow& row, const std::map<std::string, std::uint64_t>& before,
                 std::uint32_t epoch);

  RigOptions options_;
  ipc::Segment telemetry_segment_, catalogue_segment_, books_segment_;
  std::optional<ipc::TelemetryReader> telemetry_;
  std::optional<ipc::CatalogueReader> catalogue_;
  std::optional<ipc::BookTableReader> books_;
  std::uint32_t bystander_epoch_ = 0;
};

}  // namespace ringside::e2e
