// The jobs that make something of a feed's events: bars, statistics, exports.
#include <fmt/format.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringside/analysis/bars.hpp"
#include "tools/ringside/analysis/dbn_export.hpp"
#include "tools/ringside/analysis/statistics.hpp"
#include "tools/ringside/analysis/tardis_export.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/decimal_text.hpp"
#include "tools/ringside/job/job_captures.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

namespace fs = std::filesystem;

// --- Bars ---------------------------------------------------------------------------------------

void put_bar(JsonText& json, const Bar& bar, const std::string& symbol) {
  json.begin_object().member("symbol", symbol);
  json.member("begin_ns", bar.begin_ns).member("end_ns", bar.end_ns);
  json.member("open", decimal_text(bar.open, bar.price_power));
  json.member("high", decimal_text(bar.high, bar.price_power));
  json.member("low", decimal_text(bar.low, bar.price_power));
  json.member("close", decimal_text(bar.close, bar.price_power));
  json.member("volume", decimal_text(bar.volume, bar.quantity_power));
  json.member("bought", decimal_text(bar.bought, bar.quantity_power));
  json.member("notional", decimal_text(bar.notional, bar.price_power + bar.quantity_power));
  json.member("trades", bar.trades).member("late", bar.late);
  json.member("complete", bar.complete).member("overflowed", bar.overflowed).end_object();
}

ItemResult bars_of(const Capture& capture, const BarRule& rule, bool (*stop)()) {
  const auto source = events_of(capture, stop);
  BarBuilder builder(rule, source->instruments().size());
  std::vector<Bar> bars;
  for (SourceEvent event; source->next(event);) builder.take(event, bars);
  builder.finish(bars);
  ItemResult result{true, "", fmt::format("# {} ({})\n", capture.path, capture.venue)};
  result.text += bar_csv_header();
  JsonText json;
  json.begin_object().member("capture", capture.path).member("venue", capture.venue);
  json.key("bars").begin_array();
  for (const auto& bar : bars) {
    const auto& symbol = source->instruments()[bar.instrument].symbol;
    result.good = result.good && !bar.overflowed;
    append_bar_csv(result.text, bar, symbol);
    put_bar(json, bar, symbol);
  }
  result.json = json.end_array().end_object().text();
  return result;
}

// --- Statistics ---------------------------------------------------------------------------------

ItemResult statistics_of(const Capture& capture, bool (*stop)()) {
  const auto source = events_of(capture, stop);
  Statistics statistics(source->instruments().size());
  for (SourceEvent event; source->next(event);) statistics.take(event);
  statistics.finish();
  return {true, statistics_json(statistics, *source),
          fmt::format("{} ({})\n{}", capture.path, capture.venue,
                      statistics_text(statistics, *source))};
}

// --- Export -------------------------------------------------------------------------------------

std::string tardis_type_names() {
  std::string names;
  for (std::size_t i = 0; i < tardis_type_count; ++i) {
    names += fmt::format("{}{}", i == 0 ? "" : ",", name_of(static_cast<TardisType>(i)));
  }
  return names;
}

// "trades,book_snapshot_5"
std::vector<TardisType> tardis_types(const std::string& list) {
  std::vector<TardisType> types;
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    const auto before = types.size();
    for (std::size_t i = 0; i < tardis_type_count; ++i) {
      const auto type = static_cast<TardisType>(i);
      if (name_of(type) == name) types.push_back(type);
    }
    if (types.size() != before + 1) {
      throw CommandError(
          fmt::format("--types: no such type '{}'; there are: {}", name, tardis_type_names()));
    }
  }
  return types;
}

DbnSchema dbn_schema(const std::string& name) {
  if (name == "mbp-1") return DbnSchema::Mbp1;
  return name == "mbp-10" ? DbnSchema::Mbp10 : DbnSchema::Trades;
}

// FOLDER/VENUE/CAPTURE.SCHEMA.dbn.zst
fs::path dbn_path(const JobArguments& arguments, const Capture& capture) {
  auto name = fs::path(capture.path).filename();
  if (name.extension() == ".gz") name.replace_extension();
  return fs::path(arguments.folder) / capture.venue /
         (name.string() + "." + arguments.schema + ".dbn.zst");
}

ItemResult exported(const Capture& capture, std::uint64_t count, const char* what,
                    const std::vector<fs::path>& files) {
  JsonText json;
  json.begin_object().member("capture", capture.path).member("venue", capture.venue);
  json.member(what, count).key("files").begin_array();
  std::string text;
  for (const auto& file : files) {
    json.value(file.string());
    text += fmt::format("{}\n", file.string());
  }
  return {true, json.end_array().end_object().text(), text};
}

ItemResult export_to_tardis(const JobArguments& arguments, const Capture& capture,
                            IfExists if_exists, bool (*stop)()) {
  const auto source = events_of(capture, stop);
  TardisExport to(arguments.folder, *source, tardis_types(arguments.types), if_exists);
  for (SourceEvent event; source->next(event);) to.take(event);
  const auto written = to.finish();
  return exported(capture, written.rows, "rows", written.files);
}

ItemResult export_to_dbn(const JobArguments& arguments, const Capture& capture, IfExists if_exists,
                         bool (*stop)()) {
  const auto file = dbn_path(arguments, capture);
  const auto written = export_dbn([&] { return events_of(capture, stop); },
                                  dbn_schema(arguments.schema), file, if_exists);
  return exported(capture, written.records, "records", {file});
}

}  // namespace

void add_bars_options(CLI::App& command, JobArguments& arguments) {
  command
      .add_option("--bars", arguments.bars,
                  "time:60s, time:250ms, volume:12.5, imbalance:100 and the like")
      ->type_name("RULE")
      ->capture_default_str();
}

int run_bars_job(const JobArguments& arguments) {
  const auto rule = parse_bar_rule(arguments.bars);
  if (!rule) {
    throw CommandError(
        fmt::format("--bars {}: no rule, which is like time:60s, volume:12.5 or imbalance:100",
                    arguments.bars));
  }
  const auto captures = captures_of(arguments);
  auto plan = plan_over("bars", captures, arguments.bars);
  plan.run = [&](std::size_t index, std::string_view bytes, bool (*stop)()) {
    return bars_of(captures[index].with(bytes), *rule, stop);
  };
  return say_job(plan, run_job(plan, arguments.settings, &stop_asked), arguments.json);
}

int run_stats_job(const JobArguments& arguments) {
  const auto captures = captures_of(arguments);
  auto plan = plan_over("stats", captures, "");
  plan.run = [&](std::size_t index, std::string_view bytes, bool (*stop)()) {
    return statistics_of(captures[index].with(bytes), stop);
  };
  return say_job(plan, run_job(plan, arguments.settings, &stop_asked), arguments.json);
}

void add_export_options(CLI::App& command, JobArguments& arguments) {
  command.add_option("--to", arguments.folder, "where the files go")
      ->required()
      ->type_name("FOLDER");
  command.add_option("--format", arguments.format, "of the files")
      ->check(CLI::IsMember({"tardis", "dbn"}))
      ->capture_default_str();
  command.add_option("--types", arguments.types, "tardis: which of " + tardis_type_names())
      ->type_name("LIST")
      ->capture_default_str();
  command.add_option("--schema", arguments.schema, "dbn: which records")
      ->check(CLI::IsMember({"trades", "mbp-1", "mbp-10"}))
      ->capture_default_str();
  command.add_flag("--replace", arguments.replace, "files that are there already");
}

int run_export_job(const JobArguments& arguments) {
  if (arguments.format == "tardis")
    tardis_types(arguments.types);  // refused before anything begins
  const auto captures = captures_of(arguments);
  const auto if_exists = arguments.replace ? IfExists::Replace : IfExists::Refuse;
  auto plan = plan_over(
      "export", captures,
      fmt::format("{} {} {} {} {}", arguments.format, fs::absolute(arguments.folder).string(),
                  arguments.types, arguments.schema, arguments.replace));
  plan.run = [&](std::size_t index, std::string_view bytes, bool (*stop)()) {
    const auto capture = captures[index].with(bytes);
    return arguments.format == "dbn" ? export_to_dbn(arguments, capture, if_exists, stop)
                                     : export_to_tardis(arguments, capture, if_exists, stop);
  };
  return say_job(plan, run_job(plan, arguments.settings, &stop_asked), arguments.json);
}

}  // namespace ringside::tools
