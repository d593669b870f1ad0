"""Floor 4 · deliver — one try: from the queue's item to the next hop's answer."""

from mailrail.deliver.carrier import SmtpCarrier
from mailrail.deliver.courier import ClientContexts, SmtpCourier
from mailrail.deliver.direct import Delivery, deliver
from mailrail.deliver.events import SessionOpenedOut, TlsFellBack
from mailrail.deliver.settings import DeliverSettings

__all__ = [
    "ClientContexts",
    "DeliverSettings",
    "Delivery",
    "SessionOpenedOut",
    "SmtpCarrier",
    "SmtpCourier",
    "TlsFellBack",
    "deliver",
]
