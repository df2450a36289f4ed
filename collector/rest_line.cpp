#include "collector/rest_line.hpp"

namespace ringside::collector {

template class BasicRestLine<net::Sockets>;

}  // namespace ringside::collector
