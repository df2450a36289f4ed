// JSON read by another parser into the plainest of trees, numbers as written: what our decoders are
// held against. They may refuse more than it does, but what they accept must be what it says.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::fuzz {

struct Node {
  enum class Type { Null, Bool, Number, String, Array, Object } type = Type::Null;
  std::string text;         // of a string or a number; "true" or "false"
  std::string key;          // within an object
  std::vector<Node> items;  // of an array, or the members of an object

  [[nodiscard]] const Node* find(std::string_view name) const {
    for (const auto& item : items) {
      if (item.key == name) return &item;
    }
    return nullptr;
  }
  [[nodiscard]] std::string string_at(std::string_view name) const {
    const Node* node = find(name);
    return node == nullptr || node->type != Type::String ? std::string() : node->text;
  }
};

// nlohmann's event interface keeps the text of numbers that are no integers; integers it prints.
class TreeBuilder {
 public:
  bool null() { return add({}); }
  bool boolean(bool value) { return add({Node::Type::Bool, value ? "true" : "false", {}, {}}); }
  bool number_integer(std::int64_t value) { return add_number(std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return add_number(std::to_string(value)); }
  bool number_float(double, const std::string& text) { return add_number(text); }
  bool string(std::string& text) { return add({Node::Type::String, text, {}, {}}); }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) { return open(Node::Type::Object); }
  bool start_array(std::size_t) { return open(Node::Type::Array); }
  bool key(std::string& text) {
    keys_.back() = text;
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    constexpr int number_beyond_double = 406;
    unable = error.id == number_beyond_double;
    return false;
  }

  bool unable = false;
  Node root;

 private:
  bool add_number(std::string text) { return add({Node::Type::Number, std::move(text), {}, {}}); }
  bool open(Node::Type type) {
    open_.push_back({type, {}, {}, {}});
    keys_.emplace_back();
    return true;
  }
  bool close() {
    Node node = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return add(std::move(node));
  }
  bool add(Node node) {
    if (open_.empty()) {
      root = std::move(node);
      return true;
    }
    if (open_.back().type == Node::Type::Object) node.key = keys_.back();
    open_.back().items.push_back(std::move(node));
    return true;
  }

  std::vector<Node> open_;
  std::vector<std::string> keys_;  // of the member begun in each open object
};

// Unable: valid as far as it was read, but the other parser has no room for a number.
enum class Reference { Accepted, Refused, Unable };

inline Reference parse_reference(std::string_view text, Node& root) {
  TreeBuilder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return builder.unable ? Reference::Unable : Reference::Refused;
  }
  root = std::move(builder.root);
  return Reference::Accepted;
}

}  // namespace ringside::fuzz
