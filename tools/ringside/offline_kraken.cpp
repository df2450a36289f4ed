// Kraken, WebSocket v2, from a capture.
#include <utility>

#include "collector/kraken.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/offline_venue.hpp"

namespace ringside::tools {

OfflineVenue offline_kraken(const std::string& capture, const OfflineSinks& sinks) {
  collector::KrakenFirstPass pass;
  capture::CaptureReader reader(capture);
  capture::CaptureLine line;
  while (reader.next(line)) {
    if (line.kind == capture::CaptureKind::Recv) pass.on_message(line.payload);
  }
  if (reader.status() != capture::CaptureStatus::End) throw CommandError(reader.message());

  OfflineVenue venue;
  collector::KrakenConfig config;
  std::uint32_t ordinal = 0;
  for (const auto& found : pass.found()) {
    const auto id = InstrumentId::of(0, ordinal++);
    venue.instruments.push_back(
        {id,
         found.symbol,
         {found.price_exponent, found.quantity_exponent, ChecksumRule::Kraken, found.depth}});
    collector::KrakenInstrument instrument;
    instrument.symbol = found.symbol;
    instrument.id = id;
    instrument.record = sinks.records->add_instrument(id, sinks.ring);
    instrument.exponents_known = true;
    instrument.price_exponent = found.price_exponent;
    instrument.quantity_exponent = found.quantity_exponent;
    config.instruments.push_back(std::move(instrument));
    config.depth = found.depth;
  }
  auto adapter =
      std::make_unique<collector::KrakenAdapter>(std::move(config), *sinks.records, *sinks.host);
  venue.counters = [raw = adapter.get()]() -> const collector::Counters& {
    return raw->counters();
  };
  venue.adapter = std::move(adapter);
  // Symbols say whose a message is: several recorded connections are as good as one.
  venue.connection_of = [](std::uint32_t) { return collector::ConnectionIndex{0}; };
  venue.answers = [](std::string_view, std::string_view) { return false; };  // it asks for nothing
  return venue;
}

}  // namespace ringside::tools
