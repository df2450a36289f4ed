// Kraken from a capture, either version of its protocol.
#include <string>
#include <utility>
#include <vector>

#include "collector/kraken.hpp"
#include "collector/kraken_v1.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/offline_venue.hpp"

namespace ringside::tools {

namespace {

// Exponents and depths of what was subscribed and sent.
template <typename FirstPass>
std::vector<collector::KrakenFound> first_pass(const capture::CaptureInput& capture) {
  FirstPass pass;
  capture::CaptureReader reader(capture);
  capture::CaptureLine line;
  while (reader.next(line)) {
    if (line.kind == capture::CaptureKind::Recv) pass.on_message(line.payload);
  }
  if (reader.status() != capture::CaptureStatus::End) throw CommandError(reader.message());
  return pass.found();
}

}  // namespace

OfflineVenue offline_kraken(std::string_view name, const capture::CaptureInput& capture,
                            const OfflineSinks& sinks) {
  const bool v1 = name == "kraken-v1";
  OfflineVenue venue;
  collector::KrakenConfig config;
  std::uint32_t ordinal = 0;
  for (const auto& found : v1 ? first_pass<collector::KrakenV1FirstPass>(capture)
                              : first_pass<collector::KrakenFirstPass>(capture)) {
    const auto id = InstrumentId::of(0, ordinal++);
    venue.instruments.push_back(
        {id,
         found.symbol,
         {found.price_exponent, found.quantity_exponent, ChecksumRule::Kraken, found.depth},
         found.has_book});
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
  if (v1) {
    venue.adapter = std::make_unique<collector::KrakenV1Adapter>(std::move(config), *sinks.records,
                                                                 *sinks.host);
  } else {
    venue.adapter =
        std::make_unique<collector::KrakenAdapter>(std::move(config), *sinks.records, *sinks.host);
  }
  // Symbols say whose a message is: several recorded connections are as good as one.
  venue.connection_of = [](std::uint32_t) { return collector::ConnectionIndex{0}; };
  venue.answers = [](std::string_view, std::string_view) { return false; };  // it asks for nothing
  return venue;
}

}  // namespace ringside::tools
