#include "tools/exchange/replay.hpp"

#include <cstdio>
#include <stdexcept>

namespace ringside::exchange {
namespace {

constexpr int steps_max = 512;
constexpr std::int64_t retry_ns = 1'000'000;

[[noreturn]] void refuse(const capture::CaptureReader& reader) {
  throw std::invalid_argument("--replay: " + reader.message());
}

}  // namespace

std::string venue_of_capture(const std::string& path) {
  capture::CaptureReader reader(path);
  for (capture::CaptureLine line; reader.next(line);) {
    const bool open = line.kind == capture::CaptureKind::Open;
    if (!open && line.kind != capture::CaptureKind::Http) continue;
    const auto venue = venue_of_url(capture::split_http(line.payload).url);
    if (!venue.empty()) return std::string(venue);
  }
  if (reader.status() != capture::CaptureStatus::End) refuse(reader);
  throw std::invalid_argument("--replay: " + path + " names no known venue; say --venue " +
                              std::string(venue_names()));
}

void learn_capture(const std::string& path, Venue& venue) {
  capture::CaptureReader reader(path);
  for (capture::CaptureLine line; reader.next(line);) venue.learn(line);
  if (reader.status() != capture::CaptureStatus::End) refuse(reader);
}

Replay::Replay(const std::string& path, double speed, Venue& venue, Outlet& outlet)
    : reader_(path), speed_(speed), venue_(venue), outlet_(outlet) {
  next_line();
}

void Replay::next_line() {
  have_line_ = reader_.next(line_);
  if (have_line_ || finished_) return;
  finished_ = true;
  if (reader_.status() == capture::CaptureStatus::End) return;
  std::fprintf(stderr, "ringside-exchange: %s; the stream ends here\n", reader_.message().c_str());
}

UtcNs Replay::due() const {
  if (speed_ == 0) return started_;
  const auto ahead = static_cast<double>(line_.unix_ns - origin_ns_) / speed_;
  return {started_.value + static_cast<std::int64_t>(ahead)};
}

bool Replay::held(UtcNs now) {
  const auto need = venue_.need(line_);
  bool wait = need == Need::Subscription || need == Need::Request;
  if (wait && held_since_.value == 0) held_since_ = now;
  if (wait && now.value - held_since_.value > replay_deadline_ns) wait = false;
  if (wait && need == Need::Subscription && venue_.subscriptions().begun() &&
      now.value - venue_.subscriptions().last_new().value > replay_settle_ns) {
    wait = false;
  }
  if (wait && need == Need::Request) venue_.on_held();
  if (wait) return true;
  if (held_since_.value != 0) {
    held_since_ = {};
    if (due() < now) {  // the time spent waiting is not the market's
      started_ = now;
      origin_ns_ = line_.unix_ns;
    }
  }
  return false;
}

UtcNs Replay::advance(UtcNs now) {
  for (int steps = 0; steps < steps_max && have_line_; ++steps) {
    if (!begun_) {
      begun_ = true;
      started_ = now;
      origin_ns_ = line_.unix_ns;
    }
    if (outlet_.congested()) return {now.value + retry_ns};
    if (resume_ > now) return resume_;
    if (venue_.need(line_) == Need::Skip) {
      next_line();
      continue;
    }
    if (const auto at = due(); at > now) return at;
    if (held(now)) return {now.value + retry_ns};
    venue_.replay(line_, now);
    // The answer travels on another connection: without a pause the stream would overtake it.
    if (line_.kind == capture::CaptureKind::Http) resume_.value = now.value + replay_answer_ns;
    next_line();
  }
  return have_line_ ? now : UtcNs{now.value + idle_ns};
}

}  // namespace ringside::exchange
