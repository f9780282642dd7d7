"""Linear prediction of order 10, as in speech codecs: what of a voice's sound does not follow from the last samples."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from phone_daemon.events import FRAME_SAMPLES

ORDER = 10
Float = TypeVar("Float", np.float32, np.float64)
_FFT = 512
_WINDOW = np.hanning(2 * FRAME_SAMPLES + 2)[1:-1]
_TOEPLITZ = np.abs(np.subtract.outer(np.arange(ORDER), np.arange(ORDER)))


def prediction_error(sound: NDArray[Float], floor: float = 0.0) -> NDArray[Float]:
    """The prediction error of each frame of 20 ms but the first, [frames - 1, FRAME_SAMPLES], of the type of `sound`.

    `sound` is on the 16-bit scale; each frame is predicted together with the one before it. What is softer than
    `floor`, a power, is not predicted: otherwise the noise between the formants would become as loud as the formants.
    """
    frames = sound.reshape(-1, FRAME_SAMPLES)
    pairs = np.concatenate([frames[:-1], frames[1:]], axis=1)
    spectra = np.fft.rfft(pairs * _WINDOW.astype(sound.dtype), _FFT)
    correlations = np.fft.irfft(spectra.real**2 + spectra.imag**2)[:, : ORDER + 1]
    correlations[:, 0] = 1.0003 * correlations[:, 0] + 120 * floor + 1e-3
    predictors = np.linalg.solve(correlations[:, _TOEPLITZ], correlations[:, 1:, None])[:, :, 0]
    past = np.lib.stride_tricks.sliding_window_view(pairs[:, FRAME_SAMPLES - ORDER : -1], ORDER, axis=1)
    predicted: NDArray[Float] = np.einsum("fnk,fk->fn", past, predictors[:, ::-1].astype(sound.dtype))
    return pairs[:, FRAME_SAMPLES:] - predicted
