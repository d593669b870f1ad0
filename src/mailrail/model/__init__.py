"""Floor 0 · model — the words everyone uses: address, envelope, reply, outcome, ids, errors.

Frozen values and pure functions; nothing here waits, opens or remembers.
"""

from mailrail.model.address import (
    LOCAL_PART_OCTETS,
    PATH_OCTETS,
    ROLE_MAILBOXES,
    Address,
    detail_at,
    parse_address,
    parse_local_part,
    quote_local_part,
)
from mailrail.model.attempt import Attempt
from mailrail.model.clock import SECOND_US, Clock, Rng, SystemClock, system_rng, utc
from mailrail.model.deliver_by import MOST_BY_S, DeliverBy
from mailrail.model.domain import literal_address, parse_domain, show_domain
from mailrail.model.envelope import Body, Envelope, Notify, Recipient, Ret
from mailrail.model.errors import (
    AddressError,
    DnsError,
    LocalProtocolError,
    MailrailError,
    NetError,
    NetTrouble,
    RemoteProtocolError,
    SettingsError,
    StoreError,
    StoreTrouble,
)
from mailrail.model.hold import LAST_INSTANT_US, Hold, instant_text
from mailrail.model.ids import QueueId, QueueIds, format_id, id_time_us, parse_id
from mailrail.model.message import FIRST_ONLY, Item, Message, Origin, Pending
from mailrail.model.next_hop import Login, TlsLevel
from mailrail.model.outcome import Blame, Deferred, Delivered, Failed, Outcome
from mailrail.model.reply import Reply, printable, register
from mailrail.model.value import value

__all__ = [
    "FIRST_ONLY",
    "LAST_INSTANT_US",
    "LOCAL_PART_OCTETS",
    "MOST_BY_S",
    "PATH_OCTETS",
    "ROLE_MAILBOXES",
    "SECOND_US",
    "Address",
    "AddressError",
    "Attempt",
    "Blame",
    "Body",
    "Clock",
    "Deferred",
    "DeliverBy",
    "Delivered",
    "DnsError",
    "Envelope",
    "Failed",
    "Hold",
    "Item",
    "LocalProtocolError",
    "Login",
    "MailrailError",
    "Message",
    "NetError",
    "NetTrouble",
    "Notify",
    "Origin",
    "Outcome",
    "Pending",
    "QueueId",
    "QueueIds",
    "Recipient",
    "RemoteProtocolError",
    "Reply",
    "Ret",
    "Rng",
    "SettingsError",
    "StoreError",
    "StoreTrouble",
    "SystemClock",
    "TlsLevel",
    "detail_at",
    "format_id",
    "id_time_us",
    "instant_text",
    "literal_address",
    "parse_address",
    "parse_domain",
    "parse_id",
    "parse_local_part",
    "printable",
    "quote_local_part",
    "register",
    "show_domain",
    "system_rng",
    "utc",
    "value",
]
