#include "tools/ringside/latency_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ipc/segment.hpp"
#include "ipc/telemetry.hpp"
#include "tools/ringside/json_text.hpp"

namespace ringside::tools {
namespace {

struct Percentile {
  std::string_view column;
  std::string_view key;
  double percent;
};
constexpr std::array<Percentile, 4> percentiles{{{"p50", "p50_ns", 50},
                                                 {"p90", "p90_ns", 90},
                                                 {"p99", "p99_ns", 99},
                                                 {"p99.9", "p99_9_ns", 99.9}}};

std::size_t order_of(std::string_view stage) {
  const auto& known = ipc::stage::in_order;
  return static_cast<std::size_t>(std::find(known.begin(), known.end(), stage) - known.begin());
}

// From the kernel's stamp, which is not of the clock that all other stages are measured with.
bool of_other_clock(std::string_view stage) { return stage == ipc::stage::kernel_to_read; }

void collect_process(const std::string& instance, const std::string& name,
                     std::vector<StageRow>& rows) {
  ipc::Segment segment;
  const auto status = ipc::attach_segment(instance, name, ipc::SegmentKind::Telemetry, segment);
  if (!ipc::is_attached(status)) return;
  const ipc::TelemetryReader reader(segment);
  if (status != ipc::AttachStatus::Ok && reader.role() == "consumer") return;
  for (const auto& label : reader.histograms()) {
    StageRow row;
    row.stage = label.stage;
    row.process = name.substr(name.find('.') + 1);
    row.thread = label.thread;
    row.since = segment.geometry().created;
    if (!reader.copy_histogram(label.index, row.histogram) || row.histogram.count() == 0) continue;
    row.beyond = reader.beyond_range(label.index);
    rows.push_back(std::move(row));
  }
}

}  // namespace

std::vector<StageRow> collect_stages(const std::string& instance) {
  std::vector<StageRow> rows;
  for (const auto& name : ipc::list_segments(instance)) {
    if (name.starts_with("telemetry.")) collect_process(instance, name, rows);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const StageRow& a, const StageRow& b) {
    const auto left = order_of(a.stage);
    const auto right = order_of(b.stage);
    return left != right ? left < right : a.thread < b.thread;
  });
  return rows;
}

std::vector<StageRow> difference(std::vector<StageRow> later,
                                 const std::vector<StageRow>& earlier) {
  for (auto& row : later) {
    for (const auto& before : earlier) {
      if (before.stage != row.stage || before.thread != row.thread ||
          before.process != row.process || before.since != row.since) {
        continue;
      }
      if (row.histogram.subtract(before.histogram))
        row.beyond -= std::min(row.beyond, before.beyond);
    }
  }
  std::erase_if(later, [](const StageRow& row) { return row.histogram.count() == 0; });
  return later;
}

std::string duration_text(std::uint64_t ns) {
  constexpr std::array<std::string_view, 4> units{"ns", "us", "ms", "s"};
  if (ns < 1000) return fmt::format("{}ns", ns);
  auto value = static_cast<double>(ns);
  std::size_t unit = 0;
  // 999.5 and above would print as 1000.
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", value, digits, units[unit]);
}

std::string latency_table(const std::vector<StageRow>& rows) {
  std::string text = fmt::format("{:<21}{:<11} {:>9}", "stage", "thread", "count");
  for (const auto& percentile : percentiles) text += fmt::format(" {:>6}", percentile.column);
  text += fmt::format(" {:>6}\n", "max");
  for (const auto& row : rows) {
    text += fmt::format("{:<21}{:<11} {:>9}", row.stage, row.thread, row.histogram.count());
    for (const auto& percentile : percentiles) {
      text += fmt::format(" {:>6}", duration_text(row.histogram.percentile(percentile.percent)));
    }
    text += fmt::format(" {:>6}\n", duration_text(row.histogram.max()));
    if (row.beyond > 0) text += fmt::format("  {} of these took longer than 60 s\n", row.beyond);
    if (of_other_clock(row.stage)) text += "  by CLOCK_REALTIME, in no other stage's figures\n";
  }
  return text;
}

std::string latency_json(const std::string& instance, const std::vector<StageRow>& rows) {
  JsonText json;
  json.begin_object().member("instance", instance).key("stages").begin_array();
  for (const auto& row : rows) {
    json.begin_object().member("stage", row.stage).member("process", row.process);
    json.member("thread", row.thread).member("count", row.histogram.count());
    for (const auto& percentile : percentiles) {
      json.member(percentile.key, row.histogram.percentile(percentile.percent));
    }
    json.member("max_ns", row.histogram.max()).member("mean_ns", row.histogram.mean());
    json.member("beyond_range", row.beyond);
    json.member("other_clock", of_other_clock(row.stage)).end_object();
  }
  return json.end_array().end_object().text() + "\n";
}

StageRow merged(const std::vector<StageRow>& rows, std::string_view stage) {
  StageRow all;
  all.stage = stage;
  if (stage.empty()) {  // what jobs take is no stage of the path
    const auto last = std::find_if(rows.rbegin(), rows.rend(), [](const StageRow& row) {
      return std::find(ipc::stage::in_order.begin(), ipc::stage::in_order.end(), row.stage) !=
             ipc::stage::in_order.end();
    });
    if (last != rows.rend()) all.stage = last->stage;
  }
  for (const auto& row : rows) {
    if (row.stage != all.stage) continue;
    static_cast<void>(all.histogram.add(row.histogram));  // one geometry for all live histograms
    all.beyond += row.beyond;
  }
  return all;
}

}  // namespace ringside::tools
