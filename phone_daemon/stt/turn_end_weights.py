"""Written by `python -m ops.bench.turn_taking.fit`."""

WEIGHTS = {
    "bias": -1.54,
    "breaks off": -3.27,
    "leans": -1.68,
    "only opens": -1.64,
    "question mark": 1.38,
    "full stop": 0.64,
    "comma": -1.05,
    "many words": 4.05,
    "closing": 0.84,
    "pitch": -0.65,
    "pitch rises": 1.14,
}
