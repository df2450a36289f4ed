#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "net/websocket_frame.hpp"

namespace ringside::net {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// RFC 6455, 5.7.
TEST(FrameHeader, UnmaskedHelloOfTheStandardIsRead) {
  const auto frame = bytes({0x81, 0x05, 'H', 'e', 'l', 'l', 'o'});
  const FrameHeader header = parse_frame_header<Role::Client>(frame);
  ASSERT_TRUE(header.complete);
  EXPECT_TRUE(header.final);
  EXPECT_EQ(header.opcode, Opcode::Text);
  EXPECT_EQ(header.header_bytes, 2);
  EXPECT_EQ(header.payload_bytes, 5u);
}

TEST(FrameHeader, MaskedHelloOfTheStandardIsReadByAServer) {
  auto frame = bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58});
  const FrameHeader header = parse_frame_header<Role::Server>(frame);
  ASSERT_TRUE(header.complete);
  ASSERT_EQ(header.header_bytes, 6);
  const auto payload = std::span(frame).subspan(6);
  apply_mask(payload, header.mask);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(payload.data()), payload.size()), "Hello");
}

TEST(FrameHeader, LengthsOf16And64BitsOfTheStandardAreRead) {
  const auto medium = bytes({0x82, 0x7e, 0x01, 0x00});
  EXPECT_EQ(parse_frame_header<Role::Client>(medium).payload_bytes, 256u);
  const auto large = bytes({0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0});
  EXPECT_EQ(parse_frame_header<Role::Client>(large).payload_bytes, 65536u);
}

TEST(FrameHeader, EveryPrefixOfAHeaderIsIncompleteAndNoError) {
  const auto frame = bytes({0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4});
  for (std::size_t count = 0; count < frame.size(); ++count) {
    const FrameHeader header = parse_frame_header<Role::Server>(std::span(frame).first(count));
    EXPECT_FALSE(header.complete) << count;
    EXPECT_EQ(header.error, FrameError::None) << count;
  }
  EXPECT_TRUE(parse_frame_header<Role::Server>(frame).complete);
}

struct Strict {
  const char* what;
  std::vector<std::byte> frame;
  FrameError as_client;
  FrameError as_server;
};

TEST(FrameHeader, WhatTheStandardForbidsIsRefusedByName) {
  const Strict table[] = {
      {"rsv1", bytes({0xc1, 0x00}), FrameError::ReservedBits, FrameError::ReservedBits},
      {"rsv2", bytes({0xa1, 0x00}), FrameError::ReservedBits, FrameError::ReservedBits},
      {"rsv3", bytes({0x91, 0x00}), FrameError::ReservedBits, FrameError::ReservedBits},
      {"control without FIN", bytes({0x09, 0x00}), FrameError::ControlFragmented,
       FrameError::ControlFragmented},
      {"masked ping of 126", bytes({0x89, 0xfe, 0, 126}), FrameError::Masked,
       FrameError::ControlTooLong},
      {"ping of 126", bytes({0x89, 0x7e, 0, 126}), FrameError::ControlTooLong,
       FrameError::Unmasked},
      {"masked text", bytes({0x81, 0x80, 1, 2, 3, 4}), FrameError::Masked, FrameError::None},
      {"unmasked text", bytes({0x81, 0x00}), FrameError::None, FrameError::Unmasked},
      {"top bit of the length", bytes({0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0}),
       FrameError::LengthOverflow, FrameError::Unmasked},
  };
  for (const Strict& row : table) {
    EXPECT_EQ(parse_frame_header<Role::Client>(row.frame).error, row.as_client) << row.what;
    EXPECT_EQ(parse_frame_header<Role::Server>(row.frame).error, row.as_server) << row.what;
  }
}

TEST(FrameHeader, EachReservedOpcodeIsRefusedAndNoOther) {
  for (int opcode = 0; opcode < 16; ++opcode) {
    const auto frame = bytes({0x80 | opcode, 0x00});
    const bool reserved = (opcode >= 3 && opcode <= 7) || opcode >= 11;
    EXPECT_EQ(parse_frame_header<Role::Client>(frame).error,
              reserved ? FrameError::ReservedOpcode : FrameError::None)
        << opcode;
  }
}

TEST(FrameHeader, ALongerFormThanNeededIsAccepted) {
  EXPECT_EQ(parse_frame_header<Role::Client>(bytes({0x82, 0x7e, 0, 5})).payload_bytes, 5u);
}

TEST(FrameHeader, WhatIsWrittenReadsBackAtEveryLengthForm) {
  const MaskKey mask{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  for (const std::uint64_t length :
       {0ull, 1ull, 125ull, 126ull, 127ull, 65535ull, 65536ull, (1ull << 32), (1ull << 63) - 1}) {
    std::array<std::byte, frame_header_bytes_max> out{};
    const std::size_t from_client =
        write_frame_header<Role::Client>(out, Opcode::Binary, false, length, mask);
    const FrameHeader at_server =
        parse_frame_header<Role::Server>(std::span(out).first(from_client));
    EXPECT_TRUE(at_server.complete);
    EXPECT_EQ(at_server.header_bytes, from_client);
    EXPECT_EQ(at_server.payload_bytes, length);
    EXPECT_EQ(at_server.mask, mask);
    EXPECT_FALSE(at_server.final);
    const std::size_t from_server =
        write_frame_header<Role::Server>(out, Opcode::Text, true, length, mask);
    const FrameHeader at_client =
        parse_frame_header<Role::Client>(std::span(out).first(from_server));
    EXPECT_TRUE(at_client.complete);
    EXPECT_EQ(at_client.payload_bytes, length);
    EXPECT_TRUE(at_client.final);
  }
}

TEST(FrameHeader, MaskingInPiecesEqualsMaskingByteByByte) {
  const MaskKey mask{std::byte{0x11}, std::byte{0x22}, std::byte{0x44}, std::byte{0x88}};
  std::vector<std::byte> original(77);
  for (std::size_t i = 0; i < original.size(); ++i) original[i] = static_cast<std::byte>(i * 7);
  for (std::size_t cut = 0; cut <= original.size(); ++cut) {
    auto masked = original;
    apply_mask(std::span(masked).first(cut), mask);
    apply_mask(std::span(masked).subspan(cut), mask, cut);
    for (std::size_t i = 0; i < masked.size(); ++i) {
      ASSERT_EQ(masked[i], original[i] ^ mask[i % 4]) << cut << " " << i;
    }
  }
}

TEST(FrameHeader, OnlyCodesThatMayTravelAreCloseCodes) {
  for (std::uint32_t code = 0; code <= 0xffff; ++code) {
    const bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                         (code >= 3000 && code <= 4999);
    ASSERT_EQ(is_close_code(static_cast<std::uint16_t>(code)), allowed) << code;
  }
}

TEST(FrameHeader, EveryErrorHasANameAndACodeThatMayTravel) {
  for (std::size_t i = 0; i < frame_error_count; ++i) {
    EXPECT_STRNE(name_of(static_cast<FrameError>(i)), "unknown") << i;
    EXPECT_TRUE(is_close_code(close_code_of(static_cast<FrameError>(i)))) << i;
  }
}

}  // namespace
}  // namespace ringside::net
