// Kraken, WebSocket v2, from a capture.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collector/kraken.hpp"
#include "collector/kraken_first_pass.hpp"
#include "tools/capture/capture.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/offline_venue.hpp"

namespace ringside::tools {

namespace {

// Exponents and depths from the first pass; symbols from the venue's acknowledgements, where the
// capture has any: a symbol in the data that nobody subscribed to is damage, not an instrument.
class Reading {
 public:
  explicit Reading(const std::string& capture) {
    capture::CaptureReader reader(capture);
    capture::CaptureLine line;
    while (reader.next(line)) {
      if (line.kind != capture::CaptureKind::Recv) continue;
      pass_.on_message(line.payload);
      note_acknowledgement(line.payload);
    }
    if (reader.status() != capture::CaptureStatus::End) throw CommandError(reader.message());
  }
  [[nodiscard]] std::vector<collector::KrakenFirstPass::Found> instruments() const {
    auto found = pass_.found();
    std::erase_if(found, [&](const auto& each) {
      return !acknowledged_.empty() && !acknowledged_.contains(each.symbol);
    });
    return found;
  }

 private:
  void note_acknowledgement(std::string_view text) {
    if (decoder_.decode(text, message_) != collector::KrakenStatus::Ok) return;
    const auto& answer = message_.answer;
    if (message_.kind != collector::KrakenKind::Answer || !answer.success) return;
    if (answer.method == "subscribe" && !answer.symbol.empty()) {
      acknowledged_.emplace(answer.symbol);
    }
  }

  collector::KrakenFirstPass pass_;
  collector::KrakenDecoder decoder_;
  collector::KrakenMessage message_;
  std::set<std::string> acknowledged_;
};

}  // namespace

OfflineVenue offline_kraken(std::string_view, const std::string& capture,
                            const OfflineSinks& sinks) {
  OfflineVenue venue;
  collector::KrakenConfig config;
  std::uint32_t ordinal = 0;
  for (const auto& found : Reading(capture).instruments()) {
    const auto id = InstrumentId::of(0, ordinal++);
    venue.instruments.push_back(
        {id,
         found.symbol,
         {found.price_exponent, found.quantity_exponent, ChecksumRule::Kraken, found.depth},
         true});
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
  venue.adapter =
      std::make_unique<collector::KrakenAdapter>(std::move(config), *sinks.records, *sinks.host);
  // Symbols say whose a message is: several recorded connections are as good as one.
  venue.connection_of = [](std::uint32_t) { return collector::ConnectionIndex{0}; };
  venue.answers = [](std::string_view, std::string_view) { return false; };  // it asks for nothing
  return venue;
}

}  // namespace ringside::tools
