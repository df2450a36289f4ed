#include "net/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <vector>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

class TlsTest : public OverEachBackend {
 protected:
  struct Verdict {
    CloseReason client = CloseReason::None;  // None: it opened
    std::string detail;
  };

  // Serves `pem` on loopback and connects to it by `host`.
  Verdict meet(const CertificatePem& pem, const TlsContext& client_context,
               const std::string& host) {
    const ScratchFolder folder;
    const std::string certificate = folder.path() + "/server.pem";
    const std::string key = folder.path() + "/key.pem";
    write_pem(certificate, pem.certificate, false);
    write_pem(key, pem.key, true);
    const TlsContext context =
        TlsContext::server({.certificate_file = certificate, .key_file = key});
    ServerSide server(loop(), {.tls = &context});
    // Patient: what is asked here is the verdict, on however busy a machine.
    ClientSide client(loop(),
                      {.url = "wss://" + host + ":" + std::to_string(server.server.port()) + "/",
                       .tls = &client_context,
                       .stream = {.resolve_ns_max = 60 * ns_per_s, .tls_ns_max = 60 * ns_per_s}});
    client.client.connect();
    EXPECT_TRUE(turn_until([&] { return client.opened > 0 || client.closed > 0; }));
    if (client.closed > 0) {
      EXPECT_EQ(server.opened, 0);
    }
    return {client.reason, client.detail};
  }

  static TlsContext trusting(const CertificateAuthority& authority) {
    const ScratchFolder folder;
    write_pem(folder.path() + "/ca.pem", authority.pem(), false);
    return TlsContext::client({.ca_file = folder.path() + "/ca.pem"});
  }
};

TEST_P(TlsTest, ACertificateOfTheAuthorityForTheHostIsAccepted) {
  const CertificateAuthority authority;
  const TlsContext client = trusting(authority);
  const CertificatePem pem = authority.issue({});
  EXPECT_EQ(meet(pem, client, "127.0.0.1").client, CloseReason::None);
  EXPECT_EQ(meet(pem, client, "localhost").client, CloseReason::None);
}

TEST_P(TlsTest, AnotherAuthoritysCertificateIsRefused) {
  const CertificateAuthority trusted;
  const CertificateAuthority stranger("stranger");
  const Verdict verdict = meet(stranger.issue({}), trusting(trusted), "127.0.0.1");
  EXPECT_EQ(verdict.client, CloseReason::TlsCertificateUntrusted);
  EXPECT_EQ(verdict.detail, "unable to get local issuer certificate");
}

TEST_P(TlsTest, AStrangerWithTheAuthoritysNameIsRefused) {
  const CertificateAuthority trusted;
  const CertificateAuthority impostor;  // the same common name, another key
  EXPECT_EQ(meet(impostor.issue({}), trusting(trusted), "127.0.0.1").client,
            CloseReason::TlsCertificateUntrusted);
}

TEST_P(TlsTest, ASelfSignedCertificateIsRefused) {
  const CertificateAuthority trusted;
  EXPECT_EQ(meet(make_self_signed({}), trusting(trusted), "127.0.0.1").client,
            CloseReason::TlsCertificateSelfSigned);
}

TEST_P(TlsTest, TheSystemsAuthoritiesDoNotKnowOurs) {
  const CertificateAuthority authority;
  EXPECT_EQ(meet(authority.issue({}), TlsContext::client({}), "127.0.0.1").client,
            CloseReason::TlsCertificateUntrusted);
}

TEST_P(TlsTest, AnExpiredCertificateIsRefused) {
  const CertificateAuthority authority;
  const CertificateRequest request{.valid_from_s = -7200, .valid_to_s = -3600};
  const Verdict verdict = meet(authority.issue(request), trusting(authority), "127.0.0.1");
  EXPECT_EQ(verdict.client, CloseReason::TlsCertificateExpired);
  EXPECT_EQ(verdict.detail, "certificate has expired");
}

TEST_P(TlsTest, ACertificateThatIsNotYetValidIsRefused) {
  const CertificateAuthority authority;
  const CertificateRequest request{.valid_from_s = 3600, .valid_to_s = 7200};
  EXPECT_EQ(meet(authority.issue(request), trusting(authority), "127.0.0.1").client,
            CloseReason::TlsCertificateExpired);
}

TEST_P(TlsTest, ACertificateForAnotherHostIsRefused) {
  const CertificateAuthority authority;
  const TlsContext client = trusting(authority);
  const CertificateRequest elsewhere{
      .common_name = "127.0.0.1", .dns_names = {"example.com"}, .addresses = {"192.0.2.1"}};
  const Verdict by_address = meet(authority.issue(elsewhere), client, "127.0.0.1");
  EXPECT_EQ(by_address.client, CloseReason::TlsCertificateWrongHost);
  EXPECT_EQ(by_address.detail, "IP address mismatch");
  const Verdict by_name = meet(authority.issue(elsewhere), client, "localhost");
  EXPECT_EQ(by_name.client, CloseReason::TlsCertificateWrongHost);
  EXPECT_EQ(by_name.detail, "hostname mismatch");
}

TEST_P(TlsTest, APartialWildcardIsNoMatch) {
  const CertificateAuthority authority;
  const CertificateRequest partial{.common_name = "x", .dns_names = {"local*"}, .addresses = {}};
  EXPECT_EQ(meet(authority.issue(partial), trusting(authority), "localhost").client,
            CloseReason::TlsCertificateWrongHost);
}

TEST_P(TlsTest, OnlyTheSwitchForTestsAcceptsAnything) {
  const TlsContext careless = TlsContext::client({.insecure_for_tests = true});
  EXPECT_EQ(meet(make_self_signed({.valid_to_s = -60}), careless, "127.0.0.1").client,
            CloseReason::None);
}

TEST_P(TlsTest, AReconnectGoesOnFromTheSessionBefore) {
  const LocalTls local;
  ServerSide server(loop(), {.tls = &local.server});
  ClientSide client(loop(), {.url = url_of(server.server, "/", true), .tls = &local.client});
  for (int round = 1; round <= 3; ++round) {
    client.client.connect();
    // The ticket comes behind the handshake: the echo behind the ticket.
    ASSERT_TRUE(turn_until([&] { return client.opened == round; }));
    ASSERT_TRUE(client.client.send_text("x"));
    ASSERT_TRUE(turn_until([&] { return client.texts.size() == static_cast<unsigned>(round); }));
    client.client.close();
    ASSERT_TRUE(turn_until([&] { return client.closed == round && server.closed == round; }));
  }
  EXPECT_EQ(client.client.stream_counters().tls_handshakes, 3u);
  EXPECT_EQ(client.client.stream_counters().tls_resumed, 2u);
}

// Another server behind the same name cannot read the ticket: a whole handshake, and verified.
TEST_P(TlsTest, ATicketIsNoPassportForAnotherCertificate) {
  const LocalTls local;
  const LocalTls stranger;
  std::uint16_t port = 0;
  ClientSide* client = nullptr;
  std::optional<ClientSide> made;
  {
    ServerSide server(loop(), {.tls = &local.server});
    port = server.server.port();
    made.emplace(loop(), WebSocketClientOptions{.url = url_of(server.server, "/", true),
                                                .tls = &local.client});
    client = &*made;
    client->client.connect();
    ASSERT_TRUE(turn_until([&] { return client->opened == 1; }));
    ASSERT_TRUE(client->client.send_text("x"));
    ASSERT_TRUE(turn_until([&] { return client->texts.size() == 1; }));
    client->client.close();
    ASSERT_TRUE(turn_until([&] { return client->closed == 1 && server.closed == 1; }));
  }
  ServerSide impostor(loop(), {.port = port, .tls = &stranger.server});
  client->client.connect();
  ASSERT_TRUE(turn_until([&] { return client->closed == 2; }));
  EXPECT_EQ(client->reason, CloseReason::TlsCertificateUntrusted);
  EXPECT_EQ(client->client.stream_counters().tls_resumed, 0u);
}

TEST_P(TlsTest, APlainServerIsNoTlsServer) {
  const LocalTls local;
  ServerSide server(loop());
  ClientSide client(loop(), {.url = url_of(server.server, "/", true), .tls = &local.client});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.closed > 0; }));
  EXPECT_EQ(client.reason, CloseReason::TlsHandshakeFailed);
}

TEST_P(TlsTest, APlainClientIsNoTlsClient) {
  const LocalTls local;
  ServerSide server(loop(), {.tls = &local.server});
  ClientSide client(loop(), {.url = url_of(server.server)});
  client.client.connect();
  ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
  EXPECT_EQ(server.reason, CloseReason::TlsHandshakeFailed);
}

RINGSIDE_OVER_EACH_BACKEND(TlsTest);

// Two sessions wired together by hand, so that single records can be looked at.
struct Wire {
  LocalTls local;
  SendQueue from_client{64 * 1024};
  SendQueue from_server{64 * 1024};
  TlsSession client;
  TlsSession server;

  Wire() {
    EXPECT_EQ(client.begin(local.client, "localhost", from_client), TlsStatus::Ok);
    EXPECT_EQ(server.begin(local.server, "", from_server), TlsStatus::Ok);
    bool client_done = false;
    bool server_done = false;
    for (int i = 0; i < 10 && !(client_done && server_done); ++i) {
      client_done = shake(client, from_server);
      server_done = shake(server, from_client);
    }
    EXPECT_TRUE(client_done && server_done);
  }
  static bool shake(TlsSession& session, SendQueue& input) {
    session.set_input(input.front());
    const TlsStatus status = session.handshake();
    input.clear();
    return status == TlsStatus::Ok;
  }
  static std::string read(TlsSession& session, SendQueue& input, TlsStatus& status) {
    std::string text(32 * 1024, '\0');
    session.set_input(input.front());
    const TlsRead read = session.read(std::as_writable_bytes(std::span(text)));
    input.clear();
    status = read.status;
    text.resize(read.bytes);
    return text;
  }
  static TlsStatus say(TlsSession& session, std::string_view text) {
    return session.write(std::as_bytes(std::span(text)));
  }
};

TEST(TlsSessionTest, RecordsGoThroughAndCloseNotifyIsAnEnd) {
  Wire wire;
  TlsStatus status{};
  ASSERT_EQ(Wire::say(wire.client, "hello"), TlsStatus::Ok);
  EXPECT_EQ(Wire::read(wire.server, wire.from_client, status), "hello");
  EXPECT_EQ(status, TlsStatus::WantInput);
  wire.client.close_notify();
  EXPECT_EQ(Wire::read(wire.server, wire.from_client, status), "");
  EXPECT_EQ(status, TlsStatus::Closed);
}

TEST(TlsSessionTest, ARecordChangedOnItsWayIsRefused) {
  Wire wire;
  ASSERT_EQ(Wire::say(wire.client, "hello"), TlsStatus::Ok);
  std::string record(reinterpret_cast<const char*>(wire.from_client.front().data()),
                     wire.from_client.front().size());
  record.back() = static_cast<char>(record.back() ^ 1);
  std::string out(100, '\0');
  wire.server.set_input(std::as_bytes(std::span(record)));
  EXPECT_EQ(wire.server.read(std::as_writable_bytes(std::span(out))).status, TlsStatus::Failed);
  EXPECT_FALSE(wire.server.detail().empty());
}

TEST(TlsSessionTest, AnOverheadOfARecordStaysBelowItsBound) {
  Wire wire;
  for (const std::size_t size : {1u, 100u, 16384u}) {
    const std::size_t before = wire.from_client.size();
    ASSERT_EQ(Wire::say(wire.client, std::string(size, 'a')), TlsStatus::Ok);
    EXPECT_LE(wire.from_client.size() - before, size + TlsSession::record_overhead_max);
    wire.from_client.clear();
  }
}

// A peer of plain OpenSSL, which can do what ours never does.
struct NativeServer {
  explicit NativeServer(const LocalTls& local)
      : context(SSL_CTX_new(TLS_server_method())), ssl(nullptr) {
    SSL_CTX_use_certificate_chain_file(context, local.files.certificate_file.c_str());
    SSL_CTX_use_PrivateKey_file(context, local.files.key_file.c_str(), SSL_FILETYPE_PEM);
    ssl = SSL_new(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl);
  }
  ~NativeServer() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  void take(SendQueue& from) {
    const auto bytes = from.front();
    BIO_write(SSL_get_rbio(ssl), bytes.data(), static_cast<int>(bytes.size()));
    from.clear();
  }
  std::string give() {
    std::string text(64 * 1024, '\0');
    const int count = BIO_read(SSL_get_wbio(ssl), text.data(), static_cast<int>(text.size()));
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  SSL_CTX* context;
  SSL* ssl;
};

TEST(TlsSessionTest, AKeyUpdateIsTakenWhileReadingAndAnsweredWithTheNextRecord) {
  LocalTls local;
  NativeServer server(local);
  SendQueue from_client(64 * 1024);
  TlsSession client;
  ASSERT_EQ(client.begin(local.client, "localhost", from_client), TlsStatus::Ok);
  std::string to_client;
  for (int i = 0; i < 4 && SSL_is_init_finished(server.ssl) == 0; ++i) {
    client.set_input(std::as_bytes(std::span(to_client)));
    (void)client.handshake();
    server.take(from_client);
    (void)SSL_do_handshake(server.ssl);
    to_client = server.give();
  }
  ASSERT_EQ(SSL_write(server.ssl, "before", 6), 6);
  ASSERT_EQ(SSL_key_update(server.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_write(server.ssl, "after", 5), 5);
  to_client += server.give();
  std::string text(100, '\0');
  client.set_input(std::as_bytes(std::span(to_client)));
  const TlsRead read = client.read(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(read.status, TlsStatus::WantInput);
  EXPECT_EQ(text.substr(0, read.bytes), "beforeafter");
  // OpenSSL puts its own KeyUpdate in front of the next record that is written.
  ASSERT_EQ(client.write(std::as_bytes(std::span("reply", 5))), TlsStatus::Ok);
  server.take(from_client);
  char reply[8] = {};
  EXPECT_EQ(SSL_read(server.ssl, reply, sizeof(reply)), 5);
  EXPECT_STREQ(reply, "reply");
}

TEST(TlsSessionTest, AServerThatOnlyKnowsTls11IsRefused) {
  LocalTls local;
  NativeServer server(local);
  SSL_set_min_proto_version(server.ssl, TLS1_1_VERSION);
  SSL_set_max_proto_version(server.ssl, TLS1_1_VERSION);
  SSL_set_security_level(server.ssl, 0);
  SendQueue from_client(64 * 1024);
  TlsSession client;
  ASSERT_EQ(client.begin(local.client, "localhost", from_client), TlsStatus::Ok);
  EXPECT_EQ(client.handshake(), TlsStatus::WantInput);
  server.take(from_client);
  (void)SSL_do_handshake(server.ssl);
  const std::string answer = server.give();
  client.set_input(std::as_bytes(std::span(answer)));
  EXPECT_EQ(client.handshake(), TlsStatus::Failed);
}

TEST(TlsContextTest, FilesThatCannotBeUsedAreNamed) {
  const auto message_of = [](auto&& make) -> std::string {
    try {
      (void)make();
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message_of([] {
              return TlsContext::client({.ca_file = "/nowhere/ca.pem"});
            }).find("/nowhere/ca.pem"),
            std::string::npos);
  EXPECT_NE(message_of([] {
              return TlsContext::server(
                  {.certificate_file = "/nowhere/c.pem", .key_file = "/nowhere/k.pem"});
            }).find("/nowhere/c.pem"),
            std::string::npos);
  const LocalTls local;
  const CertificatePem other = CertificateAuthority().issue({});
  const std::string key = local.folder.path() + "/other.pem";
  write_pem(key, other.key, true);
  EXPECT_NE(message_of([&] {
              return TlsContext::server(
                  {.certificate_file = local.files.certificate_file, .key_file = key});
            }).find(key),
            std::string::npos);
}

TEST(CertificateTest, KeysAreForTheirOwnerOnly) {
  const LocalTls local;
  struct stat status {};
  ASSERT_EQ(::stat(local.files.key_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

// RFC 8446, 4.6.3: both ends change their keys in mid-stream, and the one asked says so itself.
TEST(TlsKeyUpdate, TheStreamGoesOnUnderNewKeysAndTheRequestIsAnswered) {
  const LocalTls local;
  SendQueue from_client(1 << 20);
  SendQueue to_client(1 << 20);
  TlsSession client;
  ASSERT_EQ(client.begin(local.client, "localhost", from_client), TlsStatus::Ok);
  std::unique_ptr<SSL, decltype(&SSL_free)> server(SSL_new(local.server.native()), SSL_free);
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(server.get(), in, out);
  SSL_set_accept_state(server.get());
  const auto carry = [&] {  // both ways
    while (!from_client.empty()) {
      const auto bytes = from_client.front();
      ASSERT_EQ(BIO_write(in, bytes.data(), static_cast<int>(bytes.size())),
                static_cast<int>(bytes.size()));
      from_client.pop(bytes.size());
    }
  };
  std::vector<std::byte> wire(1 << 16);
  const auto to_the_client = [&] {
    const int count = BIO_read(out, wire.data(), static_cast<int>(wire.size()));
    client.set_input(std::span(wire).first(count > 0 ? static_cast<std::size_t>(count) : 0));
  };
  bool done = false;
  for (int i = 0; i < 10 && !done; ++i) {
    const TlsStatus status = client.handshake();
    carry();
    (void)SSL_do_handshake(server.get());
    to_the_client();
    done = status == TlsStatus::Ok;
  }
  ASSERT_TRUE(done);
  std::vector<std::byte> text(64);
  (void)client.read(text);  // tickets
  ASSERT_EQ(client.write(std::as_bytes(std::span("tock", 4))), TlsStatus::Ok);
  const std::size_t record_bytes = from_client.size();
  carry();
  char answer[8] = {};
  EXPECT_EQ(SSL_read(server.get(), answer, sizeof(answer)), 4);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(SSL_key_update(server.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_write(server.get(), "tick", 4), 4);
    to_the_client();
    const TlsRead read = client.read(text);
    EXPECT_EQ(read.status, TlsStatus::WantInput);
    EXPECT_EQ(read.bytes, 4u);
    ASSERT_EQ(client.write(std::as_bytes(std::span("tock", 4))), TlsStatus::Ok);
    EXPECT_GT(from_client.size(), record_bytes);  // its own KeyUpdate comes first
    carry();
    EXPECT_EQ(SSL_read(server.get(), answer, sizeof(answer)), 4);
    EXPECT_STREQ(answer, "tock");
  }
}

}  // namespace
}  // namespace ringside::net
