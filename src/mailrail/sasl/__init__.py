"""Floor 1 · sasl — how two sides prove who they are: mechanisms as objects without I/O."""

from mailrail.sasl.client import ClientMechanism, Login, Plain, choose

__all__ = ["ClientMechanism", "Login", "Plain", "choose"]
