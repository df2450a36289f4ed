#include "tools/jobs/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace ringside::jobs {

std::string Outcome::text() const {
  auto line = fmt::format("{} of {} succeeded", succeeded, count);
  if (failed != 0) {
    line += fmt::format("; {} failed:", failed);
    const char* between = " ";
    for (const auto& failure : failures) {
      line += fmt::format("{}{} ({})", between, failure.index, failure.what);
      between = ", ";
    }
    if (failed > failures.size()) line += fmt::format(", {} more", failed - failures.size());
  }
  if (skipped() == 0) return line;
  const char* why = "";
  switch (end) {
    case BatchEnd::Complete:
      break;
    case BatchEnd::Failed:
      why = " after a failure";
      break;
    case BatchEnd::Cancelled:
      why = ": cancelled";
      break;
    case BatchEnd::Expired:
      why = ": the deadline had passed";
      break;
    case BatchEnd::Stopped:
      why = ": the pool stopped";
      break;
  }
  return line + fmt::format("; {} not begun{}", skipped(), why);
}

void Tally::fail(std::size_t index, const char* what) noexcept {
  failed_.fetch_add(1, std::memory_order_relaxed);  // read after the work is over
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= failures_kept_max) return;
  try {
    failures_.push_back({index, what});
  } catch (const std::bad_alloc&) {  // counted all the same
  }
}

void Tally::end(BatchEnd why) noexcept {
  auto complete = BatchEnd::Complete;
  end_.compare_exchange_strong(complete, why, std::memory_order_relaxed,
                               std::memory_order_relaxed);  // a hint; nothing hangs on its order
}

void Tally::add(const Outcome& part, std::size_t first) {
  succeeded_.fetch_add(part.succeeded, std::memory_order_relaxed);  // as succeed()
  failed_.fetch_add(part.failed, std::memory_order_relaxed);
  if (part.end != BatchEnd::Complete && part.end != BatchEnd::Failed) end(part.end);
  if (part.end == BatchEnd::Failed && part.skipped() != 0) end(BatchEnd::Failed);
  const std::lock_guard lock(mutex_);
  for (const auto& failure : part.failures) {
    if (failures_.size() < failures_kept_max) {
      failures_.push_back({failure.index + first, failure.what});
    }
  }
}

Outcome Tally::outcome(std::size_t count) {
  Outcome outcome;
  outcome.end = end_.load(std::memory_order_relaxed);
  outcome.count = count;
  outcome.succeeded = succeeded_.load(std::memory_order_relaxed);
  outcome.failed = failed_.load(std::memory_order_relaxed);
  if (outcome.end == BatchEnd::Complete && outcome.failed != 0) outcome.end = BatchEnd::Failed;
  const std::lock_guard lock(mutex_);
  std::sort(failures_.begin(), failures_.end(),
            [](const Failure& left, const Failure& right) { return left.index < right.index; });
  outcome.failures = failures_;
  return outcome;
}

}  // namespace ringside::jobs
