"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": -0.19,
    "open": -2.00,
    "leans": -1.88,
    "leads": -1.65,
    "question mark": 0.85,
    "full stop": -0.20,
    "comma": -0.78,
    "one word": -0.41,
    "few words": -0.69,
    "many words": 2.22,
    "closing": 1.68,
    "only a start": -0.46,
    "asks": 0.64,
    "number last": 0.00,
    "pitch": -0.69,
    "pitch rises": 1.67,
    "slope": 0.27,
    "level": -0.17,
    "held": -0.08,
}
