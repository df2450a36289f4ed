// A source of events by script: books and trades as a test says them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/event_source.hpp"

namespace ringside::tools::analysis_test {

inline constexpr std::int64_t second = 1'000'000'000;
// 2026-11-21 00:00:00 UTC.
inline constexpr std::int64_t midnight = 1'795'219'200 * second;

class ScriptedSource final : public EventSource {
 public:
  explicit ScriptedSource(std::string venue, std::vector<std::string> symbols)
      : venue_(std::move(venue)), books_(symbols.size()), gaps_(symbols.size()) {
    for (auto& symbol : symbols) instruments_.push_back({std::move(symbol), true});
  }
  [[nodiscard]] std::string_view venue() const override { return venue_; }
  [[nodiscard]] const std::vector<SourceInstrument>& instruments() const override {
    return instruments_;
  }
  [[nodiscard]] bool next(SourceEvent& event) override {
    if (at_ == events_.size()) return false;
    auto& scripted = *events_[at_++];
    event = scripted.event;
    event.record = &scripted.record;
    event.terms = terms;
    if (scripted.has_book) event.book = &scripted.book;
    return true;
  }

  // Mantissas; `side`: the aggressor's.
  void trade(std::int64_t ns, Side side, std::int64_t price, std::int64_t quantity,
             std::uint64_t id = 0, std::size_t instrument = 0) {
    auto& scripted = add(ns, instrument, Kind::Trade);
    scripted.record.side_or_reason = static_cast<std::uint8_t>(side);
    scripted.record.price = price;
    scripted.record.quantity = quantity;
    scripted.record.reference = id;
  }
  // The whole book starts anew from these levels.
  void snapshot(std::int64_t ns, const std::vector<Level>& bids, const std::vector<Level>& asks,
                std::size_t instrument = 0) {
    auto& book = books_[instrument];
    book.clear();
    static_cast<void>(book.append(Side::Bid, bids));
    static_cast<void>(book.append(Side::Ask, asks));
    book.order();
    auto& scripted = add(ns, instrument, Kind::Snapshot);
    scripted.event.new_book = true;
    keep(scripted, book);
  }
  void level(std::int64_t ns, Side side, std::int64_t price, std::int64_t quantity,
             std::size_t instrument = 0) {
    auto& book = books_[instrument];
    static_cast<void>(book.apply(side, {Price{price}, Quantity{quantity}}));
    keep(add(ns, instrument, Kind::Level), book);
  }
  // Not live from here to the next snapshot.
  void gap(std::int64_t ns, std::size_t instrument = 0) {
    ++gaps_[instrument];
    add(ns, instrument, Kind::Status).event.state = State::Gap;
  }
  // The venue's time of what was added last, in place of none.
  void exchange_time(std::int64_t ns) {
    events_.back()->record.exchange_ns = ns;
    events_.back()->record.flags = 0;
  }
  void rewind() { at_ = 0; }

  InstrumentTerms terms{Exponent{-2}, Exponent{-3}, ChecksumRule::None, 0};

 private:
  struct Scripted {
    SourceEvent event;
    Record record;
    orderbook::Book book;
    bool has_book = false;
  };
  Scripted& add(std::int64_t ns, std::size_t instrument, Kind kind) {
    events_.push_back(std::make_unique<Scripted>());
    auto& scripted = *events_.back();
    scripted.event.instrument = instrument;
    scripted.event.received_ns = ns;
    scripted.event.state = State::Live;
    scripted.event.gaps = gaps_[instrument];
    scripted.record.kind = kind;
    scripted.record.flags = flag_no_exchange_time | flag_first | flag_last;
    return scripted;
  }
  static void keep(Scripted& scripted, const orderbook::Book& book) {
    for (const auto side : {Side::Bid, Side::Ask}) {
      std::vector<Level> levels(book.count(side));
      static_cast<void>(book.copy_best(side, levels));
      static_cast<void>(scripted.book.append(side, levels));
    }
    scripted.book.order();
    scripted.has_book = true;
  }

  std::string venue_;
  std::vector<SourceInstrument> instruments_;
  std::vector<orderbook::Book> books_;
  std::vector<std::uint64_t> gaps_;
  std::vector<std::unique_ptr<Scripted>> events_;
  std::size_t at_ = 0;
};

constexpr Level at(std::int64_t price, std::int64_t quantity) {
  return {Price{price}, Quantity{quantity}};
}

}  // namespace ringside::tools::analysis_test
