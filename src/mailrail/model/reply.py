"""Floor 0 · model — a reply (RFC 5321 §4.2) and the register of every reply we say.

Nothing is said to a peer that does not stand in the register below; a session adds
facts with `with_text`, never a code of its own. Replies are encoded once, when made.
"""

import re
from dataclasses import field
from typing import Final

from mailrail.model.value import value

# RFC 5321 §4.5.3.1.5: a reply line, code and CRLF included, has at most 512 octets.
LINE_OCTETS: Final = 512
_SHORT: Final = LINE_OCTETS - 100  # of a text that is surely not too long, whatever stands before it
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def printable(text: str) -> str:
    """Make *text* harmless in a reply, a log or a notice: no control characters, ASCII only.

    Source: RFC 5321 §4.2 (textstring); log injection by CR, LF and escape sequences.
    """
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("?", text)


@value
class Reply:
    """A code, an enhanced code and one or more lines of text.

    Attributes:
        code: 200 to 599.
        enhanced_code: "2.1.5", or empty where RFC 2034 wants none (greeting, EHLO, 3yz).
        text: the lines, joined by "\\n", without codes.
        source: the RFC and section that asks for this reply; empty on what a peer said.
        wire: the encoded lines, CRLF included.
    """

    code: int
    enhanced_code: str
    text: str
    source: str = field(default="", compare=False)
    wire: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        text, code = self.text, self.enhanced_code
        # One line as it is, like nearly all.
        if len(text) <= _SHORT and text.isascii() and text.isprintable():
            wire = f"{self.code} {code} {text}\r\n" if code else f"{self.code} {text}\r\n"
            self.wire = wire.encode()  # type: ignore[misc]  # frozen for others
        else:
            self.wire = self._encode()  # type: ignore[misc]  # as above

    def _encode(self) -> bytes:
        prefix = f"{self.enhanced_code} " if self.enhanced_code else ""
        room = LINE_OCTETS - 6 - len(prefix)
        if "\n" not in self.text:
            return f"{self.code} {prefix}{printable(self.text)[:room]}\r\n".encode("ascii")
        lines = self.text.split("\n")
        last = len(lines) - 1
        out = [
            f"{self.code}{' ' if n == last else '-'}{prefix}{printable(line)[:room]}\r\n"
            for n, line in enumerate(lines)
        ]
        return "".join(out).encode("ascii")

    @property
    def is_positive(self) -> bool:
        """Tell whether the code is 2yz or 3yz."""
        return self.code < 400

    @property
    def is_temporary(self) -> bool:
        """Tell whether the code is 4yz: the same command may succeed later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """Tell whether the code is 5yz."""
        return self.code >= 500

    def with_text(self, text: str) -> "Reply":
        """Return this reply with other words and the same codes."""
        return Reply(self.code, self.enhanced_code, text, self.source)

    def __str__(self) -> str:
        words, enhanced_code = self.text.replace("\n", " / "), self.enhanced_code
        return f"{self.code} {enhanced_code} {words}" if enhanced_code else f"{self.code} {words}"


# --- The register -------------------------------------------------------------------
# Name, code, enhanced code (RFC 3463, 5248, 7504), words, source.

GREETING: Final = Reply(220, "", "ESMTP", "RFC 5321 §4.3.1")
GREETING_LMTP: Final = Reply(220, "", "LMTP", "RFC 2033 §4")
GOODBYE: Final = Reply(221, "2.0.0", "Bye", "RFC 5321 §4.1.1.10")
TLS_READY: Final = Reply(220, "2.0.0", "Ready to start TLS", "RFC 3207 §4")
AUTH_DONE: Final = Reply(235, "2.7.0", "Authentication succeeded", "RFC 4954 §6")
HELLO: Final = Reply(250, "", "Hello", "RFC 5321 §4.1.1.1")
DONE: Final = Reply(250, "2.0.0", "Ok", "RFC 5321 §4.2.2")
SENDER_OK: Final = Reply(250, "2.1.0", "Sender ok", "RFC 5321 §4.1.1.2")
PRIORITY_CHANGED: Final = Reply(
    250, "2.3.6", "0 is the new priority assigned to the message: more is not for you to ask", "RFC 6710 §4.1"
)
RECIPIENT_OK: Final = Reply(250, "2.1.5", "Recipient ok", "RFC 5321 §4.1.1.3")
CHUNK_OK: Final = Reply(250, "2.0.0", "Chunk received", "RFC 3030 §2")
QUEUED: Final = Reply(250, "2.0.0", "Queued", "RFC 5321 §4.1.1.4")
CANNOT_VERIFY: Final = Reply(252, "2.1.5", "Cannot verify, but will take mail and try", "RFC 5321 §7.3")
HELP_TEXT: Final = Reply(
    214,
    "2.0.0",
    "See RFC 5321; commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT",
    "RFC 5321 §4.1.1.8",
)
AUTH_CONTINUE: Final = Reply(334, "", "", "RFC 4954 §4")
START_DATA: Final = Reply(354, "", "End data with <CR><LF>.<CR><LF>", "RFC 5321 §4.1.1.4")

SHUTTING_DOWN: Final = Reply(421, "4.3.2", "Service shutting down, try again soon", "RFC 5321 §3.8")
IDLE_TOO_LONG: Final = Reply(421, "4.4.2", "Timeout waiting for you", "RFC 5321 §4.5.3.2.7")
SESSION_TOO_LONG: Final = Reply(421, "4.4.2", "This session lasted too long", "RFC 5321 §4.5.3.2.7")
TOO_SLOW: Final = Reply(421, "4.4.2", "Data arrives too slowly", "RFC 5321 §4.5.3.2.5")
TOO_MANY_CONNECTIONS: Final = Reply(421, "4.3.2", "Too many connections, try again later", "RFC 5321 §3.8")
TOO_MANY_FROM_YOU: Final = Reply(421, "4.7.0", "Too many connections from your address", "RFC 5321 §3.8")
TOO_FAST_FROM_YOU: Final = Reply(
    421, "4.7.0", "Too many connections a minute from your address", "RFC 5321 §3.8"
)
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "Too many errors", "RFC 5321 §4.3.2")
TOO_MUCH_JUNK: Final = Reply(421, "4.7.0", "Too many commands without mail", "RFC 5321 §4.3.2")
TOO_MANY_LOGINS: Final = Reply(421, "4.7.0", "Too many failed logins", "RFC 4954 §6")
NO_RESOURCES: Final = Reply(421, "4.3.2", "Out of resources, try again later", "RFC 5321 §3.8")
INTERNAL_421: Final = Reply(421, "4.3.0", "Internal error, try again later", "RFC 5321 §3.8")
ENOUGH_MESSAGES: Final = Reply(
    421, "4.7.0", "Enough messages on this connection, open a new one", "RFC 5321 §3.8"
)
INTERNAL_ERROR: Final = Reply(451, "4.3.0", "Internal error, try again later", "RFC 5321 §4.2.3")
STORE_FAILED: Final = Reply(451, "4.3.0", "Cannot store mail now, try again later", "RFC 5321 §4.2.3")
PROCESSING_TIMEOUT: Final = Reply(
    451, "4.3.0", "Took too long to process, try again later", "RFC 5321 §4.5.3.2.6"
)
OVER_QUOTA: Final = Reply(450, "4.7.1", "Too many messages, try again later", "RFC 5321 §4.2.3")
OVER_RECIPIENT_QUOTA: Final = Reply(452, "4.7.1", "Too many recipients, try again later", "RFC 5321 §4.2.3")
STORE_FULL: Final = Reply(452, "4.3.1", "No space for mail now, try again later", "RFC 5321 §4.2.3")
QUEUE_FULL: Final = Reply(452, "4.3.1", "The queue is full, try again later", "RFC 5321 §4.2.3")
TOO_MANY_RECIPIENTS: Final = Reply(
    452, "4.5.3", "Too many recipients for one message", "RFC 5321 §4.5.3.1.10"
)
POLICY_UNAVAILABLE: Final = Reply(451, "4.7.1", "A check is out of order, try again later", "RFC 5321 §4.2.3")
AUTH_UNAVAILABLE: Final = Reply(454, "4.7.0", "Logins cannot be checked now, try again later", "RFC 4954 §6")
AUTH_LOCKED: Final = Reply(
    454, "4.7.0", "Too many failed logins for this name, try again later", "RFC 4954 §6"
)
TLS_UNAVAILABLE: Final = Reply(454, "4.7.0", "TLS not available now", "RFC 3207 §4")

UNKNOWN_COMMAND: Final = Reply(500, "5.5.2", "Command not recognised", "RFC 5321 §4.2.4")
LINE_TOO_LONG: Final = Reply(500, "5.5.2", "Line too long", "RFC 5321 §4.5.3.1.4")
BARE_LINE_END: Final = Reply(500, "5.5.2", "Bare CR or LF in a command", "RFC 5321 §2.3.8")
BAD_ARGUMENTS: Final = Reply(501, "5.5.4", "Bad arguments", "RFC 5321 §4.2.4")
BAD_SENDER: Final = Reply(501, "5.1.7", "Bad sender address syntax", "RFC 5321 §4.1.2")
BAD_RECIPIENT: Final = Reply(501, "5.1.3", "Bad recipient address syntax", "RFC 5321 §4.1.2")
AUTH_CANCELLED: Final = Reply(501, "5.7.0", "Authentication cancelled", "RFC 4954 §4")
AUTH_BAD_BASE64: Final = Reply(501, "5.5.2", "Not base64", "RFC 4954 §4")
AUTH_LINE_TOO_LONG: Final = Reply(500, "5.5.6", "Authentication exchange line too long", "RFC 4954 §4")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1", "Command not implemented", "RFC 5321 §4.2.4")
BAD_SEQUENCE: Final = Reply(503, "5.5.1", "Bad sequence of commands", "RFC 5321 §4.1.4")
HELLO_FIRST: Final = Reply(503, "5.5.1", "Say EHLO first", "RFC 5321 §4.1.4")
ALREADY_TLS: Final = Reply(503, "5.5.1", "TLS is already on", "RFC 3207 §4.2")
TLS_TOO_LATE: Final = Reply(503, "5.5.1", "STARTTLS must come before mail", "RFC 3207 §4")
ALREADY_AUTH: Final = Reply(503, "5.5.1", "Already authenticated", "RFC 4954 §4")
UNKNOWN_MECHANISM: Final = Reply(504, "5.5.4", "Mechanism not offered", "RFC 4954 §4")
NO_SERVICE: Final = Reply(521, "5.3.2", "This host takes no mail", "RFC 7504 §4")
PROXIES_ONLY: Final = Reply(554, "5.7.1", "Connections come here by our proxies only", "RFC 5321 §3.1")
NOT_SMTP: Final = Reply(521, "5.5.1", "This is a mail server; that was not SMTP", "RFC 7504 §4; ALPACA")
PIPELINED_TLS: Final = Reply(501, "5.5.4", "Nothing may follow STARTTLS before the handshake", "RFC 3207 §4")
TLS_REQUIRED: Final = Reply(530, "5.7.0", "Say STARTTLS first", "RFC 3207 §4")
AUTH_REQUIRED: Final = Reply(530, "5.7.0", "Authentication required", "RFC 4954 §6")
AUTH_FAILED: Final = Reply(535, "5.7.8", "Authentication failed", "RFC 4954 §6")
AUTH_TOO_WEAK: Final = Reply(534, "5.7.9", "This login needs a stronger mechanism", "RFC 4954 §6")
AUTH_NEEDS_TLS: Final = Reply(538, "5.7.11", "Encryption required for authentication", "RFC 4954 §4")
XCLIENT_DENIED: Final = Reply(550, "5.7.0", "XCLIENT is for our proxies only", "Postfix XCLIENT_README")
RELAY_DENIED: Final = Reply(550, "5.7.1", "Relaying denied", "RFC 5321 §3.6.2")
AUTHOR_NOT_YOURS: Final = Reply(550, "5.7.1", "From names somebody else than you", "RFC 6409 §6.1")
NO_SUCH_USER: Final = Reply(550, "5.1.1", "No such user here", "RFC 5321 §3.3")
BAD_RETURN_PATH: Final = Reply(550, "5.1.1", "This return address was not made here", "RFC 3463 §3.2")
NOTICES_ONLY: Final = Reply(550, "5.7.1", "This return address takes delivery notices only", "RFC 3463 §3.8")
UNSIGNED_BOUNCE: Final = Reply(
    550, "5.7.1", "That message was not from here: ours leave with a signed return address", "RFC 3463 §3.8"
)
ADDRESS_UNAVAILABLE: Final = Reply(
    451, "4.3.0", "The address cannot be looked up now, try again later", "RFC 3463 §3.4"
)
NEXT_HOP_NOT_ASKED: Final = Reply(
    450, "4.4.1", "The next server cannot be asked about this address now, try again later", "RFC 3463 §3.5"
)
ALIAS_BROKEN: Final = Reply(451, "4.3.5", "The address is not set up right here", "RFC 3463 §3.4")
ALIAS_TOO_LARGE: Final = Reply(451, "4.3.5", "The address leads to too many others", "RFC 3463 §3.4")
ALIAS_LOOP: Final = Reply(554, "5.4.6", "The address leads back to itself", "RFC 3463 §3.5")
NOT_ALLOWED: Final = Reply(550, "5.7.1", "You may not hand in mail here", "RFC 3463 §3.8")
NOT_HANDED_IN: Final = Reply(554, "5.6.0", "That is no mail that was handed in", "RFC 3463 §3.7")
TOO_BIG: Final = Reply(552, "5.3.4", "Message too big", "RFC 1870 §6.1")
HEADER_TOO_BIG: Final = Reply(552, "5.3.4", "Header section too big", "RFC 5321 §4.5.3.1.7")
SENDER_NOT_YOURS: Final = Reply(553, "5.7.1", "That is not an address of yours", "RFC 6409 §6.1")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "Address needs SMTPUTF8", "RFC 6531 §3.5")
NO_RECIPIENTS: Final = Reply(554, "5.5.1", "No valid recipients", "RFC 5321 §3.3")
TRANSACTION_FAILED: Final = Reply(554, "5.0.0", "Transaction failed", "RFC 5321 §4.2.3")
BARE_LINE_END_IN_DATA: Final = Reply(554, "5.6.0", "Bare CR or LF in the message", "RFC 5321 §2.3.8")
BAD_HEADER: Final = Reply(554, "5.6.0", "The header section is not that of a message", "RFC 6409 §6.1")
NUL_IN_DATA: Final = Reply(554, "5.6.0", "NUL in the message", "RFC 5321 §4.1.1.4")
TEXT_LINE_TOO_LONG: Final = Reply(554, "5.6.0", "Line over the limit in the message", "RFC 5321 §4.5.3.1.6")
LOOP: Final = Reply(554, "5.4.6", "Too many hops: this message is going round in a loop", "RFC 5321 §6.3")
EARLY_TALKER: Final = Reply(554, "5.5.0", "You spoke before it was your turn", "RFC 2920 §3.1")
BINARY_NEEDS_BDAT: Final = Reply(503, "5.5.1", "BODY=BINARYMIME must be sent by BDAT", "RFC 3030 §3")
BDAT_AFTER_FAILURE: Final = Reply(503, "5.5.1", "An earlier chunk failed: say RSET", "RFC 3030 §2")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "Parameter not recognised", "RFC 5321 §4.1.1.11")
NULL_MX: Final = Reply(556, "5.1.10", "The recipient's domain takes no mail", "RFC 7505 §5")
NEXT_HOP_NO_SMTPUTF8: Final = Reply(
    550, "5.6.7", "The next hop cannot take internationalised addresses", "RFC 6531 §3.5"
)
NEXT_HOP_NO_8BIT: Final = Reply(
    554, "5.6.3", "The next hop cannot take 8-bit mail and it cannot be converted", "RFC 6152 §3"
)
NEXT_HOP_TOO_SMALL: Final = Reply(
    552, "5.3.4", "The next hop does not take messages of this size", "RFC 1870 §6.2"
)
NO_SUCH_DOMAIN: Final = Reply(550, "5.1.2", "The recipient's domain does not exist", "RFC 5321 §5.1")
NO_MAIL_HOST: Final = Reply(550, "5.4.4", "The recipient's domain has no host for mail", "RFC 5321 §5.1")
LOOP_TO_SELF: Final = Reply(554, "5.4.6", "The next hop is this server itself", "RFC 5321 §5.1")
DNS_UNAVAILABLE: Final = Reply(451, "4.4.3", "The recipient's domain could not be looked up", "RFC 3463 §3.5")
NO_HOST_ANSWERS: Final = Reply(451, "4.4.1", "No answer from the next hop", "RFC 3463 §3.5")
CONNECTION_LOST: Final = Reply(451, "4.4.2", "Connection to the next hop lost", "RFC 3463 §3.5")
GARBAGE_FROM_PEER: Final = Reply(451, "4.5.0", "The next hop broke the protocol", "RFC 3463 §3.6")
HOLD_TOO_LONG: Final = Reply(
    501, "5.5.4", "Messages are not kept back for so long: see FUTURERELEASE", "RFC 4865 §4.2"
)
TIME_TOO_SHORT: Final = Reply(
    555, "5.5.4", "Nothing is promised to arrive so soon: see DELIVERBY", "RFC 2852 §3"
)
HELD_BEYOND_TIME: Final = Reply(
    501, "5.5.4", "The message would be kept back for longer than it may take", "RFC 4865 §5.2.2"
)
DELIVER_BY_OVER: Final = Reply(
    450, "4.4.7", "Not delivered by the time that was asked for", "RFC 2852 §4.1.3"
)
DELIVERBY_NEEDED: Final = Reply(
    550, "5.7.1", "The next hop does not promise to deliver in time or return", "RFC 2852 §4.1.4.1"
)
REQUIRETLS_NEEDED: Final = Reply(
    550, "5.7.30", "The next hop does not promise what REQUIRETLS asks for", "RFC 8689 §4.2.1"
)
ENCRYPTION_NEEDED: Final = Reply(
    550, "5.7.10", "TLS with the next hop is required and did not work", "RFC 8689 §4.2.1"
)
TLS_NOT_POSSIBLE: Final = Reply(
    451, "4.7.5", "TLS with the next hop is required and did not work", "RFC 3207 §4.1"
)
# Of the agents that deliver on this machine.
DELIVERED: Final = Reply(250, "2.0.0", "Delivered to mailbox", "RFC 5321 §4.4")
HANDED_OVER: Final = Reply(250, "2.0.0", "Handed over", "RFC 5321 §4.4")
EXPANDED: Final = Reply(250, "2.1.5", "Handed to the addresses that it stands for", "RFC 3461 §5.2.7.3")
DISCARDED: Final = Reply(250, "2.0.0", "Discarded, as the settings say", "RFC 5321 §4.4")
MAILBOX_UNAVAILABLE: Final = Reply(450, "4.2.0", "The mailbox cannot be written now", "RFC 3463 §3.3")
MAILBOX_FULL_NOW: Final = Reply(452, "4.2.2", "The mailbox is full", "RFC 3463 §3.3")
MAILBOX_FULL: Final = Reply(552, "5.2.2", "The mailbox is full", "RFC 3463 §3.3")
NO_SUCH_MAILBOX: Final = Reply(550, "5.1.1", "No such mailbox here", "RFC 3463 §3.2")
AGENT_MISSING: Final = Reply(451, "4.3.5", "The settings name no such agent", "RFC 3463 §3.4")
AGENT_UNUSABLE: Final = Reply(451, "4.3.5", "The agent is not set up right", "RFC 3463 §3.4")
AGENT_FAILED_NOW: Final = Reply(451, "4.3.0", "The agent could not take the message now", "RFC 3463 §3.4")
AGENT_TOO_SLOW: Final = Reply(451, "4.4.2", "The agent took too long", "RFC 3463 §3.5")
AGENT_REFUSED: Final = Reply(554, "5.3.0", "The agent refused the message", "RFC 3463 §3.4")
BINARY_NOT_KEPT: Final = Reply(
    554, "5.6.3", "Binary mail cannot be kept here as it is, and this cannot be converted", "RFC 3030 §3"
)
DELIVERED_BEFORE: Final = Reply(
    554, "5.4.6", "The message has been delivered here before: it is going round in a loop", "RFC 5321 §6.3"
)
EXPIRED: Final = Reply(554, "5.4.7", "Not delivered within the time allowed", "RFC 3463 §3.5")
DELETED_BY_OPERATOR: Final = Reply(554, "5.7.1", "Returned by the operator", "RFC 3463 §3.8")


def queued_as(queue_id: str) -> Reply:
    """Return QUEUED with a queue id, whose letters need no look."""
    # Every message that is taken makes one: without the usual way through the constructor it takes half the steps.
    reply, text = object.__new__(Reply), f"Queued as {queue_id}"
    values = 250, "2.0.0", text, QUEUED.source, f"250 2.0.0 {text}\r\n".encode()
    reply.code, reply.enhanced_code, reply.text, reply.source, reply.wire = values  # type: ignore[misc]  # frozen for others
    return reply


def register() -> dict[str, Reply]:
    """Return every reply that mailrail says, by name, for the reference manual."""
    return {name: value for name, value in globals().items() if isinstance(value, Reply)}
