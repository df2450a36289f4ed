// Any bytes as Kraken v2 messages, one a line. What the decoder accepts another parser must accept
// and say the same of; the adapter must neither crash nor write what no worker can take.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collector/kraken.hpp"
#include "tests/collector/decimal_model.hpp"
#include "tests/fuzz/adapter_fuzz.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;
using fuzz::Node;

// The same number, whatever its spelling.
bool same_number(std::string_view token, const Node* node) {
  if (node == nullptr || node->type != Node::Type::Number) return false;
  std::int64_t ours = 0;
  std::int64_t theirs = 0;
  constexpr Exponent fine{-9};
  return model::parse_slowly(token, fine, ours) == model::parse_slowly(node->text, fine, theirs) &&
         ours == theirs;
}

void compare_levels(std::span<const KrakenLevel> levels, const Node* node) {
  RINGSIDE_CHECK(node != nullptr && node->type == Node::Type::Array);
  RINGSIDE_CHECK(node->items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    RINGSIDE_CHECK(same_number(levels[i].price, node->items[i].find("price")));
    RINGSIDE_CHECK(same_number(levels[i].quantity, node->items[i].find("qty")));
  }
}

void compare_books(const KrakenMessage& message, const Node& root) {
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

void compare_trades(const KrakenMessage& message, const Node& root) {
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

void compare(KrakenDecoder& decoder, std::string_view padded) {
  KrakenMessage message;
  if (decoder.decode(padded, message) != KrakenStatus::Ok) return;
  Node root;
  const auto reference = fuzz::parse_reference(padded, root);
  RINGSIDE_CHECK(reference != fuzz::Reference::Refused);
  if (reference == fuzz::Reference::Unable) return;
  if (message.kind == KrakenKind::Book) compare_books(message, root);
  if (message.kind == KrakenKind::Trade) compare_trades(message, root);
}

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
    compare(setup.decoder, padded.view());
    setup.adapter->on_message(0, padded.view(), bench.now);
    bench.pass(300'000'000);
    setup.adapter->on_tick(bench.now);
    fuzz::check_records(bench);
  });
  RINGSIDE_CHECK(setup.bench.host.sent.size() < 64 + size);
  return 0;
}
