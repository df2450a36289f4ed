#include "collector/kraken_v1.hpp"

#include <algorithm>
#include <charconv>

namespace ringside::collector {
namespace {

// Exponents that are not given are learned from the first snapshot; until then all numbers fit.
void give_provisional_exponents(KrakenInstrument& instrument) {
  if (instrument.exponents_known) return;
  instrument.exponents_known = true;
  instrument.exponents_provisional = true;
  instrument.price_exponent = kraken_v1_price_exponent;
  instrument.quantity_exponent = kraken_v1_quantity_exponent;
}

KrakenConfig with_provisional_exponents(KrakenConfig config) {
  for (auto& instrument : config.instruments) give_provisional_exponents(instrument);
  return config;
}

bool is_book(std::string_view channel) { return channel.starts_with("book"); }

}  // namespace

KrakenV1Adapter::KrakenV1Adapter(KrakenConfig config, RecordWriter& records, AdapterHost& host)
    : KrakenSession(with_provisional_exponents(std::move(config)), records, host),
      channel_ids_(instruments().size()) {
  channel_ids_.reserve(std::max(this->config().instruments_max, instruments().size()));
}

void KrakenV1Adapter::on_message(ConnectionIndex connection, std::string_view padded,
                                 Now now) noexcept {
  heard(connection, now);
  const auto status = decoder_.decode(padded, message_);
  if (status == KrakenStatus::Ok) {
    take(connection, now);
  } else {
    count(count_of(status));
    const auto index = whose(padded);
    if (index == no_symbol) {
      count(Count::UnattributedDamage);
    } else {
      books().lose(index, Cause::BadMessage, now);
    }
  }
  act(now);
}

void KrakenV1Adapter::take(ConnectionIndex connection, Now now) noexcept {
  switch (message_.kind) {
    case KrakenV1Kind::Book:
      if (!agrees(KrakenChannel::Book, message_.book.symbol, now)) return;
      return take_book(message_.book, message_.snapshot, now);
    case KrakenV1Kind::Trade:
      if (message_.trades.empty()) return;
      if (!agrees(KrakenChannel::Trade, message_.trades.front().symbol, now)) return;
      for (const auto& trade : message_.trades) take_trade(trade, now);
      return;
    case KrakenV1Kind::Spread:
      return take_ticker(message_.spread, now);
    case KrakenV1Kind::SystemStatus:
      return take_system_status(connection, message_.online, now);
    case KrakenV1Kind::Heartbeat:
      return count(Count::Heartbeats);
    case KrakenV1Kind::Answer:
      return take_answer(message_.answer, now);
    case KrakenV1Kind::Ignored:
      return count(Count::UnknownMessage);
  }
}

void KrakenV1Adapter::take_answer(const KrakenV1Answer& answer, Now now) noexcept {
  using What = KrakenV1Answer::What;
  const auto index = find(answer.symbol);
  const bool book = is_book(answer.channel);
  switch (answer.what) {
    case What::Pong:
      return take_acknowledgement(no_symbol, {}, now);
    case What::Subscribed: {
      if (index != no_symbol) {
        const auto channel = book                        ? KrakenChannel::Book
                             : answer.channel == "trade" ? KrakenChannel::Trade
                                                         : KrakenChannel::Bbo;
        channel_ids_[index][static_cast<unsigned>(channel)] = answer.channel_id;
      }
      return take_acknowledgement(index, {true, book, answer.depth, answer.request}, now);
    }
    case What::Unsubscribed:
      return take_acknowledgement(index, {false, book, 0, answer.request}, now);
    case What::Refused:
      return take_refusal(index, answer.request, now);
  }
}

// Whose a damaged text is: the symbol that data end with, or the channel that they begin with.
BookIndex KrakenV1Adapter::whose(std::string_view text) const noexcept {
  const auto end = text.rfind('"');
  const auto begin = end == std::string_view::npos || end == 0 ? end : text.rfind('"', end - 1);
  if (begin != std::string_view::npos && begin < end) {
    const auto index = find(text.substr(begin + 1, end - begin - 1));
    if (index != no_symbol) return index;
  }
  if (text.empty() || text.front() != '[') return no_symbol;
  std::uint64_t channel_id = 0;
  const auto read = std::from_chars(text.data() + 1, text.data() + text.size(), channel_id);
  if (read.ec != std::errc() || channel_id == 0) return no_symbol;
  return owner_of(channel_id);
}

BookIndex KrakenV1Adapter::owner_of(std::uint64_t channel_id) const noexcept {
  for (BookIndex i = 0; i < channel_ids_.size(); ++i) {
    const auto& ids = channel_ids_[i];
    if (std::find(ids.begin(), ids.end(), channel_id) != ids.end()) return i;
  }
  return no_symbol;
}

bool KrakenV1Adapter::agrees(KrakenChannel channel, std::string_view symbol, Now now) noexcept {
  const auto id = message_.channel_id;
  const auto named = find(symbol);
  const auto told = named == no_symbol ? 0 : channel_ids_[named][static_cast<unsigned>(channel)];
  if (told != 0 && told == id) return true;
  const auto owner = id == 0 ? no_symbol : owner_of(id);
  if (owner == no_symbol && told == 0) return true;  // the venue has not told either
  count(named == no_symbol ? Count::UnknownSymbol : Count::SymbolMismatch);
  books().lose(owner == no_symbol ? named : owner, Cause::UnknownSymbol, now);
  return false;
}

bool KrakenV1Adapter::begin_connection(ConnectionIndex, Now) noexcept { return true; }

void KrakenV1Adapter::ask_for_terms(ConnectionIndex, Now) noexcept {}  // its first snapshot tells

void KrakenV1Adapter::prepare(KrakenInstrument& instrument) noexcept {
  give_provisional_exponents(instrument);
  channel_ids_.emplace_back();
}

void KrakenV1Adapter::write_question(std::string& text, const Question& question) noexcept {
  static constexpr std::array<std::string_view, kraken_channels> names{"book", "trade", "spread"};
  text.append("{\"event\":\"").append(question.subscribe ? "subscribe" : "unsubscribe");
  text.append("\",\"reqid\":").append(std::to_string(question.number));
  text.append(",\"pair\":[").append(question.symbols);
  text.append("],\"subscription\":{\"name\":\"");
  text.append(names[static_cast<unsigned>(question.channel)]).append("\"");
  if (question.channel == KrakenChannel::Book) {
    text.append(",\"depth\":").append(std::to_string(question.depth));
  }
  text.append("}}");
}

void KrakenV1FirstPass::on_message(std::string_view padded) {
  if (decoder_.decode(padded, message_) != KrakenStatus::Ok) return;
  const auto owner = owners_.find(message_.channel_id);
  const auto& symbol = message_.kind == KrakenV1Kind::Book ? message_.book.symbol
                       : message_.trades.empty()           ? message_.spread.symbol
                                                           : message_.trades.front().symbol;
  if (owner != owners_.end() && owner->second != symbol) return;  // whose is it?
  if (message_.kind == KrakenV1Kind::Book) tallies_.add(message_.book);
  for (const auto& trade : message_.trades) tallies_.add(trade);
  if (message_.kind == KrakenV1Kind::Spread) tallies_.add(message_.spread);
  const auto& answer = message_.answer;
  if (message_.kind == KrakenV1Kind::Answer && answer.what == KrakenV1Answer::What::Subscribed) {
    tallies_.acknowledge(answer.symbol, answer.depth);
    if (answer.channel_id != 0) owners_[answer.channel_id] = answer.symbol;
  }
}

}  // namespace ringside::collector
