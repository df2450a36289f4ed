// Any bytes as Kraken v1 messages, one a line. What the decoder accepts of books and trades another
// parser must accept and say the same of; the adapter must neither crash nor write what no worker
// can take.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collector/kraken_v1.hpp"
#include "tests/fuzz/adapter_fuzz.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;
using fuzz::Node;

bool is_text(const Node& node, std::string_view text) {
  return node.type == Node::Type::String && node.text == text;
}

void compare_levels(std::span<const KrakenLevel> levels, const Node& list) {
  RINGSIDE_CHECK(list.items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& row = list.items[i].items;
    RINGSIDE_CHECK(row.size() >= 3);
    RINGSIDE_CHECK(is_text(row[0], levels[i].price) && is_text(row[1], levels[i].quantity));
  }
}

void compare_book(const KrakenV1Message& message, const Node& root) {
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

void compare_trades(const KrakenV1Message& message, const Node& root) {
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

void compare(KrakenV1Decoder& decoder, std::string_view padded) {
  KrakenV1Message message;
  if (decoder.decode(padded, message) != KrakenStatus::Ok) return;
  Node root;
  const auto reference = fuzz::parse_reference(padded, root);
  RINGSIDE_CHECK(reference != fuzz::Reference::Refused);
  if (reference == fuzz::Reference::Unable) return;
  if (message.kind == KrakenV1Kind::Book) compare_book(message, root);
  if (message.kind == KrakenV1Kind::Trade) compare_trades(message, root);
}

struct Setup {
  bench::Bench bench{fuzz::instruments, 1 << 16};
  KrakenV1Decoder decoder;
  std::unique_ptr<KrakenV1Adapter> adapter;
  unsigned inputs = 0;

  void begin() {
    // One adapter serves many inputs: to make one costs more than a thousand messages.
    constexpr unsigned inputs_max = 1000;
    if (inputs++ % inputs_max == 0) {
      KrakenConfig config;
      config.instruments = {{"XBT/USD", bench::Bench::id(0), 0, true, Exponent{-5}, Exponent{-8}},
                            {"DASH/EUR", bench::Bench::id(1), 1, false, {}, {}}};
      adapter = std::make_unique<KrakenV1Adapter>(config, bench.records, bench.host);
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
