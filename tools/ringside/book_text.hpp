// Books as canonical text: what is dumped, hashed and compared with books made elsewhere.
//
// Threads: any, on a book nobody changes meanwhile. Allocates; not for the path of a record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "orderbook/book.hpp"
#include "ringside/event.hpp"

namespace ringside::tools {

// Appends "<symbol> B|A <price> <quantity>\n" for each level: bids best first, then asks best
// first.
void append_dump(std::string& to, std::string_view symbol, const orderbook::Book& book,
                 const InstrumentTerms& terms);

// Appends "<bid> <quantity> <ask> <quantity>\n"; "- -" for an empty side.
void append_best(std::string& to, const orderbook::Book& book, const InstrumentTerms& terms);

// FNV-1a, 64 bits, over "B|A <price mantissa> <quantity mantissa>\n" for each level, in the order
// of the dump. Cheap enough for every message of a live feed.
std::uint64_t fingerprint(const orderbook::Book& book);

}  // namespace ringside::tools
