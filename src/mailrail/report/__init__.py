"""Floor 4 · report — whom do we owe a word: delivery status notifications, made for the queue."""

from mailrail.report.events import DoubleBounce, NoticeMade, NoticeSuppressed
from mailrail.report.settings import ReportSettings
from mailrail.report.writer import NoticeWriter

__all__ = ["DoubleBounce", "NoticeMade", "NoticeSuppressed", "NoticeWriter", "ReportSettings"]
