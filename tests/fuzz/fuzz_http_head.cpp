// Bytes that claim to be the head of a request or a response, or a chunked body. Views must point
// into the input, bounds must hold, and the answer must not depend on how the bytes were cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http_head.hpp"
#include "net/websocket_handshake.hpp"

namespace {

using namespace ringside::net;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_inside(std::string_view part, std::string_view whole) {
  if (part.empty()) return;
  require(part.data() >= whole.data());
  require(part.data() + part.size() <= whole.data() + whole.size());
}

template <typename Head, typename Parse>
void check_head(std::string_view input, Parse&& parse) {
  Head head;
  const HeadResult result = parse(input, head);
  require(result.bytes <= input.size());
  require(result.bytes <= head_bytes_max + 3);
  if (result.error == HeadError::None && result.bytes > 0) {
    require(head.headers.count <= headers_max);
    for (std::size_t i = 0; i < head.headers.count; ++i) {
      require_inside(head.headers.entries[i].name, input);
      require_inside(head.headers.entries[i].value, input);
      require(head.headers.has(head.headers.entries[i].name));
    }
    require(!(head.body.chunked && head.body.content_bytes));
    // What follows the head, or is missing before its end, changes nothing else.
    Head again;
    require(parse(input.substr(0, result.bytes), again).bytes == result.bytes);
    const HeadResult short_of_it = parse(input.substr(0, result.bytes - 1), again);
    require(short_of_it.error == HeadError::None && short_of_it.bytes == 0);
  }
}

std::string decode(std::string_view input, std::size_t piece, ChunkStatus& status) {
  ChunkedDecoder decoder;
  std::string body;
  std::string pending;
  status = ChunkStatus::NeedsMore;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    pending += input.substr(at, piece);
    do {
      const ChunkStep step = decoder.step(pending);
      require(step.used <= pending.size());
      require_inside(step.data, pending);
      status = step.status;
      body += step.data;
      pending.erase(0, step.used);
    } while (status == ChunkStatus::Data);
    if (status != ChunkStatus::NeedsMore) break;
  }
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_head<RequestHead>(input, parse_request_head);
  check_head<ResponseHead>(input, parse_response_head);

  RequestHead request;
  if (parse_request_head(input, request).bytes > 0) (void)check_upgrade_request(request);
  ResponseHead response;
  if (parse_response_head(input, response).bytes > 0) {
    std::optional<DeflateAgreement> agreement;
    (void)check_upgrade_response(response, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", {.enabled = true},
                                 agreement);
    // What was agreed on can be said, and means the same.
    if (agreement) {
      const std::string text = deflate_answer(*agreement);
      HeaderList said;
      said.entries[said.count++] = {extensions_header, text};
      DeflateAgreement again;
      require(read_deflate_answer(said, {.enabled = true}, again) == DeflateAnswer::Agreed);
      require(again == *agreement);
    }
  }

  if (size == 0) return 0;
  ChunkStatus whole_status{};
  ChunkStatus piece_status{};
  const std::string whole = decode(input, size, whole_status);
  const std::string pieces = decode(input, 1 + size % 7, piece_status);
  require(whole_status == piece_status);
  // An invalid chunk may show after more or less of the body has been handed over.
  if (whole_status != ChunkStatus::Invalid) require(whole == pieces);
  return 0;
}
