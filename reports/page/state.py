"""Whether the study of a page is over."""

from __future__ import annotations

from analysis.store.rungs import full_epochs, has_rungs
from analysis.store.status import read_status
from archspace.support.numbers import counted, duration
from reports.page.content import Content


def state_of(content: Content) -> str | None:
    """Returns that the study is not over, if it is not."""
    config, sampled = content.study.config, content.frame["given"].isna()
    wanted, done = config.get("trials"), int(sampled.sum())
    if not isinstance(wanted, int) or len(content.merged.runs) > 1:
        return None
    working = _working(content)
    if has_rungs(config):
        spent, budget = _spent(content), wanted * full_epochs(config)
        waiting = "networks wait at a rung, or are being trained"
        said = f"the trials that ended took {spent:,} of {counted(budget, 'epoch')}; {waiting}"
        return None if spent >= budget else f"The study is not over: {said}.{working}"
    return (
        None if done >= wanted else f"The study is not over: {done} of {wanted} trials have ended.{working}"
    )


def _working(content: Content) -> str:
    """Who works on it, how fast, and what failed, as its run folder kept it last; each sentence with a space before."""
    seen = read_status(next(iter(content.merged.runs.values())))
    if seen is None:
        return ""
    who = [
        f"trial {one.trial} on {one.host} (process {one.process}, since {one.since}, heard of {one.heard})"
        for one in seen.working
        if one.host is not None
    ]
    rate = "" if seen.per_hour is None else f" {seen.per_hour:.3g} trials an hour"
    left = "" if seen.left_s is None else f", about {duration(seen.left_s)} left"
    failed = "".join(f" Failed, {count} times: {reason}." for reason, count in seen.failures.items())
    said = f" Seen at {seen.at}: {'; '.join(who) or 'nobody works on it'}."
    return said + (f"{rate}{left}." if rate else "") + failed


def _spent(content: Content) -> int:
    """Epochs that are counted for the sampled trials that ended; one that came before counts as a first rung."""
    frame, rungs = content.frame, content.study.config["judging"]["rungs"]
    sampled = frame[frame["given"].isna()]
    first = int(rungs[0]) if isinstance(rungs, list) else 1
    trained = int(sampled["epochs"].sum()) if "epochs" in sampled else 0
    return trained + first * int(sampled["duplicate_of"].notna().sum())
