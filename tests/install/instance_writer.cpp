// A small living instance for strangers to read: two books that move, trades, a clock. Runs until
// its standard input ends; says "ready" once everything is there.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"

using namespace ringside;
using namespace ringside::ipc;

namespace {

constexpr InstrumentTerms terms{Exponent{-2}, Exponent{-8}, ChecksumRule::None, 10};
constexpr std::array symbols{"BTC/USD", "ETH/USD"};

SegmentSpec named(SegmentSpec spec, const char* name) {
  spec.instance = "stranger";
  spec.name = name;
  return spec;
}

BookView book_at(std::int64_t moment) {
  BookView view;
  view.state = State::Live;
  view.terms = terms;
  view.epoch = 1;
  view.updates = static_cast<std::uint64_t>(moment);
  view.bid_count = view.ask_count = 2;
  for (std::int64_t i = 0; i < 2; ++i) {
    view.bids[static_cast<std::size_t>(i)] = {Price{10'000 + moment % 100 - i}, Quantity{5}};
    view.asks[static_cast<std::size_t>(i)] = {Price{10'001 + moment % 100 + i}, Quantity{7}};
  }
  return view;
}

}  // namespace

int main() {
  Telemetry telemetry({"stranger", "c0", "collector", "", 1});
  Segment catalogue = create_segment(named(catalogue_spec(4), "catalogue.c0"));
  Segment books = create_segment(named(book_table_spec(4), "books.w0.0"));
  Segment events = create_segment(named(broadcast_spec(1024), "events.w0.0"), fill_broadcast);
  CatalogueWriter listing(catalogue);
  BookTableWriter table(books);
  BroadcastWriter ring(events);
  for (std::uint32_t i = 0; i < symbols.size(); ++i) {
    listing.append({InstrumentId{i}, 0, terms, "kraken", symbols[i], "w0.0"});
    table.add(InstrumentId{i});
  }
  std::int64_t moment = 0;
  const auto step = [&] {
    const auto now = now_ticks();
    BookView view = book_at(++moment);
    view.receive = view.publish = now;
    Record trade;
    trade.kind = Kind::Trade;
    trade.side_or_reason = static_cast<std::uint8_t>(Side::Bid);
    trade.receive_tsc = now.value;
    trade.price = 10'000 + moment % 100;
    trade.quantity = moment;
    for (std::uint32_t i = 0; i < symbols.size(); ++i) {
      table.update(i, view);
      trade.instrument = i;
      ring.publish(trade, {}, now);
    }
    telemetry.on_tick(now);
    books.beat(now);
    events.beat(now);
    catalogue.beat(now);
  };
  step();
  std::cout << "ready" << std::endl;
  for (pollfd input{STDIN_FILENO, POLLIN, 0}; ::poll(&input, 1, 1) == 0;) step();
}
