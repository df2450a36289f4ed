// An announcement in words, for tests.
#pragma once

#include <cstring>
#include <span>
#include <string>

#include "ipc/check.hpp"
#include "ringside/event.hpp"

namespace ringside::collector::bench {

// "WHAT VENUE SYMBOL"
inline std::string text_of_news(const Record& record, std::span<const Level> levels) {
  AnnouncedName name;
  RINGSIDE_CHECK(levels.size() == levels_per_slot);
  std::memcpy(static_cast<void*>(&name), levels.data(), sizeof(name));
  RINGSIDE_CHECK(name.bytes <= AnnouncedName::bytes_max);
  return std::string(name_of(record.announcement())) + " " + std::string(name.text, name.bytes);
}

}  // namespace ringside::collector::bench
