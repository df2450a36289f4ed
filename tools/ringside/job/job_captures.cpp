#include "tools/ringside/job/job_captures.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "tools/ringside/capture_source.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

// PATH with --venue, or VENUE=PATH.
Capture capture_of(const std::string& argument, const std::string& venue) {
  const auto equals = argument.find('=');
  if (equals != std::string::npos && argument.find('/') > equals) {
    return {argument.substr(0, equals), argument.substr(equals + 1), {}};
  }
  if (venue.empty()) {
    throw CommandError(fmt::format("whose capture is '{}'? Say --venue VENUE for all, or VENUE={}",
                                   argument, argument));
  }
  return {venue, argument, {}};
}

// Another size or time: another capture.
JobItem item_of(const Capture& capture) {
  namespace fs = std::filesystem;
  std::error_code size_error, time_error, path_error;  // are the item's own failure
  const auto bytes = fs::file_size(capture.path, size_error);
  const auto time = fs::last_write_time(capture.path, time_error);
  const auto path = fs::absolute(capture.path, path_error);
  const std::uint64_t weight = size_error ? 0 : bytes;
  return {capture.path,
          sha256_of(fmt::format("{}\n{}\n{}\n{}", capture.venue, path.string(), weight,
                                time_error ? 0 : time.time_since_epoch().count())),
          weight, capture.path};
}

class StoppableSource final : public EventSource {
 public:
  StoppableSource(const Capture& capture, bool (*stop)())
      : source_(capture.venue, capture.input()), stop_(stop) {}
  [[nodiscard]] std::string_view venue() const override { return source_.venue(); }
  [[nodiscard]] const std::vector<SourceInstrument>& instruments() const override {
    return source_.instruments();
  }
  [[nodiscard]] bool next(SourceEvent& event) override {
    if (stop_()) throw Interrupted();
    return source_.next(event);
  }

 private:
  CaptureSource source_;
  bool (*stop_)();
};

}  // namespace

std::vector<Capture> captures_of(const JobArguments& arguments) {
  std::vector<Capture> captures;
  for (const auto& argument : arguments.captures) {
    captures.push_back(capture_of(argument, arguments.venue));
  }
  return captures;
}

JobPlan plan_over(std::string name, const std::vector<Capture>& captures, std::string options) {
  JobPlan plan;
  plan.name = std::move(name);
  plan.options = std::move(options);
  for (const auto& capture : captures) plan.items.push_back(item_of(capture));
  return plan;
}

std::unique_ptr<EventSource> events_of(const Capture& capture, bool (*stop)()) {
  return std::make_unique<StoppableSource>(capture, stop);
}

}  // namespace ringside::tools
