// What is said about the pool's cores, its refusals, and its outcomes; a channel's edges.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "ipc/placement.hpp"
#include "tools/jobs/batch.hpp"
#include "tools/jobs/channel.hpp"
#include "tools/jobs/cores.hpp"
#include "tools/jobs/pool.hpp"

namespace ringside::jobs {
namespace {

ipc::Deployment deployment_on(int collector_cpu, int worker_cpu) {
  ipc::Deployment deployment;
  deployment.file = "md.toml";
  deployment.collectors.push_back({"c0", {{collector_cpu, -1}}, "", false});
  deployment.workers.push_back({"w0", {{worker_cpu, -1}}, "", false});
  return deployment;
}

std::string refusal_of(const ipc::Deployment* deployment, std::vector<int> wanted,
                       std::vector<int> allowed) {
  try {
    choose_cores(deployment, wanted, allowed);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "";
}

TEST(JobCores, AreThoseThatTheFeedLeaves) {
  const auto deployment = deployment_on(1, 3);
  const std::array allowed{0, 1, 2, 3, 4};
  EXPECT_EQ(choose_cores(&deployment, {}, allowed), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(choose_cores(&deployment, std::array{4}, allowed), (std::vector<int>{4}));
  EXPECT_EQ(choose_cores(nullptr, {}, std::array{0, 1}), (std::vector<int>{0, 1}));
}

TEST(JobCores, OfAFeedThatChoosesItsOwnAreKnown) {
  const auto deployment = deployment_on(ipc::cpu_auto, ipc::cpu_auto);
  EXPECT_EQ(choose_cores(&deployment, {}, std::array{2, 5, 7}), (std::vector<int>{7}));
}

TEST(JobCores, OfTheFeedAreRefusedByName) {
  const auto deployment = deployment_on(1, 3);
  const auto refusal = refusal_of(&deployment, {0, 3}, {0, 1, 2, 3});
  EXPECT_NE(refusal.find("core 3 is w0.0's in md.toml"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("left: 0,2"), std::string::npos) << refusal;
}

TEST(JobCores, ThatTheProcessMayNotUseAreRefused) {
  EXPECT_NE(refusal_of(nullptr, {9}, {0, 1}).find('9'), std::string::npos);
}

TEST(JobCores, AreRefusedWhereTheFeedHasAll) {
  const auto deployment = deployment_on(0, 1);
  const auto refusal = refusal_of(&deployment, {}, {0, 1});
  EXPECT_NE(refusal.find("no core is left for jobs: md.toml pins c0.0 on 0, w0.0 on 1"),
            std::string::npos)
      << refusal;
}

PoolOptions options_of(unsigned workers) {
  PoolOptions options;
  options.cpus = ipc::allowed_cpus();
  options.workers = workers;
  return options;
}

template <typename Change>
std::string pool_refusal(Change change) {
  auto options = options_of(1);
  change(options);
  try {
    const Pool pool(options);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "";
}

TEST(JobPoolOptions, ThatMakeNoSenseAreRefused) {
  EXPECT_NE(pool_refusal([](auto& options) { options.cpus.clear(); }).find("no cores"),
            std::string::npos);
  EXPECT_NE(pool_refusal([](auto& options) { options.workers = 57; }).find("57"),
            std::string::npos);
  EXPECT_NE(pool_refusal([](auto& options) { options.queue_slots = 3; }).find("3"),
            std::string::npos);
  EXPECT_NE(pool_refusal([](auto& options) { options.nice = 20; }).find("20"), std::string::npos);
  EXPECT_NE(pool_refusal([](auto& options) {
              options.cpus = {1023};
              options.numa = false;
            }).find("1023"),
            std::string::npos);
}

TEST(JobPoolOptions, ConfineEveryWorkerAndLowerItsPriority) {
  auto options = options_of(2);
  options.cpus = {ipc::allowed_cpus().back()};
  options.nice = 3;
  options.idle = true;
  options.io_priority = IoPriority::Low;
  Pool pool(options);
  for (int i = 0; i < 4; ++i) {
    const auto seen = pool.run([] {
      return std::tuple(ipc::allowed_cpus(), getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
    });
    ASSERT_TRUE(seen);
    EXPECT_EQ(*seen, std::tuple(options.cpus, 3, SCHED_IDLE));
  }
}

TEST(JobOutcome, SaysHowManyOfHowManyAndWhich) {
  Pool pool(options_of(2));
  const auto outcome = for_each_index(pool, 200, [](std::size_t index) {
    if (index == 17) throw std::runtime_error("no such file");
    if (index == 31) throw 5;  // NOLINT(hicpp-exception-baseclass)
  });
  EXPECT_EQ(outcome.text(),
            "198 of 200 succeeded; 2 failed: 17 (no such file), 31 (not a std::exception)");
}

TEST(JobOutcome, SaysWhyTheRestWasNotBegun) {
  Pool pool(options_of(2));
  Cancel cancel;
  cancel.request();
  BatchOptions options;
  options.cancel = &cancel;
  EXPECT_EQ(for_each_index(
                pool, 10, [](std::size_t) {}, options)
                .text(),
            "0 of 10 succeeded; 10 not begun: cancelled");
  pool.stop();
  EXPECT_EQ(for_each_index(pool, 10, [](std::size_t) {}).text(),
            "0 of 10 succeeded; 10 not begun: the pool stopped");
}

TEST(JobBatch, OfAFewItemsRunsOnItsCallersThread) {
  auto options = options_of(2);
  options.small_batch_items = 3;
  Pool pool(options);
  const auto caller = std::this_thread::get_id();
  EXPECT_TRUE(for_each_index(pool, 3, [&](std::size_t) {
                EXPECT_EQ(std::this_thread::get_id(), caller);
              }).good());
  EXPECT_TRUE(for_each_index(pool, 4, [&](std::size_t) {
                EXPECT_NE(std::this_thread::get_id(), caller);
              }).good());
}

TEST(JobBatch, WritesItsResultsToLinesOfTheirOwn) {
  Pool pool(options_of(2));
  Outcome outcome;
  const auto results = map<std::uint32_t>(
      pool, 1000, [](std::size_t index) { return static_cast<std::uint32_t>(index); }, outcome);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(results.data()) % cache_line_bytes, 0U);
  EXPECT_EQ(results[999], 999U);
}

TEST(JobPost, IsRefusedWhenTheQueueIsFullAndAfterTheEnd) {
  auto options = options_of(1);
  options.queue_slots = 2;
  Pool pool(options);
  Completion begun, go;
  ASSERT_EQ(pool.post([&begun, &go] {
    begun.finish();
    go.wait();
  }),
            PostStatus::Ok);
  begun.wait();
  EXPECT_EQ(pool.try_post([] {}), PostStatus::Ok);
  EXPECT_EQ(pool.try_post([] {}), PostStatus::Ok);
  EXPECT_EQ(pool.try_post([] {}), PostStatus::Full);
  go.finish();
  pool.stop();
  EXPECT_EQ(pool.try_post([] {}), PostStatus::Stopped);
  EXPECT_EQ(pool.post([] {}), PostStatus::Stopped);
  EXPECT_EQ(pool.run([] { return 1; }), std::nullopt);
}

TEST(JobChannel, GivesWhatIsLeftAfterItWasClosed) {
  Channel<std::string> channel(3);
  std::array<std::string, 2> items{"a", "b"};
  EXPECT_EQ(channel.send(items), 2U);
  channel.close();
  EXPECT_FALSE(channel.send("c"));
  std::array<std::string, 8> into;
  EXPECT_EQ(channel.receive(into), 2U);
  EXPECT_EQ(into[1], "b");
  EXPECT_EQ(channel.receive(into), 0U);
}

TEST(JobChannel, HoldsBackASenderUntilThereIsRoom) {
  Channel<int> channel(2);
  std::thread sender([&] {
    std::vector<int> items{1, 2, 3, 4, 5, 6, 7};
    EXPECT_EQ(channel.send(items), items.size());
    channel.close();
  });
  std::array<int, 2> into{};
  int next = 1;
  while (const auto count = channel.receive(into)) {
    ASSERT_LE(count, 2U);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(into[i], next++);
  }
  sender.join();
  EXPECT_EQ(next, 8);
}

}  // namespace
}  // namespace ringside::jobs
