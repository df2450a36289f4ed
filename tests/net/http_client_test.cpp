#include "net/http_client.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <functional>

#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

struct Asker {
  Asker(Loop& loop, const HttpClientOptions& options)
      : client(loop, options,
               {.context = this,
                .on_response = [](void* context, const HttpResponse& response) noexcept {
                  auto& self = *static_cast<Asker*>(context);
                  ++self.count;
                  self.error = response.error;
                  self.status = response.status;
                  self.body = response.body;
                  self.type = response.content_type;
                  self.retry_after_s = response.retry_after_s;
                  self.reason = response.close_reason;
                  self.detail = response.detail;
                  self.padding +=
                      static_cast<unsigned>(response.body.data() == nullptr
                                                ? 0
                                                : response.body.data()[response.body.size() + 63]);
                  if (self.then) self.then();
                }}) {}

  int count = 0;
  HttpError error = HttpError::None;
  int status = 0;
  std::string body;
  std::string type;
  std::int64_t retry_after_s = 0;
  CloseReason reason = CloseReason::None;
  std::string detail;
  unsigned padding = 0;
  std::function<void()> then;
  HttpClient client;
};

std::string http_url(std::uint16_t port, bool tls = false) {
  return (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port);
}

class HttpClientTest : public OverEachBackend {
 protected:
  void ask(Asker& asker, std::string_view target) {
    const int before = asker.count;
    ASSERT_TRUE(asker.client.get(target));
    ASSERT_TRUE(turn_until([&] { return asker.count > before; }));
    ASSERT_EQ(asker.count, before + 1);
  }
};

TEST_P(HttpClientTest, RequestsShareOneKeptConnection) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    Asker asker(loop(), {.url = http_url(server.server.port(), tls), .tls = &local.client});
    for (int i = 0; i < 5; ++i) {
      server.body = "{\"n\":" + std::to_string(i) + "}";
      ask(asker, "/api?n=" + std::to_string(i));
      EXPECT_EQ(asker.error, HttpError::None) << asker.detail;
      EXPECT_EQ(asker.status, 200);
      EXPECT_EQ(asker.body, server.body);
      EXPECT_EQ(asker.type, "application/json");
      EXPECT_EQ(server.requests.back(), "GET /api?n=" + std::to_string(i) + " ");
    }
    EXPECT_EQ(asker.client.counters().connections, 1u);
    EXPECT_EQ(server.server.accepted(), 1u);
  }
}

TEST_P(HttpClientTest, APostCarriesItsBody) {
  ServerSide server(loop());
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ASSERT_TRUE(asker.client.post("/bullet", "application/json", "{\"a\":1}"));
  ASSERT_TRUE(turn_until([&] { return asker.count == 1; }));
  EXPECT_EQ(server.requests.back(), "POST /bullet {\"a\":1}");
}

TEST_P(HttpClientTest, ABodyOfMegabytesArrivesWhole) {
  LocalTls local;
  for (const bool tls : {false, true}) {
    SCOPED_TRACE(tls);
    ServerSide server(loop(), {.tls = tls ? &local.server : nullptr});
    server.body.assign(9'000'000, 'b');
    Asker asker(loop(), {.url = http_url(server.server.port(), tls), .tls = &local.client});
    ask(asker, "/big");
    EXPECT_EQ(asker.error, HttpError::None) << asker.detail;
    EXPECT_TRUE(asker.body == server.body);
  }
}

TEST_P(HttpClientTest, TheNextRequestMayBeAskedFromWithinTheAnswer) {
  ServerSide server(loop());
  Asker asker(loop(), {.url = http_url(server.server.port())});
  asker.then = [&] {
    if (asker.count < 50) {
      EXPECT_TRUE(asker.client.get("/next"));
    }
  };
  ASSERT_TRUE(asker.client.get("/first"));
  EXPECT_FALSE(asker.client.get("/second"));  // one at a time
  ASSERT_TRUE(turn_until([&] { return asker.count == 50; }));
  EXPECT_EQ(asker.client.counters().connections, 1u);
}

TEST_P(HttpClientTest, AnAnswerMayComeLater) {
  ServerSide server(loop());
  server.answer = false;
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ASSERT_TRUE(asker.client.get("/slow"));
  ASSERT_TRUE(turn_until([&] { return server.last != nullptr; }));
  EXPECT_EQ(asker.count, 0);
  EXPECT_TRUE(server.last->respond(200, "text/plain", "late"));
  ASSERT_TRUE(turn_until([&] { return asker.count == 1; }));
  EXPECT_EQ(asker.body, "late");
}

TEST_P(HttpClientTest, AnErrorStatusIsAnAnswerWithItsRetryAfter) {
  ServerSide server(loop());
  server.status = 429;
  server.body = "slow down";
  server.extra_headers = "Retry-After: 5\r\n";
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ask(asker, "/");
  EXPECT_EQ(asker.error, HttpError::None);
  EXPECT_EQ(asker.status, 429);
  EXPECT_EQ(asker.retry_after_s, 5);
  EXPECT_EQ(asker.body, "slow down");
}

TEST_P(HttpClientTest, ARedirectIsRefusedAndReported) {
  ServerSide server(loop());
  server.status = 302;
  server.extra_headers = "Location: https://elsewhere.example/\r\n";
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ask(asker, "/");
  EXPECT_EQ(asker.error, HttpError::Redirect);
  EXPECT_EQ(asker.status, 302);
  EXPECT_EQ(asker.detail, "https://elsewhere.example/");
}

TEST_P(HttpClientTest, NobodyThereIsAConnectionError) {
  std::uint16_t port = 0;
  {
    const Listener gone;
    port = gone.port;
  }
  Asker asker(loop(), {.url = http_url(port)});
  ask(asker, "/");
  EXPECT_EQ(asker.error, HttpError::Connection);
  EXPECT_EQ(asker.reason, CloseReason::ConnectFailed);
  EXPECT_EQ(asker.status, 0);
}

TEST_P(HttpClientTest, AnAnswerThatNeverComesEndsByItsDeadline) {
  ServerSide server(loop());
  server.answer = false;
  Asker asker(loop(), {.url = http_url(server.server.port()), .request_ns_max = 300 * ns_per_ms});
  ask(asker, "/");
  EXPECT_EQ(asker.error, HttpError::Timeout);
  // The client is usable again, over a new connection.
  server.answer = true;
  ask(asker, "/");
  EXPECT_EQ(asker.error, HttpError::None) << asker.detail;
}

TEST_P(HttpClientTest, AKeptConnectionThatTheServerClosedIsReplacedOnce) {
  ServerSide server(loop(), {.request_ns_max = 200 * ns_per_ms});
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ask(asker, "/one");
  const std::int64_t later = loop().steady_ns() + 2 * ns_per_s;
  ASSERT_TRUE(turn_until([&] { return server.closed > 0 || loop().steady_ns() > later; }));
  ask(asker, "/two");
  EXPECT_EQ(asker.error, HttpError::None);
  EXPECT_EQ(asker.client.counters().connections, 2u);
}

TEST_P(HttpClientTest, AnAbortedRequestIsAnsweredOnce) {
  ServerSide server(loop());
  server.answer = false;
  Asker asker(loop(), {.url = http_url(server.server.port())});
  ASSERT_TRUE(asker.client.get("/"));
  asker.client.abort();
  EXPECT_EQ(asker.count, 0);
  ASSERT_TRUE(turn_until([&] { return asker.count == 1; }));
  EXPECT_EQ(asker.error, HttpError::Connection);
  EXPECT_EQ(asker.reason, CloseReason::Requested);
}

TEST_P(HttpClientTest, ATargetThatWouldSmuggleIsRefused) {
  Asker asker(loop(), {.url = "http://127.0.0.1:9"});
  EXPECT_FALSE(asker.client.get("no slash"));
  EXPECT_FALSE(asker.client.get("/a b"));
  EXPECT_FALSE(asker.client.get("/a\r\nHost: x"));
  EXPECT_FALSE(asker.client.get("/" + std::string(20'000, 'a')));
}

// A server that says what it is told, byte for byte, then closes or not.
class Canned {
 public:
  Canned(Loop& loop, std::string text, bool close)
      : text_(std::move(text)),
        close_(close),
        stream_(loop, {.send_queue_bytes = 1 << 20},
                {.context = this,
                 .on_open = [](void*) noexcept {},
                 .on_bytes =
                     [](void* context, std::span<std::byte> bytes, ReceiveTimes) noexcept {
                       static_cast<Canned*>(context)->reply();
                       return bytes.size();
                     },
                 .on_close = [](void*, CloseReason, std::string_view) noexcept {}}) {}
  void serve(const Listener& listener, int flags) {
    stream_.accept(listener.accept(flags), nullptr);
  }

 private:
  void reply() {
    stream_.write(std::as_bytes(std::span(text_)));
    stream_.flush();
    if (close_) stream_.close(CloseReason::Requested);
  }
  std::string text_;
  bool close_;
  Stream stream_;
};

class HttpClientCanned : public HttpClientTest {
 protected:
  void ask_canned(Asker& asker, const Listener& listener, const std::string& reply, bool close) {
    Canned canned(loop(), reply, close);
    ASSERT_TRUE(asker.client.get("/"));
    (void)loop().run_once(0);
    canned.serve(listener, loop().socket_flags());
    ASSERT_TRUE(turn_until([&] { return asker.count > 0; }));
  }
};

struct CannedCase {
  const char* what;
  std::string reply;
  bool close;
  HttpError error;
  std::string body;
};

TEST_P(HttpClientCanned, EachKindOfAnswerIsReadOrRefusedByName) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const CannedCase table[] = {
      {"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", false,
       HttpError::None, "abcde"},
      {"interim", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx", false,
       HttpError::None, "x"},
      {"to the end", ok + "\r\nall of it", true, HttpError::None, "all of it"},
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", false, HttpError::None, ""},
      {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", true, HttpError::None, "hi"},
      {"short", ok + "Content-Length: 10\r\n\r\nabc", true, HttpError::Truncated, ""},
      {"chunks cut", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab", true, HttpError::Truncated,
       ""},
      {"no answer", "", true, HttpError::Connection, ""},
      {"bad chunk", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, HttpError::BodyInvalid,
       ""},
      {"garbage", "garbage\r\n\r\n", false, HttpError::HeadInvalid, ""},
      {"compressed", ok + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", false,
       HttpError::Encoded, ""},
      {"announced too large", ok + "Content-Length: 101\r\n\r\n", false, HttpError::BodyTooLarge,
       ""},
      {"too large to the end", ok + "\r\n" + std::string(101, 'x'), true, HttpError::BodyTooLarge,
       ""},
      {"too large in chunks",
       ok + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n",
       false, HttpError::BodyTooLarge, ""},
      {"unasked bytes behind", ok + "Content-Length: 1\r\n\r\nx" + ok, false, HttpError::None, "x"},
  };
  for (const CannedCase& row : table) {
    SCOPED_TRACE(row.what);
    const Listener listener;
    Asker asker(loop(), {.url = http_url(listener.port), .body_bytes_max = 100});
    ask_canned(asker, listener, row.reply, row.close);
    EXPECT_EQ(asker.error, row.error) << name_of(asker.error) << ": " << asker.detail;
    EXPECT_EQ(asker.body, row.body);
    EXPECT_EQ(asker.client.counters().responses[static_cast<std::size_t>(row.error)], 1u);
  }
}

// As a server compresses: one member, by zlib.
std::string gzipped(const std::string& body) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, body.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  (void)deflateEnd(&stream);
  return out;
}

std::string in_chunks(const std::string& body, std::size_t bytes) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += bytes) {
    std::array<char, 16> size{};
    const auto piece = body.substr(at, bytes);
    (void)std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
    out += size.data() + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

TEST_P(HttpClientCanned, GzipIsUnpackedWithinTheLimitAndCheckedToItsEnd) {
  const std::string body(100, 'b');
  const std::string packed = gzipped(body);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";
  const auto whole = [&](const std::string& bytes) {
    return head + "Content-Length: " + std::to_string(bytes.size()) + "\r\n\r\n" + bytes;
  };
  std::string damaged = packed;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // the checksum
  const CannedCase table[] = {
      {"whole", whole(packed), false, HttpError::None, body},
      {"to the end", head + "\r\n" + packed, true, HttpError::None, body},
      {"in chunks of one", head + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(packed, 1),
       false, HttpError::None, body},
      {"empty", whole(gzipped("")), false, HttpError::None, ""},
      {"a bomb", whole(gzipped(std::string(1'000'000, 'b'))), false, HttpError::BodyTooLarge, ""},
      {"one byte too many", whole(gzipped(body + "b")), false, HttpError::BodyTooLarge, ""},
      {"cut short", whole(packed.substr(0, packed.size() - 1)), false, HttpError::BodyInvalid, ""},
      {"something behind", whole(packed + "x"), false, HttpError::BodyInvalid, ""},
      {"a wrong checksum", whole(damaged), false, HttpError::BodyInvalid, ""},
      {"no gzip", whole("plain text"), false, HttpError::BodyInvalid, ""},
      {"nothing", whole(""), false, HttpError::BodyInvalid, ""},
      {"another encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
       false, HttpError::Encoded, ""},
      {"not compressed after all", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain", false,
       HttpError::None, "plain"},
  };
  for (const CannedCase& row : table) {
    SCOPED_TRACE(row.what);
    const Listener listener;
    Asker asker(loop(),
                {.url = http_url(listener.port), .accept_gzip = true, .body_bytes_max = 100});
    ask_canned(asker, listener, row.reply, row.close);
    EXPECT_EQ(asker.error, row.error) << name_of(asker.error) << ": " << asker.detail;
    EXPECT_EQ(asker.body, row.body);
  }
}

RINGSIDE_OVER_EACH_BACKEND(HttpClientTest);
RINGSIDE_OVER_EACH_BACKEND(HttpClientCanned);

TEST(HttpErrors, EachHasAName) {
  for (std::size_t i = 0; i < http_error_count; ++i) {
    EXPECT_STRNE(name_of(static_cast<HttpError>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace ringside::net
