"""Running averages."""

from __future__ import annotations

from collections import deque

from agentd.given import NOT_GIVEN, NotGiven, NotGivenOr, is_given


class MovingAverage:
    """The mean of the last `window_size` samples."""

    def __init__(self, window_size: int) -> None:
        self._samples: deque[float] = deque(maxlen=window_size)

    def add_sample(self, sample: float) -> None:
        """Take the next one."""
        self._samples.append(sample)

    def get_avg(self) -> float:
        """0.0 while there is none."""
        return sum(self._samples) / len(self._samples) if self._samples else 0.0

    def reset(self) -> None:
        """Forget all."""
        self._samples.clear()

    def size(self) -> int:
        """How many there are."""
        return len(self._samples)


class ExpFilter:
    """Smooths samples: the old value counts `alpha` to the power of the sample's weight.

    Values are kept within `min_val` and `max_val`, where these are given. `initial` is the value
    before the first sample; without it the first sample is taken as it is.
    """

    def __init__(
        self,
        alpha: float,
        max_val: NotGivenOr[float] = NOT_GIVEN,
        min_val: NotGivenOr[float] = NOT_GIVEN,
        initial: NotGivenOr[float] = NOT_GIVEN,
    ) -> None:
        self.update_base(alpha)
        self._max = max_val
        self._min = min_val
        self._value = initial

    @property
    def value(self) -> float | None:
        """None before the first sample."""
        return None if isinstance(self._value, NotGiven) else self._value

    def update_base(self, alpha: float) -> None:
        """Another `alpha`, over 0 and up to 1; raises ValueError."""
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha must be over 0 and up to 1, but is {alpha}")
        self._alpha = alpha

    def reset(
        self,
        alpha: NotGivenOr[float] = NOT_GIVEN,
        initial: NotGivenOr[float] = NOT_GIVEN,
        min_val: NotGivenOr[float] = NOT_GIVEN,
        max_val: NotGivenOr[float] = NOT_GIVEN,
    ) -> None:
        """Begin anew; what is given is changed."""
        if is_given(alpha):
            self.update_base(alpha)
        if is_given(min_val):
            self._min = min_val
        if is_given(max_val):
            self._max = max_val
        self._value = initial

    def apply(self, exp: float, sample: NotGivenOr[float] = NOT_GIVEN) -> float:
        """Take a sample of this weight (of the last value, if not given); the new value.

        Raises ValueError where there is neither a sample nor a value.
        """
        known = self.value
        if isinstance(sample, NotGiven):
            if known is None:
                raise ValueError("a filter without a value needs a sample")
            value = known
        elif known is None:
            value = sample
        else:
            weight = self._alpha**exp
            value = weight * known + (1 - weight) * sample
        value = self._value = self._bounded(value)
        return value

    def _bounded(self, value: float) -> float:
        if not isinstance(self._max, NotGiven):
            value = min(value, self._max)
        if not isinstance(self._min, NotGiven):
            value = max(value, self._min)
        return value
