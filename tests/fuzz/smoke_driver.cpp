// Runs a fuzz entry point without libFuzzer: every file of the corpus folder as it is, then a few
// thousand mutations of them from a fixed seed. A smoke run that keeps the targets from rotting;
// the search for new paths is the `fuzz` preset's.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t seed = 20261121;
constexpr int mutations = 4000;
using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> read_corpus(const char* folder) {
  std::vector<Bytes> inputs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (inputs.empty()) inputs.push_back({});
  return inputs;
}

void mutate(Bytes& input, std::mt19937_64& random) {
  const auto rounds = 1 + random() % 6;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::size_t at = input.empty() ? 0 : random() % input.size();
    switch (random() % 5) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << (random() % 8));
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<std::uint8_t>(random()));
        break;
      case 3:
        if (!input.empty()) input.erase(input.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        if (random() % 4 == 0) input.resize(at);
        break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = read_corpus(argc > 1 ? argv[1] : ".");
  // A copy of exact size on the heap, so that the address sanitizer sees every byte too far.
  const auto run = [](const Bytes& input) {
    const Bytes exact(input);
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  };
  for (const auto& input : corpus) run(input);
  std::mt19937_64 random(seed);
  for (int i = 0; i < mutations; ++i) {
    Bytes input = corpus[random() % corpus.size()];
    mutate(input, random);
    run(input);
  }
  std::printf("%zu seeds, %d mutations, seed %llu\n", corpus.size(), mutations,
              static_cast<unsigned long long>(seed));
  return 0;
}
