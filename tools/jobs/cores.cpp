#include "tools/jobs/cores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "ipc/placement.hpp"

namespace ringside::jobs {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw std::system_error(EINVAL, std::generic_category(), text);
}

std::string named(std::span<const FeedCore> feed) {
  std::string text;
  for (const auto& core : feed) {
    text += fmt::format("{}{} on {}", text.empty() ? "" : ", ", core.thread, core.cpu);
  }
  return text;
}

}  // namespace

std::vector<FeedCore> feed_cores(const ipc::Deployment& deployment, std::span<const int> allowed) {
  std::vector<FeedCore> cores;
  std::size_t running_index = 0;
  for (const auto* processes : {&deployment.collectors, &deployment.workers}) {
    for (const auto& process : *processes) {
      for (std::size_t i = 0; i < process.threads.size(); ++i, ++running_index) {
        const int asked = process.threads[i].cpu;
        const int cpu = asked != ipc::cpu_auto ? asked
                        : allowed.empty()      ? -1
                                               : ipc::auto_cpu(running_index, allowed);
        cores.push_back({cpu, process.thread_name(i)});
      }
    }
  }
  return cores;
}

std::vector<int> choose_cores(const ipc::Deployment* deployment, std::span<const int> wanted,
                              std::span<const int> allowed) {
  std::vector<FeedCore> feed;
  if (deployment != nullptr) feed = feed_cores(*deployment, allowed);
  const auto owner_of = [&](int cpu) {
    return std::find_if(feed.begin(), feed.end(),
                        [cpu](const FeedCore& core) { return core.cpu == cpu; });
  };
  std::vector<int> left;
  for (const int cpu : allowed) {
    if (owner_of(cpu) == feed.end()) left.push_back(cpu);
  }
  const auto could = left.empty() ? std::string("none is left") : "left: " + ipc::cpu_list(left);
  for (const int cpu : wanted) {
    if (const auto owner = owner_of(cpu); owner != feed.end()) {
      refuse(fmt::format("core {} is {}'s in {}: a job there would delay the feed; {}", cpu,
                         owner->thread, deployment->file, could));
    }
    if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
      refuse(ipc::core_refusal(cpu, allowed));
    }
  }
  if (!wanted.empty()) return {wanted.begin(), wanted.end()};
  if (left.empty() && deployment != nullptr) {
    refuse(
        fmt::format("no core is left for jobs: {} pins {}, and this process may use {}; run the "
                    "jobs elsewhere, "
                    "or pin the feed to fewer cores",
                    deployment->file, named(feed), ipc::cpu_list(allowed)));
  }
  if (left.empty()) refuse("no core is left for jobs: this process may use none");
  return left;
}

}  // namespace ringside::jobs
