// What a venue can do wrong when it is asked for a snapshot: each is counted under its own name,
// stays with the instrument that asked, and is over when the venue behaves again.
#include <gtest/gtest.h>

#include "tests/e2e/hostile_rig.hpp"

namespace ringside::e2e {
namespace {

RigOptions binance() {
  RigOptions options;
  options.venue = "binance";
  options.spec = "binance:BTCUSDT,ETHUSDT;depth=10;rate=500;rest_ms=1";
  options.misled = "ETHUSDT";
  options.bystander = "BTCUSDT";
  options.keys =
      "depth = 100\nconnect_ms_max = 1000\nretry_ms_max = 20\nrest_ms_max = 500\n"
      "no_data_ms = 5000\n";
  return options;
}

Fault does(std::function<void(Wire&)> act) {
  return {When::NextConnection, [act = std::move(act)](Wire& wire) {
            (void)wire.read_head();
            act(wire);
          }};
}

Fault answers(std::string bytes) {
  return does([bytes = std::move(bytes)](Wire& wire) {
    if (wire.send(bytes)) wire.hold();
  });
}

Fault answers_status(const std::string& status, const std::string& headers = {}) {
  return answers("HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 2\r\n\r\n{}");
}

Fault answers_body(const std::string& body) {
  return answers("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                 body);
}

TEST(HostileRest, ASnapshotThatIsRefusedIsCountedByStatusAndAskedForAgain) {
  HostileRig rig(binance());
  rig.meet_over_rest({"301",
                      answers_status("301 Moved Permanently", "Location: http://127.0.0.1:1/\r\n"),
                      {"rest_redirect", "requests_failed"}});
  rig.meet_over_rest(
      {"403", answers_status("403 Forbidden"), {"rest_status_forbidden", "requests_failed"}});
  rig.meet_over_rest({"429",
                      answers_status("429 Too Many Requests", "Retry-After: 1\r\n"),
                      {"rest_status_throttled", "requests_refused"},
                      false,
                      milliseconds(1000)});
  rig.meet_over_rest({"500",
                      answers_status("500 Internal Server Error"),
                      {"rest_status_server_error", "requests_failed"}});
  rig.meet_over_rest(
      {"404", answers_status("404 Not Found"), {"rest_status_other", "requests_failed"}});
  rig.stop();
}

TEST(HostileRest, AnAnswerThatIsNoHttpOrNeverEndsIsCountedByItsFault) {
  HostileRig rig(binance());
  rig.meet_over_rest(
      {"another protocol", answers("SSH-2.0-OpenSSH_9.2\r\n"), {"rest_head_invalid"}});
  rig.meet_over_rest({"an endless head",
                      does([](Wire& wire) {
                        if (wire.send("HTTP/1.1 200 OK\r\n"))
                          wire.flood("A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n");
                      }),
                      {"rest_head_invalid"}});
  rig.meet_over_rest(
      {"two opinions on the length",
       answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
       {"rest_head_invalid"}});
  rig.meet_over_rest({"a body larger than any",
                      answers("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"),
                      {"rest_body_too_large"}});
  rig.meet_over_rest({"an endless body",
                      does([](Wire& wire) {
                        if (wire.send("HTTP/1.1 200 OK\r\n\r\n"))
                          wire.flood(std::string(1 << 18, ' '));
                      }),
                      {"rest_body_too_large"}});
  rig.meet_over_rest({"chunks that are none",
                      answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
                      {"rest_body_invalid"}});
  rig.meet_over_rest(
      {"compressed, though nobody asked",
       answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
       {"rest_encoded"}});
  rig.meet_over_rest({"an end within the body",
                      does([](Wire& wire) {
                        if (wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"bids\":"))
                          wire.finish();
                      }),
                      {"rest_truncated", "rest_peer_finished"}});
  rig.meet_over_rest({"an end instead of an answer",
                      does([](Wire& wire) { wire.finish(); }),
                      {"rest_connection", "rest_peer_finished"}});
  rig.meet_over_rest({"a reset", does([](Wire& wire) { wire.reset(); }), {"rest_connection"}});
  rig.meet_over_rest({"no answer", answers(""), {"rest_timeout"}});
  rig.meet_over_rest({"a body by drops",
                      does([](Wire& wire) {
                        if (wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"))
                          wire.drip(" ");
                      }),
                      {"rest_timeout"}});
  rig.meet_over_rest({"interim answers for ever",
                      does([](Wire& wire) { wire.flood("HTTP/1.1 100 Continue\r\n\r\n"); }),
                      {"rest_timeout"}});
  rig.stop();
}

TEST(HostileRest, ASnapshotThatIsNoneIsCountedByItsDamageAndNeverPublished) {
  HostileRig rig(binance());
  const std::string far = R"({"lastUpdateId":99999999999,)";
  rig.meet_over_rest({"a web page",
                      answers_body("<html>Service temporarily unavailable</html>"),
                      {"malformed_json"}});
  rig.meet_over_rest({"nothing", answers_body(""), {"malformed_json"}});
  rig.meet_over_rest(
      {"cut short", answers_body(far + R"("bids":[["1.0","1.)"), {"malformed_json"}});
  rig.meet_over_rest({"no UTF-8",
                      answers_body(far + "\"bids\":[],\"asks\":[],\"x\":\"\xc3\"}"),
                      {"invalid_utf8"}});
  rig.meet_over_rest(
      {"half of the fields", answers_body(far + R"("bids":[]})"), {"missing_field"}});
  rig.meet_over_rest({"crossed",
                      answers_body(far + R"("bids":[["3.0","1.0"]],"asks":[["2.0","1.0"]]})"),
                      {"snapshots_unsound"}});
  rig.meet_over_rest({"a number beyond any",
                      answers_body(far + R"("bids":[["99999999999999999999.0","1.0"]],"asks":[]})"),
                      {"number_overflow"}});
  rig.stop();
}

}  // namespace
}  // namespace ringside::e2e
