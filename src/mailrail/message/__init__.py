"""Floor 1 · message — a message's bytes and what they mean: header fields, trace lines.

Content that passes through is never re-serialised: what is read is read from slices, what is
added is added in front, what must be changed is changed at its place and nowhere else.
"""

from mailrail.message.dates import date_text, parse_date
from mailrail.message.header_watch import HEADER_BYTES, HEADER_LINES, HeaderWatch
from mailrail.message.trace import message_id, protocol_keyword, received_line, return_path_line

__all__ = [
    "HEADER_BYTES",
    "HEADER_LINES",
    "HeaderWatch",
    "date_text",
    "message_id",
    "parse_date",
    "protocol_keyword",
    "received_line",
    "return_path_line",
]
