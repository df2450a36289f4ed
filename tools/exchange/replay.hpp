// A recorded feed, served again: at its own pace, faster, or as fast as clients take it.
//
// The stream waits where a live one would have: for the first subscription of what a line carries,
// and at an HTTP line until that URL has been asked for. It gives up waiting for a subscription
// settle_ns after the newest one (nobody wants that instrument), and for anything after
// deadline_ns. Late subscribers are not lost: they get the exchange's own book as their snapshot.
//
// Threads: one. Bounded by: steps_max lines a call; one line in memory.
// Fails by: std::invalid_argument at construction (not a capture, no venue's); a capture that turns
// bad later ends the stream, with one line on stderr.
#pragma once

#include <memory>
#include <string>

#include "tools/capture/capture.hpp"
#include "tools/exchange/source.hpp"
#include "tools/exchange/venue.hpp"

namespace ringside::exchange {

inline constexpr std::int64_t replay_settle_ns = 500'000'000;
inline constexpr std::int64_t replay_deadline_ns = 30'000'000'000;
inline constexpr std::int64_t replay_answer_ns = 20'000'000;  // pause after an HTTP line

// The venue of a capture, by its first connection's URL or HTTP URL.
[[nodiscard]] std::string venue_of_capture(const std::string& path);
// The first pass: fills the market with what the capture holds.
void learn_capture(const std::string& path, Venue& venue);

class Replay final : public Source {
 public:
  // `speed`: 2 is twice the recorded pace; 0: no pace.
  Replay(const std::string& path, double speed, Venue& venue, Outlet& outlet);

  UtcNs advance(UtcNs now) override;
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  [[nodiscard]] bool held(UtcNs now);
  [[nodiscard]] UtcNs due() const;
  void next_line();

  capture::CaptureReader reader_;
  double speed_;
  Venue& venue_;
  Outlet& outlet_;
  capture::CaptureLine line_;
  bool have_line_ = false;
  bool finished_ = false;
  bool begun_ = false;
  UtcNs started_;               // our time of the capture's origin_ns_
  std::int64_t origin_ns_ = 0;  // moves whenever the stream was held
  UtcNs resume_;                // not before
  UtcNs held_since_;            // 0: not held
};

}  // namespace ringside::exchange
