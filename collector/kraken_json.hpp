// Walking Kraken's JSON with simdjson On-Demand so that nothing is passed over unseen: a value of
// another type than wanted, a field that comes twice or is missing is a fault that is noted, and
// the walk goes on; what is no JSON ends it. For the decoders' sources only: simdjson's types
// depend on -march.
//
// Threads: none. Bounded by: json_depth_max. Fails by: KrakenStatus.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "collector/json_walk.hpp"
#include "collector/kraken_message.hpp"
#include "collector/rfc3339.hpp"

namespace ringside::collector::kraken_json {

using simdjson::ondemand::array;
using simdjson::ondemand::document;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

using Status = KrakenStatus;

// A value of another type than wanted: only a fault if it is JSON at all. Consumes it.
inline Status mistyped(value unwanted) noexcept {
  return is_valid(unwanted) ? Status::MistypedField : Status::MalformedJson;
}

inline Status skip(value unwanted) noexcept {
  return is_valid(unwanted) ? Status::Ok : Status::MalformedJson;
}

// What ends the walk: the text is no JSON. Everything else is noted, and the walk goes on, so that
// the rest of the text is looked at, too.
inline bool ends_walk(Status status) noexcept { return status == Status::MalformedJson; }

// Keeps the first fault.
inline void note(Status& fault, Status status) noexcept {
  if (fault == Status::Ok) fault = status;
}

inline bool is_type(value& field, json_type wanted) noexcept {
  json_type type;
  return !field.type().get(type) && type == wanted;
}

// The wanted fields of one object: which was met, and whether one came twice or not at all.
template <std::size_t n>
class Fields {
 public:
  constexpr explicit Fields(const std::array<std::string_view, n>& keys) : keys_(keys) {}

  // Calls take(which, value) for each wanted field and walks through the others. Ok, the first
  // fault, or MalformedJson.
  template <typename Take>
  Status walk(object fields, Take take) noexcept {
    Status fault = Status::Ok;
    for (auto entry : fields) {
      simdjson::ondemand::field field;
      std::string_view key;
      if (std::move(entry).get(field) || !plain_text(field.key(), key)) {
        return Status::MalformedJson;
      }
      unsigned which = 0;
      while (which < n && keys_[which] != key) ++which;
      Status status;
      if (which == n) {
        status = skip(field.value());
      } else if (met(which)) {
        status = skip(field.value());
        note(fault, Status::RepeatedField);
      } else {
        met_ |= 1U << which;
        status = take(which, field.value());
      }
      if (ends_walk(status)) return status;
      note(fault, status);
    }
    return fault;
  }
  [[nodiscard]] bool met(unsigned which) const noexcept { return (met_ & (1U << which)) != 0; }
  // The fault of an object that must have the fields whose bits are set.
  [[nodiscard]] Status require(Status fault, unsigned wanted) const noexcept {
    if (fault == Status::Ok && (met_ & wanted) != wanted) return Status::MissingField;
    return fault;
  }

 private:
  const std::array<std::string_view, n>& keys_;
  unsigned met_ = 0;
};

inline Status take_text(value field, std::string_view& text) noexcept {
  if (!is_type(field, json_type::string)) return mistyped(field);
  return field.get_string().get(text) ? Status::MalformedJson : Status::Ok;
}

inline Status take_number(value field, std::string_view& token) noexcept {
  if (!is_type(field, json_type::number)) return mistyped(field);
  token = number_text(field);
  return is_json_number(token) ? Status::Ok : Status::MalformedJson;
}

inline Status take_unsigned(value field, std::uint64_t most, std::uint64_t& number) noexcept {
  std::string_view token;
  if (const auto status = take_number(field, token); status != Status::Ok) return status;
  std::uint64_t sum = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return Status::MistypedField;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > most || sum > (most - digit) / 10) return Status::MistypedField;
    sum = sum * 10 + digit;
  }
  number = sum;
  return Status::Ok;
}

inline Status take_time(value field, UtcNs& utc) noexcept {
  std::string_view text;
  if (const auto status = take_text(field, text); status != Status::Ok) return status;
  return parse_rfc3339(text, utc) ? Status::Ok : Status::MistypedField;
}

inline Status take_bool(value field, bool& truth) noexcept {
  if (!is_type(field, json_type::boolean)) return mistyped(field);
  return field.get_bool().get(truth) ? Status::MalformedJson : Status::Ok;
}

// Calls take(object) for each element of an array of objects.
template <typename Take>
Status each_object(value field, Take take) noexcept {
  if (!is_type(field, json_type::array)) return mistyped(field);
  array items;
  if (field.get_array().get(items)) return Status::MalformedJson;
  Status fault = Status::Ok;
  for (auto item : items) {
    if (item.error()) return Status::MalformedJson;
    value element = item.value_unsafe();
    Status status;
    if (is_type(element, json_type::object)) {
      object fields;
      if (element.get_object().get(fields)) return Status::MalformedJson;
      status = take(fields);
    } else {
      status = mistyped(element);
    }
    if (ends_walk(status)) return status;
    note(fault, status);
  }
  return fault;
}

inline bool at_end(document& text) noexcept {
  return text.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

}  // namespace ringside::collector::kraken_json
