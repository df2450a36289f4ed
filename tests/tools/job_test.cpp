// What every job has in common, over items that need no capture: order, failures, Ctrl-C, the
// journal that a rerun goes on from, and what is said about it.
#include "tools/ringside/job/job.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/e2e/process.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/job/job_journal.hpp"
#include "tools/ringside/job/job_progress.hpp"

namespace ringside::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t items = 40;
bool never() { return false; }

std::atomic<bool> stop_now{false};
bool when_told() { return stop_now.load(); }

struct Counted {
  std::vector<std::atomic<unsigned>> runs = std::vector<std::atomic<unsigned>>(items);
  JobPlan plan;

  Counted() {
    plan.name = "count";
    for (std::size_t i = 0; i < items; ++i) {
      plan.items.push_back(
          {"item" + std::to_string(i), "key" + std::to_string(i), i % 7 * 100, ""});
    }
    plan.run = [this](std::size_t index, std::string_view, bool (*)()) {
      runs[index].fetch_add(1);
      return result_of(index);
    };
  }
  static ItemResult result_of(std::size_t index) {
    return {true, std::to_string(index), "line\n of " + std::to_string(index) + "\n"};
  }
  [[nodiscard]] unsigned ran() const {
    unsigned sum = 0;
    for (const auto& run : runs) sum += run.load();
    return sum;
  }
};

JobSettings settings_of(unsigned workers, std::string state_dir = "") {
  JobSettings settings;
  settings.workers = workers;
  settings.state_dir = std::move(state_dir);
  return settings;
}

TEST(Job, AnswersAlikeForAnyNumberOfWorkersAndHoweverTheyShare) {
  Counted counted;
  const auto alone = run_job(counted.plan, settings_of(1), &never);
  ASSERT_TRUE(alone.whole());
  for (const unsigned workers : {2U, 5U}) {
    auto settings = settings_of(workers);
    settings.stealing = workers == 2;
    const auto report = run_job(counted.plan, settings, &never);
    EXPECT_EQ(job_json(counted.plan, report), job_json(counted.plan, alone));
    EXPECT_EQ(report.results, alone.results);
  }
  EXPECT_EQ(counted.ran(), 3 * items);
}

TEST(Job, NamesWhatFailedAndDoesTheRest) {
  Counted counted;
  counted.plan.run = [](std::size_t index, std::string_view, bool (*)()) {
    if (index == 3 || index == 11) throw std::runtime_error("no such file");
    return Counted::result_of(index);
  };
  const auto report = run_job(counted.plan, settings_of(3), &never);
  EXPECT_EQ(report.summary(counted.plan),
            "38 of 40 done; 2 failed: item3 (no such file), item11 (no such file)");
  EXPECT_FALSE(report.good());
  EXPECT_NE(job_json(counted.plan, report).find("null"), std::string::npos);
}

TEST(Job, ThatWasStoppedGoesOnFromThere) {
  const e2e::Scratch scratch;
  Counted counted;
  stop_now = false;
  const auto whole = run_job(counted.plan, settings_of(2), &never);
  counted.plan.run = [&](std::size_t index, std::string_view, bool (*stop)()) {
    if (counted.ran() >= items + 15) stop_now = true;
    if (stop()) throw Interrupted();
    counted.runs[index].fetch_add(1);
    return Counted::result_of(index);
  };
  const auto settings = settings_of(2, scratch.path("state"));
  const auto stopped = run_job(counted.plan, settings, &when_told);
  EXPECT_EQ(stopped.end, jobs::BatchEnd::Cancelled);
  EXPECT_TRUE(stopped.failures.empty());
  EXPECT_GE(stopped.done(), 15U);
  EXPECT_LT(stopped.done(), items);
  EXPECT_NE(stopped.summary(counted.plan).find("the same command goes on"), std::string::npos);
  ASSERT_TRUE(fs::exists(stopped.journal));

  stop_now = false;
  counted.plan.run = [&](std::size_t index, std::string_view, bool (*)()) {
    counted.runs[index].fetch_add(1);
    return Counted::result_of(index);
  };
  const auto resumed = run_job(counted.plan, settings, &when_told);
  EXPECT_EQ(resumed.resumed, stopped.done());
  EXPECT_EQ(job_json(counted.plan, resumed), job_json(counted.plan, whole));
  for (const auto& run : counted.runs) EXPECT_EQ(run.load(), 2U) << "once whole, once in parts";
  EXPECT_FALSE(fs::exists(resumed.journal)) << "complete: nothing to go on from";
}

TEST(Job, AnswersAlikeWhetherItsFilesAreReadAheadOrNot) {
  const e2e::Scratch scratch;
  JobPlan plan;
  plan.name = "read";
  for (std::size_t i = 0; i < items; ++i) {
    const auto name = "file" + std::to_string(i);
    const auto path = i % 9 == 8 ? scratch.path("absent") : scratch.write(name, "of " + name);
    plan.items.push_back({name, "key" + name, i, path});
  }
  plan.run = [&plan](std::size_t index, std::string_view bytes, bool (*)()) {
    std::ifstream file(plan.items[index].file);
    if (!file) throw std::runtime_error("no such file");
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(bytes.empty() || bytes == whole);
    return ItemResult{!bytes.empty(), "1", whole};
  };
  for (const bool ahead : {true, false}) {
    auto settings = settings_of(3);
    settings.read_ahead = ahead;
    const auto report = run_job(plan, settings, &never);
    EXPECT_EQ(report.failures.size(), 4U);
    EXPECT_EQ(report.failures[0].index, 8U);
    EXPECT_EQ(report.failures[0].what, "no such file");
    for (std::size_t i = 0; i < items; ++i) {
      if (i % 9 == 8) continue;
      ASSERT_TRUE(report.results[i]) << i;
      EXPECT_EQ(report.results[i]->text, "of file" + std::to_string(i));
      EXPECT_EQ(report.results[i]->good, ahead);
    }
  }
}

TEST(Job, SaysAloudThatIoUringIsRefused) {
  const e2e::Scratch scratch;
  const auto capture = scratch.write("empty", "");
  const auto refused =
      e2e::run(scratch, {"confined", "--refuse-io-uring", "1", e2e::program("ringside"), "job",
                         "verify", "--no-idle", "--no-state", "--venue", "kraken", capture});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("verify: every worker reads for itself: no io_uring_setup of"),
            std::string::npos)
      << refused.err;
  EXPECT_NE(refused.err.find("0 of 1 done; 1 failed"), std::string::npos) << refused.err;
}

TEST(Job, LeavesWhatHasNotBegunByTheDeadline) {
  Counted counted;
  auto settings = settings_of(2);
  settings.deadline_s = 1e-9;
  const auto report = run_job(counted.plan, settings, &never);
  EXPECT_EQ(report.done(), 0U);
  EXPECT_EQ(report.summary(counted.plan), "0 of 40 done; the deadline had passed");
}

TEST(Job, OfMoreItemsThanItTakesIsRefused) {
  JobPlan plan;
  plan.items.resize(job_items_max + 1);
  EXPECT_THROW(run_job(plan, settings_of(1), &never), CommandError);
}

// --- Journal ------------------------------------------------------------------------------------

TEST(JobJournal, KeepsResultsToTheByte) {
  const e2e::Scratch scratch;
  const ItemResult odd{false, "{\"a\":\n1}", std::string("7 1 3 4 x\n\0\n", 12)};
  const auto path = scratch.path("a/b/journal");
  {
    JobJournal journal(path, "job1");
    journal.keep("k1", odd);
    journal.keep("k2", {});
  }
  const JobJournal journal(path, "job1");
  ASSERT_NE(journal.find("k1"), nullptr);
  EXPECT_EQ(*journal.find("k1"), odd);
  EXPECT_EQ(*journal.find("k2"), ItemResult{});
  EXPECT_EQ(journal.find("k3"), nullptr);
}

// At every byte: what was whole stays, what was not is cut away, and more can follow.
TEST(JobJournal, ThatWasCutOffAnywhereKeepsItsWholeRecords) {
  const e2e::Scratch scratch;
  const auto path = scratch.path("journal");
  std::vector<std::uintmax_t> ends;
  {
    JobJournal journal(path, "job1");
    ends.push_back(fs::file_size(path));
    for (const auto* key : {"k1", "k2"}) {
      journal.keep(key, {true, "1", "text\n"});
      ends.push_back(fs::file_size(path));
    }
  }
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, cut);
    {
      JobJournal journal(path, "job1");
      EXPECT_EQ(journal.find("k1") != nullptr, cut >= ends[1]) << cut;
      EXPECT_EQ(journal.find("k2") != nullptr, cut >= ends[2]) << cut;
      journal.keep("k3", {true, "3", ""});
    }
    const JobJournal again(path, "job1");
    EXPECT_EQ(again.find("k1") != nullptr, cut >= ends[1]) << cut;
    EXPECT_NE(again.find("k3"), nullptr) << cut;
  }
}

TEST(JobJournal, ThatWasDamagedIsReadUpToThere) {
  const e2e::Scratch scratch;
  const auto path = scratch.path("journal");
  {
    JobJournal journal(path, "job1");
    journal.keep("k1", {true, "1", "text\n"});
    journal.keep("k2", {true, "2", "text\n"});
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-3, std::ios::end);
  file << 'X';
  file.close();
  const JobJournal journal(path, "job1");
  EXPECT_NE(journal.find("k1"), nullptr);
  EXPECT_EQ(journal.find("k2"), nullptr);
}

TEST(JobJournal, OfAnotherJobOrOfARunThatGoesOnIsRefused) {
  const e2e::Scratch scratch;
  const auto path = scratch.path("journal");
  const JobJournal first(path, "job1");
  EXPECT_THROW(JobJournal(path, "job1"), CommandError) << "another run of it";
  const auto other = scratch.write("other", "something else altogether\n");
  EXPECT_THROW(JobJournal(other, "job1"), CommandError);
  EXPECT_THROW(JobJournal("/proc/no/journal", "job1"), CommandError);
}

// --- Progress -----------------------------------------------------------------------------------

TEST(JobProgress, SaysHowFarAtWhatRateAndHowLongStill) {
  const ProgressState state{"verify", 3, 10, 25'000'000, 100'000'000, 2.0};
  EXPECT_EQ(progress_bar(state), "verify [#####---------------]  3/10  12.5 MB/s  0:06 left");
  EXPECT_EQ(progress_line(state, "a.gz", "good"),
            "verify: 3 of 10, a.gz good, 12.5 MB/s, 0:06 left\n");
}

TEST(JobProgress, PromisesNothingBeforeTheFirstItem) {
  EXPECT_EQ(progress_bar({"verify", 0, 10, 0, 100, 1.0}), "verify [--------------------]  0/10");
  EXPECT_EQ(progress_bar({"verify", 2, 2, 0, 0, 1.0}), "verify [####################]  2/2");
}

// --- The command --------------------------------------------------------------------------------

e2e::Finished job(const e2e::Scratch& scratch, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"ringside", "job", "verify", "--no-idle"});
  arguments.push_back("--state=" + scratch.path("state"));
  return e2e::run(scratch, std::move(arguments));
}

TEST(JobCommand, SaysWhatIsWrongInOneLine) {
  const e2e::Scratch scratch;
  const auto nobody = job(scratch, {"capture"});
  EXPECT_EQ(nobody.status, 2);
  EXPECT_NE(nobody.err.find("VENUE=capture"), std::string::npos) << nobody.err;
  const auto absent = job(scratch, {"--venue", "kraken", "/no/such/a", "/no/such/b"});
  EXPECT_EQ(absent.status, 2);
  EXPECT_NE(absent.err.find("0 of 2 done; 2 failed: /no/such/a ("), std::string::npos)
      << absent.err;
  const auto cores = job(scratch, {"--cpus", "999", "kraken=/no/such"});
  EXPECT_EQ(cores.status, 2);
  EXPECT_NE(cores.err.find("999"), std::string::npos) << cores.err;
}

TEST(JobCommand, KeepsOffTheCoresOfADeployment) {
  const e2e::Scratch scratch;
  const auto config = scratch.write("md.toml",
                                    "instance = \"x\"\n[[collector]]\nname = \"c0\"\n"
                                    "threads = [{ cpu = 0 }]\nstate_dir = \"/tmp/x\"\n"
                                    "[[worker]]\nname = \"w0\"\nthreads = [{ cpu = 1 }]\n");
  const auto run = job(scratch, {"--config", config, "--cpus", "1", "kraken=/no/such"});
  EXPECT_EQ(run.status, 2);
  EXPECT_NE(run.err.find("core 1 is w0.0's"), std::string::npos) << run.err;
}

// A capture that does not end until it is closed.
TEST(JobCommand, IsSeenFromOutsideWhileItRunsAndLeavesNothing) {
  const e2e::Scratch scratch;
  const auto pipe = scratch.path("capture");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  e2e::Process process({{"ringside", "job", "verify", "--no-idle", "--no-state", "--instance",
                         "beside", "--workers", "2", "--venue", "kraken", pipe},
                        {{"RINGSIDE_SHM_ROOT", scratch.shm_root()}},
                        scratch.path("job.log")});
  const int writer = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);  // until a worker reads it
  ASSERT_GE(writer, 0);
  std::string seen;  // the numbers come each job_tick_ns
  for (unsigned tries = 0; tries < 500; ++tries) {
    seen = e2e::run(scratch, {"ringside", "stat", "--json", "--instance", "beside"}).out;
    if (seen.find("\"parallel_permille\":1000") != std::string::npos) break;
  }
  for (const auto* what : {"\"role\":\"job\"", "\"submitted\"", "\"executed\"", "\"items_by_",
                           "\"utilisation_permille\"", "\"parallel_permille\":1000"}) {
    EXPECT_NE(seen.find(what), std::string::npos) << what << " in " << seen;
  }
  EXPECT_EQ(scratch.segments_left().size(), 1U);
  process.signal_group(SIGINT);
  ::close(writer);
  std::optional<int> status;
  for (unsigned tries = 0; tries < 3'000 && !status; ++tries) {  // each pass over it opens it anew
    status = process.wait(e2e::milliseconds{10});
    const int again = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (again >= 0) ::close(again);
  }
  EXPECT_EQ(status, 2);
  EXPECT_TRUE(scratch.segments_left().empty());
  EXPECT_FALSE(fs::exists(scratch.shm_root() + "/beside"));
}

}  // namespace
}  // namespace ringside::tools
