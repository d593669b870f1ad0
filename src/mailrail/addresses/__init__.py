"""Floor 3 · addresses — who can be written to, and in whose name what leaves us travels on.

Everything is expanded when mail is taken, never when it is delivered: who does not exist is refused while its sender still listens, loops
are found before they can turn, and what is stored is whom it goes to.
"""

from mailrail.addresses.addresses import Addresses, Sources
from mailrail.addresses.api import Expansion, NextHop, NotKnownNowError, People, Refusal, Resolved, Step
from mailrail.addresses.events import AddressExpanded, AddressInTrouble
from mailrail.addresses.expansion import UNKNOWN, Bounds, Expander
from mailrail.addresses.local_domain import Names
from mailrail.addresses.rewriter import Rewriter
from mailrail.addresses.rewriting import RewritingRules
from mailrail.addresses.settings import (
    AddressSettings,
    CanonicalSettings,
    DomainAddresses,
    VerifySettings,
    local_domains,
)
from mailrail.addresses.signed_paths import DAY_US, Returned, SignedPaths, is_signed
from mailrail.addresses.signing_keys import (
    SIGNING_KEYS,
    SigningKey,
    SigningKeys,
    keep_keys,
    new_secret,
    read_keys,
    write_keys,
)
from mailrail.addresses.srs import Flaw, is_srs
from mailrail.addresses.tag_settings import BatvSettings, SrsSettings
from mailrail.addresses.verification import Verified

__all__ = [
    "DAY_US",
    "SIGNING_KEYS",
    "UNKNOWN",
    "AddressExpanded",
    "AddressInTrouble",
    "AddressSettings",
    "Addresses",
    "BatvSettings",
    "Bounds",
    "CanonicalSettings",
    "DomainAddresses",
    "Expander",
    "Expansion",
    "Flaw",
    "Names",
    "NextHop",
    "NotKnownNowError",
    "People",
    "Refusal",
    "Resolved",
    "Returned",
    "Rewriter",
    "RewritingRules",
    "SignedPaths",
    "SigningKey",
    "SigningKeys",
    "Sources",
    "SrsSettings",
    "Step",
    "Verified",
    "VerifySettings",
    "is_signed",
    "is_srs",
    "keep_keys",
    "local_domains",
    "new_secret",
    "read_keys",
    "write_keys",
]
