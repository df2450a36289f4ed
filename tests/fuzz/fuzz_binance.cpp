// Any bytes as Binance texts, one a line: 'R' begins a REST body, 'I' one of exchangeInfo,
// everything else is a message; the first byte of the input chooses spot or futures. What the
// decoder accepts another parser must accept and say the same of; the adapter must neither crash
// nor write what no worker can take.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "collector/binance.hpp"
#include "collector/binance_metadata.hpp"
#include "tests/fuzz/adapter_fuzz.hpp"
#include "tests/fuzz/json_reference.hpp"

namespace {

using namespace ringside;
using namespace ringside::collector;
using fuzz::Node;

constexpr Exponent price_exponent{-4};
constexpr Exponent quantity_exponent{-3};
const std::vector<std::string> names{"BTCUSDT", "ADAUSDT"};

// --- The slow reading ---

// The decimal text of a mantissa by division: nothing shared with the decoder.
bool same_decimal(std::int64_t mantissa, Exponent exponent, const std::string& text) {
  const int decimals = -exponent.power_of_ten;
  std::int64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  std::string digits = fmt::format("{}.{:0{}}", mantissa / unit, mantissa % unit, decimals);
  const auto plain = text.find_first_not_of("0123456789.") == std::string::npos;
  if (!plain) return text.find_first_of("eE") != std::string::npos;  // decimal_test's business
  std::string wanted = text;
  if (wanted.find('.') == std::string::npos) wanted += '.';
  const auto cut = [](std::string& number) { number.erase(number.find_last_not_of('0') + 1); };
  cut(digits);
  cut(wanted);
  return digits == wanted;
}

bool same_level(const Level& level, const std::string& price, const std::string& quantity) {
  return same_decimal(level.price.mantissa, price_exponent, price) &&
         same_decimal(level.quantity.mantissa, quantity_exponent, quantity);
}

void compare_rows(std::span<const Level> levels, const Node* rows) {
  RINGSIDE_CHECK(rows != nullptr && rows->type == Node::Type::Array);
  RINGSIDE_CHECK(rows->items.size() == levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& row = rows->items[i];
    RINGSIDE_CHECK(row.type == Node::Type::Array && row.items.size() == 2);
    RINGSIDE_CHECK(row.items[0].type == Node::Type::String);
    RINGSIDE_CHECK(row.items[1].type == Node::Type::String);
    RINGSIDE_CHECK(same_level(levels[i], row.items[0].text, row.items[1].text));
  }
}

bool same_number(std::uint64_t number, const Node* node) {
  return node != nullptr && node->type == Node::Type::Number &&
         node->text == std::to_string(number);
}

void compare_time(const BinanceMessage& message, const Node* ms) {
  RINGSIDE_CHECK(message.has_exchange_time && message.exchange.value % 1'000'000 == 0);
  RINGSIDE_CHECK(same_number(static_cast<std::uint64_t>(message.exchange.value / 1'000'000), ms));
}

void compare_depth(const BinanceMessage& message, const Node& data, BinanceRule rule) {
  RINGSIDE_CHECK(data.string_at("e") == "depthUpdate");
  RINGSIDE_CHECK(same_number(message.ids.first, data.find("U")));
  RINGSIDE_CHECK(same_number(message.ids.last, data.find("u")));
  if (rule == BinanceRule::Futures) {
    RINGSIDE_CHECK(same_number(message.ids.previous, data.find("pu")));
  }
  compare_time(message, data.find(rule == BinanceRule::Futures ? "T" : "E"));
  compare_rows(message.bids, data.find("b"));
  compare_rows(message.asks, data.find("a"));
}

void compare_trade(const BinanceMessage& message, const Node& data) {
  const bool aggregated = message.event == BinanceEvent::AggTrade;
  RINGSIDE_CHECK(data.string_at("e") == (aggregated ? "aggTrade" : "trade"));
  RINGSIDE_CHECK(same_number(message.trade_id, data.find(aggregated ? "a" : "t")));
  compare_time(message, data.find("T"));
  RINGSIDE_CHECK(
      same_level({message.price, message.quantity}, data.string_at("p"), data.string_at("q")));
  const Node* maker = data.find("m");
  RINGSIDE_CHECK(maker != nullptr && maker->type == Node::Type::Bool);
  RINGSIDE_CHECK(maker->text == (message.buyer_is_maker ? "true" : "false"));
}

void compare_ticker(const BinanceMessage& message, const Node& data) {
  RINGSIDE_CHECK(data.find("e") == nullptr || data.string_at("e") == "bookTicker");
  RINGSIDE_CHECK(same_number(message.ids.last, data.find("u")));
  RINGSIDE_CHECK(same_level(message.bid, data.string_at("b"), data.string_at("B")));
  RINGSIDE_CHECK(same_level(message.ask, data.string_at("a"), data.string_at("A")));
}

// True: `root` is what the other parser made of a text that ours accepted.
bool reference_accepts(std::string_view text, Node& root) {
  const auto reference = fuzz::parse_reference(text, root);
  RINGSIDE_CHECK(reference != fuzz::Reference::Refused);
  return reference == fuzz::Reference::Accepted;
}

void compare_message(BinanceDecoder& decoder, std::string_view padded, BinanceRule rule) {
  BinanceMessage message;
  if (decoder.decode(padded, message) != DecodeStatus::Ok) return;
  Node root;
  if (!reference_accepts(padded, root)) return;
  const bool wrapped = root.find("stream") != nullptr && root.find("data") != nullptr;
  const Node& data = wrapped ? *root.find("data") : root;
  switch (message.event) {
    case BinanceEvent::Ignored:
      return;
    case BinanceEvent::Shutdown:
      RINGSIDE_CHECK(data.string_at("e") == "serverShutdown");
      return;
    case BinanceEvent::Acknowledged:
      RINGSIDE_CHECK(same_number(message.request_id, data.find("id")));
      return;
    case BinanceEvent::Refused:
      RINGSIDE_CHECK(data.find("error") != nullptr || data.find("code") != nullptr);
      return;
    default:
      break;
  }
  RINGSIDE_CHECK(message.symbol < names.size());
  RINGSIDE_CHECK(data.string_at("s") == names[message.symbol]);
  if (message.event == BinanceEvent::Depth) return compare_depth(message, data, rule);
  if (message.event == BinanceEvent::BookTicker) return compare_ticker(message, data);
  compare_trade(message, data);
}

void compare_snapshot(BinanceDecoder& decoder, std::string_view padded) {
  BinanceMessage message;
  if (decoder.decode_snapshot(padded, 0, message) != DecodeStatus::Ok) return;
  Node root;
  if (!reference_accepts(padded, root)) return;
  RINGSIDE_CHECK(same_number(message.ids.last, root.find("lastUpdateId")));
  RINGSIDE_CHECK(root.find("symbol") == nullptr || root.string_at("symbol") == names[0]);
  compare_rows(message.bids, root.find("bids"));
  compare_rows(message.asks, root.find("asks"));
}

// --- The adapter ---

class AnsweringHost final : public AdapterHost {
 public:
  bool send(ConnectionIndex, std::string_view) noexcept override { return true; }
  bool request(std::uint32_t id, std::string_view) noexcept override {
    open.push_back(id);
    return true;
  }
  void reconnect(ConnectionIndex) noexcept override {}

  std::deque<std::uint32_t> open;
};

struct Setup {
  explicit Setup(BinanceRule of)
      : rule(of), symbols(names), decoder(symbols, of), bench(fuzz::instruments, 1 << 16) {
    for (SymbolIndex i = 0; i < names.size(); ++i) {
      symbols.set_units(i, price_exponent, quantity_exponent);
    }
  }

  // One adapter serves many inputs: to make one costs more than a thousand messages. It starts
  // anew before its epochs are used up.
  void begin() {
    constexpr unsigned inputs_max = 1000;
    if (inputs++ % inputs_max == 0) {
      auto config = BinanceConfig::for_market(
          rule == BinanceRule::Spot ? BinanceMarket::Spot : BinanceMarket::UsdMargined);
      for (std::uint32_t i = 0; i < names.size(); ++i) {
        config.instruments.push_back(
            {names[i], collector::bench::Bench::id(i), i, true, price_exponent, quantity_exponent});
      }
      RINGSIDE_CHECK(pass.found().size() <= binance_first_pass_symbols_max);
      adapter = std::make_unique<BinanceAdapter>(std::move(config), bench.records, host);
      host.open.clear();
    } else {
      adapter->on_close(0, bench.now);
    }
    bench.pass(60'000'000'000);  // no input suffers from the backoff of the one before
    adapter->on_open(0, bench.now);
  }

  void take(std::string_view line) {
    if (!line.empty() && line.front() == 'I') {
      const collector::bench::Padded padded(line.substr(1));
      (void)read_exchange_info(padded.view(), [](const BinanceTerms& terms) {
        RINGSIDE_CHECK(!terms.symbol.empty());
        RINGSIDE_CHECK(-terms.price_exponent.power_of_ten <= decimals_max);
        RINGSIDE_CHECK(-terms.quantity_exponent.power_of_ten <= decimals_max);
      });
    } else if (!line.empty() && line.front() == 'R') {
      const collector::bench::Padded padded(line.substr(1));
      compare_snapshot(decoder, padded.view());
      pass.on_response("/depth?symbol=BTCUSDT&limit=5", padded.view());
      if (!host.open.empty()) {
        adapter->on_response(host.open.front(), 200, padded.view(), bench.now);
        host.open.pop_front();
      }
    } else {
      const collector::bench::Padded padded(line);
      compare_message(decoder, padded.view(), rule);
      pass.on_message(padded.view());
      adapter->on_message(0, padded.view(), bench.now);
    }
    bench.pass(300'000'000);
    adapter->on_tick(bench.now);
    fuzz::check_records(bench);
  }

  BinanceRule rule;
  BinanceSymbols symbols;
  BinanceDecoder decoder;
  collector::bench::Bench bench;
  AnsweringHost host;
  BinanceFirstPass pass;
  std::unique_ptr<BinanceAdapter> adapter;
  unsigned inputs = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Setup spot(BinanceRule::Spot);
  static Setup futures(BinanceRule::Futures);
  if (size == 0) return 0;
  auto& setup = data[0] == 'F' ? futures : spot;
  setup.begin();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::each_line(text, [&](std::string_view line) { setup.take(line); });
  return 0;
}
