// The cases of each group of the WebSocket conformance suites, made from RFC 6455 and RFC 7692:
// what a server sends, and what a strict client that echoes has to answer, to the byte. A group has
// as many cases as the Autobahn suite has in it.
#pragma once

#include <vector>

#include "scripted_server.hpp"

namespace ringside::conformance {

std::vector<Script> framing_cases();            // 16
std::vector<Script> ping_cases();               // 11
std::vector<Script> reserved_bit_cases();       // 7
std::vector<Script> opcode_cases();             // 10
std::vector<Script> fragmentation_cases();      // 20
std::vector<Script> utf8_cases();               // 145
std::vector<Script> close_cases();              // 37
std::vector<Script> limit_cases();              // 54
std::vector<Script> deflate_cases();            // 90
std::vector<Script> deflate_parameter_cases();  // 126

// Shared by the files that make them.

// The client answers `wanted`, then fails the connection with `code`.
Script failing(std::string name, std::vector<Step> steps, std::vector<Frame> wanted, unsigned code);
// The client answers `wanted`; the server closes.
Script passing(std::string name, std::vector<Step> steps, std::vector<Frame> wanted);
// `bytes` in one go, frame by frame (as they are listed), and octet by octet.
std::vector<std::vector<Step>> deliveries(const std::vector<std::string>& frames);

}  // namespace ringside::conformance
