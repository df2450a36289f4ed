// Kraken spot, WebSocket version 1: arrays of strings, channels by number, checksums on updates
// only.
#pragma once

#include <simdjson.h>

#include <map>
#include <utility>

#include "tools/exchange/kraken.hpp"

namespace ringside::exchange {

class KrakenV1 final : public Kraken {
 public:
  using Kraken::Kraken;

  [[nodiscard]] std::string_view websocket_path() const override { return "/"; }
  [[nodiscard]] bool accepts(std::string_view target) const override;
  void on_text(SessionId session, std::string_view text, UtcNs now) override;

 private:
  struct Request {
    SessionId session = 0;
    bool subscribe = false;
    std::string_view name;  // of the channel
    ChannelIndex channel = book;
    std::uint64_t depth = 10;
    std::string request_id;  // `"reqid":N,` or empty
    UtcNs now;
  };

  void on_subscription(Request request, simdjson::dom::object command);
  void on_pair(const Request& request, std::string_view pair);
  void tell_status(const Request& request, ListingIndex listing);
  void refuse(const Request& request, std::string_view pair, std::string_view why);
  void read_frame(simdjson::ondemand::array frame, KrakenFrame& to);
  // As recorded, else a number of our own.
  [[nodiscard]] std::uint32_t channel_id(ChannelIndex channel, ListingIndex listing) const;
  void begin_data(std::string& out, ChannelIndex channel, ListingIndex listing) const;

  void word_system(std::string& out, std::string_view state, SessionId session) const override;
  void word_heartbeat(std::string& out) const override;
  void word_snapshot(std::string& out, ListingIndex listing, std::size_t depth) const override;
  void word_update(std::string& out, ListingIndex listing, const Update& update) const override;
  void word_trade(std::string& out, ListingIndex listing, const Trade& trade) const override;
  void word_ticker(std::string& out, ListingIndex listing, bool snapshot,
                   UtcNs time) const override;
  void word_spread(std::string& out, ListingIndex listing, UtcNs time) const override;
  bool read(std::string_view padded, KrakenFrame& frame) override;
  void learn_more(std::string_view padded, const KrakenFrame& frame) override;

  simdjson::dom::parser commands_;
  simdjson::ondemand::parser frames_;
  std::map<std::pair<ChannelIndex, ListingIndex>, std::uint32_t> recorded_ids_;
  std::string reply_;
};

}  // namespace ringside::exchange
