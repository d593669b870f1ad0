"""mailrail: the mail transfer agent for people who think in Python."""
