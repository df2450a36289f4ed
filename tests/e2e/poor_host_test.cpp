// Hosts that lack something: what is missing is said in one line, and everything works all the
// same; or the start fails with what to do about it, exit status 2, and nothing left behind.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/failures.hpp"

namespace ringside::e2e {
namespace {

using nlohmann::json;

const std::vector<std::string> two{"BTC/USD", "ETH/USD"};

SystemOptions small_system() { return kraken("BTC/USD,ETH/USD;depth=25;rate=1000", two); }

// Comes up, carries a market, and leaves nothing. Its fall-backs, one line each.
std::vector<std::string> fall_backs_of_a_working_system(LiveSystem& system) {
  const auto start = Clock::now();
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  measured("start -> live",
           std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  const auto updates = watcher.read("BTC/USD").view.updates;
  watcher.until("it moves", [&] { return watcher.read("BTC/USD").view.updates > updates + 100; });
  EXPECT_EQ(watcher.counter("checksum_failed"), 0U);
  auto lines = watcher.fall_backs();
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
  return lines;
}

std::size_t lines_with(const std::vector<std::string>& lines, const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(),
                    [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::size_t lines_with(const std::string& log, const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(log);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines_with(lines, text);
}

// --- Kernel and cores ---------------------------------------------------------------------------

TEST(PoorHost, AKernelOfVersionSixPointOneIsEnough) {
  auto options = small_system();
  options.environment = {{"RINGSIDE_NET_BACKEND", "uring"}, {"RINGSIDE_NET_KERNEL", "6.1"}};
  LiveSystem system(options);
  EXPECT_EQ(fall_backs_of_a_working_system(system), std::vector<std::string>{});
}

TEST(PoorHost, WithoutIoUringEpollServesAndOneLineSaysWhy) {
  for (const int error : {EPERM, ENOSYS}) {
    SCOPED_TRACE(std::strerror(error));
    auto options = small_system();
    options.within = {"confined", "--refuse-io-uring", std::to_string(error)};
    LiveSystem system(options);
    const auto lines = fall_backs_of_a_working_system(system);
    EXPECT_EQ(lines_with(lines, "epoll instead of io_uring"), 1U);
    EXPECT_EQ(lines.size(), 1U) << joined(lines);
    EXPECT_EQ(lines_with(system.log("c0"), "epoll instead of io_uring"), 1U);
  }
}

TEST(PoorHost, OneCoreCarriesAllProcesses) {
  auto options = small_system();
  options.within = {"confined", "--cpu", "0"};
  LiveSystem system(options);
  for (const auto& line : fall_backs_of_a_working_system(system)) {
    EXPECT_NE(line.find("core"), std::string::npos) << line;
  }
}

// --- Memory -------------------------------------------------------------------------------------

TEST(PoorHost, ALockLimitOfZeroIsSaidForEachSegmentAndEverythingWorks) {
  auto options = small_system();
  options.memory_keys += "lock = true\n";
  options.within = {"confined", "--lock-bytes", "0"};
  LiveSystem system(options);
  const auto lines = fall_backs_of_a_working_system(system);
  // The ring, and the worker's three.
  for (const auto* segment : {"spsc.c0.0.w0.0", "events.w0.0", "books.w0.0", "cursor.w0.0"}) {
    EXPECT_EQ(lines_with(lines, segment), 1U) << segment;
  }
  // A kernel that counts the io_uring's memory, too, has to do without one.
  EXPECT_EQ(lines.size(), 4U + lines_with(lines, "epoll instead of io_uring")) << joined(lines);
}

TEST(PoorHost, HugePagesThatAreNotThereAreReplacedBySmallOnesAndSaidOnceASegment) {
  for (const auto* folder : {"/nowhere/hugepages", "/tmp"}) {
    SCOPED_TRACE(folder);
    auto options = small_system();
    options.memory_keys += std::string("huge_pages = \"") + folder + "\"\n";
    LiveSystem system(options);
    const auto lines = fall_backs_of_a_working_system(system);
    for (const auto* segment : {"spsc.c0.0.w0.0", "events.w0.0", "books.w0.0"}) {
      EXPECT_EQ(lines_with(lines, segment + std::string(": small pages instead of huge ones")), 1U)
          << segment;
    }
    EXPECT_EQ(lines.size(), 3U) << joined(lines);
    EXPECT_EQ(lines_with(system.log("c0"), "small pages instead of huge ones"), 1U);
    EXPECT_EQ(lines_with(system.log("w0"), "small pages instead of huge ones"), 2U);
  }
}

// A mount of its own for one test; gone with it, and seen by nobody outside.
class Mount {
 public:
  // A namespace of this process alone, as the superuser of the host or else of a namespace of its
  // own. False: this host allows neither.
  static bool possible() {
    const auto uid = std::to_string(geteuid());
    const auto gid = std::to_string(getegid());
    if (unshare(CLONE_NEWNS) != 0) {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << "0 " + uid + " 1";
      std::ofstream("/proc/self/gid_map") << "0 " + gid + " 1";
    }
    return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  Mount(const char* type, std::string path, const std::string& options)
      : type_(type), path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    good_ = mount("none", path_.c_str(), type_, 0, options.c_str()) == 0;
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  ~Mount() {
    if (good_) umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool change(unsigned long flags, const std::string& options) const {
    return mount("none", path_.c_str(), type_, MS_REMOUNT | flags, options.c_str()) == 0;
  }

 private:
  const char* type_;
  std::string path_;
  bool good_ = false;
};

constexpr const char* no_mounts = "this host lets nobody mount anything: cannot be tried here";

// Starting this one must fail as a start has to.
void expect_refusal(LiveSystem& system, const std::string& name, const std::function<void()>& start,
                    const std::vector<std::string>& words) {
  EXPECT_THROW(start(), std::runtime_error) << name;
  auto& process = name == "c0" ? system.collector : system.worker;
  EXPECT_EQ(process->wait(milliseconds(10'000)), 2) << name;
  const auto said = system.log(name);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  for (const auto& word : words) EXPECT_NE(said.find(word), std::string::npos) << said;
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{}) << said;
  std::filesystem::remove(system.scratch.path(name + ".log"));
}

TEST(PoorHost, AFullSharedMemoryIsAnErrorAtTheStartWithARemedyAndLeavesNothing) {
  if (!Mount::possible()) GTEST_SKIP() << no_mounts;
  LiveSystem system(small_system());
  Mount shm("tmpfs", system.scratch.shm_root(), "size=64k");
  if (!shm.good()) GTEST_SKIP() << no_mounts;
  system.start_exchange();
  // Whatever it is that finds no room: telemetry, a ring, a table.
  for (const auto* size : {"size=64k", "size=1m", "size=4m"}) {
    SCOPED_TRACE(size);
    ASSERT_TRUE(shm.change(0, size)) << std::strerror(errno);
    const std::vector<std::string> words{"cannot reserve", "bytes free", "enlarge the mount"};
    expect_refusal(
        system, "w0", [&] { system.start_worker(); }, words);
    if (std::string(size) == "size=4m") continue;  // enough for the collector
    expect_refusal(
        system, "c0", [&] { system.start_collector(); }, words);
  }
  ASSERT_TRUE(shm.change(0, "size=64m")) << std::strerror(errno);
  EXPECT_EQ(fall_backs_of_a_working_system(system), std::vector<std::string>{});
}

TEST(PoorHost, AFullHugetlbfsIsReplacedBySmallPagesAndLeavesNothingThere) {
  if (!Mount::possible()) GTEST_SKIP() << no_mounts;
  auto options = small_system();
  const Scratch folder;
  const auto huge = folder.path("huge");
  // One page at most, where the host has any: each segment needs more.
  Mount mount("hugetlbfs", huge, "pagesize=2M,size=2M");
  if (!mount.good()) GTEST_SKIP() << "no hugetlbfs can be mounted: cannot be tried here";
  options.memory_keys =
      "spsc_slots = 65536\nevents_slots = 131072\ninstruments_max = 2048\n"
      "huge_pages = \"" +
      huge + "\"\n";
  LiveSystem system(options);
  const auto lines = fall_backs_of_a_working_system(system);
  EXPECT_EQ(lines_with(lines, "small pages instead of huge ones"), 3U);
  EXPECT_EQ(lines_with(lines, "vm.nr_hugepages"), 3U) << joined(lines);
  EXPECT_TRUE(std::filesystem::is_empty(huge));
}

TEST(PoorHost, AReadOnlyStateDirectoryIsAnErrorAtTheStartWithARemedyAndLeavesNothing) {
  if (!Mount::possible()) GTEST_SKIP() << no_mounts;
  auto options = small_system();
  const Scratch folder;
  Mount state("tmpfs", folder.path("state"), "size=1m");
  if (!state.good()) GTEST_SKIP() << no_mounts;
  for (const bool exists : {true, false}) {
    options.state_dir = folder.path("state") + (exists ? "" : "/below");
    LiveSystem system(options);
    system.start_exchange();
    ASSERT_TRUE(state.change(MS_RDONLY, ""));
    expect_refusal(system, "c0", [&] { system.start_collector(); },
                   {options.state_dir, "Read-only file system", "state_dir"});
    ASSERT_TRUE(state.change(0, ""));
    EXPECT_EQ(fall_backs_of_a_working_system(system), std::vector<std::string>{});
  }
}

// --- The clock ----------------------------------------------------------------------------------

class SteppedClock {
 public:
  explicit SteppedClock(const Scratch& scratch) : path_(scratch.path("clock")) { set_seconds(0); }
  void set_seconds(std::int64_t seconds) const {
    const std::int64_t ns = seconds * 1'000'000'000;
    // In place: the programs have it mapped.
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    if (!file) file.open(path_, std::ios::binary | std::ios::out);
    file.write(reinterpret_cast<const char*>(&ns), sizeof(ns));
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const {
    return {{"LD_PRELOAD", RINGSIDE_STEPPED_CLOCK}, {"RINGSIDE_TEST_CLOCK", path_}};
  }

 private:
  std::string path_;
};

// What a consumer makes of the newest record's time of receipt, against this process's clock.
double seconds_ahead(LiveSystem& system) {
  const auto tail = system.ringside({"tail", "--json", "--from", "now", "--count", "1"});
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto end = tail.out.rfind('\n', tail.out.size() - 2);
  const auto record = json::parse(end == std::string::npos ? tail.out : tail.out.substr(end + 1));
  return static_cast<double>(record.at("receive_utc_ns").get<std::int64_t>() - now) / 1e9;
}

TEST(PoorHost, AClockThatIsSteppedMovesTimesOfDayAndNothingElse) {
  auto options = small_system();
  options.memory_keys = "spsc_slots = 1024\nevents_slots = 16384\ninstruments_max = 256\n";
  const Scratch folder;
  const SteppedClock clock(folder);
  options.environment = clock.environment();
  options.tls = false;  // no certificate outlasts such steps, and none should
  LiveSystem system(options);
  clock.set_seconds(86'400);  // it starts on a host whose clock is a day ahead
  system.start();
  Watcher watcher(system);
  watcher.until("live", [&] { return watcher.all(two, State::Live); });
  EXPECT_NEAR(seconds_ahead(system), 86'400, 10) << "the programs are under this clock";
  const auto epochs = watcher.epochs(two);
  watcher.forget();
  for (const int step : {90'000, -3'600, 0}) {
    clock.set_seconds(step);
    const auto right = watcher.until("times of day are right again", [&] {
      EXPECT_TRUE(watcher.all(two, State::Live));
      return std::abs(seconds_ahead(system) - step) < 10;
    });
    if (right) measured("clock stepped -> times of records right", *right);
  }
  for (const auto& symbol : two) EXPECT_TRUE(watcher.history(symbol).empty()) << symbol;
  EXPECT_EQ(watcher.epochs(two), epochs);
  EXPECT_EQ(watcher.counter("connections_opened"), 1U);
  // By the clock's word the ring is now a day younger than this worker's cursor, and yet an earlier
  // worker has read it, more than once around.
  watcher.until("a lap of the ring",
                [&] { return watcher.ring("spsc.c0.0.w0.0").written > 4 * 1024; });
  system.worker->signal(SIGKILL);
  EXPECT_EQ(system.worker->wait(milliseconds(10'000)), 128 + SIGKILL);
  system.start_worker();
  watcher.until("live again", [&] { return newer(watcher, epochs); });
  EXPECT_EQ(watcher.counter("rings_corrupt"), 0U);
  // And a collector that starts while the clock is behind.
  const auto later = watcher.epochs(two);
  clock.set_seconds(-86'400);
  system.collector->signal(SIGKILL);
  EXPECT_EQ(system.collector->wait(milliseconds(10'000)), 128 + SIGKILL);
  system.start_collector();
  watcher.until("live again", [&] { return newer(watcher, later); });
  system.stop();
}

}  // namespace
}  // namespace ringside::e2e
