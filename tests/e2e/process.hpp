// Real processes for the end-to-end tests: started with an argument list (no shell), read line by
// line against a deadline, ended by their process id, and never left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ringside::e2e {

using std::chrono::milliseconds;

// A folder of its own for one test: configuration, state, and the root of its segments.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  [[nodiscard]] std::string shm_root() const { return shm_root_.string(); }
  std::string write(const std::string& name, const std::string& text) const;
  // What is left under the segments' root: must be empty after an orderly stop.
  [[nodiscard]] std::vector<std::string> segments_left() const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path shm_root_;
};

// The path of a program of the build.
std::string program(const std::string& name);

struct ProcessOptions {
  std::vector<std::string> arguments;  // [0]: absolute, or under the build's bin/
  std::vector<std::pair<std::string, std::string>> environment{};  // added to ours
  std::string error_file{};                                        // stderr; empty: ours
};

class Process {
 public:
  explicit Process(const ProcessOptions& options);
  ~Process();  // SIGKILL if it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The next line of its stdout; empty when none came in time or the stream ended.
  std::optional<std::string> line(milliseconds deadline);
  // Everything up to the end of its stdout.
  std::string rest(milliseconds deadline);
  void signal(int number) const;
  // To its whole process group (it leads one of its own): what a terminal's Ctrl-C does.
  void signal_group(int number) const;
  // Exit status; 128 + signal; empty: still running at the deadline.
  std::optional<int> wait(milliseconds deadline);
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  bool fill(std::chrono::steady_clock::time_point until);

  pid_t pid_ = -1;
  int out_ = -1;
  int pidfd_ = -1;
  std::optional<int> status_;
  std::string buffer_;
};

// Command lines of the living processes (but this one) whose environment holds `entry`.
std::vector<std::string> processes_with_environment(const std::string& entry);

struct Finished {
  int status = -1;
  std::string out;
  std::string err;
};

// Runs a program of the build to its end.
Finished run(const Scratch& scratch, std::vector<std::string> arguments,
             milliseconds deadline = milliseconds(60'000),
             std::vector<std::pair<std::string, std::string>> environment = {});

}  // namespace ringside::e2e
