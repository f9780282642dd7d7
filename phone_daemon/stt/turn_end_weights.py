"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": -0.63,
    "open": -1.63,
    "leans": -2.18,
    "question mark": 0.71,
    "full stop": 0.04,
    "comma": -0.63,
    "one word": -0.23,
    "few words": -1.60,
    "many words": 3.12,
    "closing": 0.94,
    "only a start": -0.24,
    "asks": 0.53,
    "number last": 0.00,
    "pitch": -0.03,
    "slope": 0.30,
    "level": -0.30,
    "held": 0.21,
}
