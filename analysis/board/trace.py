"""Samples of power over time, and what took them."""

from typing import Any, Dict, List, Mapping, Optional


class Trace:
    """Samples of power.

    Attributes:
        times: seconds of the monotonic clock, which all processes of a machine share.
        watts: by rail, one for each time.
        sensors: what each sensor says of itself (:meth:`Sensor.describe`); ``after`` holds what had changed at the end.
        error: why sampling ended early, or ``None``; the samples until then are kept.
        missing: by sensor, why it cannot be read at all; ``affinity`` if the core that was asked for could not be had.
        period_s: seconds that were to lie between samples.
        lost: samples that could not be read while those around them could.
    """

    def __init__(
        self,
        times: Optional[List[float]] = None,
        watts: Optional[Dict[str, List[float]]] = None,
        sensors: Optional[List[Dict[str, Any]]] = None,
        error: Optional[str] = None,
        missing: Optional[Dict[str, str]] = None,
        period_s: Optional[float] = None,
        lost: int = 0,
    ) -> None:
        self.times = [] if times is None else times
        self.watts = {} if watts is None else watts
        self.sensors = [] if sensors is None else sensors
        self.error = error
        self.missing = {} if missing is None else missing
        self.period_s = period_s
        self.lost = lost

    @property
    def total(self) -> List[str]:
        """Rails whose sum is the whole device, of all sensors; empty if none can say."""
        return [rail for sensor in self.sensors for rail in sensor["total"] if rail in self.watts]

    @property
    def settle_s(self) -> float:
        """Seconds of steady load before samples count: the slowest sensor's."""
        return max((float(sensor["settle_s"]) for sensor in self.sensors), default=0.0)

    def to_dict(self) -> Dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "times": self.times, "watts": self.watts, "sensors": self.sensors, "error": self.error,
            "missing": self.missing, "period_s": self.period_s, "lost": self.lost,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trace":
        """Returns inverse of :meth:`to_dict`."""
        names = ("times", "watts", "sensors", "error", "missing", "period_s")
        return cls(lost=int(data.get("lost", 0)), **{name: data.get(name) for name in names})
