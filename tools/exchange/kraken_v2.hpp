// Kraken spot, WebSocket version 2: objects with JSON numbers at wire precision.
#pragma once

#include <simdjson.h>

#include "tools/exchange/kraken.hpp"

namespace ringside::exchange {

class KrakenV2 final : public Kraken {
 public:
  using Kraken::Kraken;

  [[nodiscard]] std::string_view websocket_path() const override { return "/v2"; }
  [[nodiscard]] bool accepts(std::string_view target) const override;
  void on_text(SessionId session, std::string_view text, UtcNs now) override;
  void on_close(SessionId session) override;
  void on_renamed(ListingIndex listing, std::string_view was) override;
  void on_listing(ListingIndex listing) override;
  void on_refined(ListingIndex listing, Decimals more) override;

 private:
  // One subscribe or unsubscribe request.
  struct Request {
    SessionId session = 0;
    std::string_view method;
    std::string_view channel;
    ChannelIndex channel_index = book;
    simdjson::dom::element params;
    std::string request_id;  // `"req_id":N,` or empty
    std::uint64_t depth = 10;
    bool snapshot = true;
    UtcNs now;
  };

  void on_subscription(Request request);
  void subscribe(const Request& request, std::string_view symbol);
  void unsubscribe(const Request& request, std::string_view symbol);
  void on_instrument(const Request& request);
  void acknowledge(const Request& request, std::string_view symbol);
  void refuse(const Request& request, std::string_view symbol, std::string_view why);

  void word_system(std::string& out, std::string_view state, SessionId session) const override;
  void word_heartbeat(std::string& out) const override;
  void word_snapshot(std::string& out, ListingIndex listing, std::size_t depth) const override;
  void word_update(std::string& out, ListingIndex listing, const Update& update) const override;
  void word_trade(std::string& out, ListingIndex listing, const Trade& trade) const override;
  void word_ticker(std::string& out, ListingIndex listing, bool snapshot,
                   UtcNs time) const override;
  void word_instruments(std::string& out) const;
  void word_instrument(std::string& out, const Listing& listing, std::string_view symbol,
                       std::string_view status) const;
  // To whoever subscribed to the instrument channel.
  void announce(const std::string& entries);
  bool read(std::string_view padded, KrakenFrame& frame) override;
  void learn_more(std::string_view padded, const KrakenFrame& frame) override;

  simdjson::dom::parser commands_;
  simdjson::ondemand::parser frames_;
  std::string reply_;
  std::vector<SessionId> instrument_sessions_;
};

}  // namespace ringside::exchange
