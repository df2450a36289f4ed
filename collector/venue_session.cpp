#include "collector/venue_session.hpp"

namespace ringside::collector {

template class BasicVenueSession<net::Sockets>;

}  // namespace ringside::collector
