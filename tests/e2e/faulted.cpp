#include "tests/e2e/faulted.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tools/ringside/deployment_stat.hpp"

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds look_period{100};

// DOGE and BTC: far apart in price, and the dearer one has no more decimals.
std::string symbol(const std::string& venue, const std::string& base, std::size_t number) {
  const auto* const end = venue.starts_with("kraken") ? "/USD"
                          : venue == "binance-coinm"  ? "USD_PERP"
                                                      : "USDT";
  return base + std::to_string(number) + end;
}

std::string with_symbol(std::string text, const std::string& name) {
  for (auto at = text.find('$'); at != std::string::npos; at = text.find('$')) {
    text.replace(at, 1, name);
  }
  return text;
}

}  // namespace

std::string Faulted::text_of(const Statuses& history) {
  std::string text;
  for (const auto& [state, cause] : history) {
    text += std::string(name_of(state)) + "/" + name_of(cause) + " ";
  }
  return text;
}

Faulted::Faulted(const std::string& venue, std::vector<FaultRow> rows)
    : venue_(venue), kraken_(venue.starts_with("kraken")), rows_(std::move(rows)) {
  std::erase_if(rows_, [](const FaultRow& row) { return row.faults.empty(); });
  std::string listed, faults;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Symbols symbols{symbol(venue, "DOGE", i), {}};
    if (!rows_[i].of_connection) {
      symbols.bystander = symbol(venue, "BTC", i);
      all_.push_back(symbols.bystander);
      listed += symbols.bystander + ",";
    }
    all_.push_back(symbols.aimed);
    listed += symbols.aimed + (i + 1 < rows_.size() ? "," : "");
    faults += (i == 0 ? "" : ",") + with_symbol(rows_[i].faults, symbols.aimed);
    symbols_.push_back(std::move(symbols));
  }
  system_.emplace(options(listed, faults));
  system_->start();
  ::setenv("RINGSIDE_SHM_ROOT", system_->scratch.shm_root().c_str(), 1);
  consumer_.emplace(tools::ConsumerOptions{"test", tools::Join::Start, false});
}

Faulted::~Faulted() { ::unsetenv("RINGSIDE_SHM_ROOT"); }

SystemOptions Faulted::options(const std::string& symbols, const std::string& faults) {
  const auto rate = std::to_string(50 * all_.size());
  SystemOptions result;
  result.exchange = {"--generate",
                     venue_ + ":" + symbols + ";rate=" + rate + ";burst=2;rest_ms=5;" +
                         (kraken_ ? "depth=10" : "depth=25;levels=60;depth_ms=20"),
                     "--seed",
                     "7",
                     "--faults",
                     faults,
                     "--truth",
                     files_.path("truth")};
  result.venue_tables = [this](const Endpoints& endpoints) { return tables(endpoints); };
  return result;
}

std::string Faulted::tables(const Endpoints& endpoints) const {
  std::string text;
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    const auto& each = symbols_[i];
    // Looks at the metadata often only where that is what it is about, and its weight is not.
    const bool of_listing = rows_[i].kind >= exchange::FaultKind::List;
    text += "[[venue]]\nname = \"" + venue_ + "\"\nwebsocket = \"" + endpoints.websocket + "\"\n" +
            (kraken_ ? "depth = 10\n" : "depth = 100\nrest = \"" + endpoints.rest + "\"\n") +
            "tls_ca = \"" + endpoints.ca + "\"\nno_data_ms = 2500\nretry_ms_max = 200\n" +
            (of_listing && !kraken_ ? "metadata_ms = 1000\nrest_weight_max = 100000\n" : "") +
            "instruments = [\"" + each.aimed + "\"" +
            (each.bystander.empty() ? "" : ", \"" + each.bystander + "\"") + "]\n";
  }
  return text;
}

void Faulted::expect_each_row(milliseconds within) {
  const auto until = Clock::now() + within;
  const auto all_over = [this] {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!over(i)) return false;
    }
    return true;
  };
  tools::IdleLadder ladder;
  while (!all_over() && Clock::now() < until) {
    follow();
    if (due_to_look()) look_at_counters();
    ladder.pause();
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    EXPECT_TRUE(over(i)) << rows_[i].name << " on " << symbols_[i].aimed << "\n  showed "
                         << text_of(history_[symbols_[i].aimed])
                         << "\n  not counted:" << not_counted(i) << "\n"
                         << counters_text(i);
  }
}

void Faulted::expect_bystanders_undisturbed() {
  look_at_counters();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto& bystander = symbols_[i].bystander;
    if (bystander.empty()) continue;
    EXPECT_EQ(text_of(after_first_live(bystander)), "") << bystander << " beside " << rows_[i].name;
    EXPECT_EQ(count(i, "connections_opened"), venue_ == "binance-usdm" ? 2U : 1U)
        << rows_[i].name << ": the same connection";
  }
}

void Faulted::expect_true_books() {
  // On a busy machine one second may pass without a look at a book.
  constexpr unsigned looks_max = 20;
  std::map<std::string, std::string> published;
  std::set<std::string> seen;
  for (unsigned i = 0; i < looks_max && seen.size() < all_.size(); ++i) {
    const auto seen_file = files_.path("seen");
    const auto done = system_->ringside({"follow", "--truth-points", seen_file, "--seconds", "1"});
    EXPECT_EQ(done.status, 0) << done.err;
    published.merge(points(seen_file));
    for (const auto& entry : published) seen.insert(entry.first.substr(0, entry.first.find(' ')));
    follow();
  }
  for (const auto& each : all_) {
    EXPECT_TRUE(!history_[each].empty() && history_[each].back().state == State::Live) << each;
  }
  system_->stop();
  const auto truth = points(files_.path("truth"));
  for (const auto& [point, hash] : published) {
    const auto meant = truth.find(point);
    ASSERT_NE(meant, truth.end()) << "a book that the exchange never had: " << point;
    EXPECT_EQ(hash, meant->second) << "at " << point;
  }
  EXPECT_EQ(seen, std::set<std::string>(all_.begin(), all_.end()));
}

void Faulted::follow() {
  constexpr unsigned steps_max = 4'096;
  for (unsigned i = 0; i < steps_max; ++i) {
    const auto step = consumer_->poll(ipc::now_ticks());
    if (step == tools::Step::Idle) return;
    EXPECT_NE(step, tools::Step::Lost) << "this test must see every record";
    if (step != tools::Step::Record) continue;
    const Record& record = consumer_->buffer().record;
    const auto* const info = consumer_->info(record.id());
    if (record.kind != Kind::Status || info == nullptr) continue;
    history_[info->symbol].push_back({static_cast<State>(record.quantity), record.cause()});
  }
}

bool Faulted::due_to_look() {
  const auto now = Clock::now();
  if (now - looked_ < look_period) return false;
  looked_ = now;
  return true;
}

void Faulted::look_at_counters() {
  counters_.clear();
  for (const auto& process : tools::collect_deployment("test").processes) {
    for (const auto& [owner, counters] : process.counters) {
      for (const auto& [name, value] : counters) counters_[owner + "." + name] = value;
    }
  }
}

std::string Faulted::own_counters(std::size_t row) const {
  return "c0.0." + venue_ + (row == 0 ? "" : "-" + std::to_string(row)) + ".";
}

std::uint64_t Faulted::count(std::size_t row, const std::string& name) const {
  const auto own = counters_.find(own_counters(row) + name);
  if (own != counters_.end()) return own->second;
  const auto of_worker = counters_.find("w0.0." + name);
  return of_worker == counters_.end() ? 0 : of_worker->second;
}

std::string Faulted::not_counted(std::size_t row) const {
  std::string missing;
  for (const auto& names : rows_[row].counted) {
    const auto bar = std::min(names.find('|'), names.size());
    const auto other = names.substr(std::min(bar + 1, names.size()));
    if (count(row, names.substr(0, bar)) == 0 && (other.empty() || count(row, other) == 0)) {
      missing += " " + names;
    }
  }
  return missing;
}

std::string Faulted::counters_text(std::size_t row) const {
  std::string text;
  for (const auto& [name, value] : counters_) {
    if (value == 0 || !name.starts_with(own_counters(row))) continue;
    text += "    " + name + " " + std::to_string(value) + "\n";
  }
  return text;
}

Faulted::Statuses Faulted::after_first_live(const std::string& of) {
  const auto& all = history_[of];
  const auto first = std::find_if(all.begin(), all.end(),
                                  [](const Status& each) { return each.state == State::Live; });
  Statuses result;
  if (first == all.end()) return result;
  // A machine too busy to run collector or worker shows that in causes of its own.
  bool of_machine = false;
  for (auto at = first + 1; at != all.end(); ++at) {
    const bool back = at->state == State::Live && at->cause == Cause::None;
    if (at->cause == Cause::WriterGone || at->cause == Cause::RecordsDropped) {
      of_machine = true;
    } else if (of_machine && back) {
      of_machine = false;
    } else {
      result.push_back(*at);
    }
  }
  return result;
}

bool Faulted::over(std::size_t i) {
  const auto& row = rows_[i];
  const auto& history = history_[symbols_[i].aimed];
  if (history.empty() || history.back().state != State::Live ||
      history.back().cause != Cause::None || !not_counted(i).empty()) {
    return false;
  }
  if (!row.unseen.empty()) return after_first_live(symbols_[i].aimed).empty();
  const auto shows = [&](const std::vector<Outcome>& outcomes) {
    auto at = history.begin();
    for (const auto& outcome : outcomes) {
      at = std::find_if(at, history.end(), [&](const Status& each) {
        return each.state == outcome.state && each.cause == outcome.cause;
      });
      if (at == history.end()) return false;
      ++at;
    }
    return true;
  };
  return shows(row.seen) || (!row.or_seen.empty() && shows(row.or_seen));
}

}  // namespace ringside::e2e
