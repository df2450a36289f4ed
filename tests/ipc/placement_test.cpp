#include "ipc/placement.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ipc/deployment.hpp"
#include "ipc/kernel_text.hpp"

namespace ringside::ipc {
namespace {

TEST(CpuList, IsWrittenAsTheKernelWritesIt) {
  EXPECT_EQ(cpu_list(std::vector<int>{0, 1, 2, 3, 5, 7, 8}), "0-3,5,7-8");
  EXPECT_EQ(cpu_list(std::vector<int>{}), "");
  EXPECT_EQ(parse_cpu_list("0-3,5,7-8\n"), (std::vector<int>{0, 1, 2, 3, 5, 7, 8}));
  EXPECT_EQ(parse_cpu_list(""), std::vector<int>{});
  EXPECT_EQ(parse_cpu_list("2-"), std::vector<int>{});
  EXPECT_EQ(parse_cpu_list("99999999999"), std::vector<int>{});
}

TEST(AutoCpu, GivesEachThreadItsOwnCoreWhileTheyLast) {
  const std::vector<int> allowed{2, 3, 7};
  EXPECT_EQ(auto_cpu(0, allowed), 2);
  EXPECT_EQ(auto_cpu(2, allowed), 7);
  EXPECT_EQ(auto_cpu(3, allowed), 2);
}

// The numbers of a host's nodes may have holes, and a cpuset may leave some out.
TEST(Placement, ANodeIsOneThatTheHostHasNotOneBelowTheirNumber) {
  const HostPlaces host{{0, 1}, {0, 2}};
  Deployment deployment;
  deployment.file = "md.toml";
  ProcessSpec process;
  process.name = "w0";
  process.threads = {{1, 2}, {cpu_auto, node_auto}};
  EXPECT_NO_THROW(check_placement(deployment, process, host));
  process.threads[1].node = 1;
  try {
    check_placement(deployment, process, host);
    FAIL() << "a node that is not there was accepted";
  } catch (const ConfigError& refusal) {
    const std::string text = refusal.what();
    EXPECT_NE(text.find("md.toml: thread w0.1: node = 1: no NUMA node"), text.npos) << text;
    EXPECT_NE(text.find("name one of 0,2,"), text.npos) << text;
  }
}

TEST(Pinning, MovesTheThreadAndNoOther) {
  const auto allowed = allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  std::thread([&] {
    for (const int cpu : allowed) {
      const auto result = pin_current_thread(cpu, allowed);
      EXPECT_TRUE(result.ok()) << result.error;
      EXPECT_EQ(result.cpu, cpu);
      EXPECT_EQ(::sched_getcpu(), cpu);
      EXPECT_EQ(allowed_cpus(), std::vector<int>{cpu});
    }
  }).join();
  EXPECT_EQ(allowed_cpus(), allowed);
}

TEST(Pinning, ACoreThatMayNotBeUsedIsRefusedWithTheOnesThatMay) {
  const std::vector<int> allowed{0};
  const auto missing = pin_current_thread(60'000, allowed);
  EXPECT_FALSE(missing.ok());
  EXPECT_EQ(missing.cpu, -1);
  EXPECT_NE(missing.error.find("does not exist"), std::string::npos) << missing.error;
  EXPECT_NE(missing.error.find("name one of 0,"), std::string::npos) << missing.error;
  const std::vector<int> others{1};
  const auto excluded = pin_current_thread(0, others);
  EXPECT_NE(excluded.error.find("may use"), std::string::npos) << excluded.error;
}

TEST(Pinning, AThreadCarriesItsName) {
  std::thread([] {
    name_current_thread("a-name-longer-than-fifteen");
    std::array<char, 32> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    EXPECT_STREQ(name.data(), "a-name-longer-t");
  }).join();
}

class Pages : public ::testing::Test {
 protected:
  static constexpr std::size_t bytes = 1 << 20;
  void SetUp() override {
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    memory_ = {static_cast<std::byte*>(memory), bytes};
  }
  void TearDown() override { ::munmap(memory_.data(), memory_.size()); }
  std::span<std::byte> memory_;
};

TEST_F(Pages, CanBeAskedOfEachNodeThatThisProcessMayUse) {
  const auto nodes = allowed_nodes();
  ASSERT_FALSE(nodes.empty());
  EXPECT_TRUE(std::is_sorted(nodes.begin(), nodes.end()));
  for (const int node : nodes) {
    const auto refused = bind_to_node(memory_, node, "pages");
    EXPECT_EQ(refused.has_value(), !numa_is_available()) << (refused ? refused->line : "");
  }
}

TEST_F(Pages, BoundBeforeTheirFirstTouchLieOnTheirNode) {
  const int node = node_of_cpu(allowed_cpus().at(0));
  const auto degraded = bind_to_node(memory_, node, "pages");
  std::fill(memory_.begin(), memory_.end(), std::byte{1});
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto placement = page_placement(memory_, node, page_bytes);
  if (degraded) GTEST_SKIP() << degraded->line;
  if (!placement) GTEST_SKIP() << "this kernel or container does not say";
  EXPECT_EQ(placement->looked_at, std::min(bytes / page_bytes, page_sample_max));
  EXPECT_EQ(placement->on_node, placement->looked_at);
  EXPECT_EQ(placement->elsewhere, 0U);
}

TEST_F(Pages, ThatLieElsewhereThanWantedAreFound) {
  const int node = node_of_cpu(allowed_cpus().at(0));
  std::fill(memory_.begin(), memory_.end(), std::byte{1});
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto pages = page_placement(memory_, 1000, page_bytes);
  if (!pages || node < 0) GTEST_SKIP() << "this kernel or container does not say";
  EXPECT_EQ(pages->on_node, 0U);
  EXPECT_EQ(pages->elsewhere, pages->looked_at);
  EXPECT_FALSE(pages->elsewhere_nodes.empty());
}

// What a kernel of a host with several nodes answers, which not every host can be made to.
MemoryGot got_from(const std::vector<int>& answers, int node) {
  return {placement_of(answers, node), false, true};
}

TEST(MemoryFact, SaysWhatWasWantedAndWhatCame) {
  const auto fact = memory_fact("books.w0.0", {true, -1, true}, {std::nullopt, false, false}, "x");
  EXPECT_EQ(fact.key, "books.w0.0");
  EXPECT_EQ(fact.asked, "huge pages, locked");
  EXPECT_EQ(fact.applied, "small pages, not locked");
  EXPECT_EQ(fact.detail, "x");
}

TEST(MemoryFact, OnTheNodeThatWasWantedIsNoDegradation) {
  const MemoryWanted wanted{false, 1, true};
  const auto got = got_from({1, 1, 1, 1}, 1);
  EXPECT_EQ(memory_fact("s", wanted, got, "").asked, "small pages, node 1, locked");
  EXPECT_EQ(memory_fact("s", wanted, got, "").applied, "small pages, node 1, locked");
  EXPECT_FALSE(stray_pages("s", wanted, got));
}

TEST(MemoryFact, PagesOnOtherNodesAreCountedAndNamed) {
  const MemoryWanted wanted{false, 1, false};
  const auto one = got_from({1, 0, 1, 0}, 1);
  EXPECT_EQ(memory_fact("s", wanted, one, "").applied, "small pages, 2 of 4 on node 0");
  const auto degraded = stray_pages("spsc.c0.0.w0.0", wanted, one);
  ASSERT_TRUE(degraded);
  EXPECT_TRUE(degraded->line.starts_with(
      "spsc.c0.0.w0.0: wanted on node 1, but of its pages 2 of 4 on node 0;"))
      << degraded->line;
  EXPECT_EQ(degraded->line.find('\n'), std::string::npos);
  const auto several = got_from({3, 0, 1, 3, 0, 2}, 1);
  EXPECT_EQ(memory_fact("s", wanted, several, "").applied, "small pages, 5 of 6 on nodes 0,2-3");
  EXPECT_EQ(several.pages->on_node, 1U);
}

TEST(MemoryFact, WhatTheKernelDoesNotSayIsUnknownAndNeverTheNode) {
  const MemoryWanted wanted{false, 1, false};
  EXPECT_EQ(memory_fact("s", wanted, {}, "").applied, "small pages, node unknown");
  EXPECT_EQ(memory_fact("s", wanted, got_from({}, 1), "").applied, "small pages, node unknown");
  const auto none = got_from({-2, -2}, 1);  // ENOENT: not touched
  EXPECT_EQ(memory_fact("s", wanted, none, "").applied,
            "small pages, node unknown (2 of 2 pages are not there)");
  const auto some = got_from({1, -2, 0, -14}, 1);
  EXPECT_EQ(memory_fact("s", wanted, some, "").applied,
            "small pages, 1 of 4 on node 0 (2 of 4 pages are not there)");
  EXPECT_FALSE(stray_pages("s", wanted, {}));
  EXPECT_FALSE(stray_pages("s", wanted, none));
  EXPECT_TRUE(stray_pages("s", wanted, some));
  EXPECT_FALSE(stray_pages("s", {false, -1, false}, some)) << "any node will do";
}

TEST_F(Pages, NotTouchedYetAreAbsent) {
  const auto placement = page_placement(memory_, 0, 4096);
  if (!placement) GTEST_SKIP() << "this kernel or container does not say";
  EXPECT_EQ(placement->absent, placement->looked_at);
}

TEST_F(Pages, OnANodeThatDoesNotExistDegradeInOneLine) {
  const auto degraded = bind_to_node(memory_, 1000, "spsc.c0.0.w0.0");
  ASSERT_TRUE(degraded);
  EXPECT_TRUE(degraded->line.starts_with("spsc.c0.0.w0.0: wanted on node 1000"));
  EXPECT_EQ(degraded->line.find('\n'), std::string::npos);
  EXPECT_FALSE(bind_to_node(memory_, -1, "no wish"));
}

TEST_F(Pages, ThatMayBeLockedAreLockedWithoutAWord) {
  EXPECT_FALSE(lock_memory(memory_.first(4096), "one page"));
}

TEST_F(Pages, ThatMayNotBeLockedDegradeWithTheLimit) {
  // In a child: it gives its rights and most of its limit away.
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit tight{65536, 65536};
    const bool may_not_lock = ::setrlimit(RLIMIT_MEMLOCK, &tight) == 0 &&
                              (::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0) &&
                              ::mlock(memory_.data(), memory_.size()) != 0;
    const auto degraded = lock_memory(memory_, "books.w0.0");
    const bool said = degraded && degraded->line.starts_with("books.w0.0: wanted 1 MiB locked") &&
                      degraded->line.find("memlock limit is 64 KiB") != std::string::npos;
    ::_exit(may_not_lock ? (said ? 0 : 1) : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2)
    GTEST_SKIP() << "this user, or this build (sanitizers swallow mlock), always may";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SchedulingFacts, NameThePolicyTheCoresAndTheLimits) {
  const auto facts = scheduling_facts();
  ASSERT_EQ(facts.size(), 5U);
  EXPECT_EQ(facts[0].key, "scheduling");
  EXPECT_TRUE(facts[0].applied.starts_with("SCHED_")) << facts[0].applied;
  EXPECT_EQ(facts[1].applied, cpu_list(allowed_cpus()));
}

TEST(KernelText, FindsTheUnifiedCgroup) {
  EXPECT_EQ(cgroup_path("12:cpu:/old\n0::/system.slice/ringside.service\n"),
            "/system.slice/ringside.service");
  EXPECT_EQ(cgroup_path("0::/\n"), "");
  EXPECT_EQ(cgroup_path("1:cpu:/x"), "");
  EXPECT_EQ(kernel_text("/proc/no such file"), "");
  EXPECT_EQ(byte_text(1023), "1023 B");
  EXPECT_EQ(byte_text(7864320), "7.5 MiB");
}

TEST(ProcessMemory, OfThisProcessIsSomething) {
  const auto memory = memory_of_process(::getpid());
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->pss_bytes, 100'000U);
  EXPECT_FALSE(memory_of_process(0));
}

constexpr std::string_view rollup =
    "55bf9d2ee000-7ffe7fb4d000 ---p 00000000 00:00 0    [rollup]\n"
    "Rss:                1728 kB\nPss:                 311 kB\nPss_Dirty:           112 kB\n"
    "Shared_Hugetlb:     4096 kB\nPrivate_Hugetlb:    2048 kB\n";
constexpr std::string_view smaps =
    "7f0000000000-7f0000400000 rw-s 00000000 00:0f 1234   /dev/hugepages/spsc\n"
    "Size:               4096 kB\nShared_Hugetlb:     4096 kB\nPrivate_Hugetlb:       0 kB\n"
    "VmFlags: rd wr sh\n"
    "7f0000400000-7f0000600000 rw-s 00000000 00:0f 99   /dev/hugepages/own\n"
    "Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:    2048 kB\n";

TEST(ProcessMemory, HugePagesOfOneFileCountOnceOverAllProcesses) {
  const auto memory = parse_process_memory(rollup, smaps);
  EXPECT_EQ(memory.pss_bytes, 311U * 1024);
  EXPECT_EQ(memory.shared_huge_bytes, 4096U * 1024);
  EXPECT_EQ(memory.private_huge_bytes, 2048U * 1024);
  ASSERT_EQ(memory.huge_mappings.size(), 2U);
  EXPECT_EQ(memory.huge_mappings[0].inode, 1234U);
  EXPECT_EQ(memory.huge_mappings[0].device, "00:0f");
  const std::vector<ProcessMemory> two{memory, memory};
  EXPECT_EQ(total_bytes(two), (2U * 311 + 4096 + 2048) * 1024);
}

TEST(ProcessMemory, DamagedTextIsReadAsFarAsItMakesSense) {
  for (std::size_t length = 0; length < smaps.size(); ++length) {
    const auto memory = parse_process_memory(rollup.substr(0, length), smaps.substr(0, length));
    EXPECT_LE(memory.huge_mappings.size(), 2U);
  }
}

}  // namespace
}  // namespace ringside::ipc
