"""Where boxes will be: a Kalman filter of constant velocity, in seconds, for many boxes at once.

Each of centre x, centre y, width and height is followed by itself, with its rate of change, so that every covariance is
a symmetric 2 × 2 matrix that three numbers tell (Bar-Shalom et al., Estimation with Applications to Tracking and
Navigation, 2001, sections 5.2 and 6.2: white noise acceleration, discretized over the true time step).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_VALUE, _RATE, _VALUE_VAR, _COVAR, _RATE_VAR = range(5)

# In sizes of the box, the root of its area, and seconds; of centre x, centre y, width, height.
_ACCELERATION = np.square(np.array([0.8, 0.8, 0.2, 0.2], np.float32))  # spectral density, size² / s³
_MEASURED = np.square(np.array([0.05, 0.05, 0.08, 0.08], np.float32))  # variance of a detector's box
_RATE_AT_FIRST = np.square(np.array([1.5, 1.5, 0.3, 0.3], np.float32))  # variance of what nobody has seen move


class Motion:
    """The state of n boxes.

    Attributes:
        state: ``float32``, n × 5 × 4: value, rate, and variance of value, covariance of both, variance of rate, of
            centre x, centre y, width, height in pixels and seconds.
    """

    def __init__(self) -> None:
        self.state = np.empty((0, 5, 4), np.float32)

    def __len__(self) -> int:
        return len(self.state)

    def add(self, centred: NDArray[np.float32]) -> None:
        """Begin to follow boxes, n × 4: centre x, centre y, width, height."""
        born = np.zeros((len(centred), 5, 4), np.float32)
        scale = _square_size(centred)
        born[:, _VALUE] = centred
        born[:, _VALUE_VAR] = _MEASURED * scale
        born[:, _RATE_VAR] = _RATE_AT_FIRST * scale
        self.state = np.concatenate([self.state, born])

    def keep(self, kept: NDArray[Any]) -> None:
        """Go on with some boxes only."""
        self.state = self.state[kept]

    def predict(self, seconds: float) -> None:
        """Move all boxes on by a time."""
        state = self.state
        value, rate, variance, covariance, rate_variance = (state[:, i] for i in range(5))
        noise = _ACCELERATION * _square_size(value)
        value += rate * np.float32(seconds)
        np.maximum(value[:, 2:], 1.0, out=value[:, 2:])
        variance += (2 * seconds) * covariance + (seconds**2) * rate_variance + noise * (seconds**3 / 3)
        covariance += seconds * rate_variance + noise * (seconds**2 / 2)
        rate_variance += noise * seconds

    def correct(self, which: NDArray[np.intp], centred: NDArray[np.float32]) -> None:
        """Take in where some boxes were seen: m × 4."""
        value, rate, variance, covariance, rate_variance = (self.state[which, i] for i in range(5))
        total = variance + _MEASURED * _square_size(centred)
        gain, rate_gain, surprise = variance / total, covariance / total, centred - value
        left = 1 - gain
        self.state[which] = np.stack(
            [
                value + gain * surprise,
                rate + rate_gain * surprise,
                variance * left,
                covariance * left,
                rate_variance - rate_gain * covariance,
            ],
            axis=1,
        )

    def steady(self, which: NDArray[Any]) -> None:
        """Let boxes keep their width and height while they are unseen: a half hidden one seemed to shrink."""
        self.state[which, _RATE, 2:] = 0

    @property
    def centred(self) -> NDArray[np.float32]:
        """Centre x, centre y, width, height; n × 4."""
        return self.state[:, _VALUE]

    @property
    def velocity(self) -> NDArray[np.float32]:
        """Of the centres, pixels a second; n × 2."""
        return self.state[:, _RATE, :2]

    @property
    def doubt(self) -> NDArray[np.float32]:
        """Standard deviation of the centres, pixels; n × 2."""
        return np.asarray(np.sqrt(self.state[:, _VALUE_VAR, :2]))


def _square_size(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    return centred[:, 2:3] * centred[:, 3:4]
