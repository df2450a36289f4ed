// The collector process: telemetry, catalogue, state, and its threads.
//
// Threads: the main thread's; it starts one thread for each entry of the configuration, and beats
// for the process meanwhile, and carries out what the journal of changes asks for. Fails by:
// throwing at the start (one line each), before anything is announced; afterwards a thread's
// failure ends the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "collector/change_journal.hpp"
#include "collector/collector_thread.hpp"
#include "collector/config.hpp"
#include "collector/config_changes.hpp"
#include "collector/instrument_registry.hpp"
#include "collector/notice_lines.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::collector {

inline constexpr std::int64_t changes_look_ns = 100'000'000;  // between looks at the journal
inline constexpr std::size_t changes_a_tick = 64;             // carried out at once

class CollectorProcess {
 public:
  CollectorProcess(const Config& config, std::string name);
  ~CollectorProcess();
  CollectorProcess(const CollectorProcess&) = delete;
  CollectorProcess& operator=(const CollectorProcess&) = delete;

  void start();
  void stop() noexcept;  // orderly; joins
  // Heartbeats and notices; about each millisecond.
  void on_tick();
  [[nodiscard]] bool ready() const noexcept;
  // Set when a thread could not start: what() of its error.
  [[nodiscard]] std::string failure() const;
  [[nodiscard]] std::vector<std::string> degradations() const;

 private:
  struct Running {
    std::unique_ptr<CollectorThread> thread;
    std::thread handle;
    std::string failure;
    std::atomic<bool> failed{false};  // P1 release by the thread; C1 acquire by the main thread
  };
  // An instrument that is, or was, collected since the start.
  struct Collected {
    std::size_t table = 0;  // of config_.venues
    InstrumentId id;
    std::string worker;
    RingIndex ring = 0;
    bool wanted = false;
  };
  // A venue session's place in its thread: kept for the venue's next one.
  struct Place {
    std::string venue;
    bool taken = true;
  };
  static constexpr std::size_t no_session = ~std::size_t{0};

  void add_venue(std::size_t table);
  [[nodiscard]] std::size_t take_place(const VenueConfig& venue);
  [[nodiscard]] std::string worker_of(const VenueConfig& venue, InstrumentId id) const;

  // process_changes.cpp
  void make_change_counters();
  void take_changes(std::int64_t now_ns);
  void look_for_changes();
  void prepare_ids();
  [[nodiscard]] bool carry_out(const Change& change);
  [[nodiscard]] bool carry_out_channel(const Change& change);
  [[nodiscard]] bool carry_out_instrument(const Change& change);

  // process_venues.cpp
  [[nodiscard]] bool carry_out_venue(const Change& change);
  [[nodiscard]] bool remove_tables(const Change& change);
  [[nodiscard]] bool begin_table(std::size_t table);
  [[nodiscard]] ThreadChange prepare_table(std::size_t table, std::span<const InstrumentId> ids);
  void drop_table(std::size_t table);
  void forget_table(std::size_t table);
  [[nodiscard]] bool list(const Change& change);
  void refuse(const Change& change, std::string_view why);
  void say(std::string_view line) const;

  const Config file_;
  Config config_;  // the file's, and what the journal has made of it
  std::string name_;
  const ipc::ProcessSpec& spec_;
  std::uint32_t number_;
  ipc::Telemetry telemetry_;
  InstrumentRegistry registry_;
  ChangeJournal journal_;
  std::optional<ChangeFollower> follower_;
  ipc::Segment catalogue_segment_;
  std::unique_ptr<ipc::CatalogueWriter> catalogue_;
  std::vector<std::unique_ptr<Running>> threads_;
  NoticeLines notice_lines_;
  std::vector<std::size_t> sessions_of_tables_;  // within the table's thread; no_session: none
  std::vector<std::vector<Place>> places_;       // of each thread
  std::map<std::pair<std::string, std::string>, Collected> collected_;  // by venue, symbol
  std::deque<Change> pending_;  // read from the journal; not more than it can hold
  std::int64_t next_changes_look_ns_ = 0;
  ipc::Gauge changes_done_;  // sequence up to which all has been carried out, or refused
  ipc::Counter instruments_added_, instruments_removed_, channels_changed_, venues_added_,
      venues_removed_, changes_refused_, journal_damaged_;
  std::atomic<bool> stop_{false};  // a flag: nothing is read because of it
};

}  // namespace ringside::collector
