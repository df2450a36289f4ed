// What a venue, or whoever stands between, can do wrong on the wire: each is counted under its own
// name, stays with the venue that did it, and is over when the venue behaves again.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/certificate.hpp"
#include "net/deflate.hpp"
#include "tests/e2e/hostile_rig.hpp"

namespace ringside::e2e {
namespace {

constexpr const char* short_waits = "connect_ms_max = 500\nretry_ms_max = 20\nno_data_ms = 1000\n";

RigOptions kraken() {
  RigOptions options;
  options.spec = "kraken:BTC/USD,ETH/USD;depth=10;rate=500";
  options.misled = "ETH/USD";
  options.bystander = "BTC/USD";
  options.keys = short_waits;
  return options;
}

// Bytes with zeros in them.
template <std::size_t n>
std::string raw(const char (&text)[n]) {
  return {text, n - 1};
}

// These bytes behind a whole frame; the client is then left to close.
Fault says(std::string bytes) {
  return {When::NextFrame, [bytes = std::move(bytes)](Wire& wire) {
            if (wire.send(bytes)) wire.hold();
          }};
}

Fault says_and_goes_on(std::string bytes) {
  return {When::NextFrame, [bytes = std::move(bytes)](Wire& wire) { (void)wire.send(bytes); },
          true};
}

Fault answers(std::string bytes) {
  return {When::NextConnection, [bytes = std::move(bytes)](Wire& wire) {
            (void)wire.read_head();
            if (wire.send(bytes)) wire.hold();
          }};
}

Fault answers_status(const std::string& status, const std::string& headers = {}) {
  return answers("HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 2\r\n\r\n{}");
}

std::string text_frame(std::string_view payload) {
  std::string frame = raw("\x81");
  frame += static_cast<char>(payload.size());
  return frame.append(payload);
}

TEST(HostileFeed, ABrokenFrameIsCountedByItsRuleAndCostsOneReconnect) {
  HostileRig rig(kraken());
  rig.meet({"a masked frame",
            says(raw("\x81\x81\1\2\3\4x")),
            {"frame_masked", "closed_protocol_error"}});
  rig.meet({"a reserved bit", says(raw("\xc1\x00")), {"frame_reserved_bits"}});
  rig.meet({"a reserved opcode", says(raw("\x83\x00")), {"frame_reserved_opcode"}});
  rig.meet({"a control frame in parts", says(raw("\x09\x00")), {"frame_control_fragmented"}});
  rig.meet({"a long control frame", says(raw("\x89\x7e\x00\x7e")), {"frame_control_too_long"}});
  rig.meet({"a length of 2^63", says(raw("\x81\x7f\x80")), {"frame_length_overflow"}});
  rig.meet({"a continuation of nothing", says(raw("\x80\x00")), {"frame_unexpected_continuation"}});
  rig.meet({"a message within a message",
            says(raw("\x01\x01{\x81\x01}")),
            {"frame_expected_continuation"}});
  rig.meet({"half a close code", says(raw("\x88\x01\x03")), {"frame_close_too_short"}});
  rig.meet(
      {"a close code that is none", says(raw("\x88\x02\x03\xed")), {"frame_close_code_invalid"}});
  rig.meet({"a close reason that is no UTF-8",
            says(raw("\x88\x03\x03\xe8\xff")),
            {"frame_close_reason_not_utf8"}});
  rig.meet({"a frame beyond the limit",
            says(raw("\x81\x7f\0\0\0\0\0\x40\0\1")),
            {"frame_frame_too_long", "closed_too_large"}});
  rig.meet({"a message beyond the limit",
            says(raw("\x01\x7f\0\0\0\0\0\x30\0\0") + std::string(3 << 20, ' ') +
                 raw("\x80\x7f\0\0\0\0\0\x30\0\0")),
            {"frame_message_too_long", "closed_too_large"}});
  rig.meet({"a message in too many parts",
            {When::NextFrame,
             [](Wire& wire) {
               std::string parts;
               for (int i = 0; i < 1000; ++i) parts += raw("\x00\x00");
               if (wire.send(raw("\x01\x00"))) wire.flood(parts);
             }},
            {"frame_too_many_fragments", "closed_too_large"}});
  // The same names are a user's.
  const auto stat = rig.system.ringside({"stat", "--json"});
  EXPECT_NE(stat.out.find("frame_masked"), std::string::npos);
  rig.stop();
}

// One whole frame of a compressed text.
std::string compressed_frame(std::string_view payload) {
  std::string frame = raw("\xc1\x7e");
  frame += static_cast<char>(payload.size() >> 8);
  frame += static_cast<char>(payload.size() & 0xff);
  return frame.append(payload);
}

TEST(HostileFeed, CompressedBytesThatAreDamagedCostOneReconnectAndABombIsNotUnpacked) {
  auto options = kraken();
  options.exchange = {"--deflate"};
  options.keys += "compress = true\n";
  HostileRig rig(options);
  EXPECT_GT(rig.counter("compressed_messages"), 0U);
  rig.meet({"no deflate data",
            says(compressed_frame(std::string(40, '\xff'))),
            {"frame_deflate_invalid", "closed_protocol_error"}});
  rig.meet({"half a block", says(compressed_frame("\x4a")), {"frame_deflate_invalid"}});
  rig.meet({"a compressed control frame", says(raw("\xc9\x00")), {"frame_reserved_bits"}});
  net::Deflater deflater;
  ASSERT_TRUE(deflater.begin(net::window_bits_max, true));
  const std::string blanks(2 << 20, ' ');
  std::vector<std::byte> packed(net::Deflater::bound(blanks.size()));
  const auto bomb = deflater.pack(std::as_bytes(std::span(blanks)), packed);
  ASSERT_LT(bomb.size(), std::size_t{1} << 16);
  rig.meet({"a bomb",
            says(compressed_frame({reinterpret_cast<const char*>(bomb.data()), bomb.size()})),
            {"frame_inflated_too_much", "closed_too_large"}});
  rig.meet({"one that goes on",
            {When::NextFrame, [](Wire& w) { w.reset(); }},
            {"compressed_messages", "closed_peer_reset"}});
  rig.stop();
}

TEST(HostileFeed, AnEndIsToldFromAnotherByWhatWasSaidLast) {
  HostileRig rig(kraken());
  rig.meet({"a closing handshake", says(raw("\x88\x02\x03\xf4")), {"closed_peer_closed"}});
  rig.meet({"an end without one",
            {When::NextFrame, [](Wire& w) { w.finish(); }},
            {"closed_peer_finished"}});
  rig.meet({"an end within a frame",
            {When::NextFrame,
             [](Wire& wire) {
               if (wire.send(raw("\x81\x7e\x10\x00{\"cha"))) wire.finish();
             }},
            {"closed_peer_finished"}});
  rig.meet({"a reset", {When::NextFrame, [](Wire& w) { w.reset(); }}, {"closed_peer_reset"}});
  rig.meet({"an end within a snapshot",
            {When::MidSnapshot, [](Wire& w) { w.finish(); }},
            {"closed_peer_finished"}});
  rig.meet({"silence", says(""), {"closed_silence_timeout"}});
  rig.meet({"a frame by drops",
            {When::NextFrame,
             [](Wire& wire) {
               if (wire.send(raw("\x81\x7e\x10\x00"))) wire.drip(" ");
             }},
            {"closed_silence_timeout"}});
  rig.meet({"pings and nothing else",
            {When::NextFrame, [](Wire& wire) { wire.drip(raw("\x89\x00")); }},
            {"closed_silence_timeout"}});
  rig.stop();
}

TEST(HostileFeed, AMessageThatIsNoneIsCountedByKindAndCostsNothingElse) {
  HostileRig rig(kraken());
  rig.meet({"no UTF-8",
            says_and_goes_on(text_frame("{\"a\":\"\xff\"}")),
            {"invalid_utf8", "unattributed_damage"},
            true});
  rig.meet({"no JSON", says_and_goes_on(text_frame("{]")), {"malformed_json"}, true});
  rig.meet({"binary", says_and_goes_on(raw("\x82\x03\1\2\3")), {"messages_dropped"}, true});
  rig.meet({"a kind nobody asked for",
            says_and_goes_on(text_frame(R"({"channel":"weather","data":[]})")),
            {"unknown_message"},
            true});
  rig.meet({"no UTF-8 in a message of the book's",
            says_and_goes_on(
                text_frame("{\"channel\":\"book\",\"data\":[{\"symbol\":\"ETH/USD\",\xff}]}")),
            {"invalid_utf8", "resyncs"}});
  EXPECT_EQ(rig.counter("connections_opened"), 1U);
  rig.stop();
}

TEST(HostileFeed, AnUpgradeThatIsRefusedOrNoneIsCountedAndTriedAgain) {
  HostileRig rig(kraken());
  rig.meet({"301",
            answers_status("301 Moved Permanently", "Location: ws://127.0.0.1:1/\r\n"),
            {"closed_upgrade_redirected"}});
  rig.meet({"403", answers_status("403 Forbidden"), {"closed_upgrade_forbidden"}});
  rig.meet({"429",
            answers_status("429 Too Many Requests", "Retry-After: 1\r\n"),
            {"closed_upgrade_throttled"},
            false,
            milliseconds(1000)});
  rig.meet({"500", answers_status("500 Internal Server Error"), {"closed_upgrade_server_error"}});
  rig.meet({"404", answers_status("404 Not Found"), {"closed_upgrade_refused"}});
  rig.meet({"200 with an endless body",
            {When::NextConnection,
             [](Wire& wire) {
               (void)wire.read_head();
               if (wire.send("HTTP/1.1 200 OK\r\n\r\n")) wire.flood(std::string(1 << 16, 'x'));
             }},
            {"closed_upgrade_refused"}});
  rig.meet({"another protocol", answers("SSH-2.0-OpenSSH_9.2\r\n"), {"closed_upgrade_invalid"}});
  rig.meet({"garbage", answers(std::string(100, '\xfe')), {"closed_upgrade_invalid"}});
  rig.meet({"101 without the proof",
            answers("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                    "Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
            {"closed_upgrade_invalid"}});
  rig.meet({"an endless head",
            {When::NextConnection,
             [](Wire& wire) {
               (void)wire.read_head();
               if (wire.send("HTTP/1.1 101 X\r\n"))
                 wire.flood("A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n");
             }},
            {"closed_upgrade_invalid"}});
  rig.meet(
      {"a head by drops",
       {When::NextConnection, [](Wire& wire) { wire.drip("HTTP/1.1 101 Switching Protocols"); }},
       {"closed_upgrade_timeout"}});
  rig.meet({"no answer", answers(""), {"closed_upgrade_timeout"}});
  rig.meet(
      {"an end", {When::NextConnection, [](Wire& w) { w.finish(); }}, {"closed_peer_finished"}});
  rig.stop();
}

Fault offers(const net::TlsContext& context) {
  return {When::NextConnection, [&context](Wire& wire) { wire.offer(context); }};
}

net::TlsContext server_context(const Scratch& scratch, const net::CertificatePem& pem) {
  const auto certificate = scratch.write("offered.pem", pem.certificate);
  const auto key = scratch.write("offered-key.pem", pem.key);
  return net::TlsContext::server({.certificate_file = certificate, .key_file = key});
}

TEST(HostileFeed, ACertificateThatCannotBeBelievedIsNamedAndNothingIsSaidToItsOwner) {
  const net::CertificateAuthority trusted("trusted, too");
  const net::CertificateAuthority stranger("stranger");
  const Scratch scratch;
  const auto expired =
      server_context(scratch, trusted.issue({.valid_from_s = -7200, .valid_to_s = -3600}));
  const auto early =
      server_context(scratch, trusted.issue({.valid_from_s = 3600, .valid_to_s = 7200}));
  const auto elsewhere =
      server_context(scratch, trusted.issue({.dns_names = {"example.com"}, .addresses = {}}));
  const auto unknown = server_context(scratch, stranger.issue({}));
  const auto own = server_context(scratch, net::make_self_signed({}));
  auto options = kraken();
  options.tls = true;
  options.more_ca = trusted.pem();
  HostileRig rig(options);
  rig.meet({"expired", offers(expired), {"closed_certificate_expired"}});
  rig.meet({"not valid yet", offers(early), {"closed_certificate_expired"}});
  rig.meet({"another host's", offers(elsewhere), {"closed_certificate_wrong_host"}});
  rig.meet({"a stranger's", offers(unknown), {"closed_certificate_untrusted"}});
  rig.meet({"self-signed", offers(own), {"closed_certificate_self_signed"}});
  rig.meet({"no TLS at all",
            {When::NextConnection,
             [](Wire& wire) {
               if (wire.send("HTTP/1.1 400 Bad Request\r\n\r\n")) wire.hold();
             }},
            {"closed_tls_handshake_failed"}});
  rig.meet({"an end in the handshake",
            {When::NextConnection, [](Wire& w) { w.finish(); }},
            {"closed_tls_handshake_failed"}});
  rig.meet(
      {"no answer", {When::NextConnection, [](Wire& w) { w.hold(); }}, {"closed_tls_timeout"}});
  rig.meet({"an end without close_notify",
            {When::NextFrame, [](Wire& w) { w.finish(); }},
            {"closed_tls_truncated"}});
  rig.meet({"a record that does not decrypt",
            says(raw("\x17\x03\x03\x00\x20") + std::string(32, 'x')),
            {"closed_tls_broken"}});
  rig.meet({"a reset", {When::NextFrame, [](Wire& w) { w.reset(); }}, {"closed_peer_reset"}});
  rig.stop();
}

}  // namespace
}  // namespace ringside::e2e
