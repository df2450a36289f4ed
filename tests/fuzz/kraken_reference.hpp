// What another parser makes of Kraken v2 texts against ours: what the decoder accepts of books and
// trades must be what it says.
//
// Fails by: RINGSIDE_CHECK.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "collector/kraken_decode.hpp"
#include "ipc/check.hpp"
#include "tests/collector/decimal_model.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace ringside::fuzz::v2 {

using namespace collector;

// The same number, whatever its spelling.
inline bool same_number(std::string_view token, const Node* node) {
  if (node == nullptr || node->type != Node::Type::Number) return false;
  std::int64_t ours = 0;
  std::int64_t theirs = 0;
  constexpr Exponent fine{-9};
  return model::parse_slowly(token, fine, ours) == model::parse_slowly(node->text, fine, theirs) &&
         ours == theirs;
}

inline void compare_levels(std::span<const KrakenLevel> levels, const Node* node) {
  RINGSIDE_CHECK(node != nullptr && node->type == Node::Type::Array);
  RINGSIDE_CHECK(node->items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    RINGSIDE_CHECK(same_number(levels[i].price, node->items[i].find("price")));
    RINGSIDE_CHECK(same_number(levels[i].quantity, node->items[i].find("qty")));
  }
}

inline void compare_books(const KrakenMessage& message, const Node& root) {
  RINGSIDE_CHECK(root.string_at("channel") == "book");
  RINGSIDE_CHECK(root.string_at("type") == (message.snapshot ? "snapshot" : "update"));
  const Node* data = root.find("data");
  RINGSIDE_CHECK(data != nullptr && data->items.size() == message.books.size());
  for (std::size_t i = 0; i < message.books.size(); ++i) {
    const auto& book = message.books[i];
    const Node& entry = data->items[i];
    if (book.fault != KrakenStatus::Ok) continue;
    RINGSIDE_CHECK(book.symbol == entry.string_at("symbol"));
    RINGSIDE_CHECK(same_number(std::to_string(book.checksum), entry.find("checksum")));
    compare_levels(book.bids, entry.find("bids"));
    compare_levels(book.asks, entry.find("asks"));
  }
}

inline void compare_trades(const KrakenMessage& message, const Node& root) {
  const Node* data = root.find("data");
  RINGSIDE_CHECK(data != nullptr && data->items.size() == message.trades.size());
  for (std::size_t i = 0; i < message.trades.size(); ++i) {
    const auto& trade = message.trades[i];
    const Node& entry = data->items[i];
    if (trade.fault != KrakenStatus::Ok) continue;
    RINGSIDE_CHECK(trade.symbol == entry.string_at("symbol"));
    RINGSIDE_CHECK(entry.string_at("side") == (trade.buy ? "buy" : "sell"));
    RINGSIDE_CHECK(same_number(trade.price, entry.find("price")));
    RINGSIDE_CHECK(same_number(trade.quantity, entry.find("qty")));
    RINGSIDE_CHECK(entry.find("trade_id")->text == std::to_string(trade.id));
  }
}

// What ours says of it; what it refuses is not compared.
inline KrakenStatus compare(KrakenDecoder& decoder, std::string_view padded) {
  KrakenMessage message;
  const auto status = decoder.decode(padded, message);
  if (status != KrakenStatus::Ok) return status;
  Node root;
  const auto reference = parse_reference(padded, root);
  RINGSIDE_CHECK(reference != Reference::Refused);
  if (reference == Reference::Unable) return status;
  if (message.kind == KrakenKind::Book) compare_books(message, root);
  if (message.kind == KrakenKind::Trade) compare_trades(message, root);
  return status;
}

}  // namespace ringside::fuzz::v2
