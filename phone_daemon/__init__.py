"""A phone agent daemon: answers SIP calls, listens, thinks, speaks, and stops the instant the caller interrupts."""

__version__ = "0.1.0"
