#include <fmt/format.h>

#include "tools/ringside/deployment_stat.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/latency_report.hpp"

namespace ringside::tools {
namespace {

void put_segments(JsonText& json, const DeploymentStat& stat) {
  json.key("segments").begin_array();
  for (const auto& segment : stat.segments) {
    json.begin_object().member("name", segment.name).member("kind", name_of(segment.kind));
    json.member("attach", name_of(segment.status)).member("liveness", name_of(segment.liveness));
    json.member("heartbeat_age_ns", segment.heartbeat_age_ns);
    json.member("bytes", segment.geometry.total_bytes);
    json.member("huge_pages", segment.geometry.huge_pages());
    json.member("generation", segment.geometry.generation);
    json.member("writer_pid", segment.geometry.writer_pid).end_object();
  }
  json.end_array();
}

void put_processes(JsonText& json, const DeploymentStat& stat) {
  json.key("processes").begin_array();
  for (const auto& process : stat.processes) {
    json.begin_object().member("name", process.name).member("role", process.role);
    json.member("version", process.version).member("pid", process.pid);
    json.member("liveness", name_of(process.liveness));
    json.member("heartbeat_age_ns", process.heartbeat_age_ns).end_object();
  }
  json.end_array();
}

void put_instruments(JsonText& json, const DeploymentStat& stat) {
  json.key("instruments").begin_array();
  for (const auto& instrument : stat.instruments) {
    const auto& view = instrument.view;
    json.begin_object().member("symbol", instrument.info.symbol);
    json.member("venue", instrument.info.venue).member("instrument", instrument.info.id.value);
    json.member("worker", instrument.info.worker).member("state", instrument.state());
    json.member("read", name_of(instrument.status));
    if (instrument.status == ipc::ReadStatus::Ok) {
      json.member("cause", name_of(view.cause)).member("epoch", view.epoch);
      json.member("updates", view.updates).member("verified", view.verified);
      json.member("age_ns", instrument.age_ns);
    }
    json.end_object();
  }
  json.end_array();
}

void put_rings(JsonText& json, const DeploymentStat& stat) {
  json.key("rings").begin_array();
  for (const auto& ring : stat.rings) {
    json.begin_object().member("name", ring.name).member("slots", ring.slots);
    json.member("written", ring.written);
    if (!ring.broadcast) {
      json.member("bound", ring.bound).member("backlog", ring.backlog).member("drops", ring.drops);
    }
    json.end_object();
  }
  json.end_array();
}

void put_counters(JsonText& json, const DeploymentStat& stat) {
  json.key("counters").begin_object();
  for (const auto& process : stat.processes) {
    for (const auto& [owner, counters] : process.counters) {
      json.key(owner).begin_object();
      for (const auto& [name, value] : counters) json.member(name, value);
      json.end_object();
    }
  }
  json.end_object();
}

void put_placement(JsonText& json, const DeploymentStat& stat) {
  json.key("placement").begin_object();
  for (const auto& process : stat.processes) {
    json.key(process.name).begin_array();
    for (const auto& fact : process.placement) {
      json.begin_object().member("key", fact.key).member("asked", fact.asked);
      json.member("applied", fact.applied).member("detail", fact.detail).end_object();
    }
    json.end_array();
  }
  json.end_object().key("degradations").begin_object();
  for (const auto& process : stat.processes) {
    json.key(process.name).begin_array();
    for (const auto& degradation : process.degradations) json.value(degradation.line);
    json.end_array();
  }
  json.end_object();
}

void put_memory(JsonText& json, const MemoryStat& memory) {
  json.begin_object().member("total_bytes", memory.total_bytes).key("processes").begin_array();
  for (const auto& process : memory.processes) {
    json.begin_object().member("name", process.name).member("pid", process.pid);
    json.member("pss_bytes", process.memory.pss_bytes);
    json.member("huge_bytes", process.memory.private_huge_bytes + process.memory.shared_huge_bytes);
    json.end_object();
  }
  json.end_array().end_object();
}

std::string processes_text(const DeploymentStat& stat) {
  std::string text = fmt::format("{:<14}{:<12}{:>9}  {:<11}{:>9}\n", "process", "role", "pid",
                                 "writer", "heartbeat");
  for (const auto& process : stat.processes) {
    text += fmt::format("{:<14}{:<12}{:>9}  {:<11}{:>9}\n", process.name, process.role, process.pid,
                        name_of(process.liveness), duration_text(process.heartbeat_age_ns));
  }
  return text;
}

std::string instruments_text(const DeploymentStat& stat) {
  if (stat.instruments.empty()) return {};
  std::string text = fmt::format("\n{:<16}{:<13}{:<13}{:<8}{:>8}{:>11}{:>8}\n", "instrument",
                                 "venue", "state", "worker", "epoch", "updates", "age");
  for (const auto& instrument : stat.instruments) {
    const auto& view = instrument.view;
    const bool good = instrument.status == ipc::ReadStatus::Ok;
    text += fmt::format(
        "{:<16}{:<13}{:<13}{:<8}{:>8}{:>11}{:>8}\n", instrument.info.symbol, instrument.info.venue,
        good ? name_of(view.state) : name_of(instrument.status), instrument.info.worker,
        good ? fmt::format("{}.{}", view.epoch >> 16U, view.epoch & 0xffffU) : "-",
        good ? fmt::format("{}", view.updates) : "-",
        good && view.receive.value != 0 ? duration_text(instrument.age_ns) : "-");
    if (good && view.cause != Cause::None) {
      text += fmt::format("  {}: {}\n", instrument.info.symbol, name_of(view.cause));
    }
  }
  return text;
}

std::string rings_text(const DeploymentStat& stat) {
  if (stat.rings.empty()) return {};
  std::string text = fmt::format("\n{:<26}{:>10}{:>15}{:>12}{:>8}\n", "ring", "slots", "written",
                                 "unread", "drops");
  for (const auto& ring : stat.rings) {
    std::string unread = "-";  // a broadcast ring does not know its readers
    if (!ring.broadcast) {
      unread = ring.bound ? fmt::format("{:.1f} %", 100.0 * static_cast<double>(ring.backlog) /
                                                        static_cast<double>(ring.slots))
                          : "no reader";
    }
    text += fmt::format("{:<26}{:>10}{:>15}{:>12}{:>8}\n", ring.name, ring.slots, ring.written,
                        unread, ring.broadcast ? std::string("-") : fmt::format("{}", ring.drops));
  }
  return text;
}

std::string placement_text(const DeploymentStat& stat) {
  std::string text;
  for (const auto& process : stat.processes) {
    for (const auto& fact : process.placement) {
      if (text.empty()) {
        text =
            fmt::format("\n{:<7} {:<17} {:<19} {}\n", "process", "placement", "asked", "applied");
      }
      text += fmt::format("{:<7} {:<17} {:<19} {}{}\n", process.name, fact.key, fact.asked,
                          fact.applied, fact.detail.empty() ? "" : " (" + fact.detail + ")");
    }
  }
  return text;
}

std::string fall_backs_text(const DeploymentStat& stat) {
  std::string text;
  for (const auto& process : stat.processes) {
    for (const auto& degradation : process.degradations) {
      if (text.empty()) text = "\nfall-backs\n";
      text += fmt::format("{}: {}\n", process.name, degradation.line);
    }
  }
  return text;
}

std::string counters_text(const DeploymentStat& stat) {
  std::string text;
  for (const auto& process : stat.processes) {
    for (const auto& [owner, counters] : process.counters) {
      for (const auto& [name, value] : counters) {
        if (value == 0) continue;
        if (text.empty()) text = "\ncounters that are not 0\n";
        text += fmt::format("{:<14}{:<40}{:>16}\n", owner, name, value);
      }
    }
  }
  return text;
}

}  // namespace

std::string deployment_json(const DeploymentStat& stat) {
  JsonText json;
  json.begin_object().member("instance", stat.instance);
  put_processes(json, stat);
  put_instruments(json, stat);
  put_rings(json, stat);
  put_segments(json, stat);
  put_counters(json, stat);
  put_placement(json, stat);
  json.key("memory");
  put_memory(json, stat.memory);
  json.key("problems").begin_array();
  for (const auto& problem : stat.problems) json.value(problem);
  return json.end_array().end_object().text() + "\n";
}

std::string deployment_text(const DeploymentStat& stat) {
  auto text = fmt::format("instance {}\n\n", stat.instance);
  text += processes_text(stat) + instruments_text(stat) + rings_text(stat) + placement_text(stat) +
          fall_backs_text(stat) + counters_text(stat);
  if (!stat.problems.empty()) text += '\n';
  for (const auto& problem : stat.problems) text += problem + "\n";
  return text + "\n" + memory_line(stat.memory) + "\n";
}

std::string memory_json(const std::string& instance, const MemoryStat& memory) {
  JsonText json;
  json.begin_object().member("instance", instance).key("memory");
  put_memory(json, memory);
  return json.end_object().text() + "\n";
}

std::string memory_line(const MemoryStat& memory) {
  return fmt::format("memory of all processes: {:.1f} MB (PSS, huge pages once)",
                     static_cast<double>(memory.total_bytes) / 1e6);
}

}  // namespace ringside::tools
