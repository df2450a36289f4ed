#include "tools/ringside/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/latency_report.hpp"

namespace ringside::tools {
namespace {

// The texts of one instrument; quotes[i] is its i-th level a side.
struct Texts {
  std::string symbol, state, rate, age, epoch;
  struct Quote {
    std::string bid, ask;
  };
  std::vector<Quote> quotes;
};

struct Widths {
  std::size_t symbol = 0, state = 0, bid = 0, ask = 0, rate = 0, age = 0, epoch = 0;
};

std::string level_text(Level level, const InstrumentTerms& terms) {
  return text_of(level.price, terms.price_exponent) + " x " +
         text_of(level.quantity, terms.quantity_exponent);
}

// The quantity outside, the price inside: "1.5 x 99.2 | 99.3 x 2".
std::string mirrored_level_text(Level level, const InstrumentTerms& terms) {
  return text_of(level.quantity, terms.quantity_exponent) + " x " +
         text_of(level.price, terms.price_exponent);
}

std::string rate_text(const std::optional<double>& per_second) {
  if (!per_second) return "-";
  return fmt::format("{:.{}f}/s", *per_second, *per_second < 10 ? 1 : 0);
}

Texts texts_of(const TopRow& row, unsigned levels) {
  Texts texts;
  texts.symbol = row.info.symbol;
  texts.state = row.state();
  texts.rate = rate_text(row.updates_per_second);
  texts.age = row.age_ns ? duration_text(*row.age_ns) : "-";
  texts.epoch = row.status == ipc::ReadStatus::Ok
                    ? fmt::format("{}.{}", row.view.epoch >> 16U, row.view.epoch & 0xffffU)
                    : "-";
  const auto& view = row.view;
  const bool shown = row.shows_levels();
  const auto depth = shown ? std::max(view.bid_count, view.ask_count) : 0;
  const auto count = std::max(std::min(levels, depth), 1U);
  for (unsigned i = 0; i < count; ++i) {
    Texts::Quote quote{"-", "-"};
    if (shown && i < view.bid_count) quote.bid = mirrored_level_text(view.bids[i], view.terms);
    if (shown && i < view.ask_count) quote.ask = level_text(view.asks[i], view.terms);
    texts.quotes.push_back(std::move(quote));
  }
  return texts;
}

Widths widths_of(const std::vector<Texts>& all) {
  Widths widths;
  const auto widen = [](std::size_t& width, const std::string& text) {
    width = std::max(width, text.size());
  };
  for (const auto& texts : all) {
    widen(widths.symbol, texts.symbol);
    widen(widths.state, texts.state);
    widen(widths.rate, texts.rate);
    widen(widths.age, texts.age);
    widen(widths.epoch, texts.epoch);
    for (const auto& quote : texts.quotes) {
      widen(widths.bid, quote.bid);
      widen(widths.ask, quote.ask);
    }
  }
  // Ages and rates change all the time; columns should not.
  widths.rate = std::max(widths.rate, std::size_t{6});
  widths.age = std::max(widths.age, std::size_t{6});
  return widths;
}

std::string quote_text(const Texts::Quote& quote, const Widths& widths) {
  return fmt::format("{:>{}} | {:<{}}", quote.bid, widths.bid, quote.ask, widths.ask);
}

std::string head_text(const Texts& texts, const Widths& widths) {
  return fmt::format("{:<{}} {:<{}}", texts.symbol, widths.symbol, texts.state, widths.state);
}

std::string tail_text(const Texts& texts, const Widths& widths) {
  return fmt::format("{:>{}} {:>{}} {:>{}}", texts.rate, widths.rate, texts.age, widths.age,
                     texts.epoch, widths.epoch);
}

void append_instrument(std::vector<std::string>& lines, const Texts& texts, const Widths& widths,
                       std::size_t columns) {
  const auto head = head_text(texts, widths);
  const auto tail = tail_text(texts, widths);
  const auto quote_columns = widths.bid + 3 + widths.ask;
  const bool one_line = head.size() + 2 + quote_columns + 1 + tail.size() <= columns;
  lines.push_back(one_line
                      ? fmt::format("{}  {} {}", head, quote_text(texts.quotes[0], widths), tail)
                      : fmt::format("{}  {}", head, tail));
  const std::string indent(one_line ? head.size() + 2 : 2, ' ');
  const bool side_by_side = indent.size() + quote_columns <= columns;
  for (std::size_t i = one_line ? 1 : 0; i < texts.quotes.size(); ++i) {
    const auto& quote = texts.quotes[i];
    if (side_by_side) {
      lines.push_back(indent + quote_text(quote, widths));
    } else {
      lines.push_back(indent + "bid " + quote.bid);
      lines.push_back(indent + "ask " + quote.ask);
    }
  }
}

}  // namespace

bool TopRow::shows_levels() const {
  return status == ipc::ReadStatus::Ok && view.state > State::Syncing;
}

std::string TopRow::state() const {
  return status == ipc::ReadStatus::Ok ? name_of(view.state) : ipc::name_of(status);
}

std::vector<std::string> frame_of(const std::vector<TopRow>& rows, const TopLayout& layout) {
  std::vector<Texts> all;
  for (const auto& row : rows) all.push_back(texts_of(row, layout.levels));
  const auto widths = widths_of(all);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].info.venue != rows[i - 1].info.venue) {
      lines.push_back(fmt::format("{}: bid | ask, updates, age, epoch", rows[i].info.venue));
    }
    append_instrument(lines, all[i], widths, layout.columns);
  }
  if (lines.size() > layout.rows && layout.rows > 0) {
    const auto hidden = lines.size() - (layout.rows - 1);
    lines.resize(layout.rows - 1);
    lines.push_back(fmt::format("... and {} more lines: a taller terminal shows them", hidden));
  }
  return lines;
}

std::vector<std::string> plain_lines(const std::vector<TopRow>& rows, unsigned levels) {
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    const auto texts = texts_of(row, levels);
    auto line = fmt::format("{} {} {}", texts.symbol, row.info.venue, texts.state);
    for (const auto& quote : texts.quotes) line += fmt::format("  {} | {}", quote.bid, quote.ask);
    line += fmt::format("  {} age {} epoch {}", texts.rate, texts.age, texts.epoch);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace ringside::tools
