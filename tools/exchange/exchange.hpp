// The simulated exchange without its sockets: one venue, one market, one source that moves it.
//
// Threads: one. Bounded by: the caller's sessions. Fails by: std::invalid_argument or
// std::system_error at construction, one line that says what to do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/exchange/fault_draw.hpp"
#include "tools/exchange/faulty_outlet.hpp"
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
  // Once for each handshake: a fault may refuse one.
  [[nodiscard]] bool accepts(std::string_view target) {
    return venue_->accepts(target) && !venue_->refuses(target);
  }

  void on_open(SessionId session, std::string_view target, UtcNs now);
  void on_close(SessionId session);
  void on_text(SessionId session, std::string_view text, UtcNs now);
  void on_get(RequestId request, std::string_view target, UtcNs now);
  // Does a bounded part of what is due; returns when to be called next, `now` for "at once".
  UtcNs advance(UtcNs now);

  [[nodiscard]] const Market& market() const { return market_; }
  [[nodiscard]] Limits& limits() { return limits_; }
  // Those asked for, and those drawn: given literally they do the same again.
  [[nodiscard]] const std::string& faults_text() const { return faults_text_; }

 private:
  // A symbol that is given back, or a listing that is online again.
  struct Undo {
    ListingIndex listing = 0;
    FaultKind kind = FaultKind::Rename;
    std::string symbol;
    UtcNs until;
  };
  void begin_faults(const std::vector<Fault>& asked, const FaultyMarket& of, std::uint64_t seed);
  void change_instruments(UtcNs now);
  void change(const Fault& fault, UtcNs now);
  void rename(ListingIndex listing, const std::string& symbol, std::uint32_t name);
  void set_trading(ListingIndex listing, Trading trading);

  Faults faults_;
  Limits limits_;
  FaultyOutlet outlet_;
  std::string faults_text_;
  std::vector<Undo> undone_;
  Market market_;
  std::unique_ptr<TruthLog> truth_;
  std::unique_ptr<Venue> venue_;
  std::unique_ptr<Source> source_;
};

}  // namespace ringside::exchange
