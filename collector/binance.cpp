#include "collector/binance.hpp"

#include <algorithm>
#include <limits>

#include "collector/binance_metadata.hpp"

namespace ringside::collector {
namespace {

std::vector<std::string> symbols_of(const std::vector<BinanceInstrument>& instruments) {
  std::vector<std::string> symbols;
  for (const auto& instrument : instruments) symbols.push_back(instrument.symbol);
  return symbols;
}

// Instruments whose exponents are asked for, by request. Few: each on its own, so that one unknown
// symbol does not spoil the answer for the others. Many: all that the venue has, at once, for the
// same reason, and for the weight of one. The futures know no other way.
std::vector<std::vector<SymbolIndex>> info_chunks_of(const BinanceConfig& config) {
  std::vector<SymbolIndex> unknown;
  for (SymbolIndex i = 0; i < config.instruments.size(); ++i) {
    if (!config.instruments[i].exponents_known) unknown.push_back(i);
  }
  const bool singly =
      rule_of(config.market) == BinanceRule::Spot && unknown.size() <= binance_symbols_asked_singly;
  std::vector<std::vector<SymbolIndex>> chunks;
  if (singly) {
    for (const auto index : unknown) chunks.push_back({index});
  } else if (!unknown.empty()) {
    chunks.push_back(std::move(unknown));
  }
  chunks.emplace_back();  // of those who will be added
  return chunks;
}

std::string_view name_of(BinanceMarket market) {
  switch (market) {
    case BinanceMarket::Spot:
      return "binance";
    case BinanceMarket::SpotUs:
      return "binance-us";
    case BinanceMarket::UsdMargined:
      return "binance-usdm";
    case BinanceMarket::CoinMargined:
      return "binance-coinm";
  }
  return {};
}

DepthSequencer sequencer_of(BinanceMarket market) {
  if (rule_of(market) == BinanceRule::Spot) return DepthSequencer(SpotSequencer{});
  return DepthSequencer(FuturesSequencer{});
}

BinanceStreamsConfig streams_config(const BinanceConfig& config) {
  BinanceStreamsConfig streams;
  streams.trades = config.trades;
  streams.books = config.books;
  streams.bbos = config.bbos;
  streams.trade_kind = config.trade_kind;
  streams.depth_stream = config.depth_stream;
  streams.layout = config.layout;
  streams.subscribe_by_message = config.subscribe_by_message;
  streams.instruments_per_connection = config.instruments_per_connection;
  streams.streams_max = config.streams_max;
  return streams;
}

}  // namespace

BinanceConfig BinanceConfig::for_market(BinanceMarket market) {
  BinanceConfig config;
  config.market = market;
  if (market == BinanceMarket::UsdMargined) config.layout = BinanceLayout::PublicAndMarket;
  if (rule_of(market) == BinanceRule::Futures) config.trade_kind = BinanceTrades::Aggregated;
  VenueConfig venue;
  venue.name = name_of(market);
  config.take_limits(limits_of(venue), 0);
  return config;
}

void BinanceConfig::take_limits(const VenueLimits& limits, std::uint32_t levels) {
  streams_max = limits.streams_a_connection;
  messages = limits.messages;
  snapshot_limit = levels == 0 ? limits.depth_default : levels;
  snapshot_weight = limits.depth_weight(snapshot_limit);
  info_weight = limits.info_weight;
  rest.weight = limits.rest_weight;
}

BinanceConfig BinanceConfig::for_capture(BinanceMarket market, const BinanceFirstPass& pass) {
  BinanceConfig config;
  config.market = market;
  config.trade_kind = pass.has_plain_trades() ? BinanceTrades::Every : BinanceTrades::Aggregated;
  for (const auto& found : pass.found()) {
    BinanceInstrument instrument;
    instrument.symbol = found.symbol;
    instrument.exponents_known = true;
    instrument.price_exponent = found.price_exponent;
    instrument.quantity_exponent = found.quantity_exponent;
    config.instruments.push_back(std::move(instrument));
  }
  // Nobody is asked: there is no limit to keep.
  config.rest.in_flight_max = rest_in_flight_max;
  config.rest.weight = {};
  config.acknowledges = false;
  config.rest.deadline_ns = std::numeric_limits<std::int64_t>::max();
  return config;
}

BinanceAdapter::BinanceAdapter(BinanceConfig config, RecordWriter& records, AdapterHost& host)
    : config_(std::move(config)),
      records_(records),
      host_(host),
      symbols_(symbols_of(config_.instruments), config_.instruments_max),
      decoder_(symbols_, rule_of(config_.market)),
      info_chunks_(info_chunks_of(config_)),
      streams_(streams_config(config_)),
      terms_share_(binance_symbols_a_request),
      rest_(config_.rest, std::vector(std::size_t{depth_tasks()}, config_.info_weight),
            config_.seed),
      listings_(std::string(name_of(config_.market)), records, counters_) {
  const auto capacity = std::max(config_.instruments_max, config_.instruments.size());
  instruments_.reserve(capacity);
  rest_.reserve(depth_tasks() + capacity);
  info_chunks_.back().reserve(capacity);
  text_.reserve(64 + binance_streams_a_message * (binance_symbol_bytes_max + 16));
  for (const auto& given : config_.instruments) {
    const auto index = static_cast<SymbolIndex>(instruments_.size());
    if (given.exponents_known) {
      symbols_.set_units(index, given.price_exponent, given.quantity_exponent);
    }
    append(given);
  }
  for (auto& streams : plan_streams(streams_, config_.instruments)) {
    Connection connection(config_.messages);
    connection.asked.resize(streams.batches.size());
    connection.changing.reserve(binance_streams_a_message);
    connection.streams = std::move(streams);
    if (!connection.streams.begins) {  // it follows the one that it goes with
      connections_.back().others.front() = static_cast<ConnectionIndex>(connections_.size());
    }
    connections_.push_back(std::move(connection));
  }
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) {
    const auto& streams = connections_[i].streams;
    if (!streams.begins) continue;
    for (auto each = streams.first; each < streams.first + streams.count; ++each) {
      place(each, i, true);
    }
  }
  target_.reserve(64 + binance_symbols_a_request * (binance_symbol_bytes_max + 8));
}

// Its symbol is in the table already.
void BinanceAdapter::append(BinanceInstrument given) {
  instruments_.emplace_back(std::move(given), DepthJoin(sequencer_of(config_.market)));
  instruments_.back().task = rest_.add_task(config_.snapshot_weight);
}

InstrumentTerms BinanceAdapter::terms(SymbolIndex index) const noexcept {
  const auto& units = symbols_.units(index);
  return InstrumentTerms{units.price, units.quantity, ChecksumRule::None, 0};
}

// --- Messages -----------------------------------------------------------------------------------

void BinanceAdapter::on_message(ConnectionIndex connection, std::string_view padded,
                                Now now) noexcept {
  counters_.add(Count::Messages);
  connections_[connection].heard_ns = now.steady_ns;
  const auto status = decoder_.decode(padded, message_);
  if (status == DecodeStatus::Ok) {
    take(connection, message_, now);
  } else {
    refused(message_, status, now);
  }
}

void BinanceAdapter::take(ConnectionIndex connection, const BinanceMessage& message,
                          Now now) noexcept {
  switch (message.event) {
    case BinanceEvent::Ignored:
      return counters_.add(Count::UnknownMessage);
    case BinanceEvent::Acknowledged:
    case BinanceEvent::Refused:
      return take_answer(connection, message, now);
    case BinanceEvent::Shutdown:
      counters_.add(Count::PlannedReconnects);
      return host_.reconnect(connection);
    default:
      break;
  }
  const auto index = message.symbol;
  if (instruments_[index].away()) return counters_.add(Count::AfterRemoval);
  const bool wanted = message.event == BinanceEvent::Depth        ? config_.books
                      : message.event == BinanceEvent::BookTicker ? config_.bbos
                                                                  : config_.trades;
  if (!wanted) return counters_.add(Count::AfterRemoval);
  if (!symbols_.units(index).known) return counters_.add(Count::DeltasWhileSyncing);
  switch (message.event) {
    case BinanceEvent::Depth:
      return take_depth(index, message, now);
    case BinanceEvent::BookTicker:
      return take_ticker(index, message, now);
    default:
      break;
  }
  const bool of_our_kind =
      (message.event == BinanceEvent::Trade) == (config_.trade_kind == BinanceTrades::Every);
  if (!of_our_kind) return counters_.add(Count::UnknownMessage);
  take_trade(index, message, now);
}

void BinanceAdapter::write_delta(Instrument& instrument, const DepthDelta& delta) noexcept {
  ++instrument.counts.updates;
  records_.write_delta(instrument.given.record, instrument.epoch, {delta.bids, delta.asks},
                       {delta.ids.last, flag_reference_sequence},
                       {delta.receive, delta.exchange, true});
}

void BinanceAdapter::take_depth(SymbolIndex index, const BinanceMessage& message,
                                Now now) noexcept {
  auto& instrument = instruments_[index];
  counters_.add(Count::BookDeltas);
  if (!instrument.open) return counters_.add(Count::DeltasWhileSyncing);
  instrument.newest_depth = message.ids.last;
  const DepthDelta delta{message.ids, message.exchange, now.ticks, message.bids, message.asks};
  switch (instrument.join.on_delta(delta, now.steady_ns)) {
    case DeltaOutcome::Apply:
      return write_delta(instrument, delta);
    case DeltaOutcome::Joined:
      if (!publish(index, instrument.join.held(), now)) return;
      instrument.join.release_buffers();
      return write_delta(instrument, delta);
    case DeltaOutcome::Buffered:
      return;
    case DeltaOutcome::Old:
      return counters_.add(instrument.live ? Count::DuplicatesDropped : Count::DeltasWhileSyncing);
    case DeltaOutcome::Restarted:  // the snapshot on its way may still be new enough: it will show
      return counters_.add(Count::SequenceGaps);
    case DeltaOutcome::Overflowed:
      counters_.add(Count::BufferOverflows);
      break;
    case DeltaOutcome::Unbridged:
      counters_.add(Count::SnapshotsStale);
      break;
    case DeltaOutcome::Ahead:
      counters_.add(Count::SnapshotsUnsound);
      lose(index, Cause::SnapshotStale, now);
      break;
    case DeltaOutcome::Gap:
      counters_.add(Count::SequenceGaps);
      lose(index, Cause::SequenceGap, now);
      break;
  }
  want_snapshot(index, now);
}

void BinanceAdapter::take_trade(SymbolIndex index, const BinanceMessage& message,
                                Now now) noexcept {
  auto& instrument = instruments_[index];
  switch (instrument.trade_ids.take(message.trade_id)) {
    case TradeIds::Verdict::Next:
      break;
    case TradeIds::Verdict::AfterGap:
      counters_.add(Count::TradeGaps);
      ++instrument.counts.trade_gaps;
      break;
    case TradeIds::Verdict::Late:
      counters_.add(Count::TradesLate);
      ++instrument.counts.trades_late;
      break;
    case TradeIds::Verdict::Repeated:
      return counters_.add(Count::DuplicatesDropped);
  }
  counters_.add(Count::Trades);
  ++instrument.counts.trades;
  records_.write_trade(instrument.given.record, instrument.epoch,
                       {message.buyer_is_maker ? Side::Ask : Side::Bid,
                        message.price,
                        message.quantity,
                        {message.trade_id, 0}},
                       {now.ticks, message.exchange, true});
}

void BinanceAdapter::take_ticker(SymbolIndex index, const BinanceMessage& message,
                                 Now now) noexcept {
  auto& instrument = instruments_[index];
  if (message.ids.last < instrument.newest_ticker &&
      ++instrument.tickers_old < binance_tickers_old_max) {
    return counters_.add(Count::DuplicatesDropped);
  }
  instrument.newest_ticker = message.ids.last;
  instrument.newest_bid = message.bid.price;
  instrument.tickers_old = 0;
  counters_.add(Count::Bbos);
  ++instrument.counts.tickers;
  records_.write_bbo(instrument.given.record, instrument.epoch,
                     {message.bid, message.ask, {message.ids.last, flag_reference_sequence}},
                     {now.ticks, message.exchange, message.has_exchange_time});
}

// What it said is lost, and nobody knows what that was: its instrument needs a new snapshot.
void BinanceAdapter::refused(const BinanceMessage& message, DecodeStatus reason, Now now) noexcept {
  counters_.add(count_of(reason));
  const auto index = message.symbol;
  if (index == no_symbol) {
    if (reason != DecodeStatus::UnknownSymbol) counters_.add(Count::UnattributedDamage);
    return;
  }
  auto& instrument = instruments_[index];
  if (!instrument.open) return;
  auto cause = Cause::BadMessage;
  if (reason == DecodeStatus::NumberOverflow) cause = Cause::NumberOverflow;
  if (reason == DecodeStatus::SymbolMismatch) cause = Cause::UnknownSymbol;
  if (reason == DecodeStatus::NumberTooFine) {
    cause = Cause::PrecisionChanged;
    widen(index, message.finer_price, message.finer_quantity);
  }
  lose(index, cause, now);
  instrument.join.want_snapshot();
  want_snapshot(index, now);
}

}  // namespace ringside::collector
