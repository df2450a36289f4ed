// The simulated exchange without its sockets: one venue, one market, one source that moves it.
//
// Threads: one. Bounded by: the caller's sessions. Fails by: std::invalid_argument or
// std::system_error at construction, one line that says what to do.
#pragma once

#include <memory>
#include <string>

#include "tools/exchange/source.hpp"
#include "tools/exchange/venue.hpp"

namespace ringside::exchange {

struct ExchangeOptions {
  std::string replay{};    // a capture; or
  std::string generate{};  // a spec: exactly one of them is not empty
  std::string venue{};     // empty: the spec's, or by the capture's URLs
  double speed = 1;        // of a replay; 0: no pace
  std::uint64_t seed = 1;
  bool split_layout = false;  // Binance futures: paths without a prefix stay silent
  std::string faults{};
  std::string limits{};  // limits.hpp; empty: off
  std::string truth{};   // a file; empty: none
};

class Exchange {
 public:
  Exchange(const ExchangeOptions& options, Outlet& outlet, UtcNs now);

  [[nodiscard]] std::string_view websocket_path() const { return venue_->websocket_path(); }
  [[nodiscard]] bool accepts(std::string_view target) const { return venue_->accepts(target); }

  void on_open(SessionId session, std::string_view target, UtcNs now);
  void on_close(SessionId session);
  void on_text(SessionId session, std::string_view text, UtcNs now) {
    venue_->on_text(session, text, now);
  }
  void on_get(RequestId request, std::string_view target, UtcNs now) {
    venue_->on_get(request, target, now);
  }
  // Does a bounded part of what is due; returns when to be called next, `now` for "at once".
  UtcNs advance(UtcNs now);

  [[nodiscard]] const Market& market() const { return market_; }
  [[nodiscard]] Limits& limits() { return limits_; }

 private:
  void check_faults() const;

  Faults faults_;
  Limits limits_;
  FaultyOutlet outlet_;
  Market market_;
  std::unique_ptr<TruthLog> truth_;
  std::unique_ptr<Venue> venue_;
  std::unique_ptr<Source> source_;
};

}  // namespace ringside::exchange
