"""Floor 3 · intake — what exactly do we take responsibility for: the one door into the spool."""

from mailrail.intake.intake import HeaderLimits, Incoming, Intake, Taker, refusal_for

__all__ = ["HeaderLimits", "Incoming", "Intake", "Taker", "refusal_for"]
