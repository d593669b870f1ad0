"""Floor 1 · message — a message's bytes and what they mean: header fields, trace lines, MIME, notices.

Content that passes through is never re-serialised: what is read is read from slices, what is
added is added in front, what must be changed is changed at its place and nowhere else.
"""

from mailrail.message.author import from_line
from mailrail.message.conversion import CONVERT_BYTES, Obstacle, convert, needs_smtputf8
from mailrail.message.dates import date_text, parse_date
from mailrail.message.dsn import Action, DeliveryStatus, RecipientStatus, typed_address
from mailrail.message.dsn_read import parse_report
from mailrail.message.header_watch import HEADER_BYTES, HEADER_LINES, HeaderWatch
from mailrail.message.headers import Field, fields, find_field, header_end, text_of, unfold
from mailrail.message.mailboxes import MailboxError, mailboxes, replace_mailboxes
from mailrail.message.mime import Part, read_tree
from mailrail.message.notice import FROM_NAME, Report, build_notice
from mailrail.message.trace import message_id, protocol_keyword, received_line, return_path_line

__all__ = [
    "CONVERT_BYTES",
    "FROM_NAME",
    "HEADER_BYTES",
    "HEADER_LINES",
    "Action",
    "DeliveryStatus",
    "Field",
    "HeaderWatch",
    "MailboxError",
    "Obstacle",
    "Part",
    "RecipientStatus",
    "Report",
    "build_notice",
    "convert",
    "date_text",
    "fields",
    "find_field",
    "from_line",
    "header_end",
    "mailboxes",
    "message_id",
    "needs_smtputf8",
    "parse_date",
    "parse_report",
    "protocol_keyword",
    "read_tree",
    "received_line",
    "replace_mailboxes",
    "return_path_line",
    "text_of",
    "typed_address",
    "unfold",
]
