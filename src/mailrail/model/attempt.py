"""Floor 0 · model — how one try ended for everybody it was for.

`delivery` makes it, `queue` acts on it; the two never meet, so the word lives here.
"""

from mailrail.model.outcome import Outcome
from mailrail.model.value import value


@value
class Attempt:
    """An outcome for each pending recipient, in the item's order, and whom we talked to last.

    Attributes:
        host: the host that was talked to last, for the log; "" if none.
        remote: its "ip:port"; "" if none.
        tls: what protected the session, like "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" if nothing did.
    """

    outcomes: tuple[Outcome, ...]
    host: str = ""
    remote: str = ""
    tls: str = ""
