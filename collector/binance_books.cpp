// BinanceAdapter: snapshots, resyncs, states, and the REST requests behind them.
#include <algorithm>

#include "collector/binance.hpp"

namespace ringside::collector {
namespace {

constexpr std::uint32_t epochs_max = 0xffff;  // of one generation
constexpr int status_ok = 200;
constexpr int status_bad_request = 400;  // a symbol that the venue does not know
constexpr int status_not_found = 404;
constexpr int status_banned = 418;
constexpr int status_too_fast = 429;

std::string_view rest_prefix(BinanceMarket market) {
  switch (market) {
    case BinanceMarket::Spot:
    case BinanceMarket::SpotUs:
      return "/api/v3/";
    case BinanceMarket::UsdMargined:
      return "/fapi/v1/";
    case BinanceMarket::CoinMargined:
      return "/dapi/v1/";
  }
  return "/";
}

// No market halves or doubles between a ticker and a snapshot of the same seconds.
bool of_another_symbol(const DepthSnapshot& snapshot, Price ticker_bid) noexcept {
  if (snapshot.bids.empty() || ticker_bid.mantissa == 0) return false;
  const auto best = snapshot.bids.front().price.mantissa;
  return best / 2 > ticker_bid.mantissa || ticker_bid.mantissa / 2 > best;
}

// Unknown (0) where it does not fit.
Price in_finer_units(Price price, int decimals) noexcept {
  for (; decimals > 0; --decimals) {
    if (price.mantissa >= mantissa_limit / 10) return Price{};
    price.mantissa *= 10;
  }
  return price;
}

void append_number(std::string& text, std::uint32_t number) {
  char digits[10];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count != 0) text += digits[--count];
}

}  // namespace

void BinanceAdapter::state(const Instrument& instrument, State state, Cause cause,
                           Now now) noexcept {
  records_.write_status(instrument.given.record, instrument.epoch, state, cause,
                        {now.ticks, {}, false});
}

// False: they are used up until the collector's next start.
bool BinanceAdapter::new_epoch(Instrument& instrument, Now now) noexcept {
  if (instrument.snapshots == epochs_max) {
    counters_.add(Count::EpochsExhausted);
    instrument.open = false;
    instrument.live = false;
    state(instrument, State::Failed, Cause::ResyncLimit, now);
    return false;
  }
  instrument.epoch = epoch_of(config_.generation, ++instrument.snapshots);
  return true;
}

// A new epoch: terms, then the snapshot. False: the book is not live; a new snapshot is wanted.
bool BinanceAdapter::publish(SymbolIndex index, const DepthSnapshot& snapshot, Now now) noexcept {
  auto& instrument = instruments_[index];
  if (of_another_symbol(snapshot, instrument.newest_bid)) {
    counters_.add(Count::SymbolMismatch);
    instrument.join.restart();
    want_snapshot(index, now);
    return false;
  }
  if (!new_epoch(instrument, now)) return false;
  const Origin origin{now.ticks, snapshot.exchange, snapshot.exchange.value != 0};
  records_.write_terms(instrument.given.record, instrument.epoch, terms(index), origin);
  records_.write_snapshot(instrument.given.record, instrument.epoch, {snapshot.bids, snapshot.asks},
                          {snapshot.last_update_id, flag_reference_sequence}, origin);
  instrument.live = true;
  instrument.was_live = true;
  instrument.failed = false;
  instrument.live_since_ns = now.steady_ns;
  ++instrument.counts.snapshots;
  counters_.add(Count::BookSnapshots);
  if (instrument.halted) state(instrument, State::Halted, Cause::VenueHalt, now);
  return true;
}

// The book is no longer to be trusted, from this message on.
void BinanceAdapter::lose(SymbolIndex index, Cause cause, Now now) noexcept {
  auto& instrument = instruments_[index];
  if (!instrument.live) return;
  instrument.live = false;
  ++instrument.counts.gaps;
  if (now.steady_ns - instrument.live_since_ns >= binance_settled_ns) instrument.attempts = 0;
  state(instrument, State::Gap, cause, now);
}

void BinanceAdapter::want_snapshot(SymbolIndex index, Now now) noexcept {
  auto& instrument = instruments_[index];
  counters_.add(Count::Resyncs);
  using Turn = RestSchedule::Turn;
  rest_.want(instrument.task, now.steady_ns, instrument.was_live ? Turn::First : Turn::InOrder);
  if (++instrument.attempts <= binance_resync_attempts_max || instrument.failed) return;
  instrument.failed = true;
  counters_.add(Count::ResyncLimits);
  state(instrument, State::Failed, Cause::ResyncLimit, now);
}

// The stream is open and its numbers can be read: from here on everything is buffered.
void BinanceAdapter::begin(SymbolIndex index, Cause cause, Now now) noexcept {
  auto& instrument = instruments_[index];
  instrument.open = true;
  instrument.live = false;
  instrument.was_live = false;
  instrument.attempts = 0;
  instrument.failed = false;
  instrument.join.restart();
  instrument.trade_ids.restart();
  instrument.newest_ticker = 0;
  instrument.newest_bid = Price{};
  // Trades and tickers come before the snapshot does: their units must be known.
  if (!new_epoch(instrument, now)) return;
  records_.write_terms(instrument.given.record, instrument.epoch, terms(index),
                       {now.ticks, {}, false});
  state(instrument, State::Syncing, cause, now);
  if (config_.books && instrument.streams) rest_.want(instrument.task, now.steady_ns);
}

// The venue has made its tick or step smaller: the next epoch has finer units. Or so it seems: the
// numbers may be another symbol's, and then the ticker's price is what gives that away.
void BinanceAdapter::widen(SymbolIndex index, Exponent finer_price,
                           Exponent finer_quantity) noexcept {
  auto& instrument = instruments_[index];
  const auto& units = symbols_.units(index);
  const auto price = std::min(units.price, finer_price);
  instrument.newest_bid =
      in_finer_units(instrument.newest_bid, units.price.power_of_ten - price.power_of_ten);
  symbols_.set_units(index, price, std::min(units.quantity, finer_quantity));
  instrument.join.restart();  // what is buffered is in the old units
}

void BinanceAdapter::on_resync(InstrumentId id, std::uint32_t epoch, Cause cause,
                               Now now) noexcept {
  const auto found = std::find_if(instruments_.begin(), instruments_.end(),
                                  [&](const auto& each) { return each.given.id == id; });
  if (found == instruments_.end()) return counters_.add(Count::ResyncsIgnored);
  const auto index = static_cast<SymbolIndex>(found - instruments_.begin());
  if (!found->open) {  // perhaps a worker that has just started, and does not know why
    counters_.add(Count::ResyncsIgnored);
    return records_.repeat_status(found->given.record, {now.ticks, {}, false});
  }
  // Dropped records may have taken the newest epoch's terms with them: then the worker cannot
  // know that epoch.
  const bool old = epoch < found->epoch && cause != Cause::RecordsDropped;
  if (old || !config_.books) return counters_.add(Count::ResyncsIgnored);
  if (!found->live) {  // under way: say so again
    counters_.add(Count::ResyncsIgnored);
    return state(*found, State::Syncing, cause, now);
  }
  lose(index, cause, now);
  found->join.want_snapshot();
  want_snapshot(index, now);
}

// --- REST ---------------------------------------------------------------------------------------

void BinanceAdapter::name_target(RestSchedule::Task task) noexcept {
  target_.assign(rest_prefix(config_.market));
  if (task >= depth_tasks()) {
    target_ += "depth?symbol=";
    target_ += instruments_[task - depth_tasks()].given.symbol;
    target_ += "&limit=";
    return append_number(target_, config_.snapshot_limit);
  }
  target_ += "exchangeInfo";
  if (task == listings_task() || asks_all(task)) return;
  const auto& chunk = info_chunks_[task];
  if (chunk.size() == 1) {
    target_ += "?symbol=";
    target_ += instruments_[chunk.front()].given.symbol;
    return;
  }
  target_ += "?symbols=%5B";  // ["A","B"], percent-encoded
  for (const auto index : chunk) {
    if (index != chunk.front()) target_ += ',';
    target_ += "%22";
    target_ += instruments_[index].given.symbol;
    target_ += "%22";
  }
  target_ += "%5D";
}

// The request of this chunk names no symbol.
bool BinanceAdapter::asks_all(std::size_t chunk) const noexcept {
  const bool planned = chunk + 1 < info_chunks_.size();
  return rule_of(config_.market) == BinanceRule::Futures ||
         (planned && info_chunks_[chunk].size() > 1);
}

void BinanceAdapter::request_due(Now now) noexcept {
  while (const auto task = rest_.overdue(now.steady_ns)) {
    counters_.add(Count::SnapshotTimeouts);
    if (*task >= depth_tasks()) {
      want_snapshot(static_cast<SymbolIndex>(*task - depth_tasks()), now);
    } else if (*task != listings_task()) {  // that one has a time of its own
      rest_.want(*task, now.steady_ns, RestSchedule::Turn::First);
    }
  }
  while (const auto due = rest_.next(now.steady_ns)) {
    name_target(due->task);
    if (!host_.request(due->request_id, target_)) {
      counters_.add(Count::SendQueueFull);
      return rest_.unsent(*due, now.steady_ns);
    }
    counters_.add(Count::RequestsSent);
  }
  counters_.add(Count::RequestsPaced, rest_.take_paced());
}

void BinanceAdapter::on_response(std::uint32_t request_id, const RestReply& reply,
                                 Now now) noexcept {
  const int status = reply.status;
  const auto answer = rest_.answered(request_id, now.steady_ns);
  if (status == status_too_fast || status == status_banned) {
    counters_.add(Count::RequestsRefused);
    rest_.throttled(now.steady_ns, reply.retry_after_ns);
  } else if (status != status_ok) {
    counters_.add(Count::RequestsFailed);
  }
  if (!answer || !answer->current) return counters_.add(Count::SnapshotsLate);
  if (answer->task < depth_tasks()) {
    return take_exchange_info(answer->task, status, reply.padded, now);
  }
  const auto index = static_cast<SymbolIndex>(answer->task - depth_tasks());
  if (status == status_ok) return take_snapshot(index, reply.padded, now);
  want_snapshot(index, now);
}

void BinanceAdapter::take_snapshot(SymbolIndex index, std::string_view padded, Now now) noexcept {
  auto& instrument = instruments_[index];
  const auto status = decoder_.decode_snapshot(padded, index, message_);
  if (status != DecodeStatus::Ok) {
    counters_.add(count_of(status));
    if (status == DecodeStatus::NumberTooFine) {
      widen(index, message_.finer_price, message_.finer_quantity);
    }
    return want_snapshot(index, now);
  }
  const DepthSnapshot snapshot{message_.ids.last, message_.exchange, message_.bids, message_.asks};
  switch (instrument.join.on_snapshot(snapshot, now.steady_ns)) {
    case SnapshotOutcome::Joined:
      break;
    case SnapshotOutcome::Held:
      // Nothing of this connection says how old it is; what an earlier one brought may. Else the
      // quiet behind it would make it live.
      if (snapshot.last_update_id >= instrument.newest_depth) return;
      counters_.add(Count::SnapshotsStale);
      instrument.join.restart();
      return want_snapshot(index, now);
    case SnapshotOutcome::Stale:
      counters_.add(Count::SnapshotsStale);
      return want_snapshot(index, now);
    case SnapshotOutcome::Unwanted:
      return counters_.add(Count::SnapshotsLate);
  }
  counters_.add(Count::DeltasWhileSyncing, instrument.join.dropped_by_snapshot());
  if (!publish(index, snapshot, now)) return;
  for (std::size_t i = 0; i < instrument.join.buffered_count(); ++i) {
    write_delta(instrument, instrument.join.buffered(i));
  }
  instrument.join.release_buffers();
}

void BinanceAdapter::take_exchange_info(RestSchedule::Task task, int status,
                                        std::string_view padded, Now now) noexcept {
  const bool whole = task == listings_task() || asks_all(task);
  // Any other refusal is of the request, and says nothing of its symbols.
  bool refused = status == status_bad_request || status == status_not_found;
  if (status == status_ok && !read_listings(padded, whole, now)) {
    counters_.add(Count::MalformedJson);
    refused = false;
  }
  if (task != listings_task()) take_chunk(task, status, refused, now);
}

// The exponents that an answer had to tell have been learned.
void BinanceAdapter::take_chunk(std::size_t chunk, int status, bool refused, Now now) noexcept {
  const auto task = static_cast<RestSchedule::Task>(chunk);
  if (chunk + 1 == info_chunks_.size()) return take_terms_answer(status, refused, now);
  bool missing = false;
  for (const auto index : info_chunks_[chunk]) {
    auto& instrument = instruments_[index];
    if (instrument.open || instrument.away()) continue;
    if (!symbols_.units(index).known) {
      missing = true;
      if (status != status_ok && !refused) continue;
      instrument.unknown = true;
      counters_.add(Count::UnknownSymbol);
      state(instrument, State::Failed, Cause::UnknownSymbol, now);
      continue;
    }
    begin_if_ready(index, now);
  }
  if (!missing) return;
  rest_.want(task, now.steady_ns, RestSchedule::Turn::First);
  // The next answer will hardly have it, and a look at all that is listed may come sooner.
  if (refused || (status == status_ok && asks_all(chunk))) {
    rest_.postpone(task, now.steady_ns + binance_refused_retry_ns);
  }
}

}  // namespace ringside::collector
