#include "collector/channels.hpp"

namespace ringside::collector {

std::string channels_text(const Channels& channels) {
  std::string text;
  const auto append = [&](bool has, std::string_view name) {
    if (!has) return;
    if (!text.empty()) text += ',';
    text += name;
  };
  append(channels.trade, "trade");
  append(channels.book, "book");
  append(channels.bbo, "bbo");
  return text;
}

}  // namespace ringside::collector
