"""Floor 4 · delivery — one try: from the queue's item to the next hop's answer."""

from mailrail.delivery.call_ahead import CallAhead
from mailrail.delivery.carrier import SmtpCarrier
from mailrail.delivery.courier import ClientContexts, SmtpCourier
from mailrail.delivery.direct import Delivery, deliver
from mailrail.delivery.events import AddressAsked, ReversePathRewritten, SessionOpenedOut, TlsFellBack
from mailrail.delivery.settings import DeliverySettings

__all__ = [
    "AddressAsked",
    "CallAhead",
    "ClientContexts",
    "Delivery",
    "DeliverySettings",
    "ReversePathRewritten",
    "SessionOpenedOut",
    "SmtpCarrier",
    "SmtpCourier",
    "TlsFellBack",
    "deliver",
]
