"""Recognition as a server that speaks Deepgram's streaming dialect: `python -m sidecars.hosts.listen --help`."""
