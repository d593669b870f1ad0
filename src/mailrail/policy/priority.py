"""Floor 3 · policy — who may have messages go before those of others (RFC 6710 §4.1). Pure."""

from enum import Enum


class PriorityRight(Enum):
    """Whose priorities above 0 count; one below is everybody's to choose."""

    NONE = "none"  # MT-PRIORITY is not offered
    LOWER = "lower"  # nobody's
    LOGIN = "login"  # those of users
    RELAY = "relay"  # those of users, and of clients in `relay.networks`

    def may_raise(self, user: str, *, may_relay: bool) -> bool:
        """Tell whether a client may ask for more than 0.

        Args:
            user: its login, "" without one.
            may_relay: it may send anywhere, as whoever has logged in.
        """
        match self:
            case PriorityRight.LOGIN:
                return bool(user)
            case PriorityRight.RELAY:
                return may_relay
            case _:
                return False
