// One venue's public protocol, server side: client text in, venue text out. Pure: time and bytes
// are passed in, effects go out through Outlet, so that the same code serves sockets and tests.
//
// The market behind it moves in one of two ways. Generated: a generator changes the listings and
// says so (on_book, on_trade); the venue words it. Replayed: capture lines are forwarded as they
// are, to those who subscribed, while the venue follows the books, to have a right snapshot for
// whoever subscribes late.
//
// Threads: one. Bounded by: the sessions its caller admits; a command by its frame.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ringside/time.hpp"
#include "tools/capture/capture.hpp"
#include "tools/exchange/faults.hpp"
#include "tools/exchange/limits.hpp"
#include "tools/exchange/market.hpp"
#include "tools/exchange/outlet.hpp"
#include "tools/exchange/subscriptions.hpp"
#include "tools/exchange/truth.hpp"

namespace ringside::exchange {

// What a venue works with; all of it outlives the venue.
struct VenueServices {
  Market& market;
  Outlet& outlet;
  Faults& faults;
  Truth* truth = nullptr;  // null: none asked for
  bool replaying = false;
  std::int64_t rest_delay_ns = 0;    // of answers in a generated market
  std::int64_t depth_period_ns = 0;  // of gathered depth messages; 0: the stream's own
  Limits* limits = nullptr;          // of streams; null: none
  bool split_layout = false;         // Binance futures: paths without a prefix stay silent
};

// How a venue's generated market behaves.
struct TradingShape {
  unsigned trade_percent = 6;  // of all events
  unsigned top_percent = 0;    // of changes hit the best level, whatever rank_mean says
  double rank_mean = 6;        // of the levels touched otherwise
  unsigned quantity_decimals_max = 8;
};

// What must happen before a capture line can be served.
enum class Need : std::uint8_t {
  Skip,          // not a line to serve: an acknowledgement, a heartbeat
  Nothing,       // somebody waits for it
  Subscription,  // nobody has subscribed to it
  Request,       // subscribed, but its URL has not been asked for
};

class Venue {
 public:
  virtual ~Venue() = default;

  // Where clients connect: path of the WebSocket URL, with a leading slash, or empty.
  [[nodiscard]] virtual std::string_view websocket_path() const = 0;
  // Whether a handshake for that target (path and query) succeeds; refused with 404 else.
  [[nodiscard]] virtual bool accepts(std::string_view target) const = 0;

  [[nodiscard]] virtual TradingShape shape() const { return {}; }

  // A fault refuses a subscription that this target asks for. Once for each handshake.
  [[nodiscard]] virtual bool refuses(std::string_view) { return false; }
  // The announcement that this server will end its connections.
  [[nodiscard]] virtual std::string shutdown_text(UtcNs now) const = 0;
  // The listing has got another symbol, or more decimals: tell whom the venue tells.
  virtual void on_renamed(ListingIndex, std::string_view) {}
  virtual void on_refined(ListingIndex, Decimals) {}
  // It is listed, delisted, halted or traded again, or its increments are others.
  virtual void on_listing(ListingIndex) {}

  virtual void on_open(SessionId session, std::string_view target, UtcNs now) = 0;
  virtual void on_close(SessionId session) = 0;
  virtual void on_text(SessionId session, std::string_view text, UtcNs now) = 0;
  // GET. Answered through Outlet::answer, at once or later.
  virtual void on_get(RequestId request, std::string_view target, UtcNs now) = 0;
  // Does what is due (heartbeats, batches); returns when to be called next.
  virtual UtcNs on_tick(UtcNs now) = 0;

  // The listings are complete; `now` is the market's first moment.
  virtual void begin(UtcNs now) = 0;
  [[nodiscard]] virtual const Subscriptions& subscriptions() const = 0;

  // Generated market: changes of the listing since the last call lie in its views.
  virtual void on_book(ListingIndex listing, UtcNs time) = 0;
  virtual void on_trade(ListingIndex listing, const Trade& trade) = 0;

  // Replayed market: the first pass over the capture, to learn instruments, decimals and depths.
  virtual void learn(const capture::CaptureLine& line) = 0;
  // The second pass.
  [[nodiscard]] virtual Need need(const capture::CaptureLine& line) = 0;
  virtual void replay(const capture::CaptureLine& line, UtcNs now) = 0;
  // The stream stands before an HTTP line that nobody has asked for yet: who waits for the answer
  // to another request may be who would ask.
  virtual void on_held() {}
};

// "kraken", ...; null for a name that is none of venue_names().
[[nodiscard]] std::unique_ptr<Venue> make_venue(std::string_view name, VenueServices services);
[[nodiscard]] std::string_view venue_names();
// From the URL of a capture's connection; empty when it is no venue's.
[[nodiscard]] std::string_view venue_of_url(std::string_view url);

}  // namespace ringside::exchange
