#include "net/deflate.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "net/websocket_message.hpp"
#include "websocket_fixture.hpp"

namespace ringside::net {
namespace {

HeaderList headers_of(const std::vector<std::string>& values) {
  HeaderList list;
  for (const auto& value : values) list.entries[list.count++] = {extensions_header, value};
  return list;
}

struct Answered {
  DeflateAnswer answer;
  DeflateAgreement agreement;
};

Answered answered(const std::vector<std::string>& values, DeflateOptions offered = {}) {
  offered.enabled = true;
  Answered out{};
  out.answer = read_deflate_answer(headers_of(values), offered, out.agreement);
  return out;
}

TEST(DeflateOffer, NamesWhatIsConfigured) {
  EXPECT_EQ(deflate_offer({}), "permessage-deflate; client_max_window_bits");
  EXPECT_EQ(deflate_offer({.server_no_context_takeover = true,
                           .server_max_window_bits = 10,
                           .client_no_context_takeover = true,
                           .client_max_window_bits = 9}),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            "; server_max_window_bits=10; client_max_window_bits=9");
  EXPECT_EQ(deflate_offer({.client_max_window_bits = 0}), "permessage-deflate");
}

TEST(DeflateOffer, AnAnswerIsTakenAsItIsWritten) {
  EXPECT_EQ(answered({}).answer, DeflateAnswer::None);
  const Answered bare = answered({"permessage-deflate"});
  EXPECT_EQ(bare.answer, DeflateAnswer::Agreed);
  EXPECT_EQ(bare.agreement, DeflateAgreement{});
  const Answered all =
      answered({"Permessage-Deflate;server_no_context_takeover ; client_no_context_takeover;"
                "server_max_window_bits=\"9\"; client_max_window_bits = 12"});
  EXPECT_EQ(all.answer, DeflateAnswer::Agreed);
  EXPECT_EQ(all.agreement, (DeflateAgreement{true, true, 9, 12}));
  // What the client has promised holds without being said again.
  const Answered promised = answered(
      {"permessage-deflate"}, {.client_no_context_takeover = true, .client_max_window_bits = 10});
  EXPECT_EQ(promised.agreement, (DeflateAgreement{false, true, 15, 10}));
}

TEST(DeflateOffer, AnAnswerAgainstTheOfferIsRefused) {
  const char* const broken[] = {
      "x-webkit-deflate-frame",
      "permessage-deflate, permessage-deflate",
      "permessage-deflate, other",
      "permessage-deflate; unknown",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; server_max_window_bits",
      "permessage-deflate; server_max_window_bits=7",
      "permessage-deflate; server_max_window_bits=16",
      "permessage-deflate; server_max_window_bits=010",
      "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
      "permessage-deflate; client_max_window_bits",
      "permessage-deflate; client_max_window_bits=",
      "permessage-deflate; client_max_window_bits=8x",
      "permessage-deflate;;",
      "",
  };
  for (const char* text : broken) {
    EXPECT_EQ(answered({text}).answer, DeflateAnswer::Invalid) << text;
  }
  EXPECT_EQ(answered({"permessage-deflate", "permessage-deflate"}).answer, DeflateAnswer::Invalid);
  EXPECT_EQ(answered({"permessage-deflate"}, {.server_no_context_takeover = true}).answer,
            DeflateAnswer::Invalid);
  EXPECT_EQ(answered({"permessage-deflate"}, {.server_max_window_bits = 10}).answer,
            DeflateAnswer::Invalid);
  EXPECT_EQ(
      answered({"permessage-deflate; server_max_window_bits=11"}, {.server_max_window_bits = 10})
          .answer,
      DeflateAnswer::Invalid);
  EXPECT_EQ(
      answered({"permessage-deflate; client_max_window_bits=10"}, {.client_max_window_bits = 0})
          .answer,
      DeflateAnswer::Invalid);
  DeflateAgreement agreement;
  EXPECT_EQ(read_deflate_answer(headers_of({"permessage-deflate"}), {}, agreement),
            DeflateAnswer::Invalid);
}

TEST(DeflateOffer, AServerTakesUpTheFirstThatItCan) {
  const auto choice = [](const std::string& offers, DeflateOptions options = {}) {
    options.enabled = true;
    const auto agreed = choose_deflate_offer(headers_of({offers}), options);
    return agreed ? deflate_answer(*agreed) : "none";
  };
  EXPECT_EQ(choice("permessage-deflate; client_max_window_bits"), "permessage-deflate");
  EXPECT_EQ(choice("other, permessage-deflate; server_max_window_bits=20, permessage-deflate; "
                   "server_no_context_takeover"),
            "permessage-deflate; server_no_context_takeover");
  EXPECT_EQ(choice("permessage-deflate; client_max_window_bits", {.client_max_window_bits = 9}),
            "permessage-deflate; client_max_window_bits=9");
  EXPECT_EQ(choice("permessage-deflate", {.client_max_window_bits = 9}), "permessage-deflate");
  EXPECT_EQ(choice("permessage-deflate; server_max_window_bits=12", {.server_max_window_bits = 10}),
            "permessage-deflate; server_max_window_bits=10");
  EXPECT_EQ(choice("x-webkit-deflate-frame"), "none");
  EXPECT_FALSE(choose_deflate_offer(headers_of({"permessage-deflate"}), {}));
}

// --- The data ---

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string octets(std::initializer_list<unsigned> list) {
  std::string out;
  for (const unsigned octet : list) out += static_cast<char>(octet);
  return out;
}

struct Inflated {
  Inflater::Result result;
  std::string text;
};

Inflated inflate_message(Inflater& inflater, std::string_view payload, std::size_t out_bytes = 4096,
                         std::size_t piece_bytes = 1 << 20) {
  std::vector<std::byte> out(out_bytes);
  std::size_t used = 0;
  while (!payload.empty()) {
    const auto piece = payload.substr(0, piece_bytes);
    const auto step = inflater.take(std::as_bytes(std::span(piece)), std::span(out).subspan(used));
    used += step.bytes;
    if (step.result != Inflater::Result::Ok) return {step.result, {}};
    payload.remove_prefix(piece.size());
  }
  const auto step = inflater.finish(std::span(out).subspan(used));
  return {step.result, text_of(std::span(out).first(used + step.bytes))};
}

// RFC 7692, 7.2.3: the examples of the standard.
TEST(Inflate, TheStandardsExamplesComeOut) {
  const std::string hello = octets({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{100}}) {
    Inflater inflater;
    inflater.begin(false);
    EXPECT_EQ(inflate_message(inflater, hello, 4096, piece_bytes).text, "Hello");
    // The second one refers to the first.
    EXPECT_EQ(
        inflate_message(inflater, octets({0xf2, 0x00, 0x11, 0x00, 0x00}), 4096, piece_bytes).text,
        "Hello");
    // A block without compression; a last block; two blocks; an empty message.
    EXPECT_EQ(
        inflate_message(inflater,
                        octets({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}),
                        4096, piece_bytes)
            .text,
        "Hello");
    EXPECT_EQ(inflate_message(inflater, octets({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}),
                              4096, piece_bytes)
                  .text,
              "Hello");
    EXPECT_EQ(inflate_message(inflater,
                              octets({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9,
                                      0xc9, 0x07, 0x00}),
                              4096, piece_bytes)
                  .text,
              "Hello");
    const Inflated empty = inflate_message(inflater, octets({0x00}), 4096, piece_bytes);
    EXPECT_EQ(empty.result, Inflater::Result::Ok);
    EXPECT_EQ(empty.text, "");
  }
}

TEST(Inflate, WithoutTakeoverNothingOfTheMessageBeforeIsKnown) {
  Inflater inflater;
  inflater.begin(true);
  EXPECT_EQ(inflate_message(inflater, octets({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})).text,
            "Hello");
  EXPECT_EQ(inflate_message(inflater, octets({0xf2, 0x00, 0x11, 0x00, 0x00})).result,
            Inflater::Result::Invalid);
}

TEST(Inflate, WhatIsCutOffOrNoDeflateDataIsInvalid) {
  const std::string hello = octets({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  for (std::size_t bytes = 1; bytes + 1 < hello.size(); ++bytes) {
    Inflater inflater;
    inflater.begin(false);
    EXPECT_EQ(inflate_message(inflater, hello.substr(0, bytes)).result, Inflater::Result::Invalid)
        << bytes;
  }
  Inflater inflater;
  inflater.begin(false);
  EXPECT_EQ(inflate_message(inflater, octets({0x07})).result, Inflater::Result::Invalid);
}

TEST(Inflate, OutputIsBoundedToTheByte) {
  Inflater inflater;
  const std::string hello = octets({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  inflater.begin(false);
  EXPECT_EQ(inflate_message(inflater, hello, 5).text, "Hello");
  inflater.begin(false);
  EXPECT_EQ(inflate_message(inflater, hello, 4).result, Inflater::Result::OutputFull);
  inflater.begin(false);
  EXPECT_EQ(inflate_message(inflater, hello, 0).result, Inflater::Result::OutputFull);
}

TEST(Deflate, EveryWindowAndTakeoverComesBackAsItWas) {
  std::mt19937_64 random(11);
  for (std::uint8_t bits = 8; bits <= 15; ++bits) {
    for (const bool no_takeover : {false, true}) {
      Deflater deflater;
      Inflater inflater;
      ASSERT_EQ(deflater.begin(bits, no_takeover), bits > 8);
      if (bits == 8) continue;
      inflater.begin(no_takeover);
      for (int i = 0; i < 200; ++i) {
        std::string message(random() % 3000, 'x');
        for (char& c : message) c = static_cast<char>('a' + random() % (2 + random() % 20));
        std::vector<std::byte> out(Deflater::bound(message.size()));
        const auto packed = deflater.pack(std::as_bytes(std::span(message)), out);
        const Inflated back = inflate_message(inflater, text_of(packed), 4096, 1 + random() % 700);
        ASSERT_EQ(back.result, Inflater::Result::Ok);
        ASSERT_EQ(back.text, message);
      }
    }
  }
}

TEST(Deflate, NoiseStaysWithinTheBound) {
  std::mt19937_64 random(12);
  Deflater deflater;
  ASSERT_TRUE(deflater.begin(9, false));
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100},
                                  std::size_t{70'000}, std::size_t{1} << 20}) {
    std::string noise(bytes, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    std::vector<std::byte> out(Deflater::bound(noise.size()));
    EXPECT_LE(deflater.pack(std::as_bytes(std::span(noise)), out).size(), out.size());
  }
}

// --- Messages ---

struct Collect {
  std::vector<std::string> texts;
  bool on_message(Opcode, std::span<std::byte> payload) noexcept {
    texts.push_back(text_of(payload));
    return true;
  }
  bool on_control(Opcode, std::span<std::byte>) noexcept { return true; }
};

std::string frame(Opcode opcode, std::string_view payload, bool final, bool compressed) {
  std::array<std::byte, frame_header_bytes_max> header;
  const std::size_t count =
      write_frame_header<Role::Server>(header, opcode, final, payload.size(), {}, compressed);
  return text_of(std::span(header).first(count)).append(payload);
}

struct Read {
  FrameError error;
  std::vector<std::string> texts;
};

Read read(const std::string& stream, MessageLimits limits = {}, std::size_t piece_bytes = 1) {
  std::vector<std::byte> storage(1 << 20);
  MessageReader<Role::Client> reader(limits, storage);
  Inflater inflater;
  inflater.begin(false);
  reader.set_inflater(&inflater);
  Collect sink;
  std::vector<std::byte> pending;
  for (std::size_t at = 0; at < stream.size() && reader.error() == FrameError::None;) {
    const auto more = std::as_bytes(
        std::span(stream).subspan(at).first(std::min(piece_bytes, stream.size() - at)));
    pending.insert(pending.end(), more.begin(), more.end());
    at += more.size();
    const std::size_t used = reader.read(pending, sink);
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(used));
  }
  return {reader.error(), sink.texts};
}

const std::string packed_hello = octets({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});

// RFC 7692, 7.2.3.1: in one frame, and in fragments with a ping between; plain ones between them.
TEST(CompressedMessage, StandsBesidePlainOnesWholeOrInFragments) {
  const std::string stream =
      frame(Opcode::Text, packed_hello, true, true) + frame(Opcode::Text, "plain", true, false) +
      frame(Opcode::Text, packed_hello.substr(0, 3), false, true) +
      frame(Opcode::Ping, "p", true, false) +
      frame(Opcode::Continuation, packed_hello.substr(3), true, false) +
      frame(Opcode::Text, "pl", false, false) + frame(Opcode::Continuation, "ain", true, false);
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{3}, stream.size()}) {
    const Read result = read(stream, {.validate_utf8 = true}, piece_bytes);
    EXPECT_EQ(result.error, FrameError::None);
    EXPECT_EQ(result.texts, (std::vector<std::string>{"Hello", "plain", "Hello", "plain"}));
  }
}

TEST(CompressedMessage, TheBitHasItsPlaceOnTheFirstFrameOnly) {
  EXPECT_EQ(read(frame(Opcode::Ping, "", true, true)).error, FrameError::ReservedBits);
  EXPECT_EQ(read(frame(Opcode::Text, packed_hello.substr(0, 3), false, true) +
                 frame(Opcode::Continuation, packed_hello.substr(3), true, true))
                .error,
            FrameError::ReservedBits);
  std::string other = frame(Opcode::Text, packed_hello, true, true);
  other[0] = static_cast<char>(static_cast<unsigned char>(other[0]) | 0x20);
  EXPECT_EQ(read(other).error, FrameError::ReservedBits);
}

TEST(CompressedMessage, EachLimitHasItsName) {
  Deflater deflater;
  ASSERT_TRUE(deflater.begin(15, true));
  const std::string zeros(1'000'000, '0');
  std::vector<std::byte> out(Deflater::bound(zeros.size()));
  const std::string packed = text_of(deflater.pack(std::as_bytes(std::span(zeros)), out));
  const std::string stream = frame(Opcode::Text, packed, true, true);
  EXPECT_EQ(read(stream).texts.size(), 0u) << "a ratio of " << zeros.size() / packed.size();
  EXPECT_EQ(read(stream).error, FrameError::InflatedTooMuch);
  EXPECT_EQ(read(stream, {.inflated_ratio_max = 1032}).texts.size(), 1u);
  EXPECT_EQ(read(stream, {.inflated_bytes_free = 1'000'000}).texts.size(), 1u);
  EXPECT_EQ(read(stream, {.message_bytes_max = 999'999, .inflated_ratio_max = 1032}).error,
            FrameError::MessageTooLong);
  EXPECT_EQ(read(stream, {.message_bytes_max = 10}).error, FrameError::MessageTooLong);
  EXPECT_EQ(read(stream, {.frame_bytes_max = 10}).error, FrameError::FrameTooLong);
  EXPECT_EQ(read(frame(Opcode::Text, packed_hello.substr(0, 1), false, true) +
                     frame(Opcode::Continuation, packed_hello.substr(1, 1), false, false) +
                     frame(Opcode::Continuation, packed_hello.substr(2), true, false),
                 {.fragments_max = 2})
                .error,
            FrameError::TooManyFragments);
  EXPECT_EQ(read(frame(Opcode::Text, "garbage", true, true)).error, FrameError::DeflateInvalid);
}

TEST(CompressedMessage, TextIsCheckedBehindTheInflater) {
  Deflater deflater;
  ASSERT_TRUE(deflater.begin(15, false));
  std::vector<std::byte> out(Deflater::bound(10));
  const std::string half = "a\xc3";
  const std::string packed = text_of(deflater.pack(std::as_bytes(std::span(half)), out));
  const MessageLimits strict{.validate_utf8 = true};
  EXPECT_EQ(read(frame(Opcode::Text, packed, true, true), strict).error, FrameError::TextNotUtf8);
  EXPECT_EQ(read(frame(Opcode::Binary, packed, true, true), strict).error, FrameError::None);
}

// --- Both ends ---

class DeflateConnection : public OverEachBackend {};

TEST_P(DeflateConnection, MessagesGoCompressedBothWaysAndOnlyWhereAgreed) {
  const DeflateOptions both{.enabled = true, .compress_sends = true};
  for (const bool offered : {true, false}) {
    for (const bool accepted : {true, false}) {
      ServerSide server(loop(), {.deflate = accepted ? both : DeflateOptions{}});
      ClientSide client(
          loop(), {.url = url_of(server.server), .deflate = offered ? both : DeflateOptions{}});
      client.client.connect();
      ASSERT_TRUE(turn_until([&] { return client.opened > 0; }));
      EXPECT_EQ(client.client.deflate().has_value(), offered && accepted);
      const std::string text(1000, 'q');
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.client.send_text(text));
      ASSERT_TRUE(turn_until([&] { return client.texts.size() == 3; }));
      for (const auto& echoed : client.texts) EXPECT_EQ(echoed, text);
      const WebSocketCounters& counters = client.client.counters();
      const std::uint64_t compressed = offered && accepted ? 3 : 0;
      EXPECT_EQ(counters.compressed_messages, compressed);
      EXPECT_EQ(counters.compressed_messages_sent, compressed);
      EXPECT_LT(counters.compressed_bytes, 100u);
      EXPECT_EQ(server.last->counters().compressed_messages, compressed);
      client.client.close();
      ASSERT_TRUE(turn_until([&] { return client.closed > 0 && server.closed > 0; }));
    }
  }
}

TEST_P(DeflateConnection, ANewConnectionBeginsWithAnEmptyWindow) {
  ServerSide server(loop(), {.deflate = {.enabled = true, .compress_sends = true}});
  ClientSide client(loop(), {.url = url_of(server.server), .deflate = {.enabled = true}});
  for (int round = 1; round <= 3; ++round) {
    client.client.connect();
    ASSERT_TRUE(turn_until([&] { return client.opened == round; }));
    ASSERT_TRUE(client.client.send_text("the same text each time"));
    ASSERT_TRUE(turn_until([&] { return client.texts.size() == static_cast<unsigned>(round); }));
    EXPECT_EQ(client.texts.back(), "the same text each time");
    client.client.close();
    ASSERT_TRUE(turn_until([&] { return client.closed == round && server.closed == round; }));
  }
  EXPECT_EQ(client.client.counters().compressed_messages, 3u);
}

RINGSIDE_OVER_EACH_BACKEND(DeflateConnection);

}  // namespace
}  // namespace ringside::net
