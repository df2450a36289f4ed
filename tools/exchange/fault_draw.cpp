#include "tools/exchange/fault_draw.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "tools/exchange/random.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::uint64_t drawn_within_ms = 10'000;
constexpr unsigned decimals_grown_max = 12;  // mantissas stay within what clients hold

bool has_checksums(std::string_view venue) { return venue.starts_with("kraken"); }

[[noreturn]] void refuse(const Fault& fault, const std::string& why) {
  throw std::invalid_argument("--faults: '" + text_of(fault) + "': " + why);
}

bool of_generated_only(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::StaleSnapshot:
    case FaultKind::WrongSnapshot:
    case FaultKind::ChecksumZero:
    case FaultKind::Rename:
    case FaultKind::Precision:
    case FaultKind::List:
    case FaultKind::Delist:
    case FaultKind::Halt:
    case FaultKind::Increments:
      return true;
    case FaultKind::Corrupt:
      return fault.part != FaultPart::Quantity;
    default:
      return false;
  }
}

constexpr std::array kinds{
    FaultKind::Drop,          FaultKind::Drop,          FaultKind::Duplicate,
    FaultKind::Reorder,       FaultKind::Corrupt,       FaultKind::Delay,
    FaultKind::Mute,          FaultKind::Stall,         FaultKind::Reset,
    FaultKind::Close,         FaultKind::HalfClose,     FaultKind::Shutdown,
    FaultKind::Restart,       FaultKind::Refuse,        FaultKind::TooMany,
    FaultKind::StaleSnapshot, FaultKind::WrongSnapshot, FaultKind::ChecksumZero,
    FaultKind::Rename,        FaultKind::Precision};

std::int64_t milliseconds_between(Random& random, std::uint64_t least, std::uint64_t most) {
  return static_cast<std::int64_t>(least + random.below(most - least + 1)) * ms_ns;
}

void draw_value(Fault& fault, Random& random, bool checksums) {
  switch (fault.kind) {
    case FaultKind::Delay:
      fault.value_ns = milliseconds_between(random, 10, 1'500);
      return;
    case FaultKind::Mute:
    case FaultKind::ChecksumZero:
    case FaultKind::Rename:
      fault.lasts_ns = milliseconds_between(random, 200, 3'000);
      fault.name = fault.kind == FaultKind::Rename ? "RENAMED" + std::to_string(random.below(1'000))
                                                   : std::string{};
      return;
    case FaultKind::Shutdown:
    case FaultKind::Restart:
      fault.lasts_ns = milliseconds_between(random, 100, 2'000);
      return;
    case FaultKind::Close:
      fault.number = std::array{0U, 1'000U, 1'001U, 1'008U, 1'012U}[random.below(5)];
      return;
    case FaultKind::TooMany:
      fault.number = 1 + static_cast<std::uint32_t>(random.below(2));
      return;
    case FaultKind::Corrupt:
      fault.part = checksums ? static_cast<FaultPart>(random.below(3)) : FaultPart::Check;
      return;
    case FaultKind::Precision:
      fault.price_more = static_cast<std::uint8_t>(1 + random.below(2));
      return;
    default:
      return;
  }
}

// A mistake that the venue's protocol can show.
Fault draw(const FaultyMarket& of, Random& random) {
  for (;;) {
    Fault fault;
    fault.kind = kinds[random.below(kinds.size())];
    const auto listing = static_cast<ListingIndex>(random.below(of.market.size()));
    const bool by_instrument = !is_of_connections(fault.kind) || random.percent(30);
    if (by_instrument && fault.kind != FaultKind::Restart) {
      fault.aim.symbol = of.market[listing].symbol;
    }
    if (is_of_messages(fault.kind) && fault.kind != FaultKind::Corrupt && random.percent(20)) {
      fault.aim.channel = FaultChannel::Any;
    }
    draw_value(fault, random, has_checksums(of.venue));
    fault.at_ns = milliseconds_between(random, 0, drawn_within_ms);
    try {
      check_fault(fault, of);
      return fault;
    } catch (const std::invalid_argument&) {
      continue;  // dropping, at least, there is everywhere
    }
  }
}

}  // namespace

void check_fault(const Fault& fault, const FaultyMarket& of) {
  const auto& symbol = fault.aim.symbol;
  if (!symbol.empty() && of.market.find(symbol) == no_listing) {
    refuse(fault, "symbol '" + symbol + "' is not traded here");
  }
  if (fault.kind == FaultKind::ChecksumZero && !has_checksums(of.venue)) {
    refuse(fault,
           "venue '" + std::string(of.venue) + "' has no checksums; kraken and kraken-v1 do");
  }
  if (of.replaying && of_generated_only(fault)) {
    refuse(fault, "a replay's frames are forwarded as they are; it takes a generated market");
  }
  if (fault.kind == FaultKind::WrongSnapshot && of.market.size() < 2) {
    refuse(fault, "it takes a second symbol, whose book is sent");
  }
  if (fault.kind == FaultKind::Rename && of.market.find(fault.name) != no_listing) {
    refuse(fault, "'" + fault.name + "' is a symbol already");
  }
  if (fault.kind == FaultKind::Precision) {
    const auto& decimals = of.market[of.market.find(symbol)].decimals;
    if (decimals.price + fault.price_more > decimals_grown_max ||
        decimals.quantity + fault.quantity_more > decimals_grown_max) {
      refuse(fault, "it has " + std::to_string(decimals.price) + " and " +
                        std::to_string(decimals.quantity) + " decimals; at most " +
                        std::to_string(decimals_grown_max) + " are printed");
    }
  }
}

std::vector<Fault> drawn(std::vector<Fault> faults, const FaultyMarket& of, std::uint64_t seed) {
  Random random(seed ^ 0x6661756c7473U);  // not the market's own sequence
  std::vector<Fault> result;
  for (auto& fault : faults) {
    if (fault.kind != FaultKind::Random) {
      result.push_back(std::move(fault));
      continue;
    }
    for (std::uint32_t i = 0; i < fault.number; ++i) result.push_back(draw(of, random));
  }
  return result;
}

}  // namespace ringside::exchange
