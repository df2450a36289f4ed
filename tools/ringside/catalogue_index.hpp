// Who the instruments of one deployment are: all catalogues of its collectors in one look-up.
//
// Threads: one. Bounded by: the catalogues. Fails by: leaving out what cannot be attached;
// problems() says why.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/catalogue.hpp"
#include "ipc/segment.hpp"

namespace ringside::tools {

struct InstrumentInfo {
  InstrumentId id;
  std::string venue;
  std::string symbol;     // as the venue spells it
  std::string worker;     // worker thread
  std::string collector;  // process
  InstrumentTerms terms;  // at its first subscription
};

class CatalogueIndex {
 public:
  explicit CatalogueIndex(std::string instance);

  // Attaches what is new or was replaced, and reads what was appended. Looks into the directory:
  // not for each record.
  void refresh();
  // Null: not known (yet). Valid as long as the index.
  [[nodiscard]] const InstrumentInfo* find(InstrumentId instrument) const;
  [[nodiscard]] const std::map<InstrumentId, InstrumentInfo>& all() const { return instruments_; }
  // What to call it where several venues may have the symbol: the symbol, or "venue:symbol".
  [[nodiscard]] std::string label_of(const InstrumentInfo& info) const;
  // One line for each catalogue that could not be attached.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Attached {
    std::unique_ptr<ipc::Segment> segment;  // stays where it is
    std::unique_ptr<ipc::CatalogueReader> reader;
    std::uint32_t read = 0;
  };
  void attach(const std::string& name);
  void read_new(const std::string& collector, Attached& attached);

  std::string instance_;
  std::map<std::string, Attached> catalogues_;
  std::map<InstrumentId, InstrumentInfo> instruments_;
  std::map<std::string, std::string> venue_of_symbol_;  // "" where there are several
  std::vector<std::string> problems_;
};

}  // namespace ringside::tools
