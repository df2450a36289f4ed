// The simulated exchange against hostile clients and hostile captures. Whatever a client says,
// every answer is JSON; whatever a capture holds, replaying it never crashes.
//
// The first byte chooses the venue and the mode. Client mode: lines; 'G' begins a GET, 'O' a new
// connection's target, any other line is a frame of the newest connection. Capture mode: the rest
// is a capture, served to somebody who has subscribed to everything in it.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/exchange/exchange.hpp"

namespace {

using namespace ringside;
using namespace ringside::exchange;

constexpr UtcNs start{1'785'641'750'000'000'000};

class CheckingOutlet final : public Outlet {
 public:
  explicit CheckingOutlet(bool check) : check_(check) {}
  void send(SessionId, std::string_view text, Frame) override { check(text); }
  void close(SessionId, Ending, std::uint16_t) override {}
  void answer(RequestId, int, std::string_view body) override { check(body); }
  void refuse(RequestId, int, std::uint32_t) override {}
  void go_away() override {}
  [[nodiscard]] bool come_back() override { return true; }
  [[nodiscard]] bool congested() const override { return false; }

 private:
  void check(std::string_view text) const {
    if (check_ && !nlohmann::json::accept(text)) std::abort();
  }
  bool check_;
};

struct Choice {
  const char* name;
  const char* spec;
  const char* target;
};
constexpr Choice choices[] = {
    {"kraken", "kraken:BTC/USD,A/B;depth=10;rate=200", "/v2"},
    {"kraken-v1", "kraken-v1:XBT/USD,A/B;depth=10;rate=200", "/"},
    {"binance", "binance:BTCUSDT,AB;depth=10;rate=200", "/ws"},
    {"binance-coinm", "binance-coinm:BTCUSD_PERP,AB;depth=10;rate=200", "/public/stream"}};

void serve_client(const Choice& choice, std::string_view lines) {
  CheckingOutlet outlet(true);
  ExchangeOptions options;
  options.generate = choice.spec;
  Exchange exchange(options, outlet, start);
  SessionId session = 1;
  UtcNs now = start;
  exchange.on_open(session, choice.target, now);
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (line.starts_with('G')) {
      exchange.on_get(++session, line.substr(1), now);
    } else if (line.starts_with('O')) {
      if (exchange.accepts(line.substr(1))) exchange.on_open(++session, line.substr(1), now);
    } else {
      exchange.on_text(session, line, now);
    }
    now.value += 50'000'000;
    exchange.advance(now);
  }
}

// Both versions of Kraken and both kinds of Binance take their own commands and ignore the others'.
void subscribe_to_all(Venue& venue, const Market& market) {
  const auto say = [&](const std::string& text) { venue.on_text(1, text, start); };
  for (ListingIndex i = 0; i < market.size(); ++i) {
    const std::string symbol = nlohmann::json(market[i].symbol)
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string depth = std::to_string(market[i].depth);
    for (const std::string channel : {"book", "trade", "ticker"}) {
      say(R"({"method":"subscribe","params":{"channel":")" + channel + R"(","symbol":[)" + symbol +
          R"(],"depth":)" + depth + "}}");
      say(R"({"event":"subscribe","pair":[)" + symbol + R"(],"subscription":{"name":")" + channel +
          R"(","depth":)" + depth + "}}");
    }
    auto name = symbol.substr(1, symbol.size() - 2);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (const std::string suffix : {"depth", "trade", "aggTrade", "bookTicker"}) {
      say(R"({"method":"SUBSCRIBE","params":[")" + name + "@" + suffix + R"("],"id":1})");
    }
  }
}

void serve_capture(const Choice& choice, std::string_view bytes) {
  CheckingOutlet outlet(false);  // recorded frames are forwarded as they are
  Market market;
  Faults faults;
  VenueServices services{market, outlet, faults, nullptr, true};
  const auto venue = make_venue(choice.name, services);
  auto first = capture::CaptureReader::over(bytes);
  for (capture::CaptureLine line; first.next(line);) venue->learn(line);
  venue->begin(start);
  venue->on_open(1, choice.target, start);
  subscribe_to_all(*venue, market);
  auto second = capture::CaptureReader::over(bytes);
  for (capture::CaptureLine line; second.next(line);) {
    if (venue->need(line) == Need::Request) venue->on_held();
    if (venue->need(line) != Need::Skip) venue->replay(line, start);
  }
  for (ListingIndex i = 0; i < market.size(); ++i) {
    venue->on_get(2, "/api/v3/depth?symbol=" + market[i].symbol, start);
  }
  venue->on_get(3, "/api/v3/exchangeInfo", start);
  venue->on_tick(UtcNs{start.value + 5'000'000'000});
  venue->on_close(1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& choice = choices[data[0] & 3];
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 4) == 0) {
    serve_client(choice, rest);
  } else {
    serve_capture(choice, rest);
  }
  return 0;
}
