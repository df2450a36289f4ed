#include "collector/json_walk.hpp"

namespace ringside::collector {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

bool is_valid(value unwanted, unsigned depth) noexcept {
  json_type type;
  if (depth > json_depth_max || unwanted.type().get(type)) return false;
  switch (type) {
    case json_type::string: {
      std::string_view text;  // unescaping checks the escapes
      return !unwanted.get_string().get(text);
    }
    case json_type::number:
      return is_json_number(number_text(unwanted));
    case json_type::boolean: {
      bool truth;
      return !unwanted.get_bool().get(truth);
    }
    case json_type::null: {
      bool null = false;
      return !unwanted.is_null().get(null) && null;
    }
    case json_type::array: {
      simdjson::ondemand::array items;
      if (unwanted.get_array().get(items)) return false;
      for (auto item : items) {
        value inner;
        if (std::move(item).get(inner) || !is_valid(inner, depth + 1)) return false;
      }
      return true;
    }
    case json_type::object: {
      simdjson::ondemand::object fields;
      if (unwanted.get_object().get(fields)) return false;
      for (auto entry : fields) {
        simdjson::ondemand::field field;
        std::string_view key;
        if (std::move(entry).get(field) || !plain_text(field.key(), key)) return false;
        if (!is_valid(field.value(), depth + 1)) return false;
      }
      return true;
    }
  }
  return false;
}

}  // namespace ringside::collector
