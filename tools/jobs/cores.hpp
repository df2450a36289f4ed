// Which cores a pool may use beside a deployment: never one that a collector or a worker of it is
// pinned to. Unlike an affinity mask it knows who else is there, and says so.
//
// Threads: setup only. Fails by: throwing std::system_error, one line.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ipc/deployment.hpp"

namespace ringside::jobs {

// A core that the feed has, and the thread that has it.
struct FeedCore {
  int cpu = -1;
  std::string thread;
};
// Of all collectors and workers, cpu = "auto" resolved as they resolve it. `allowed`: what the
// processes of the deployment may use, ascending.
std::vector<FeedCore> feed_cores(const ipc::Deployment& deployment, std::span<const int> allowed);

// `wanted` as it is, or, where it is empty, every allowed core that the feed does not have.
// `deployment`: null where there is none. Refuses: a wanted core that is not allowed or is the
// feed's; no core left.
std::vector<int> choose_cores(const ipc::Deployment* deployment, std::span<const int> wanted,
                              std::span<const int> allowed);

}  // namespace ringside::jobs
