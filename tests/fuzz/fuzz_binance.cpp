// Any bytes as Binance texts, one a line: 'R' begins a REST body, 'I' one of exchangeInfo,
// everything else is a message; the first byte of the input chooses spot or futures. What the
// decoder accepts another parser must accept and say the same of; the adapter must neither crash
// nor write what no worker can take.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "collector/binance.hpp"
#include "collector/binance_metadata.hpp"
#include "tests/fuzz/adapter_fuzz.hpp"
#include "tests/fuzz/binance_reference.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;

constexpr Exponent price_exponent{-4};
constexpr Exponent quantity_exponent{-3};
const std::vector<std::string> names{"BTCUSDT", "ADAUSDT"};

// --- The adapter ---

class AnsweringHost final : public AdapterHost {
 public:
  bool send(ConnectionIndex, std::string_view) noexcept override { return true; }
  bool request(std::uint32_t id, std::string_view) noexcept override {
    open.push_back(id);
    return true;
  }
  void reconnect(ConnectionIndex) noexcept override {}

  std::deque<std::uint32_t> open;
};

struct Setup {
  explicit Setup(BinanceRule of)
      : rule(of), symbols(names), decoder(symbols, of), bench(fuzz::instruments, 1 << 16) {
    for (SymbolIndex i = 0; i < names.size(); ++i) {
      symbols.set_units(i, price_exponent, quantity_exponent);
    }
  }

  // One adapter serves many inputs: to make one costs more than a thousand messages. It starts
  // anew before its epochs are used up.
  void begin() {
    constexpr unsigned inputs_max = 1000;
    if (inputs++ % inputs_max == 0) {
      auto config = BinanceConfig::for_market(
          rule == BinanceRule::Spot ? BinanceMarket::Spot : BinanceMarket::UsdMargined);
      for (std::uint32_t i = 0; i < names.size(); ++i) {
        config.instruments.push_back(
            {names[i], collector::bench::Bench::id(i), i, true, price_exponent, quantity_exponent});
      }
      RINGSIDE_CHECK(pass.found().size() <= binance_first_pass_symbols_max);
      adapter = std::make_unique<BinanceAdapter>(std::move(config), bench.records, host);
      host.open.clear();
    } else {
      adapter->on_close(0, bench.now);
    }
    bench.pass(60'000'000'000);  // no input suffers from the backoff of the one before
    adapter->on_open(0, bench.now);
  }

  void take(std::string_view line) {
    if (!line.empty() && line.front() == 'I') {
      const collector::bench::Padded padded(line.substr(1));
      (void)read_exchange_info(padded.view(), [](const BinanceTerms& terms) {
        RINGSIDE_CHECK(!terms.symbol.empty());
        RINGSIDE_CHECK(-terms.listing.price_exponent.power_of_ten <= decimals_max);
        RINGSIDE_CHECK(-terms.listing.quantity_exponent.power_of_ten <= decimals_max);
        RINGSIDE_CHECK(terms.listing.price_step >= 0 && terms.listing.quantity_step >= 0);
      });
    } else if (!line.empty() && line.front() == 'R') {
      const collector::bench::Padded padded(line.substr(1));
      (void)fuzz::compare_snapshot(decoder, symbols, 0, padded.view());
      pass.on_response("/depth?symbol=BTCUSDT&limit=5", padded.view());
      if (!host.open.empty()) {
        adapter->on_response(host.open.front(), {200, padded.view()}, bench.now);
        host.open.pop_front();
      }
    } else {
      const collector::bench::Padded padded(line);
      (void)fuzz::compare_message(decoder, symbols, rule, padded.view());
      pass.on_message(padded.view());
      adapter->on_message(0, padded.view(), bench.now);
    }
    bench.pass(300'000'000);
    adapter->on_tick(bench.now);
    fuzz::check_records(bench);
  }

  BinanceRule rule;
  BinanceSymbols symbols;
  BinanceDecoder decoder;
  collector::bench::Bench bench;
  AnsweringHost host;
  BinanceFirstPass pass;
  std::unique_ptr<BinanceAdapter> adapter;
  unsigned inputs = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Setup spot(BinanceRule::Spot);
  static Setup futures(BinanceRule::Futures);
  if (size == 0) return 0;
  auto& setup = data[0] == 'F' ? futures : spot;
  setup.begin();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::each_line(text, [&](std::string_view line) { setup.take(line); });
  return 0;
}
