"""Floor 3 · intake — what exactly do we take responsibility for: the one door into the spool."""

from mailrail.intake.intake import HeaderLimits, Incoming, Intake, Taker, items_of, refusal_for
from mailrail.intake.treatment import RELAYED, Treatment

__all__ = ["RELAYED", "HeaderLimits", "Incoming", "Intake", "Taker", "Treatment", "items_of", "refusal_for"]
