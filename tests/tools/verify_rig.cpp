#include "tests/tools/verify_rig.hpp"

#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tools/capture/capture.hpp"

namespace ringside::tools::verify_test {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const char* name_of(capture::CaptureKind kind) {
  switch (kind) {
    case capture::CaptureKind::Open:
      return "open";
    case capture::CaptureKind::Sent:
      return "sent";
    case capture::CaptureKind::Recv:
      return "recv";
    case capture::CaptureKind::Http:
      return "http";
  }
  return "";
}

}  // namespace

std::string captures_folder() {
  const char* const folder = std::getenv("RINGSIDE_CAPTURES");
  return folder == nullptr ? "" : folder;
}

std::vector<Line> lines_of(const std::string& set) {
  capture::CaptureReader reader(captures_folder() + "/" + set + ".gz");
  capture::CaptureLine line;
  std::vector<Line> lines;
  while (reader.next(line)) {
    lines.push_back({line.unix_ns, line.connection, name_of(line.kind), std::string(line.payload)});
  }
  EXPECT_EQ(reader.status(), capture::CaptureStatus::End) << reader.message();
  return lines;
}

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += std::to_string(line.unix_ns) + "\t" + std::to_string(line.connection) + "\t" +
            line.kind + "\t" + line.payload + "\n";
  }
  return text;
}

std::vector<Line> interleaved(const std::vector<Line>& a, const std::vector<Line>& b) {
  std::vector<Line> merged;
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size()) merged.push_back(a[i]);
    if (i < b.size() && b[i].kind != "open") merged.push_back(b[i]);
  }
  std::int64_t time = 1'700'000'000'000'000'000;
  for (auto& line : merged) line.unix_ns = time += 1'000'000;
  return merged;
}

nlohmann::json oracle_of(const std::string& set) {
  return nlohmann::json::parse(contents(captures_folder() + "/oracle/" + set + ".json"));
}

std::string oracle_dump_of(const std::string& set) {
  std::string text;
  const auto path = captures_folder() + "/oracle/" + set + ".book.txt.gz";
  gzFile file = gzopen(path.c_str(), "rb");
  std::vector<char> block(std::size_t{1} << 16);
  for (int n = 0; file != nullptr && (n = gzread(file, block.data(), 1U << 16)) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  gzclose(file);
  return text;
}

Verified verify_file(const std::string& venue, const std::string& path) {
  const e2e::Scratch scratch;
  const auto dump = scratch.path("books");
  const auto run = e2e::run(
      scratch, {"ringside", "verify", "--venue", venue, "--json", "--dump-books", dump, path});
  Verified verified{run.status, nullptr, contents(dump), run.err};
  if (!run.out.empty()) verified.json = nlohmann::json::parse(run.out);
  return verified;
}

Verified verify_text(const std::string& venue, const std::string& text) {
  const e2e::Scratch scratch;
  return verify_file(venue, scratch.write("capture", text));
}

}  // namespace ringside::tools::verify_test
