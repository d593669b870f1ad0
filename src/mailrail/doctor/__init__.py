"""Floor 5 · doctor — is a set-up, running or only planned, as it must be, and how is each finding mended?"""

from mailrail.doctor.api import Finding, Level, Site
from mailrail.doctor.checkup import CHECKS, Result, examine, settings_result

__all__ = ["CHECKS", "Finding", "Level", "Result", "Site", "examine", "settings_result"]
