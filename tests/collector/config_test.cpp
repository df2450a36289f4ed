// The configuration file: what is accepted, and what each mistake is told.
#include "collector/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ipc/placement.hpp"

namespace ringside::collector {
namespace {

constexpr const char* valid = R"(instance = "demo"
wait = "adaptive"
[memory]
lock = true
[[collector]]
name = "c0"
threads = [{ cpu = 2, node = 0 }, { cpu = "auto" }]
state_dir = "/var/lib/ringside"
[[worker]]
name = "w0"
threads = [{ cpu = 3 }]
[[venue]]
name = "kraken"
websocket = "wss://127.0.0.1:9443/v2"
collector = "c0"
thread = 1
instruments = ["BTC/USD", "ETH/USD"]
channels = ["trade", "book"]
depth = 25
)";

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() {
    directory_ =
        std::filesystem::temp_directory_path() / ("ringside_config_" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
  }
  ~ConfigFile() override { std::filesystem::remove_all(directory_); }

  std::string write(std::string text) {
    const auto path = (directory_ / "ringside.toml").string();
    std::ofstream(path) << text;
    return path;
  }
  Config load(std::string text) { return load_config(write(std::move(text))); }
  static std::string replaced(std::string_view from, std::string_view to) {
    std::string text = valid;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  // The message of the error that this text gives.
  std::string error_of(std::string text) {
    try {
      load(std::move(text));
    } catch (const ipc::ConfigError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
      return error.what();
    }
    return "no error";
  }
  void expect_error(std::string_view from, std::string_view to,
                    std::initializer_list<std::string_view> parts) {
    const auto message = error_of(replaced(from, to));
    for (const auto part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
    }
  }

  std::filesystem::path directory_;
};

TEST_F(ConfigFile, ReadsEveryPartOfAValidFile) {
  const auto config = load(valid);
  EXPECT_EQ(config.deployment.instance, "demo");
  EXPECT_EQ(config.deployment.wait, ipc::WaitMode::Adaptive);
  EXPECT_TRUE(config.deployment.memory.lock);
  EXPECT_EQ(config.deployment.memory.spsc_slots, 65536U);
  EXPECT_EQ(config.deployment.collector_threads(), (std::vector<std::string>{"c0.0", "c0.1"}));
  EXPECT_EQ(config.deployment.worker_threads(), (std::vector<std::string>{"w0.0"}));
  EXPECT_EQ(config.deployment.collectors[0].threads[0].cpu, 2);
  EXPECT_EQ(config.deployment.collectors[0].threads[1].cpu, ipc::cpu_auto);
  ASSERT_EQ(config.venues.size(), 1U);
  EXPECT_EQ(config.venues[0].thread, 1U);
  EXPECT_EQ(config.venues[0].depth, 25U);
  EXPECT_TRUE(config.venues[0].channels.trade);
  EXPECT_FALSE(config.venues[0].channels.bbo);
}

TEST_F(ConfigFile, AThreadsMemoryIsOnTheNodeThatTheFileNamesOrOnItsCores) {
  constexpr int otherwise = 7;
  const auto core = load(valid);
  EXPECT_EQ(ipc::node_of(core.deployment.worker_placement("w0.0"), otherwise), ipc::node_of_cpu(3));
  const auto named = load(replaced("{ cpu = 3 }", "{ cpu = 3, node = 1 }"));
  EXPECT_EQ(ipc::node_of(named.deployment.worker_placement("w0.0"), otherwise), 1);
  const auto open = load(replaced("{ cpu = 3 }", "{ cpu = \"auto\" }"));
  EXPECT_EQ(ipc::node_of(open.deployment.worker_placement("w0.0"), otherwise), otherwise);
  EXPECT_THROW((void)core.deployment.worker_placement("w0.1"), ipc::ConfigError);
}

TEST_F(ConfigFile, EndpointsDefaultToTheVenuesOwn) {
  const auto config = load(replaced("websocket = \"wss://127.0.0.1:9443/v2\"\n", ""));
  EXPECT_EQ(config.venues[0].websocket, "wss://ws.kraken.com/v2");
}

TEST_F(ConfigFile, OnlyWhoPromisesToSpeakIsCutForSilenceByDefault) {
  EXPECT_EQ(load(valid).venues[0].no_data_ms, 10'000U);
  auto text = replaced("depth = 25\n", "");
  const auto renamed = [&](std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
  };
  renamed("name = \"kraken\"", "name = \"binance-us\"");
  renamed("\"BTC/USD\", \"ETH/USD\"", "\"BTCUSD\"");
  EXPECT_EQ(load(text).venues[0].no_data_ms, 0U) << "a quiet pair's stream may say nothing";
  EXPECT_EQ(load(text + "no_data_ms = 30000\n").venues[0].no_data_ms, 30'000U);
}

TEST_F(ConfigFile, AnUnknownKeyNamesTheNearestOneAndItsLine) {
  expect_error(
      "instruments =", "instrumets =", {":17:", "'instrumets'", "[[venue]]", "'instruments'"});
  expect_error("wait =", "wiat =", {"the top level", "'wait'"});
  expect_error("lock = true", "lok = true", {"[memory]", "'lock'"});
  expect_error("lock = true", R"("lo\nck\u007f" = true)", {R"('lo\x0ack\x7f')"});
}

TEST_F(ConfigFile, AnUnknownKeyFarFromAllListsThem) {
  expect_error("lock = true", "zzzzzzzzzz = true", {"known keys:", "huge_pages"});
}

TEST_F(ConfigFile, AnUnknownVenueIsToldTheKnownOnes) {
  expect_error("\"kraken\"", "\"krakne\"", {"did you mean 'kraken'?", "binance-usdm"});
}

TEST_F(ConfigFile, WrongTypesAndRangesAreRefusedNotClamped) {
  expect_error("depth = 25", "depth = \"25\"", {"depth", "must be an integer"});
  expect_error("depth = 25", "depth = 9999", {"9999", "1 to 5000"});
  expect_error("\"wss://127.0.0.1:9443/v2\"", "\"\"", {"websocket", "must begin with wss://"});
  expect_error("depth = 25", "depth = 26", {"10, 25, 100, 500 and 1000"});
  expect_error("lock = true", "lock = \"yes\"", {"true or false"});
  expect_error("lock = true", "spsc_slots = 5000", {"power of two"});
  expect_error("wait = \"adaptive\"", "wait = \"spinn\"", {"did you mean 'spin'?"});
  expect_error("cpu = 3", "cpu = \"three\"", {"\"auto\""});
}

TEST_F(ConfigFile, RecordsAreReadByUsUnlessOpenSslIsNamed) {
  EXPECT_FALSE(load(valid).venues[0].openssl_records);
  const auto config = load(replaced("depth = 25", "tls_records = \"openssl\""));
  EXPECT_TRUE(config.venues[0].openssl_records);
  expect_error("depth = 25", "tls_records = \"boring\"", {"tls_records", "own or openssl"});
}

TEST_F(ConfigFile, TheKernelStampsNothingUnlessAskedTo) {
  EXPECT_FALSE(load(valid).deployment.collectors[0].receive_stamps);
  const auto config = load(replaced("name = \"c0\"\n", "name = \"c0\"\nreceive_stamps = true\n"));
  EXPECT_TRUE(config.deployment.collectors[0].receive_stamps);
  expect_error("name = \"w0\"\n", "name = \"w0\"\nreceive_stamps = true\n", {"receive_stamps"});
}

TEST_F(ConfigFile, AProxyIsAnHttpUrlWithoutAPath) {
  const auto config = load(replaced("depth = 25",
                                    "proxy = \"http://proxy.local:3128\"\n"
                                    "proxy_authorization = \"Basic eDp5\"\ncompress = true"));
  EXPECT_EQ(config.venues[0].proxy, "http://proxy.local:3128");
  EXPECT_EQ(config.venues[0].proxy_authorization, "Basic eDp5");
  EXPECT_TRUE(config.venues[0].compress);
  EXPECT_FALSE(load(valid).venues[0].compress);
  for (const auto* wrong : {"https://proxy.local", "ws://proxy.local", "proxy.local:3128",
                            "http://proxy.local:0", "http://proxy.local/path"}) {
    expect_error("depth = 25", fmt::format("proxy = \"{}\"", wrong), {"proxy", "http://host:port"});
  }
  expect_error("depth = 25", "proxy_authorization = \"Basic eDp5\"", {"needs proxy"});
}

TEST_F(ConfigFile, ReferencesMustLeadSomewhere) {
  expect_error("collector = \"c0\"", "collector = \"c9\"", {"'c9'", "c0"});
  expect_error("thread = 1", "thread = 2", {"2 thread(s)"});
  expect_error("thread = 1", "worker = \"w9.0\"", {"w0.0"});
  expect_error("thread = 1", "tls_ca = \"absent.pem\"", {"absent.pem", "relative to"});
  expect_error("name = \"w0\"", "name = \"c0\"", {"used twice"});
}

TEST_F(ConfigFile, MissingPartsAreNamed) {
  EXPECT_NE(error_of("wait = \"spin\"\n").find("instance"), std::string::npos);
  EXPECT_NE(error_of("instance = \"a\"\n").find("[[collector]]"), std::string::npos);
  expect_error("instruments = [\"BTC/USD\", \"ETH/USD\"]", "instruments = []", {"at least one"});
  expect_error("\"ETH/USD\"", "\"BTC/USD\"", {"twice"});
}

TEST_F(ConfigFile, AFileThatIsNoTomlOrAbsentGivesOneLine) {
  EXPECT_NE(error_of("instance = \n").find("not valid TOML"), std::string::npos);
  try {
    load_config((directory_ / "absent.toml").string());
    FAIL() << "no error";
  } catch (const ipc::ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("--config"), std::string::npos);
  }
}

TEST_F(ConfigFile, InstanceAndProcessNamesCannotLeaveTheirDirectory) {
  expect_error("\"demo\"", "\"../demo\"", {"names a directory"});
  expect_error("name = \"w0\"", "name = \"w/0\"", {"a-z 0-9"});
}

TEST(ConfigReference, TheCommittedPageIsTheGeneratedOne) {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/collector/CONFIG.md");
  const std::string committed{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(committed, config_reference())
      << "regenerate: ringside-collector --config-reference > collector/CONFIG.md";
}

}  // namespace
}  // namespace ringside::collector
