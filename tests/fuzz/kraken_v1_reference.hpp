// What another parser makes of Kraken v1 texts against ours: what the decoder accepts of books and
// trades must be what it says.
//
// Fails by: RINGSIDE_CHECK.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "collector/kraken_v1_decode.hpp"
#include "ipc/check.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace ringside::fuzz::v1 {

using namespace collector;

inline bool is_text(const Node& node, std::string_view text) {
  return node.type == Node::Type::String && node.text == text;
}

inline void compare_levels(std::span<const KrakenLevel> levels, const Node& list) {
  RINGSIDE_CHECK(list.items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& row = list.items[i].items;
    RINGSIDE_CHECK(row.size() >= 3);
    RINGSIDE_CHECK(is_text(row[0], levels[i].price) && is_text(row[1], levels[i].quantity));
  }
}

inline void compare_book(const KrakenV1Message& message, const Node& root) {
  if (message.book.fault != KrakenStatus::Ok) return;
  const auto count = root.items.size();
  RINGSIDE_CHECK(count >= 4 && is_text(root.items[count - 1], message.book.symbol));
  for (std::size_t i = 1; i + 2 < count; ++i) {
    for (const auto& item : root.items[i].items) {
      RINGSIDE_CHECK((item.key != "a" && item.key != "b") || !message.snapshot);
      RINGSIDE_CHECK((item.key != "as" && item.key != "bs") || message.snapshot);
      if (item.key == "a" || item.key == "as") compare_levels(message.book.asks, item);
      if (item.key == "b" || item.key == "bs") compare_levels(message.book.bids, item);
      if (item.key == "c") RINGSIDE_CHECK(std::stoull(item.text) == message.book.checksum);
    }
  }
}

inline void compare_trades(const KrakenV1Message& message, const Node& root) {
  // Several lists are possible by the grammar; the entries are theirs, in order.
  std::size_t next = 0;
  for (const auto& list : root.items) {
    if (list.type != Node::Type::Array) continue;
    for (const auto& row : list.items) {
      RINGSIDE_CHECK(next < message.trades.size());
      const auto& trade = message.trades[next++];
      if (trade.fault != KrakenStatus::Ok) continue;
      RINGSIDE_CHECK(row.items.size() >= 6);
      RINGSIDE_CHECK(is_text(row.items[0], trade.price) && is_text(row.items[1], trade.quantity));
      RINGSIDE_CHECK(is_text(row.items[3], trade.buy ? "b" : "s"));
      RINGSIDE_CHECK(is_text(root.items.back(), trade.symbol));
    }
  }
  RINGSIDE_CHECK(next == message.trades.size());
}

// What ours says of it; what it refuses is not compared.
inline KrakenStatus compare(KrakenV1Decoder& decoder, std::string_view padded) {
  KrakenV1Message message;
  const auto status = decoder.decode(padded, message);
  if (status != KrakenStatus::Ok) return status;
  Node root;
  const auto reference = parse_reference(padded, root);
  RINGSIDE_CHECK(reference != Reference::Refused);
  if (reference == Reference::Unable) return status;
  if (message.kind == KrakenV1Kind::Book) compare_book(message, root);
  if (message.kind == KrakenV1Kind::Trade) compare_trades(message, root);
  return status;
}

}  // namespace ringside::fuzz::v1
