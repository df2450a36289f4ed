#include "tools/ringside/job/job_progress.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "tools/jobs/batch.hpp"

namespace ringside::tools {
namespace {

constexpr std::size_t bar_columns = 20;

// Rate and time left; nothing is known of them before the first item.
std::string pace(const ProgressState& state, std::string_view separator) {
  if (state.bytes_done == 0 || state.seconds <= 0) return "";
  const double rate = static_cast<double>(state.bytes_done) / state.seconds;
  const auto left =
      static_cast<std::uint64_t>(static_cast<double>(state.bytes - state.bytes_done) / rate + 0.5);
  return fmt::format("{}{:.1f} MB/s{}{}:{:02} left", separator, rate / 1e6, separator, left / 60,
                     left % 60);
}

}  // namespace

std::string progress_bar(const ProgressState& state) {
  // By bytes, so that a large item counts for what it is.
  const auto filled = state.bytes == 0
                          ? bar_columns
                          : static_cast<std::size_t>(bar_columns * state.bytes_done / state.bytes);
  return fmt::format("{} [{:#<{}}{:-<{}}] {:>2}/{}{}", state.job, "", filled, "",
                     bar_columns - filled, state.done, state.count, pace(state, "  "));
}

std::string progress_line(const ProgressState& state, std::string_view item,
                          std::string_view verdict) {
  return fmt::format("{}: {} of {}, {} {}{}\n", state.job, state.done, state.count, item, verdict,
                     pace(state, ", "));
}

JobProgress::JobProgress(std::string_view job, std::size_t count, std::size_t done,
                         std::uint64_t bytes, bool terminal)
    : state_{job, done, count, 0, bytes, 0}, terminal_(terminal), begin_ns_(jobs::monotonic_ns()) {}

double JobProgress::elapsed_s() const {
  return static_cast<double>(jobs::monotonic_ns() - begin_ns_) / 1e9;
}

void JobProgress::finished(std::string_view item, std::string_view verdict, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  ++state_.done;
  state_.bytes_done += bytes;
  state_.seconds = elapsed_s();
  if (!terminal_) std::fputs(progress_line(state_, item, verdict).c_str(), stderr);
}

void JobProgress::draw() {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  state_.seconds = elapsed_s();
  std::fputs(("\r" + progress_bar(state_) + "\x1b[K").c_str(), stderr);
}

void JobProgress::end() {
  if (!terminal_) return;
  draw();
  std::fputc('\n', stderr);
}

}  // namespace ringside::tools
