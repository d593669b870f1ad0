"""Floor 5 · sendmail — the programs that other programs call: `sendmail`, `mailq`, `newaliases`.

cron, PHP and mail programs start them anew for each message, so what a usual call needs is little and imported quickly: no asyncio, no settings
classes, not even `typing`, whose import alone takes half as long as starting Python. What other modes need is imported by them.
"""

from mailrail.sendmail.program import main

__all__ = ["main"]
