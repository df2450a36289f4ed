// A deployment under scripts/launch, in a scratch folder: generated exchanges of Kraken and
// Binance, a configuration made of parts, and whatever the script leaves running ended with the
// object.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"

namespace ringside::e2e {

// Where a generated exchange listens.
struct Endpoint {
  std::string websocket, rest, ca;
};

class Launched {
 public:
  Launched() = default;
  ~Launched();
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;

  // Throws std::runtime_error with the exchange's own words.
  Endpoint start_exchange(const std::string& spec, const std::string& address = "127.0.0.1");
  // "[[venue]]" of such an exchange; `keys` are further lines.
  static std::string venue(const std::string& name, const Endpoint& endpoint,
                           const std::string& keys);
  // Instance "test"; everything behind [memory] is the caller's.
  void configure(const std::string& tables);

  Finished launch(const std::string& action);
  Finished ringside(std::vector<std::string> arguments);
  [[nodiscard]] nlohmann::json stat();
  // By process name, from `ringside stat`.
  [[nodiscard]] std::map<std::string, pid_t> pids();
  // Until each of `count` instruments, and no other, is live; a failure with the last state if not.
  [[nodiscard]] bool all_live(std::size_t count);
  // Until this counter of `ringside stat` is above 0: it is shown a moment after what it counts.
  [[nodiscard]] bool counts(const std::string& owner, const std::string& counter);
  // Processes of this deployment, and what is left of it on disk and in shared memory.
  [[nodiscard]] std::vector<std::string> left_behind() const;
  // Until it is gone: a zombie counts as gone.
  static bool kill_and_wait(pid_t pid, int signal);

  Scratch scratch;
  std::string config;

 private:
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;

  std::vector<std::unique_ptr<Process>> exchanges_;
};

}  // namespace ringside::e2e
