"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": 1.0,
    "open": -4.0,
    "leans": -2.0,
    "question mark": 1.5,
    "full stop": 1.0,
    "comma": -2.0,
    "one word": -0.5,
    "few words": 0.0,
    "many words": 0.5,
    "closing": 1.0,
    "only a start": -2.0,
    "asks": 0.0,
    "number last": 0.0,
    "pitch": -1.0,
    "slope": -0.5,
    "level": -1.0,
    "held": -1.0,
}
