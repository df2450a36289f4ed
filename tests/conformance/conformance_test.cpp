// The client held to RFC 6455 and RFC 7692 by a scripted server, to the byte: which frames it
// sends, in which order, with which Close, and that it sends nothing else.
#include <gtest/gtest.h>
#include <zlib.h>

#include "cases.hpp"
#include "echo_client.hpp"

namespace ringside::conformance {
namespace {

constexpr std::int64_t case_ns_max = 60 * net::ns_per_s;

// What the client compresses, with a window of its own; RFC 7692, 7.2.2.
class Decompressor {
 public:
  explicit Decompressor(const std::string& extensions)
      : no_takeover_(extensions.find("client_no_context_takeover") != std::string::npos) {
    const std::size_t at = extensions.find("client_max_window_bits=");
    const int bits = at == std::string::npos ? 15 : std::stoi(extensions.substr(at + 23));
    EXPECT_EQ(inflateInit2(&stream_, -bits), Z_OK);
  }
  ~Decompressor() { (void)inflateEnd(&stream_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  std::string unpack(std::string payload, std::size_t bytes_max) {
    if (no_takeover_) (void)inflateReset(&stream_);
    payload.append("\x00\x00\xff\xff", 4);
    std::string out(bytes_max + 1, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(payload.data());
    stream_.avail_in = static_cast<uInt>(payload.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream_, Z_SYNC_FLUSH), Z_OK);
    EXPECT_EQ(stream_.avail_in, 0u);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }

 private:
  z_stream stream_{};
  bool no_takeover_;
};

enum class TestBackend { Uring, Epoll };

class Conformance : public testing::TestWithParam<TestBackend> {
 protected:
  void SetUp() override {
    net::LoopOptions options;
    options.backend =
        GetParam() == TestBackend::Epoll ? net::BackendKind::Epoll : net::BackendKind::Uring;
    try {
      loop_ = std::make_unique<net::Loop>(options);
    } catch (const std::system_error&) {
      GTEST_SKIP() << "this machine refuses io_uring";
    }
  }

  void run(const std::vector<Script>& scripts, std::size_t count) {
    EXPECT_EQ(scripts.size(), count);
    for (const Script& script : scripts) {
      SCOPED_TRACE(script.name);
      run(script);
      if (HasFailure()) return;
    }
  }

 private:
  void run(const Script& script) {
    ScriptedServer server(script);
    EchoClient client(*loop_,
                      echo_options("ws://127.0.0.1:" + std::to_string(server.port()) + "/case"));
    const std::int64_t end = loop_->steady_ns() + case_ns_max;
    bool serving = true;
    while (serving || !client.closed()) {
      serving = server.turn();
      (void)loop_->run_once(serving ? 0 : net::ns_per_ms);
      if (loop_->steady_ns() > end) {
        ADD_FAILURE() << "no end in time; the client has sent " << server.transcript().frames.size()
                      << " of " << script.wanted.size() + 1 << " frames";
        return;
      }
    }
    check(script, server.transcript(), client);
  }

  static void check(const Script& script, const Transcript& seen, const EchoClient& client) {
    EXPECT_EQ(seen.fault, "");
    ASSERT_EQ(seen.frames.size(), script.wanted.size() + 1)
        << "the last: " << (seen.frames.empty() ? "none" : describe(seen.frames.back()))
        << "; the client says: " << net::name_of(client.reason()) << " " << client.detail();
    const bool agreed = !script.extensions.empty();
    // A window of 8 bits is one that zlib cannot make: such a client sends as is.
    const bool compresses =
        agreed && script.extensions.find("client_max_window_bits=8") == std::string::npos;
    Decompressor decompressor(script.extensions);
    for (std::size_t i = 0; i < script.wanted.size(); ++i) {
      Frame frame = seen.frames[i];
      if (compresses) {
        ASSERT_EQ(frame.reserved, 4u) << "frame " << i;
        frame.payload =
            decompressor.unpack(std::move(frame.payload), script.wanted[i].payload.size());
        frame.reserved = 0;
      }
      ASSERT_EQ(frame == script.wanted[i], true) << "frame " << i << ": " << describe(frame)
                                                 << "\n  wanted: " << describe(script.wanted[i]);
    }
    const Frame& last = seen.frames.back();
    EXPECT_EQ(last.opcode, op_close);
    EXPECT_TRUE(last.final);
    EXPECT_EQ(last.reserved, 0u);
    // Of its own failing the client may say more than the code.
    const bool own = !script.server_closes && last.payload.size() > 2;
    EXPECT_EQ(own ? last.payload.substr(0, 2) : last.payload, script.wanted_close)
        << describe(last);
    EXPECT_NE(seen.request.find("Sec-WebSocket-Extensions: permessage-deflate"), std::string::npos);
  }

  std::unique_ptr<net::Loop> loop_;
};

TEST_P(Conformance, Framing) { run(framing_cases(), 16); }
TEST_P(Conformance, Pings) { run(ping_cases(), 11); }
TEST_P(Conformance, ReservedBits) { run(reserved_bit_cases(), 7); }
TEST_P(Conformance, Opcodes) { run(opcode_cases(), 10); }
TEST_P(Conformance, Fragmentation) { run(fragmentation_cases(), 20); }
TEST_P(Conformance, Utf8) { run(utf8_cases(), 145); }
TEST_P(Conformance, Closing) { run(close_cases(), 37); }
TEST_P(Conformance, Limits) { run(limit_cases(), 54); }
TEST_P(Conformance, Deflate) { run(deflate_cases(), 90); }
TEST_P(Conformance, DeflateParameters) { run(deflate_parameter_cases(), 126); }

INSTANTIATE_TEST_SUITE_P(Net, Conformance, testing::Values(TestBackend::Uring, TestBackend::Epoll),
                         [](const testing::TestParamInfo<TestBackend>& each) {
                           return each.param == TestBackend::Epoll ? "Epoll" : "Uring";
                         });

}  // namespace
}  // namespace ringside::conformance
