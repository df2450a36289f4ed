#include <fmt/format.h>

#include "tools/ringside/json_text.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools {
namespace {

void put_trades(JsonText& json, const Verification& verification) {
  json.key("trades").begin_object();
  for (const auto& [symbol, totals] : verification.trades) {
    json.key(symbol).begin_object().member("n", totals.count);
    json.member("sum_qty", totals.quantity_sum).member("sum_notional", totals.notional_sum);
    if (totals.overflowed) json.member("overflowed", true);
    json.end_object();
  }
  json.end_object();
}

void put_book(JsonText& json, const BookTotals& book) {
  json.begin_object().member("state", name_of(book.state)).member("cause", name_of(book.cause));
  json.member("updates", book.updates).member("checksums_ok", book.checksums_good);
  json.member("checksums_failed", book.checksums_failed);
  json.member("gaps", book.gaps).member("resyncs", book.resyncs).key("sha256");
  if (book.whole) {
    json.value(book.sha256);
  } else {
    json.null();  // there is no book, and a part of one is worse than none
  }
  json.member("bbo_stream_n", book.best_count).member("bbo_stream_sha256", book.best_sha256);
  json.end_object();
}

std::string failure_of(const std::string& symbol, const BookTotals& book) {
  if (book.state != State::Live) {
    return fmt::format("{}: ends {} ({})\n", symbol, name_of(book.state), name_of(book.cause));
  }
  return fmt::format("{}: {} checksum{} failed\n", symbol, book.checksums_failed,
                     book.checksums_failed == 1 ? "" : "s");
}

}  // namespace

std::string verification_json(const Verification& verification) {
  JsonText json;
  json.begin_object().member("venue", verification.venue);
  json.member("messages", verification.messages).member("responses", verification.responses);
  put_trades(json, verification);
  json.key("books").begin_object();
  for (const auto& [symbol, book] : verification.books) {
    json.key(symbol);
    put_book(json, book);
  }
  json.end_object().member("books_sha256", verification.books_sha256);
  json.member("capture", verification.capture).member("good", verification.good());
  json.key("departures").begin_array();
  for (const auto& departure : verification.departures) {
    json.begin_object().member("line", departure.line).member("symbol", departure.symbol);
    json.member("state", name_of(departure.state)).member("cause", name_of(departure.cause));
    json.end_object();
  }
  json.end_array().key("counters").begin_object();
  for (const auto& [name, value] : verification.counters) json.member(name, value);
  return json.end_object().end_object().text();
}

std::string verification_text(const Verification& verification) {
  auto text = fmt::format("{} ({}): {} messages\n", verification.capture, verification.venue,
                          verification.messages);
  text += fmt::format("  {:<14} {:<12} {:>8} {:>13} {:>5} {:>7}  {}\n", "symbol", "state",
                      "updates", "checksums", "gaps", "resyncs", "book");
  for (const auto& [symbol, book] : verification.books) {
    const auto checksums =
        fmt::format("{}/{}", book.checksums_good, book.checksums_good + book.checksums_failed);
    text += fmt::format("  {:<14} {:<12} {:>8} {:>13} {:>5} {:>7}  {}\n", symbol,
                        name_of(book.state), book.updates, checksums, book.gaps, book.resyncs,
                        book.whole ? book.sha256.substr(0, 12) : "-");
  }
  for (const auto& [symbol, totals] : verification.trades) {
    text += fmt::format("  {:<14} {} trades, quantity {}, notional {}{}\n", symbol, totals.count,
                        totals.quantity_sum, totals.notional_sum,
                        totals.overflowed ? " (does not fit 128 bits)" : "");
  }
  for (const auto& departure : verification.departures) {
    text += fmt::format("  line {}: {} leaves live: {} ({})\n", departure.line, departure.symbol,
                        name_of(departure.state), name_of(departure.cause));
  }
  for (const auto& [symbol, book] : verification.books) {
    if (!book.good()) text += "  does not hold: " + failure_of(symbol, book);
  }
  return text;
}

}  // namespace ringside::tools
