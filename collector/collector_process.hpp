// The collector process: telemetry, catalogue, state, and its threads.
//
// Threads: the main thread's; it starts one thread for each entry of the configuration, and beats
// for the process meanwhile. Fails by: throwing at the start (one line each), before anything is
// announced; afterwards a thread's failure ends the process.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collector/collector_thread.hpp"
#include "collector/config.hpp"
#include "collector/instrument_registry.hpp"
#include "collector/notice_lines.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::collector {

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
  void add_venue(const VenueConfig& venue);

  const Config& config_;
  std::string name_;
  const ipc::ProcessSpec& spec_;
  std::uint32_t number_;
  ipc::Telemetry telemetry_;
  InstrumentRegistry registry_;
  ipc::Segment catalogue_segment_;
  std::unique_ptr<ipc::CatalogueWriter> catalogue_;
  std::vector<std::unique_ptr<Running>> threads_;
  NoticeLines notice_lines_;
  std::atomic<bool> stop_{false};  // a flag: nothing is read because of it
};

}  // namespace ringside::collector
