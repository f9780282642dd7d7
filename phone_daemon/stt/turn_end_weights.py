"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": -0.30,
    "open": -1.87,
    "leans": -2.28,
    "question mark": 0.69,
    "full stop": 0.11,
    "comma": -0.63,
    "one word": -0.23,
    "few words": -0.69,
    "many words": 2.65,
    "closing": 1.62,
    "only a start": -0.27,
    "asks": 0.78,
    "number last": 0.00,
    "pitch": -0.09,
    "slope": 0.23,
    "level": -0.26,
    "held": -0.05,
}
