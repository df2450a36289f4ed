#include "tests/e2e/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>

extern char** environ;

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

bool readable(int descriptor, Clock::time_point until) {
  pollfd item{descriptor, POLLIN, 0};
  int result = 0;
  do {
    result = poll(&item, 1, milliseconds_until(until));
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

std::vector<std::string> environment_with(const ProcessOptions& options) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) result.emplace_back(*entry);
  for (const auto& [name, value] : options.environment) {
    const std::string head = name + "=";
    std::erase_if(result, [&](const std::string& entry) { return entry.starts_with(head); });
    result.push_back(head + value);
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Scratch::Scratch() {
  static std::atomic<int> number{0};
  const auto name = "ringside-test-" + std::to_string(getpid()) + "-" + std::to_string(number++);
  folder_ = std::filesystem::temp_directory_path() / name;
  shm_root_ = std::filesystem::path("/dev/shm") / name;
  std::filesystem::create_directories(folder_);
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  std::filesystem::remove_all(shm_root_, ignored);
}

std::string Scratch::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}

std::vector<std::string> Scratch::segments_left() const {
  std::vector<std::string> left;
  std::error_code absent;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shm_root_, absent)) {
    if (!entry.is_directory()) left.push_back(entry.path().string());
  }
  return left;
}

std::string program(const std::string& name) {
  return name.starts_with('/') ? name : RINGSIDE_BIN_DIR "/" + name;
}

Process::Process(const ProcessOptions& options) {
  auto arguments = options.arguments;
  arguments[0] = program(arguments[0]);
  auto environment = environment_with(options);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!options.error_file.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.error_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0640);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawn(&pid_, arguments[0].c_str(), &actions, &attributes,
                                pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  out_ = ends[0];
  if (error != 0) throw std::system_error(error, std::generic_category(), arguments[0]);
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
}

Process::~Process() {
  if (!status_) {
    signal(SIGKILL);
    (void)wait(milliseconds(10'000));
  }
  close(out_);
  close(pidfd_);
}

bool Process::fill(Clock::time_point until) {
  char bytes[65536];
  if (!readable(out_, until)) return false;
  const auto count = read(out_, bytes, sizeof(bytes));
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> Process::line(milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  for (;;) {
    const auto end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string result = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return result;
    }
    if (!fill(until)) return std::nullopt;
  }
}

std::string Process::rest(milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  while (fill(until)) {
  }
  return std::exchange(buffer_, {});
}

void Process::signal(int number) const {
  if (!status_) kill(pid_, number);
}

void Process::signal_group(int number) const {
  if (!status_) kill(-pid_, number);
}

std::optional<int> Process::wait(milliseconds deadline) {
  if (status_) return status_;
  const auto until = Clock::now() + deadline;
  // Its output is drained meanwhile, so that a full pipe cannot keep it from ending.
  for (;;) {
    pollfd items[2] = {{pidfd_, POLLIN, 0}, {out_, POLLIN, 0}};
    if (poll(items, 2, milliseconds_until(until)) <= 0 && Clock::now() >= until)
      return std::nullopt;
    if ((items[0].revents & POLLIN) != 0) break;
    if ((items[1].revents & (POLLIN | POLLHUP)) != 0 && !fill(until)) {
      pollfd only{pidfd_, POLLIN, 0};
      if (poll(&only, 1, milliseconds_until(until)) <= 0) return std::nullopt;
      break;
    }
  }
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

std::vector<std::string> processes_with_environment(const std::string& entry) {
  std::vector<std::string> found;
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    const auto name = process.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (name == std::to_string(getpid())) continue;
    const auto environment = read_file(process.path().string() + "/environ");
    if (environment.find(entry) == std::string::npos) continue;
    auto command = read_file(process.path().string() + "/cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back(name + " " + command);
  }
  return found;
}

Finished run(const Scratch& scratch, std::vector<std::string> arguments, milliseconds deadline,
             std::vector<std::pair<std::string, std::string>> environment) {
  const auto error_file = scratch.path("stderr");
  std::filesystem::remove(error_file);
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.environment = std::move(environment);
  options.environment.emplace_back("RINGSIDE_SHM_ROOT", scratch.shm_root());
  options.error_file = error_file;
  Process process(options);
  Finished finished;
  finished.out = process.rest(deadline);
  finished.status = process.wait(milliseconds(5'000)).value_or(-1);
  finished.err = read_file(error_file);
  return finished;
}

}  // namespace ringside::e2e
