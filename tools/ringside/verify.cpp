// ringside verify: captures through the real path, offline.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/ringside/command.hpp"
#include "tools/ringside/offline_venue.hpp"
#include "tools/ringside/verification.hpp"

namespace ringside::tools {
namespace {

struct VerifyOptions {
  std::string venue;
  std::string json;
  std::string dump;
  std::vector<std::string> captures;
};

int run(const VerifyOptions& options) {
  std::string text;
  std::string json;
  std::string dump;
  bool good = true;
  for (const auto& capture : options.captures) {
    const auto verification = verify_capture(options.venue, capture);
    good &= verification.good();
    text += verification_text(verification);
    json += (json.empty() ? "" : ",\n") + verification_json(verification);
    dump += verification.dump;
  }
  if (!options.dump.empty()) write_output(options.dump, dump);
  if (options.captures.size() > 1) json = "[" + json + "]";
  if (!options.json.empty()) write_output(options.json, json + "\n");
  if (options.json != to_stdout && options.dump != to_stdout) write_output(to_stdout, text);
  return good ? exit_good : exit_check_failed;
}

}  // namespace

void declare_verify(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand(
      "verify",
      "captures through the real adapter, ring and worker; exit 1 for a failed checksum, a gap "
      "that was not recovered, or a book that does not end live");
  const auto options = std::make_shared<VerifyOptions>();
  command->add_option("--venue", options->venue, "whose captures: " + offline_venue_names())
      ->required()
      ->type_name("VENUE");
  add_json_option(*command, options->json);
  command->add_option("--dump-books", options->dump, "write every final book, canonical; - stdout")
      ->type_name("FILE");
  command->add_option("capture", options->captures, "capture files, gzip or plain")
      ->required()
      ->type_name("CAPTURE");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace ringside::tools
