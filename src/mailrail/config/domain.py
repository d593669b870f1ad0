"""Floor 5 · config — one table `[domain."x"]`, of which several rooms own a part."""

from mailrail.addresses import DomainAddresses
from mailrail.routing import DomainRoute


class DomainSettings(DomainAddresses, DomainRoute):
    """A domain that mail is taken for: who lives there (`addresses`), and where its mail goes (`routing`)."""
