// Text that is UTF-8 and text that is not (RFC 3629), whole, in fragments, and cut within
// characters; and that bad text is refused at the octet that proves it.
#include <initializer_list>

#include "cases.hpp"

namespace ringside::conformance {

namespace {

std::string octets(std::initializer_list<unsigned> list) {
  std::string out;
  for (const unsigned octet : list) out += static_cast<char>(octet);
  return out;
}

// By the definition: the bits of the code point in `bytes` octets, whether or not it may be so.
std::string encoded(std::uint32_t code_point, int bytes) {
  if (bytes == 1) return octets({code_point});
  std::string out;
  const unsigned lead = 0xffU << (8 - bytes) & 0xff;
  out += static_cast<char>(lead | code_point >> (6 * (bytes - 1)));
  for (int i = bytes - 2; i >= 0; --i) {
    out += static_cast<char>(0x80 | (code_point >> (6 * i) & 0x3f));
  }
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto octet = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[octet >> 4];
    out += "0123456789abcdef"[octet & 15];
  }
  return out;
}

Script good(const std::string& what, const std::string& payload) {
  return passing("good: " + what, {{frame(op_text, payload)}}, {{true, 0, op_text, payload}});
}

Script bad(const std::string& payload) {
  return failing("bad: " + hex(payload), {{frame(op_text, payload)}}, {}, 1007);
}

const std::string greek = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";  // five letters

void add_good_ones(std::vector<Script>& out) {
  // The first and last code points of each length, those around the surrogates, and U+FFFD.
  for (const auto& [code_point, bytes] :
       std::initializer_list<std::pair<std::uint32_t, int>>{{0x00, 1},
                                                            {0x7f, 1},
                                                            {0x80, 2},
                                                            {0x7ff, 2},
                                                            {0x800, 3},
                                                            {0xd7ff, 3},
                                                            {0xe000, 3},
                                                            {0xfffd, 3},
                                                            {0xffff, 3},
                                                            {0x10000, 4},
                                                            {0x10ffff, 4}}) {
    out.push_back(good("U+" + std::to_string(code_point), encoded(code_point, bytes)));
  }
  // Noncharacters are characters of UTF-8: the last two of each plane.
  for (std::uint32_t plane = 0; plane <= 16; ++plane) {
    for (const std::uint32_t low : {0xfffeU, 0xffffU}) {
      out.push_back(good("noncharacter of plane " + std::to_string(plane),
                         encoded(plane << 16 | low, plane == 0 ? 3 : 4)));
    }
  }
  out.push_back(good("nothing", ""));
  out.push_back(good("five letters", greek));
}

// A text in fragments that end wherever they like, also within a character.
void add_fragmented_ones(std::vector<Script>& out) {
  const std::string mixed = "Hello " + greek + encoded(0x1f40e, 4) + "!";
  for (const std::string& payload : {greek, mixed, encoded(0x10ffff, 4)}) {
    std::string each;
    for (std::size_t i = 0; i < payload.size(); ++i) {
      each +=
          frame(i == 0 ? op_text : op_continuation, payload.substr(i, 1), i + 1 == payload.size());
    }
    out.push_back(passing("good: a fragment an octet", {{each}}, {{true, 0, op_text, payload}}));
    out.push_back(passing("good: one frame, a write an octet", {{frame(op_text, payload), 1}},
                          {{true, 0, op_text, payload}}));
    const std::size_t half = payload.size() / 2;
    out.push_back(passing(
        "good: two fragments, an empty one between",
        {{frame(op_text, payload.substr(0, half), false) + frame(op_continuation, "", false) +
          frame(op_continuation, payload.substr(half))}},
        {{true, 0, op_text, payload}}));
  }
  out.push_back(passing("good: three fragments, all empty",
                        {{frame(op_text, "", false) + frame(op_continuation, "", false) +
                          frame(op_continuation, "")}},
                        {{true, 0, op_text, ""}}));
}

void add_bad_ones(std::vector<Script>& out) {
  // Continuation octets without a lead.
  for (const std::string& run : {octets({0x80}), octets({0xbf}), octets({0x80, 0xbf}),
                                 octets({0x80, 0xbf, 0x80}), octets({0x80, 0xbf, 0x80, 0xbf})}) {
    out.push_back(bad(run));
  }
  // Octets that never occur.
  for (const unsigned octet : {0xc0U, 0xc1U, 0xf5U, 0xf8U, 0xfcU, 0xfeU, 0xffU}) {
    out.push_back(bad("a" + octets({octet, 0x80}) + "z"));
  }
  // Leads followed by something else, and characters that the text's end cuts.
  for (const unsigned lead : {0xc2U, 0xdfU, 0xe0U, 0xe1U, 0xecU, 0xefU, 0xf0U, 0xf1U, 0xf4U}) {
    out.push_back(bad(octets({lead, 0x20})));
    out.push_back(bad(octets({lead})));
  }
  for (const std::uint32_t code_point : {0x800U, 0xffffU, 0x10000U, 0x10ffffU}) {
    const std::string whole = encoded(code_point, code_point > 0xffff ? 4 : 3);
    out.push_back(bad(whole.substr(0, whole.size() - 1)));
    out.push_back(bad(whole.substr(0, whole.size() - 1) + "z"));
  }
  // Longer than need be, in two to six octets.
  for (const std::uint32_t code_point : {0x00U, 0x2fU, 0x7fU}) {
    for (int bytes = 2; bytes <= 6; ++bytes) out.push_back(bad(encoded(code_point, bytes)));
  }
  out.push_back(bad(encoded(0x7ff, 3)));
  out.push_back(bad(encoded(0xffff, 4)));
  // In the midst of what is good.
  for (const std::string& wrong :
       {octets({0x80}), octets({0xc0, 0xaf}), octets({0xed, 0xa0, 0x80}),
        octets({0xf4, 0x90, 0x80, 0x80}), octets({0xfe}), octets({0xe1, 0xbd})}) {
    out.push_back(bad(greek + wrong + "edited"));
  }
  // Surrogates, alone and in pairs.
  for (const std::uint32_t code_point : {0xd800U, 0xdb7fU, 0xdb80U, 0xdbffU, 0xdc00U, 0xdfffU}) {
    out.push_back(bad(encoded(code_point, 3)));
  }
  for (const std::uint32_t high : {0xd800U, 0xdbffU}) {
    for (const std::uint32_t low : {0xdc00U, 0xdfffU}) {
      out.push_back(bad(encoded(high, 3) + encoded(low, 3)));
    }
  }
  // Above U+10FFFF.
  for (const std::uint32_t code_point : {0x110000U, 0x13ffffU, 0x1fffffU}) {
    out.push_back(bad(encoded(code_point, 4)));
  }
  out.push_back(bad(encoded(0x200000, 5)));
  out.push_back(bad(encoded(0x4000000, 6)));
}

// The message has not ended, nor has its fragment: what has come proves enough.
void add_hasty_ones(std::vector<Script>& out) {
  const std::string above = octets({0xf4, 0x90});  // no character begins so
  const std::string surrogate = octets({0xed, 0xa0});
  for (const std::string& wrong : {above, surrogate, octets({0xe0, 0x80}), octets({0xff})}) {
    out.push_back(failing("hasty: a fragment, " + hex(wrong),
                          {{frame(op_text, greek, false) + frame(op_continuation, wrong, false)}},
                          {}, 1007));
    // The frame announces more than is ever sent.
    const std::string cut = frame(op_text, greek + wrong + "never sent");
    out.push_back(failing("hasty: within a frame, " + hex(wrong),
                          {{cut.substr(0, cut.size() - 10)}}, {}, 1007));
    out.push_back(failing("hasty: within a frame, octet by octet, " + hex(wrong),
                          {{cut.substr(0, cut.size() - 10), 1}}, {}, 1007));
  }
}

}  // namespace

std::vector<Script> utf8_cases() {
  std::vector<Script> out;
  add_good_ones(out);
  add_fragmented_ones(out);
  add_bad_ones(out);
  add_hasty_ones(out);
  return out;
}

}  // namespace ringside::conformance
