// Any bytes as Kraken v2 messages, one a line. What the decoder accepts another parser must accept
// and say the same of; the adapter must neither crash nor write what no worker can take.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collector/kraken.hpp"
#include "tests/fuzz/adapter_fuzz.hpp"
#include "tests/fuzz/kraken_reference.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;

struct Setup {
  bench::Bench bench{fuzz::instruments, 1 << 16};
  KrakenDecoder decoder;
  std::unique_ptr<KrakenAdapter> adapter;
  unsigned inputs = 0;

  void begin() {
    // One adapter serves many inputs: to make one costs more than a thousand messages. It starts
    // anew before its epochs are used up.
    constexpr unsigned inputs_max = 1000;
    if (inputs++ % inputs_max == 0) {
      KrakenConfig config;
      config.instruments = {{"BTC/USD", bench::Bench::id(0), 0, true, Exponent{-1}, Exponent{-8}},
                            {"XRP/USD", bench::Bench::id(1), 1, false, {}, {}}};
      adapter = std::make_unique<KrakenAdapter>(config, bench.records, bench.host);
    } else {
      adapter->on_close(0, bench.now);
    }
    adapter->on_open(0, bench.now);
    bench.host.sent.clear();
    bench.host.sent_on.clear();
    bench.host.reconnects.clear();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Setup setup;
  setup.begin();
  auto& bench = setup.bench;
  fuzz::each_line({reinterpret_cast<const char*>(data), size}, [&](std::string_view line) {
    const bench::Padded padded(line);
    (void)fuzz::v2::compare(setup.decoder, padded.view());
    setup.adapter->on_message(0, padded.view(), bench.now);
    bench.pass(300'000'000);
    setup.adapter->on_tick(bench.now);
    fuzz::check_records(bench);
  });
  RINGSIDE_CHECK(setup.bench.host.sent.size() < 64 + size);
  return 0;
}
