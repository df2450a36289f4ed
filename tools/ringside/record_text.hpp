// Records as lines for people and programs: names for numbers, exact decimals, times in UTC.
//
// Threads: any. Allocates; not for the path of a record. Fails by: nothing; values without a name
// are shown as "unknown".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ipc/broadcast_ring.hpp"
#include "tools/ringside/catalogue_index.hpp"

namespace ringside::tools {

std::string_view name_of(Kind kind);
std::optional<Kind> kind_named(std::string_view name);
// "trade, level, ..."
std::string kind_names();

// What a record does not carry itself.
struct RecordContext {
  const InstrumentInfo* info = nullptr;  // null: not in any catalogue
  std::string_view worker;
  std::optional<InstrumentTerms> terms;  // of its epoch; nothing: mantissas are shown, and said so
  UtcNs receive;
};

// One JSON object, no line end.
std::string json_of(const ipc::RecordBuffer& buffer, const RecordContext& context);
// One line, no line end; of many levels only the first few.
std::string line_of(const ipc::RecordBuffer& buffer, const RecordContext& context);

// "2026-08-02T03:35:51.660084123Z"; "-" for 0.
std::string utc_text(UtcNs time);

}  // namespace ringside::tools
