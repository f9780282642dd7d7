"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": -0.89,
    "open": -2.25,
    "leads": -2.12,
    "leans": -2.62,
    "only a start": -1.19,
    "asks": 0.72,
    "question mark": 1.47,
    "few words": -1.21,
    "many words": 3.30,
    "closing": 1.83,
    "pitch": -0.75,
    "pitch rises": 1.32,
    "slow": 1.11,
}
