#include <gtest/gtest.h>

#include <string>

#include "net/http_head.hpp"

namespace ringside::net {
namespace {

struct Decoded {
  std::string body;
  ChunkStatus status = ChunkStatus::NeedsMore;
  std::size_t used = 0;  // of the whole stream
};

Decoded decode(std::string_view stream, std::size_t piece) {
  ChunkedDecoder decoder;
  Decoded out;
  std::string pending;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    pending += stream.substr(at, piece);
    while (true) {
      const ChunkStep step = decoder.step(pending);
      out.status = step.status;
      out.body += step.data;
      out.used += step.used;
      pending.erase(0, step.used);
      if (step.status == ChunkStatus::NeedsMore) break;
      if (step.status != ChunkStatus::Data) return out;
    }
  }
  return out;
}

Decoded decode_any_way(std::string_view stream) {
  const Decoded whole = decode(stream, stream.size());
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    const Decoded pieces = decode(stream, piece);
    EXPECT_EQ(pieces.status, whole.status) << piece;
    EXPECT_EQ(pieces.body, whole.body) << piece;
    EXPECT_EQ(pieces.used, whole.used) << piece;
  }
  return whole;
}

TEST(ChunkedDecoder, ChunksAreJoinedAndWhatFollowsIsLeft) {
  const Decoded out = decode_any_way(
      "4\r\nWiki\r\n6;name=value\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\nHTTP");
  EXPECT_EQ(out.status, ChunkStatus::Finished);
  EXPECT_EQ(out.body, "Wikipedia in \r\n\r\nchunks.");
  EXPECT_EQ(out.used, 55u);
}

TEST(ChunkedDecoder, TrailersAreReadAndIgnored) {
  const Decoded out = decode_any_way("1\r\na\r\n0\r\nExpires: never\r\nX: y\r\n\r\n");
  EXPECT_EQ(out.status, ChunkStatus::Finished);
  EXPECT_EQ(out.body, "a");
}

TEST(ChunkedDecoder, WhatIsNoChunkIsRefused) {
  for (const char* stream : {"\r\n", "x\r\n", "-1\r\n", "0x5\r\n", ";\r\n", "1\r\nab\r\n",
                             "1\r\na\rb", "4 4\r\nabcd", "10000000000000000\r\n"}) {
    EXPECT_EQ(decode_any_way(stream).status, ChunkStatus::Invalid) << stream;
  }
}

TEST(ChunkedDecoder, LinesAndTrailersAreBounded) {
  EXPECT_EQ(decode_any_way("1;" + std::string(chunk_line_bytes_max, 'x')).status,
            ChunkStatus::Invalid);
  std::string trailers = "0\r\n";
  while (trailers.size() < trailer_bytes_max + 100) trailers += "A: bbbbbbbbbbbbbbbbbbbb\r\n";
  EXPECT_EQ(decode_any_way(trailers + "\r\n").status, ChunkStatus::Invalid);
  EXPECT_EQ(decode_any_way("0\r\n" + std::string(trailer_bytes_max + 1, 'x')).status,
            ChunkStatus::Invalid);
}

}  // namespace
}  // namespace ringside::net
