// A newcomer's mistakes. Each gives one line that says what, with which value, why, and what to do;
// a process that cannot go on ends with status 2 and leaves nothing in shared memory; one that can,
// goes on, and says it once.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/e2e/launched.hpp"

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;
const std::vector<std::string> nothing;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

bool turns_out(const std::function<bool()>& what) {
  const auto until = Clock::now() + milliseconds(60'000);
  while (!what()) {
    if (Clock::now() > until) return false;
  }
  return true;
}

const std::string head =
    "instance = \"test\"\n[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n"
    "threads = [{ cpu = \"auto\" }]\n[[worker]]\nname = \"w0\"\nthreads = [{ cpu = \"auto\" }]\n";
const std::string venue =
    "[[venue]]\nname = \"kraken\"\nwebsocket = \"wss://127.0.0.1:1/v2\"\n"
    "instruments = [\"BTC/USD\"]\ndepth = 25\n";

struct Mistake {
  const char* name;
  std::string right, wrong;  // what is replaced in the good file, and with what
  std::vector<std::string> arguments;
  std::vector<std::string> said;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

const std::vector<std::string> collector{"ringside-collector", "--name", "c0"};
const std::vector<std::string> worker{"ringside-orderbook", "--name", "w0"};

// What ends at once, for what stands in the file or on the command line.
const Mistake mistakes[] = {
    {"UnknownVenue",
     "\"kraken\"",
     "\"krakn\"",
     collector,
     {"test.toml:10: [[venue]] name = \"krakn\"", "did you mean \"kraken\"?"}},
    {"UnknownKey",
     "depth =",
     "dept =",
     collector,
     {"test.toml:13: unknown key \"dept\" in [[venue]]; did you mean \"depth\"?"}},
    {"UnknownKeyOfATopTable",
     "instance =",
     "wiat = \"spin\"\ninstance =",
     worker,
     {"test.toml:1: unknown key \"wiat\"", "did you mean \"wait\"?"}},
    {"ACoreThatDoesNotExistForTheCollector",
     "{ cpu = \"auto\" }",
     "{ cpu = 4000 }",
     collector,
     {"thread c0.0: cpu = 4000: core 4000 does not exist, this host has ", "; name one of "}},
    {"ACoreThatDoesNotExistForTheWorker",
     "\"w0\"\nthreads = [{ cpu = \"auto\"",
     "\"w0\"\nthreads = [{ cpu = 4000",
     worker,
     {"thread w0.0: cpu = 4000: core 4000 does not exist, this host has ", "; name one of "}},
    {"ANodeThatDoesNotExistForTheCollector",
     "{ cpu = \"auto\" }",
     "{ cpu = \"auto\", node = 900 }",
     collector,
     {"thread c0.0: node = 900: no NUMA node of this host", "leave it out for the core"}},
    {"ANodeThatDoesNotExistForTheWorker",
     "\"w0\"\nthreads = [{ cpu = \"auto\"",
     "\"w0\"\nthreads = [{ node = 900",
     worker,
     {"thread w0.0: node = 900: no NUMA node of this host", "leave it out for the core"}},
    {"ACollectorThatTheFileDoesNotName",
     "",
     "",
     {"ringside-collector", "--name", "c9"},
     {"no [[collector]] is named \"c9\"; it names: c0"}},
    {"AWorkerThatTheFileDoesNotName",
     "",
     "",
     {"ringside-orderbook", "--name", "c0"},
     {"no [[worker]] is named \"c0\"; it names: w0"}},
    {"ASyntaxError",
     "name = \"kraken\"",
     "name = kraken",
     collector,
     {"test.toml:10:", "not valid TOML", "texts need quotes"}},
    {"AnAddressOfTheWrongKind",
     "wss://",
     "https://",
     collector,
     {"websocket = \"https://127.0.0.1:1/v2\": must begin with wss:// or ws://"}},
    {"AnAuthorityFileThatIsNotThere",
     "depth = 25",
     "tls_ca = \"nowhere.pem\"",
     collector,
     {"tls_ca = \"nowhere.pem\": there is no file ", "relative to the configuration file"}},
    {"AnAuthorityFileThatIsNone",
     "depth = 25",
     "tls_ca = \"test.toml\"",
     collector,
     {"test.toml", "PEM"}},
    {"NoNameGiven", "", "", {"ringside-collector"}, {"--name NAME is required"}},
};

class OneLine : public ::testing::TestWithParam<Mistake> {
 protected:
  static void expect_one_line(const Finished& finished, const std::vector<std::string>& said) {
    EXPECT_EQ(finished.status, 2);
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(count_of(finished.err, "\n"), 1U) << finished.err;
    EXPECT_TRUE(finished.err.starts_with("ringside")) << "who says it: " << finished.err;
    for (auto part : said) {
      // Keys and values may be quoted either way.
      auto text = finished.err;
      std::replace(text.begin(), text.end(), '\'', '"');
      EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << finished.err;
    }
  }
};

TEST_P(OneLine, SaysWhatIsWrongAndLeavesNothing) {
  const auto& mistake = GetParam();
  const Scratch scratch;
  auto text = head + venue;
  const auto at = text.find(mistake.right);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, mistake.right.size(), mistake.wrong);
  auto arguments = mistake.arguments;
  arguments.insert(arguments.end(), {"--config", scratch.write("test.toml", text)});
  expect_one_line(run(scratch, arguments), mistake.said);
  EXPECT_EQ(scratch.segments_left(), nothing);
  EXPECT_FALSE(std::filesystem::exists(scratch.shm_root() + "/test"));
}

INSTANTIATE_TEST_SUITE_P(Mistakes, OneLine, ::testing::ValuesIn(mistakes),
                         [](const auto& mistake) { return std::string(mistake.param.name); });

class Mistakes : public OneLine {};

TEST_F(Mistakes, AFileThatIsNotThereIsNamedByEveryProgram) {
  const Scratch scratch;
  for (auto arguments : {collector, worker}) {
    arguments.insert(arguments.end(), {"--config", scratch.path("nowhere.toml")});
    expect_one_line(run(scratch, arguments),
                    {"nowhere.toml: cannot be read", "No such file", "--config"});
  }
}

TEST_F(Mistakes, LookingWhereNothingRunsSaysSo) {
  const Scratch scratch;
  for (const auto* command : {"stat", "top", "tail", "latency", "memory", "books"}) {
    expect_one_line(run(scratch, {"ringside", command}),
                    {"no deployment runs on this host", scratch.shm_root(), "scripts/launch up"});
  }
  expect_one_line(run(scratch, {"ringside", "stat", "--instance", "prod"}),
                  {"no instance \"prod\"", "scripts/launch up"});
  expect_one_line(run(scratch, {"ringside", "stta"}), {"stta"});
}

// As somebody who may not write to a folder of root's, or as ourselves where we took the right
// away.
Finished run_without_permission(const Scratch& scratch, std::vector<std::string> arguments,
                                const std::string& shm_root) {
  ProcessOptions options;
  arguments[0] = program(arguments[0]);
  if (getuid() == 0) {
    arguments.insert(arguments.begin(),
                     {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  options.arguments = std::move(arguments);
  options.environment = {{"RINGSIDE_SHM_ROOT", shm_root}};
  options.error_file = scratch.path("denied.log");
  std::filesystem::remove(options.error_file);
  Process process(options);
  Finished finished;
  finished.out = process.rest(milliseconds(30'000));
  finished.status = process.wait(milliseconds(5'000)).value_or(-1);
  finished.err = read_text(options.error_file);
  return finished;
}

TEST_F(Mistakes, NoPermissionNamesTheFolderAndTheWayOut) {
  const Scratch scratch;
  for (const auto* folder : {"locked", "locked/state"}) {
    std::filesystem::create_directory(scratch.path(folder));
    ASSERT_EQ(chmod(scratch.path(folder).c_str(), 0555), 0);
    if (getuid() != 0) break;  // nothing can be made below the first one
  }
  const auto open_root = scratch.shm_root();
  std::filesystem::create_directories(open_root);
  ASSERT_EQ(chmod(open_root.c_str(), 0777), 0);
  const auto config = scratch.write("test.toml", head + venue);
  for (auto arguments : {collector, worker}) {
    arguments.insert(arguments.end(), {"--config", config});
    expect_one_line(run_without_permission(scratch, arguments, scratch.path("locked")),
                    {"cannot create directory " + scratch.path("locked") + "/test",
                     "RINGSIDE_SHM_ROOT", "Permission denied"});
  }
  auto denied = head;
  denied.replace(denied.find("\"state\""), 7, "\"locked/state\"");
  auto arguments = collector;
  arguments.insert(arguments.end(), {"--config", scratch.write("state.toml", denied + venue)});
  expect_one_line(run_without_permission(scratch, arguments, open_root),
                  {"locked/state", "state_dir", "Permission denied"});
  EXPECT_EQ(scratch.segments_left(), nothing);
  chmod(scratch.path("locked").c_str(), 0755);
}

// --- What goes on, or is about something that runs. ---

class LiveMistakes : public OneLine {
 protected:
  std::unique_ptr<Process> start(std::vector<std::string> arguments) {
    ProcessOptions options;
    options.error_file = system.scratch.path(arguments.back() + ".log");
    arguments.insert(arguments.end(), {"--config", system.config});
    options.arguments = std::move(arguments);
    options.environment = {{"RINGSIDE_SHM_ROOT", system.scratch.shm_root()}};
    auto process = std::make_unique<Process>(options);
    EXPECT_TRUE(process->line(milliseconds(30'000))) << read_text(options.error_file);
    return process;
  }
  [[nodiscard]] std::string collectors_words() const {
    return read_text(system.scratch.path("c0.log"));
  }
  [[nodiscard]] bool collector_says(const std::string& part) {
    if (turns_out([&] { return collectors_words().find(part) != std::string::npos; })) return true;
    ADD_FAILURE() << "no '" << part << "' in: " << collectors_words();
    return false;
  }
  std::uint64_t counter(const std::string& owner, const std::string& name) {
    const auto stat = system.stat();
    if (!stat.contains("counters") || !stat.at("counters").contains(owner)) return 0;
    return stat.at("counters").at(owner).value(name, std::uint64_t{0});
  }
  [[nodiscard]] bool instrument_becomes(const std::string& symbol, const std::string& state,
                                        const std::string& cause) {
    std::string last;
    const bool became = turns_out([&] {
      const auto stat = system.stat();
      for (const auto& instrument : stat.value("instruments", nlohmann::json::array())) {
        if (instrument.at("symbol") != symbol) continue;
        last = instrument.dump();
        if (instrument.at("state") == state && instrument.value("cause", "") == cause) return true;
      }
      return false;
    });
    EXPECT_TRUE(became) << last;
    return became;
  }
  void expect_orderly_end(Process& process) {
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait(milliseconds(15'000)), 0);
  }
  // The collector cannot connect: one line, however often it tries, and a counter by name.
  void expect_said_once(const std::string& tables, const std::string& line,
                        const std::string& closed) {
    system.configure(tables);
    auto running_worker = start(worker);
    auto running_collector = start(collector);
    EXPECT_TRUE(collector_says(line));
    EXPECT_TRUE(turns_out([&] { return counter("c0.0.kraken", "closed_" + closed) >= 3; }));
    EXPECT_EQ(count_of(collectors_words(), "\n"), 1U) << collectors_words();
    EXPECT_TRUE(instrument_becomes("BTC/USD", "disconnected", "socket_closed"));
    const auto text = system.ringside({"stat"}).out;
    EXPECT_NE(text.find("closed_" + closed), std::string::npos) << text;
    expect_orderly_end(*running_collector);
    expect_orderly_end(*running_worker);
    EXPECT_EQ(system.scratch.segments_left(), nothing);
  }
  static std::string with(const std::string& websocket, const std::string& ca) {
    return "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n"
           "[[venue]]\nname = \"kraken\"\nwebsocket = \"" +
           websocket + "\"\ntls_ca = \"" + ca + "\"\ninstruments = [\"BTC/USD\"]\n";
  }
  Launched system;
};

TEST_F(LiveMistakes, AWrongPortIsSaidOnceAndCounted) {
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=10");
  expect_said_once(with("wss://127.0.0.1:1/v2", exchange.ca),
                   "kraken connection 0 to wss://127.0.0.1:1/v2: connect_failed", "connect_failed");
}

TEST_F(LiveMistakes, AWrongAuthorityIsSaidOnceAndCounted) {
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=10");
  const auto other = system.start_exchange("kraken:BTC/USD;depth=10");
  expect_said_once(with(exchange.websocket, other.ca), "certificate_untrusted",
                   "certificate_untrusted");
}

TEST_F(LiveMistakes, AHostNameThatTheCertificateDoesNotHaveIsSaidOnceAndCounted) {
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=10", "0.0.0.0");
  auto other_name = exchange.websocket;
  const auto colon = other_name.rfind(':');
  other_name.replace(0, colon, "wss://127.0.0.2");
  expect_said_once(with(other_name, exchange.ca), "certificate_wrong_host",
                   "certificate_wrong_host");
}

TEST_F(LiveMistakes, AHostThatDoesNotExistIsSaidOnceAndCounted) {
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=10");
  expect_said_once(with("wss://no-such-host.invalid/v2", exchange.ca),
                   "check the host name and this host's resolver", "resolve_failed");
}

TEST_F(LiveMistakes, AnInstrumentThatTheVenueDoesNotListIsNamedAndTheOthersAreLive) {
  const auto kraken = system.start_exchange("kraken:BTC/USD;depth=10");
  const auto binance = system.start_exchange("binance:BTCUSDT;depth=100");
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("kraken", kraken, "instruments = [\"BTC/USD\", \"BTC/DUS\"]\n") +
      Launched::venue("binance", binance,
                      "instruments = [\"BTCUSDT\", \"BTCUSTD\"]\nmetadata_ms = 1000\n"));
  auto running_worker = start(worker);
  auto running_collector = start(collector);
  EXPECT_TRUE(collector_says("kraken does not list 'BTC/DUS'; use the venue's own spelling"));
  EXPECT_TRUE(collector_says("binance does not list 'BTCUSTD'; use the venue's own spelling"));
  EXPECT_TRUE(instrument_becomes("BTC/DUS", "failed", "unknown_symbol"));
  EXPECT_TRUE(instrument_becomes("BTCUSTD", "failed", "unknown_symbol"));
  EXPECT_TRUE(instrument_becomes("BTC/USD", "live", "none"));
  EXPECT_TRUE(instrument_becomes("BTCUSDT", "live", "none"));
  const auto asked = counter("c0.0.binance-1", "requests_sent");
  EXPECT_TRUE(turns_out([&] { return counter("c0.0.binance-1", "requests_sent") >= asked + 2; }))
      << "looked for again";
  EXPECT_EQ(count_of(collectors_words(), "does not list"), 2U) << "but said once";
  expect_orderly_end(*running_collector);
  expect_orderly_end(*running_worker);
}

TEST_F(LiveMistakes, AWrongRestPortIsSaid) {
  auto binance = system.start_exchange("binance:BTCUSDT;depth=100");
  binance.rest = "https://127.0.0.1:1";
  system.configure(
      "[[collector]]\nname = \"c0\"\nstate_dir = \"state\"\n[[worker]]\nname = \"w0\"\n" +
      Launched::venue("binance", binance, "instruments = [\"BTCUSDT\"]\n"));
  auto running_collector = start(collector);
  EXPECT_TRUE(collector_says("binance requests to https://127.0.0.1:1: connect_failed"));
  EXPECT_TRUE(turns_out([&] { return counter("c0.0.binance", "rest_failures") >= 2; }));
  EXPECT_EQ(count_of(collectors_words(), "requests to"), 1U) << collectors_words();
  expect_orderly_end(*running_collector);
}

TEST_F(LiveMistakes, AnInstanceThatAlreadyRunsIsRefusedAndGoesOn) {
  const auto exchange = system.start_exchange("kraken:BTC/USD;depth=10");
  system.configure(with(exchange.websocket, exchange.ca));
  auto running_worker = start(worker);
  auto running_collector = start(collector);
  ASSERT_TRUE(system.all_live(1));
  for (const auto& [program, process] :
       {std::pair{collector, running_collector.get()}, std::pair{worker, running_worker.get()}}) {
    auto arguments = program;
    arguments.insert(arguments.end(), {"--config", system.config});
    expect_one_line(run(system.scratch, arguments),
                    {"already running: process " + std::to_string(process->pid()),
                     "stop that one, or give this instance another name"});
  }
  EXPECT_TRUE(system.all_live(1));
  expect_orderly_end(*running_collector);
  expect_orderly_end(*running_worker);
  EXPECT_EQ(system.scratch.segments_left(), nothing);
}

}  // namespace
}  // namespace ringside::e2e
