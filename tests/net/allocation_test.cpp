// After a connection is open, receiving and sending frames must not allocate. The whole process is
// watched: malloc and its kin are wrapped, so that OpenSSL and the C library are counted too.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#include "websocket_fixture.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RINGSIDE_ALLOCATOR_IS_TAKEN 1
#endif

namespace {
std::atomic<std::uint64_t> allocations{0};
}

#ifndef RINGSIDE_ALLOCATOR_IS_TAKEN
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);

void* malloc(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(block, bytes);
}
}
#endif

namespace ringside::net {
namespace {

// Counts without keeping anything, so that the test itself does not allocate.
struct Quiet {
  std::uint64_t texts = 0;
  std::uint64_t bytes = 0;
  bool open = false;
  WebSocketClientCallbacks callbacks() {
    return {
        .context = this,
        .on_open = [](void* context) noexcept { static_cast<Quiet*>(context)->open = true; },
        .on_text =
            [](void* context, std::string_view text, ReceiveTimes) noexcept {
              auto& self = *static_cast<Quiet*>(context);
              ++self.texts;
              self.bytes += text.size();
            },
        .on_close = [](void* context, CloseReason, std::uint16_t,
                       std::string_view) noexcept { static_cast<Quiet*>(context)->open = false; }};
  }
};

class AllocationTest : public OverEachBackend {
 protected:
  // Allocations while `rounds` messages go each way.
  std::uint64_t echo(const TlsContext* server_tls, const TlsContext* client_tls, int rounds) {
    ServerConnection* peer = nullptr;
    WebSocketServerCallbacks callbacks;
    callbacks.context = &peer;
    callbacks.on_open = [](void* context, ServerConnection& connection) noexcept {
      *static_cast<ServerConnection**>(context) = &connection;
    };
    callbacks.on_text = [](void*, ServerConnection& connection, std::string_view text,
                           ReceiveTimes) noexcept { (void)connection.send_text(text); };
    WebSocketServer server(loop(), {.tls = server_tls}, callbacks);
    Quiet quiet;
    WebSocketClient client(loop(),
                           {.url = url_of(server, "/", client_tls != nullptr), .tls = client_tls},
                           quiet.callbacks());
    client.connect();
    EXPECT_TRUE(turn_until([&] { return quiet.open && peer != nullptr; }));
    const std::string text(300, 'm');
    const auto round = [&](std::uint64_t target) {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.send_text(text));
      EXPECT_TRUE(turn_until([&] { return quiet.texts >= target; }));
    };
    std::uint64_t target = 0;
    for (int i = 0; i < 20; ++i) round(target += 10);  // first touches are not what is measured
    const std::uint64_t before = allocations.load(std::memory_order_relaxed);
    for (int i = 0; i < rounds; ++i) round(target += 10);
    return allocations.load(std::memory_order_relaxed) - before;
  }
};

TEST_P(AllocationTest, AnOpenPlainConnectionNeverAllocates) {
#ifdef RINGSIDE_ALLOCATOR_IS_TAKEN
  GTEST_SKIP() << "the sanitizer's allocator cannot be counted";
#endif
  EXPECT_EQ(echo(nullptr, nullptr, 100), 0u);
}

TEST_P(AllocationTest, UnderTlsOnlyOpenSslAllocatesPerRecord) {
#ifdef RINGSIDE_ALLOCATOR_IS_TAKEN
  GTEST_SKIP() << "the sanitizer's allocator cannot be counted";
#endif
  const LocalTls local;
  // 1000 messages each way, each a record written on one side and read on the other.
  EXPECT_LE(echo(&local.server, &local.client, 100), 2000u * 4);
}

RINGSIDE_OVER_EACH_BACKEND(AllocationTest);

// A server's records through a client's session: what `client_tls` allocates for each.
std::uint64_t allocations_a_record_read(const LocalTls& local, const TlsContext& client_tls) {
  SendQueue from_client(1 << 20);
  SendQueue from_server(1 << 20);
  TlsSession client;
  TlsSession server;
  EXPECT_EQ(client.begin(client_tls, "localhost", from_client), TlsStatus::Ok);
  EXPECT_EQ(server.begin(local.server, "", from_server), TlsStatus::Ok);
  for (bool client_done = false, server_done = false; !client_done || !server_done;) {
    client.set_input(from_server.front());
    client_done = client.handshake() == TlsStatus::Ok;
    from_server.clear();
    server.set_input(from_client.front());
    server_done = server.handshake() == TlsStatus::Ok;
    from_client.clear();
  }
  constexpr std::uint64_t records = 1000;
  std::array<std::byte, 300> text{};
  std::array<std::byte, 32 * 1024> out{};
  for (std::uint64_t i = 0; i < records + 1; ++i) EXPECT_EQ(server.write(text), TlsStatus::Ok);
  // Cut so that records are put together from pieces, too.
  std::span<const std::byte> stream = from_server.front();
  std::uint64_t read = 0;
  std::uint64_t before = 0;
  while (!stream.empty()) {
    const std::size_t piece = std::min<std::size_t>(stream.size(), 1000);
    client.set_input(stream.first(piece));
    stream = stream.subspan(piece);
    read += client.read(out).bytes;
    // What came behind the handshake, tickets, is over with the first.
    if (before == 0) before = allocations.load(std::memory_order_relaxed);
  }
  EXPECT_EQ(read, (records + 1) * text.size());
  return (allocations.load(std::memory_order_relaxed) - before + records - 1) / records;
}

TEST(TlsAllocation, NoneARecordReadByOurOwnLayerAndOneByOpenSsls) {
#ifdef RINGSIDE_ALLOCATOR_IS_TAKEN
  GTEST_SKIP() << "the sanitizer's allocator cannot be counted";
#endif
  const LocalTls local;
  const auto with = [&](TlsRecordReader reader) {
    return TlsContext::client({.ca_file = local.files.ca_file, .records = reader});
  };
  EXPECT_EQ(allocations_a_record_read(local, with(TlsRecordReader::Own)), 0u);
  EXPECT_EQ(allocations_a_record_read(local, with(TlsRecordReader::OpenSsl)), 1u);
}

// OpenSSL 3.0: one block for a record read, three for a record written. A collector reads.
TEST(TlsAllocation, OneBlockARecordReadAndThreeARecordWritten) {
#ifdef RINGSIDE_ALLOCATOR_IS_TAKEN
  GTEST_SKIP() << "the sanitizer's allocator cannot be counted";
#endif
  const LocalTls local;
  SendQueue from_client(1 << 20);
  SendQueue from_server(1 << 20);
  TlsSession client;
  TlsSession server;
  const TlsContext client_tls =
      TlsContext::client({.ca_file = local.files.ca_file, .records = TlsRecordReader::OpenSsl});
  ASSERT_EQ(client.begin(client_tls, "localhost", from_client), TlsStatus::Ok);
  ASSERT_EQ(server.begin(local.server, "", from_server), TlsStatus::Ok);
  const auto shake = [](TlsSession& session, SendQueue& input) {
    session.set_input(input.front());
    const bool done = session.handshake() == TlsStatus::Ok;
    input.clear();
    return done;
  };
  bool done = false;
  while (!done) {
    (void)shake(client, from_server);
    done = shake(server, from_client);
  }
  std::array<std::byte, 300> text{};
  std::array<std::byte, 32 * 1024> out{};
  constexpr std::uint64_t records = 1000;
  const auto count = [](auto&& work) {
    const std::uint64_t before = allocations.load(std::memory_order_relaxed);
    for (std::uint64_t i = 0; i < records; ++i) work();
    return allocations.load(std::memory_order_relaxed) - before;
  };
  ASSERT_EQ(server.write(text), TlsStatus::Ok);
  EXPECT_LE(count([&] { (void)server.write(text); }), 3 * records);
  client.set_input(from_server.front());
  ASSERT_EQ(client.read(std::span(out).first(300)).bytes, 300u);
  std::uint64_t read = 0;
  EXPECT_LE(count([&] { read += client.read(std::span(out).first(300)).bytes; }), records);
  EXPECT_EQ(read, records * 300);
}

}  // namespace
}  // namespace ringside::net
