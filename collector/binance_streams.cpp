#include "collector/binance_streams.hpp"

#include <algorithm>
#include <bit>

namespace ringside::collector {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Of one instrument, as far as this connection carries them.
std::vector<std::string> streams_of(const BinanceStreamsConfig& config,
                                    const BinanceStreams& connection,
                                    const BinanceInstrument& instrument) {
  const auto name = lower(instrument.symbol);
  const auto wanted = static_cast<StreamSet>(connection.carries & config.wanted());
  std::vector<std::string> streams;
  if ((wanted & stream_depth) != 0) streams.push_back(name + "@" + config.depth_stream);
  if ((wanted & stream_ticker) != 0) streams.push_back(name + "@bookTicker");
  if ((wanted & stream_trades) != 0) {
    streams.push_back(name + (config.trade_kind == BinanceTrades::Every ? "@trade" : "@aggTrade"));
  }
  return streams;
}

std::string subscribe_text(const std::vector<std::string>& streams, std::uint64_t id) {
  std::string text = R"({"method":"SUBSCRIBE","params":[)";
  for (const auto& stream : streams) {
    if (&stream != &streams.front()) text += ',';
    text += '"' + stream + '"';
  }
  return text + R"(],"id":)" + std::to_string(id) + "}";
}

// Path, or batches, for the instruments [first, first + count).
void name_streams(const BinanceStreamsConfig& config,
                  const std::vector<BinanceInstrument>& instruments, std::uint64_t& last_id,
                  BinanceStreams& connection) {
  const auto base = connection.path;
  std::string path = base + "?streams=";
  std::vector<std::string> pending;
  BinanceBatch batch{0, {}, connection.first, 0};
  const auto close_batch = [&] {
    batch.id = ++last_id;
    batch.text = subscribe_text(pending, batch.id);
    connection.batches.push_back(batch);
    batch = BinanceBatch{0, {}, batch.first + batch.count, 0};
    pending.clear();
  };
  for (auto i = connection.first; i < connection.first + connection.count; ++i) {
    for (auto& stream : streams_of(config, connection, instruments[i])) {
      if (path.back() != '=') path += '/';
      path += stream;
      pending.push_back(std::move(stream));
    }
    ++batch.count;
    if (pending.size() + 3 > binance_streams_a_message) close_batch();
  }
  if (!pending.empty()) close_batch();
  if (!config.subscribe_by_message && path.size() <= binance_path_bytes_max) {
    connection.path = path;
    last_id -= connection.batches.size();
    connection.batches.clear();
  }
}

}  // namespace

std::optional<BinanceMarket> binance_market(std::string_view venue) noexcept {
  if (venue == "binance") return BinanceMarket::Spot;
  if (venue == "binance-us") return BinanceMarket::SpotUs;
  if (venue == "binance-usdm") return BinanceMarket::UsdMargined;
  if (venue == "binance-coinm") return BinanceMarket::CoinMargined;
  return std::nullopt;
}

std::uint32_t binance_share(const BinanceStreamsConfig& config) noexcept {
  const auto per_instrument = static_cast<std::uint32_t>(std::popcount(config.wanted()));
  const auto share = std::max(1U, config.streams_max / std::max(1U, per_instrument));
  if (config.instruments_per_connection == 0) return share;
  return std::min(share, config.instruments_per_connection);
}

unsigned append_streams(std::string& text, const BinanceStreamsConfig& config, StreamSet streams,
                        std::string_view symbol) {
  unsigned count = 0;
  const auto append = [&](std::string_view stream) {
    text += count++ == 0 ? "\"" : ",\"";
    for (const char c : symbol) text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text += '@';
    text.append(stream) += '"';
  };
  if ((streams & stream_depth) != 0) append(config.depth_stream);
  if ((streams & stream_ticker) != 0) append("bookTicker");
  if ((streams & stream_trades) != 0) {
    append(config.trade_kind == BinanceTrades::Every ? "trade" : "aggTrade");
  }
  return count;
}

std::vector<BinanceStreams> plan_streams(const BinanceStreamsConfig& config,
                                         const std::vector<BinanceInstrument>& instruments) {
  const bool split = config.layout == BinanceLayout::PublicAndMarket;
  const auto share = binance_share(config);
  std::vector<BinanceStreams> connections;
  std::uint64_t last_id = 0;
  const auto total = static_cast<std::uint32_t>(instruments.size());
  const auto add = [&](std::string path, SymbolIndex first, StreamSet carries) {
    BinanceStreams connection;
    connection.path = std::move(path);
    connection.first = first;
    connection.count = std::min(share, total - first);
    connection.carries = carries;
    connection.begins = (carries & stream_depth) != 0 || !(config.books || config.bbos);
    name_streams(config, instruments, last_id, connection);
    connections.push_back(std::move(connection));
  };
  for (SymbolIndex first = 0; first < total; first += share) {
    if (!split) {
      add("/stream", first, every_stream);
      continue;
    }
    if (config.books || config.bbos) {
      add("/public/stream", first, stream_depth | stream_ticker);
    }
    if (config.trades) add("/market/stream", first, stream_trades);
  }
  return connections;
}

}  // namespace ringside::collector
