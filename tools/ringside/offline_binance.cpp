// Binance, spot and futures, from a capture.
#include <utility>

#include "collector/binance.hpp"
#include "collector/binance_metadata.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/offline_venue.hpp"

namespace ringside::tools {
namespace {

void read_first_pass(const capture::CaptureInput& capture, collector::BinanceFirstPass& pass) {
  capture::CaptureReader reader(capture);
  capture::CaptureLine line;
  while (reader.next(line)) {
    switch (line.kind) {
      case capture::CaptureKind::Open:
        pass.on_open(line.payload);
        break;
      case capture::CaptureKind::Recv:
        pass.on_message(line.payload);
        break;
      case capture::CaptureKind::Http: {
        const auto [url, body] = capture::split_http(line.payload);
        pass.on_response(url, body);
        break;
      }
      case capture::CaptureKind::Sent:
        break;
    }
  }
  if (reader.status() != capture::CaptureStatus::End) throw CommandError(reader.message());
}

}  // namespace

OfflineVenue offline_binance(std::string_view name, const capture::CaptureInput& capture,
                             const OfflineSinks& sinks) {
  collector::BinanceFirstPass pass;
  read_first_pass(capture, pass);
  auto config = collector::BinanceConfig::for_capture(*collector::binance_market(name), pass);
  OfflineVenue venue;
  const auto found = pass.found();
  for (std::size_t i = 0; i < config.instruments.size(); ++i) {
    auto& instrument = config.instruments[i];
    instrument.id = InstrumentId::of(0, static_cast<std::uint32_t>(i));
    instrument.record = sinks.records->add_instrument(instrument.id, sinks.ring);
    venue.instruments.push_back(
        {instrument.id,
         instrument.symbol,
         {instrument.price_exponent, instrument.quantity_exponent, ChecksumRule::None, 0},
         found[i].has_depth});
  }
  venue.adapter =
      std::make_unique<collector::BinanceAdapter>(std::move(config), *sinks.records, *sinks.host);
  // Streams say whose a message is: several recorded connections are as good as one.
  venue.connection_of = [](std::uint32_t) { return collector::ConnectionIndex{0}; };
  venue.answers = [](std::string_view url, std::string_view target) {
    const auto symbol = collector::symbol_of_target(url);
    return !symbol.empty() && symbol == collector::symbol_of_target(target);
  };
  return venue;
}

}  // namespace ringside::tools
