#include "tests/e2e/replayed_feed.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>

namespace ringside::e2e {

std::string captures_folder() {
  const char* const folder = std::getenv("RINGSIDE_CAPTURES");
  return folder == nullptr ? "" : folder;
}

std::string oracle_dump(const std::string& set) {
  std::string text;
  gzFile file = gzopen((captures_folder() + "/oracle/" + set + ".book.txt.gz").c_str(), "rb");
  std::vector<char> block(std::size_t{1} << 16);
  for (int n = 0; file != nullptr && (n = gzread(file, block.data(), 1U << 16)) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  gzclose(file);
  return text;
}

void expect_final_books(const ReplayedFeed& feed) {
  SystemOptions options;
  options.exchange = {"--replay", feed.capture, "--speed", feed.speed};
  options.venue = feed.set.venue;
  options.depth = feed.set.depth;
  options.instruments = feed.symbols;
  LiveSystem system(options);
  system.start();
  if (feed.seconds > 0) {  // a consumer follows meanwhile
    const auto points = system.scratch.path("points");
    const auto follow = system.ringside(
        {"follow", "--truth-points", points, "--seconds", std::to_string(feed.seconds)},
        milliseconds(feed.seconds * 1'000) + settle_deadline);
    EXPECT_EQ(follow.status, 0) << follow.err;
  }
  // Published books, not hashes in passing: the final ones must stand in shared memory.
  Finished books;
  const bool equal = becomes_true([&] {
    books = system.ringside({"books"});
    return books.status == 0 && books.out == feed.wanted;
  });
  EXPECT_TRUE(equal) << "status " << books.status << ", " << books.out.size() << " bytes for "
                     << feed.wanted.size() << "\n"
                     << books.err << system.ringside({"stat"}).out;
  for (const auto& [symbol, state] : states(system)) EXPECT_EQ(state, "live") << symbol;
  EXPECT_EQ(states(system).size(), feed.symbols.size());
  for (const auto* count : {"checksum_failed", "malformed_json", "missing_field", "mistyped_field",
                            "unattributed_damage", "number_overflow", "sequence_gaps", "drops"}) {
    EXPECT_EQ(counter(system, count), 0U) << count;
  }
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

}  // namespace ringside::e2e
