#include "tests/crash/crash_matrix.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <system_error>

#include "ipc/clock.hpp"
#include "tests/crash/fault_points.hpp"
#include "tests/ipc/temporary_root.hpp"

namespace ringside::crash {
namespace {

constexpr unsigned victim_steps = 20'000;
constexpr std::uint64_t victim_ns = 1'000'000'000;  // it ends then: not every point comes often
constexpr unsigned discovery_steps = 200;
constexpr unsigned steps_after = 200;
constexpr unsigned first_good_tries = 1'000;
constexpr std::uint64_t patience_ns = 20'000'000'000;  // of a machine that is busy elsewhere
constexpr int patience_ms = 20'000;
constexpr std::uint64_t far_ticks = 20'000'000'000;  // beyond every bound of liveness
constexpr int exit_unreached = 3, exit_refused = 4, exit_wrong = 5;

Ticks far() { return Ticks{ipc::now_ticks().value + far_ticks}; }

// How long this thread has waited for a processor so far (/proc: schedstat, the second number).
std::optional<std::uint64_t> waited_for_core_ns() {
  std::ifstream file("/proc/thread-self/schedstat");
  std::uint64_t ran = 0, waited = 0;
  if (!(file >> ran >> waited)) return std::nullopt;
  return waited;
}

// What reattaching took, from here to `stop`.
class Stopwatch {
 public:
  void stop(Outcome& outcome) const {
    outcome.reattach_ns = ipc::monotonic_ns() - begin_;
    const auto now = waited_for_core_ns();
    outcome.off_core_ns =
        now && waited_ ? std::min(*now - *waited_, outcome.reattach_ns) : outcome.reattach_ns;
  }

 private:
  std::optional<std::uint64_t> waited_ =
      waited_for_core_ns();  // before the clock: it costs a system call or two
  std::uint64_t begin_ = ipc::monotonic_ns();
};

class Victim {
 public:
  explicit Victim(const std::function<void()>& body) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      body();
    } catch (const std::system_error&) {
      ::_exit(exit_refused);
    }
    ::_exit(exit_unreached);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() { kill(); }

  // Stopped or ended, as of now.
  bool is_down() {
    if (pid_ <= 0 || stopped_) return true;
    const pid_t answer = ::waitpid(pid_, &status_, WNOHANG | WUNTRACED);
    if (answer != pid_) return false;
    stopped_ = WIFSTOPPED(status_);
    if (!stopped_) pid_ = -1;
    return true;
  }
  void go_on() {
    ::kill(pid_, SIGCONT);
    stopped_ = false;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    pid_ = -1;
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool exited_with(int code) const {
    return pid_ <= 0 && WIFEXITED(status_) && WEXITSTATUS(status_) == code;
  }
  [[nodiscard]] bool was_killed() const { return pid_ <= 0 && WIFSIGNALED(status_); }

 private:
  pid_t pid_;
  int status_ = 0;
  bool stopped_ = false;
};

// Child and parent in turns, so that discovery does not hang on who gets a processor.
class Turns {
 public:
  Turns() {
    if (::pipe(to_child_) != 0 || ::pipe(to_parent_) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe");
    }
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() {
    for (const int fd : {to_child_[0], to_child_[1], to_parent_[0], to_parent_[1]}) ::close(fd);
  }
  void child_is_done() const { hand_over(to_parent_[1], to_child_[0]); }
  void wait_for_child() const { take(to_parent_[0]); }
  void parent_is_done() const { (void)!::write(to_child_[1], "", 1); }

 private:
  static void take(int fd) {
    pollfd input{fd, POLLIN, 0};
    char byte = 0;
    if (::poll(&input, 1, patience_ms) == 1) (void)!::read(fd, &byte, 1);
  }
  static void hand_over(int to, int from) {
    (void)!::write(to, "", 1);
    take(from);
  }
  int to_child_[2]{}, to_parent_[2]{};
};

// In turns the steps alone bound a side.
bool in_time(std::uint64_t begin, const Turns* turns) {
  return turns != nullptr || ipc::monotonic_ns() - begin < victim_ns;
}

void be_writer(const Structure& structure, unsigned steps, const Turns* turns = nullptr) {
  const auto writing = structure.write();
  const auto begin = ipc::monotonic_ns();
  for (unsigned i = 0; i < steps && in_time(begin, turns); ++i) {
    writing->step();
    if (turns != nullptr) turns->child_is_done();
  }
}
void be_reader(const Structure& structure, unsigned polls, const Turns* turns = nullptr) {
  std::unique_ptr<Reading> reading;
  const auto begin = ipc::monotonic_ns();
  for (unsigned i = 0; i < polls && in_time(begin, turns); ++i) {
    if (turns != nullptr) turns->child_is_done();
    if (reading == nullptr) reading = structure.read();
    if (reading == nullptr) continue;
    reading->poll();
    if (!reading->bad.empty()) ::_exit(exit_wrong);
    (void)reading->gives_good(ipc::now_ticks());
  }
}

// The other side while the victim goes about its work. False: too long.
template <typename Step>
bool until_down(Victim& victim, Step&& step) {
  const auto begin = ipc::monotonic_ns();
  while (!victim.is_down()) {
    step();
    if (ipc::monotonic_ns() - begin > patience_ns) return false;
  }
  return true;
}

std::string leftovers() {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(ipc::instance_path("test"), none)) {
    const auto name = entry.path().filename().string();
    if (name.find(".tmp.") != std::string::npos) return name;
  }
  return "";
}

// Steps and polls until something good has come; the answer is what went wrong.
std::string first_good(Writing& writing, Reading& reading) {
  for (unsigned i = 0; i < first_good_tries && reading.good == 0; ++i) {
    writing.step();
    reading.poll();
  }
  if (!reading.bad.empty()) return "after reattaching: " + reading.bad;
  return reading.good == 0 ? "nothing good after reattaching" : "";
}

// A writer of the name that died before the round began.
void leave_dead_predecessor(const Structure& structure) {
  Victim victim([&] {
    const auto writing = structure.write();
    ::kill(::getpid(), SIGKILL);
  });
  (void)until_down(victim, [] {});
}

class Play {
 public:
  Play(const Round& round) : round_(round), structure_(*round.structure) {}

  Outcome run() {
    if (round_.victim_writes && structure_.name == "segment") leave_dead_predecessor(structure_);
    round_.victim_writes ? writer_falls() : reader_falls();
    return outcome_;
  }

 private:
  void wrong(const std::string& what) {
    if (outcome_.wrong.empty()) outcome_.wrong = what;
  }
  // Whether the point was reached; a child that found something forbidden says so.
  bool came_down(Victim& victim, bool in_time) {
    if (!in_time) wrong("the victim neither came to the point nor ended");
    if (victim.exited_with(exit_wrong)) wrong("the victim read something forbidden");
    if (victim.exited_with(exit_refused)) wrong("the victim was refused its name");
    outcome_.reached = victim.stopped() || victim.was_killed();
    return outcome_.reached;
  }
  void look(Reading& reading) {
    for (int i = 0; i < 3; ++i) reading.poll();
    if (!reading.bad.empty()) wrong(reading.bad);
  }
  // Of a writer that is dead or stopped.
  void expect_nothing_good(Reading& reading) {
    look(reading);
    if (!reading.has_beaten() && round_.signal == SIGSTOP) return;
    if (reading.liveness(far()) == ipc::Liveness::Alive) wrong("a fallen writer counts as alive");
    if (reading.gives_good(far())) wrong("an old value is given out as good");
  }

  void writer_falls() {
    Victim victim([&] {
      arm(round_.point, round_.hit, round_.signal);
      be_writer(structure_, victim_steps);
    });
    std::unique_ptr<Reading> reading;
    const bool in_time = until_down(victim, [&] {
      if (reading == nullptr) reading = structure_.read();
      if (reading != nullptr) look(*reading);
    });
    if (!came_down(victim, in_time)) return;
    if (reading != nullptr) expect_nothing_good(*reading);
    if (victim.stopped()) return writer_goes_on(victim, reading);
    reading.reset();
    const Stopwatch reattaching;
    const auto successor = structure_.write();
    const auto fresh = structure_.read();
    if (fresh == nullptr) return wrong("nobody can attach to the successor");
    wrong(first_good(*successor, *fresh));
    reattaching.stop(outcome_);
    if (!leftovers().empty()) wrong("left behind: " + leftovers());
  }

  void writer_goes_on(Victim& victim, std::unique_ptr<Reading>& reading) {
    // One that had closed it in order by then has given the name back.
    const auto said = reading == nullptr ? ipc::Liveness::Closed : reading->liveness(far());
    if (said != ipc::Liveness::Closed && said != ipc::Liveness::Superseded) {
      bool refused = false;
      try {
        (void)structure_.write();
      } catch (const std::system_error& error) {
        refused = error.code().value() == EBUSY;
      }
      if (!refused) wrong("the name of a stopped writer was given away");
    }
    victim.go_on();
    const auto good_before = reading == nullptr ? 0 : reading->good;
    (void)until_down(victim, [&] {
      if (reading == nullptr) reading = structure_.read();
      if (reading == nullptr) return;
      look(*reading);
      if (reading->good > good_before) victim.kill();
    });
    victim.kill();
    if (reading != nullptr) expect_nothing_good(*reading);
  }

  void reader_falls() {
    const auto writing = structure_.write();
    for (unsigned i = 0; i < steps_after; ++i) writing->step();
    Victim victim([&] {
      arm(round_.point, round_.hit, round_.signal);
      be_reader(structure_, victim_steps);
    });
    if (!came_down(victim, until_down(victim, [&] { writing->step(); }))) return;
    // A reader that is gone or stands still costs its writer nothing but what it does not read.
    for (unsigned i = 0; i < steps_after; ++i) writing->step();
    if (victim.stopped()) {
      victim.go_on();
      for (unsigned i = 0; i < steps_after; ++i) writing->step();
      (void)victim.is_down();
      if (victim.exited_with(exit_wrong)) wrong("forbidden, after it went on");
      victim.kill();
    }
    const Stopwatch reattaching;
    const auto fresh = structure_.read();
    if (fresh == nullptr) return wrong("nobody can attach any more");
    wrong(first_good(*writing, *fresh));
    reattaching.stop(outcome_);
    if (!leftovers().empty()) wrong("left behind: " + leftovers());
  }

  const Round& round_;
  const Structure& structure_;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Round& round) {
  const ipc::TemporaryRoot root;
  return Play(round).run();
}

std::vector<std::string> points_of(const Structure& structure, bool writer) {
  const ipc::TemporaryRoot root;
  const Turns turns;
  if (writer) {
    if (structure.name == "segment") leave_dead_predecessor(structure);
    Victim child([&] {
      start_writing_down();
      be_writer(structure, discovery_steps, &turns);
    });
    std::unique_ptr<Reading> reading;
    for (unsigned i = 0; i < discovery_steps && !child.is_down(); ++i) {
      turns.wait_for_child();
      if (reading == nullptr) reading = structure.read();
      if (reading != nullptr) reading->poll();
      turns.parent_is_done();
    }
    (void)until_down(child, [] {});  // it closes what it made
  } else {
    const auto writing = structure.write();
    Victim child([&] {
      start_writing_down();
      be_reader(structure, discovery_steps, &turns);
    });
    for (unsigned i = 0; i < discovery_steps && !child.is_down(); ++i) {
      turns.wait_for_child();
      // Now and then enough to lap it.
      for (unsigned steps = i % 8 == 0 ? steps_after : 1; steps > 0; --steps) writing->step();
      turns.parent_is_done();
    }
    (void)until_down(child, [] {});
  }
  return discovered();
}

}  // namespace ringside::crash
