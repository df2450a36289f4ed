#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "net/websocket_message.hpp"

namespace ringside::net {
namespace {

struct Event {
  Opcode opcode;
  std::string payload;
  friend bool operator==(const Event&, const Event&) = default;
};

struct Collect {
  std::vector<Event> events;
  bool on_message(Opcode opcode, std::span<std::byte> payload) noexcept {
    return keep(opcode, payload);
  }
  bool on_control(Opcode opcode, std::span<std::byte> payload) noexcept {
    return keep(opcode, payload) && opcode != Opcode::Close;
  }
  bool keep(Opcode opcode, std::span<std::byte> payload) noexcept {
    events.push_back({opcode, {reinterpret_cast<const char*>(payload.data()), payload.size()}});
    return true;
  }
};

struct Outcome {
  std::vector<Event> events;
  FrameError error = FrameError::None;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// As a connection does it: what is not used up is presented again with more behind it.
template <Role role>
Outcome read_in_pieces(std::string_view stream, const MessageLimits& limits, std::size_t storage,
                       std::mt19937_64* random, std::size_t piece_max) {
  std::vector<std::byte> joined(storage + 64);
  MessageReader<role> reader(limits, std::span(joined).first(storage));
  Collect sink;
  std::vector<std::byte> pending;
  std::size_t at = 0;
  bool closed = false;
  while (at < stream.size() && reader.error() == FrameError::None && !closed) {
    const std::size_t piece =
        std::min(stream.size() - at, random == nullptr ? piece_max : 1 + (*random)() % piece_max);
    const auto more = std::as_bytes(std::span(stream.data() + at, piece));
    pending.insert(pending.end(), more.begin(), more.end());
    at += piece;
    const std::size_t used = reader.read(std::span(pending), sink);
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(used));
    closed = !sink.events.empty() && sink.events.back().opcode == Opcode::Close;
  }
  return {sink.events, reader.error()};
}

// A frame as a server sends it.
std::string frame(Opcode opcode, std::string_view payload, bool final = true) {
  std::array<std::byte, frame_header_bytes_max> header;
  const std::size_t count =
      write_frame_header<Role::Server>(header, opcode, final, payload.size(), {});
  std::string out(reinterpret_cast<const char*>(header.data()), count);
  return out.append(payload);
}

std::string close_payload(unsigned code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return payload.append(reason);
}

Outcome read(std::string_view stream, MessageLimits limits = {}, std::size_t storage = 1 << 16) {
  const Outcome whole =
      read_in_pieces<Role::Client>(stream, limits, storage, nullptr, stream.size() + 1);
  // Never may the answer depend on how the bytes were cut.
  EXPECT_EQ(read_in_pieces<Role::Client>(stream, limits, storage, nullptr, 1), whole);
  std::mt19937_64 random(7);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(read_in_pieces<Role::Client>(stream, limits, storage, &random, 9), whole);
  }
  return whole;
}

TEST(MessageReader, SeveralMessagesInOneReadComeOutInOrder) {
  const Outcome outcome =
      read(frame(Opcode::Text, "one") + frame(Opcode::Binary, "two") + frame(Opcode::Text, ""));
  EXPECT_EQ(outcome.error, FrameError::None);
  EXPECT_EQ(
      outcome.events,
      (std::vector<Event>{{Opcode::Text, "one"}, {Opcode::Binary, "two"}, {Opcode::Text, ""}}));
}

TEST(MessageReader, FragmentsAreJoinedAndControlFramesMayComeBetween) {
  const Outcome outcome = read(frame(Opcode::Text, "Hel", false) + frame(Opcode::Ping, "p") +
                               frame(Opcode::Continuation, "", false) +
                               frame(Opcode::Continuation, "lo") + frame(Opcode::Text, "next"));
  EXPECT_EQ(outcome.error, FrameError::None);
  EXPECT_EQ(
      outcome.events,
      (std::vector<Event>{{Opcode::Ping, "p"}, {Opcode::Text, "Hello"}, {Opcode::Text, "next"}}));
}

TEST(MessageReader, NothingIsReadBehindAClose) {
  const Outcome outcome =
      read(frame(Opcode::Close, close_payload(1000, "bye")) + frame(Opcode::Text, "late"));
  ASSERT_EQ(outcome.events.size(), 1u);
  EXPECT_EQ(outcome.events[0].payload, close_payload(1000, "bye"));
}

struct Broken {
  const char* what;
  std::string stream;
  FrameError error;
};

TEST(MessageReader, EachBrokenRuleHasItsName) {
  const Broken table[] = {
      {"continuation of nothing", frame(Opcode::Continuation, "x"),
       FrameError::UnexpectedContinuation},
      {"continuation after a whole message",
       frame(Opcode::Text, "x") + frame(Opcode::Continuation, "y"),
       FrameError::UnexpectedContinuation},
      {"a message within a message", frame(Opcode::Text, "x", false) + frame(Opcode::Text, "y"),
       FrameError::ExpectedContinuation},
      {"continuation of nothing, masked too", std::string("\x80\x81\1\2\3\4x", 7),
       FrameError::UnexpectedContinuation},
      {"close of one byte", frame(Opcode::Close, "x"), FrameError::CloseTooShort},
      {"close code 999", frame(Opcode::Close, close_payload(999)), FrameError::CloseCodeInvalid},
      {"close code 1005", frame(Opcode::Close, close_payload(1005)), FrameError::CloseCodeInvalid},
      {"close code 2999", frame(Opcode::Close, close_payload(2999)), FrameError::CloseCodeInvalid},
      {"close reason", frame(Opcode::Close, close_payload(1000, "\xff")),
       FrameError::CloseReasonNotUtf8},
      {"close reason cut short", frame(Opcode::Close, close_payload(1000, "\xe2\x82")),
       FrameError::CloseReasonNotUtf8},
  };
  for (const Broken& row : table) EXPECT_EQ(read(row.stream).error, row.error) << row.what;
}

TEST(MessageReader, LimitsHoldForFramesMessagesAndFragments) {
  const MessageLimits limits{.frame_bytes_max = 10, .message_bytes_max = 15, .fragments_max = 3};
  EXPECT_EQ(read(frame(Opcode::Text, std::string(10, 'a')), limits).error, FrameError::None);
  EXPECT_EQ(read(frame(Opcode::Text, std::string(11, 'a')), limits).error,
            FrameError::FrameTooLong);
  const std::string eight(8, 'b');
  EXPECT_EQ(
      read(frame(Opcode::Text, eight, false) + frame(Opcode::Continuation, eight), limits).error,
      FrameError::MessageTooLong);
  const std::string empty = frame(Opcode::Continuation, "", false);
  EXPECT_EQ(
      read(frame(Opcode::Text, "", false) + empty + frame(Opcode::Continuation, ""), limits).error,
      FrameError::None);
  EXPECT_EQ(read(frame(Opcode::Text, "", false) + empty + empty + empty, limits).error,
            FrameError::TooManyFragments);
}

TEST(MessageReader, StorageBoundsAFragmentedMessageToo) {
  const std::string stream =
      frame(Opcode::Text, "12345678", false) + frame(Opcode::Continuation, "9");
  EXPECT_EQ(read(stream, {}, 9).error, FrameError::None);
  EXPECT_EQ(read(stream, {}, 8).error, FrameError::MessageTooLong);
}

TEST(MessageReader, ALengthThatOverflowsIsRefusedBeforeAnythingIsAwaited) {
  EXPECT_EQ(read(std::string("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10)).error,
            FrameError::FrameTooLong);
  EXPECT_EQ(read(std::string("\x82\x7f\xff", 3)).error, FrameError::LengthOverflow);
}

TEST(MessageReader, TextThatCannotBecomeUtf8IsRefusedBeforeItsFrameIsWhole) {
  const MessageLimits strict{.validate_utf8 = true};
  const std::string whole =
      frame(Opcode::Text, std::string(3'000, 'a') + "\xed\xa0" + std::string(3'000, 'a'));
  const std::size_t proof = whole.find('\xed') + 2;
  EXPECT_EQ(read(whole.substr(0, proof), strict).error, FrameError::TextNotUtf8);
  EXPECT_EQ(read(whole.substr(0, proof - 1), strict).error, FrameError::None)
      << "a character that may still be continued";
  EXPECT_EQ(read(whole.substr(0, proof)).error, FrameError::None) << "nobody asked for it";
  // In the second fragment, of a character begun in the first.
  const std::string two = frame(Opcode::Text, "\xe2", false) +
                          frame(Opcode::Continuation, "\x28" + std::string(300, 'a'));
  EXPECT_EQ(read(two.substr(0, two.find('\x28') + 1), strict).error, FrameError::TextNotUtf8);
}

TEST(MessageReader, TextIsCheckedOnlyWhereNobodyElseDoesIt) {
  const std::string bad = frame(Opcode::Text, "ab\xff");
  EXPECT_EQ(read(bad).error, FrameError::None);
  const MessageLimits strict{.validate_utf8 = true};
  EXPECT_EQ(read(bad, strict).error, FrameError::TextNotUtf8);
  EXPECT_EQ(read(frame(Opcode::Binary, "ab\xff"), strict).error, FrameError::None);
  EXPECT_EQ(read(frame(Opcode::Text, "\xe2\x82"), strict).error, FrameError::TextNotUtf8);
  // A character may be cut between fragments.
  EXPECT_EQ(
      read(frame(Opcode::Text, "\xe2", false) + frame(Opcode::Continuation, "\x82\xac"), strict)
          .error,
      FrameError::None);
}

TEST(MessageReader, AServerTakesTheMaskOff) {
  std::string stream;
  std::mt19937_64 random(3);
  std::vector<Event> expected;
  for (int i = 0; i < 200; ++i) {
    std::string payload;
    for (auto left = random() % 300; left > 0; --left) payload += static_cast<char>(random());
    const bool control = random() % 5 == 0;
    if (control) payload.resize(payload.size() % 126);
    const Opcode opcode = control ? Opcode::Ping : Opcode::Binary;
    MaskKey mask;
    for (std::byte& byte : mask) byte = static_cast<std::byte>(random());
    std::array<std::byte, frame_header_bytes_max> header;
    const std::size_t count =
        write_frame_header<Role::Client>(header, opcode, true, payload.size(), mask);
    stream.append(reinterpret_cast<const char*>(header.data()), count);
    std::string masked = payload;
    apply_mask(std::as_writable_bytes(std::span(masked)), mask);
    stream += masked;
    expected.push_back({opcode, payload});
  }
  const Outcome whole = read_in_pieces<Role::Server>(stream, {}, 1024, nullptr, stream.size());
  EXPECT_EQ(whole.error, FrameError::None);
  EXPECT_EQ(whole.events, expected);
  for (const std::size_t piece : {1u, 2u, 3u, 17u, 1000u}) {
    EXPECT_EQ(read_in_pieces<Role::Server>(stream, {}, 1024, &random, piece), whole) << piece;
  }
}

TEST(MessageReader, RandomStreamsMeanTheSameHoweverTheyAreCut) {
  std::mt19937_64 random(20261121);
  const MessageLimits limits{
      .frame_bytes_max = 400, .message_bytes_max = 600, .fragments_max = 4, .validate_utf8 = true};
  for (int round = 0; round < 2000; ++round) {
    std::string stream;
    for (auto left = 1 + random() % 8; left > 0; --left) {
      const Opcode kinds[] = {Opcode::Text,         Opcode::Binary, Opcode::Continuation,
                              Opcode::Continuation, Opcode::Ping,   Opcode::Pong,
                              Opcode::Close};
      const Opcode opcode = kinds[random() % std::size(kinds)];
      std::string payload(random() % (is_control(opcode) ? 20 : 300), 'x');
      if (opcode == Opcode::Close)
        payload = close_payload(static_cast<unsigned>(1000 + random() % 20), "why");
      stream += frame(opcode, payload, is_control(opcode) || random() % 2 == 0);
    }
    if (random() % 2 == 0) stream[random() % stream.size()] = static_cast<char>(random());
    const Outcome whole = read_in_pieces<Role::Client>(stream, limits, 600, nullptr, stream.size());
    ASSERT_EQ(read_in_pieces<Role::Client>(stream, limits, 600, nullptr, 1), whole) << round;
    ASSERT_EQ(read_in_pieces<Role::Client>(stream, limits, 600, &random, 40), whole) << round;
  }
}

}  // namespace
}  // namespace ringside::net
