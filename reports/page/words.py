"""What a study asked and found, in plain sentences with their numbers. Plain text: whoever renders it escapes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.quantities import Quantity, described
from analysis.store.records import StudyRecord
from archspace.support.numbers import UNSTABLE_MARK, counted, marked, number
from reports.figures.seeds import NO_SEEDS
from reports.frames.origins import doubts
from reports.frames.trials import data_words, front_frame, input_words
from reports.page.content import Content
from reports.style.names import common_name

LATE = 0.2
"""The front still grew if it gained in this last share of the trials."""
MOST_NAMED = 12
"""Trials that a sentence names."""


def asked(content: Content) -> list[tuple[str, str]]:
    """Returns what was asked: (name, value), in the order of a study file."""
    config = content.study.config
    size = input_words(content.study)
    goals = [f"{_way(o)} {o.short}" for o in content.objectives]
    limits = [
        _limit(name, bounds, content.study.noted)
        for name, bounds in (config.get("constraints") or {}).items()
    ]
    space = config.get("space") or {}
    free = [f"{field}: {_choices(value)}" for field, value in space.items() if isinstance(value, Mapping)]
    training = config.get("training") or {}
    budget = [counted(training["epochs"], "epoch")] if training.get("epochs") else []
    batch = "streams of text" if config.get("task") == "language" else "a batch"
    budget += [f"{training['batch']} {batch}"] if training.get("batch") else []
    sampler = config.get("sampler")
    facts = [
        ("Goal", "; ".join(goals)),
        ("Task and data", ", ".join(str(v) for v in (config.get("task"), data_words(content.study), size) if v)),
        ("Fingerprint of the data", _content(content.study)),
        ("Limits", "; ".join(filter(None, limits))),
        ("Free fields", "; ".join(free)),
        ("Given networks", ", ".join(_given(config.get("given")))),
        ("Training of a trial", ", ".join(budget)),
        ("Sampler", str(sampler.get("name", "")) if isinstance(sampler, Mapping) else str(sampler or "")),
        ("Trials, seed", ", ".join(str(config[key]) for key in ("trials", "seed") if config.get(key) is not None)),
        ("Notes", str(config.get("notes") or "")),
    ]  # fmt: skip
    return [(name, value) for name, value in facts if value]


def findings(content: Content) -> list[str]:
    """Returns what was found: sentences, the most important first."""
    sentences = [_ended(content)]
    front = front_frame(content.frame, content.objectives)
    if front.empty:
        return [*sentences, *_reasons(content.frame), *content.merged.notes]
    sentences += _front(content, front) if len(content.objectives) > 1 else _ranking(content)
    sentences += _against_given(content)
    sentences += _growth(content)
    sentences += _doubt(content)
    sentences += _unstable(content)
    return [*sentences, *(f"Mind that {note}." for note in content.merged.notes)]


def values_text(row: Mapping[Any, Any], objectives: tuple[Quantity, ...]) -> str:
    """Returns every objective of a trial: ``61.24 %, 12.3 M MACs``, marked where it is unstable."""
    texts = []
    for one in objectives:
        doubtful = isinstance(row.get(f"{one.name}_unstable"), str)
        name = "" if one.unit else f"{one.short} "
        texts.append(f"{name}{marked(number(float(row[one.name]), one.unit), doubtful)}")
    return ", ".join(texts)


def _ended(content: Content) -> str:
    frame = content.frame
    states = frame["state"].value_counts()
    copies = int(frame["duplicate_of"].notna().sum())
    words = {
        "complete": "completed",
        "stopped": "stopped at a rung, where others were better",
        "infeasible": "ruled out by a limit before training",
        "failed": "failed",
    }
    parts = [f"{states[state]} {word}" for state, word in words.items() if state in states]
    every = "The one trial" if len(frame) == 1 else f"All {len(frame):,} trials"
    text = (
        f"{every} {parts[0].split(' ', 1)[1]}."
        if len(parts) == 1
        else f"Of {len(frame):,} trials, {_joined(parts)}."
    )
    return text + (
        f" {_many(copies, 'trial')} repeated an earlier network and took its numbers." if copies else ""
    )


def _front(content: Content, front: pd.DataFrame) -> list[str]:
    names = _joined([o.short for o in content.objectives])
    sentences = [
        f"{_many(len(front), 'network')} {'is' if len(front) == 1 else 'are'} on the Pareto front of {names}: "
        "no other trial is at least as good in all of them and better in one."
    ]
    if len(front) > 1:
        ends = [values_text(row, content.objectives) for row in front.iloc[[0, -1]].to_dict("records")]
        sentences.append(f"The front reaches from {ends[0]} to {ends[1]}.")
    knee = content.frame[content.frame["knee"]].iloc[0].to_dict()
    sentences.append(
        f"At its knee, where more of one costs most of another, is trial {knee['label']} ({knee['unit']}): "
        f"{values_text(knee, content.objectives)}.{_against_best(content, knee)}"
    )
    return sentences


def _against_best(content: Content, knee: Mapping[Any, Any]) -> str:
    """What the knee gives up against the best in quality, and what it saves."""
    quality = content.quality
    costs = [o for o in content.objectives if not o.quality]
    if quality is None or quality not in content.objectives or not costs:
        return ""
    done = content.frame[content.frame["on_front"]]
    best = _best_first(done, quality).iloc[0].to_dict()
    cost = costs[0]
    if best["label"] == knee["label"] or not knee[cost.name]:
        return " It is also the best in quality."
    lost = abs(float(best[quality.name] - knee[quality.name]))
    way = "below" if quality.direction == "maximize" else "above"
    times = float(best[cost.name] / knee[cost.name])
    return (
        f" That is {_points(lost, quality)} {way} the best ({number(best[quality.name], quality.unit)}, trial "
        f"{best['label']}), which takes {times:.3g} times the {cost.short}."
    )


def _ranking(content: Content) -> list[str]:
    one = content.objectives[0]
    done = content.frame[content.frame["rank"].notna()].sort_values("rank")
    best = done.iloc[0]
    middle = float(done[one.name].median())
    return [
        f"The study has one objective, so its trials are ranked by {one.short}: the best is trial {best['label']} "
        f"({best['unit']}) with {number(float(best[one.name]), one.unit)}; "
        f"the median of {_many(len(done), 'trial')} is {number(middle, one.unit)}."
    ]


def _against_given(content: Content) -> list[str]:
    """The best sampled network against each given one in quality, at no more of the first cost."""
    quality, frame = content.quality, content.frame
    if quality is None:
        return []
    cost = next((o for o in content.objectives if not o.quality), None)
    done = frame[(frame["state"] == "complete") & np.isfinite(frame[quality.name])]
    sentences = []
    named = _best_first(done[done["given"].notna()], quality)
    for given in named.drop_duplicates("given").to_dict("records"):
        rivals = done[done["given"].isna()]
        if cost is not None:
            rivals = rivals[rivals[cost.name] <= given[cost.name]]
        if rivals.empty:
            continue
        best = _best_first(rivals, quality).iloc[0].to_dict()
        gain = float(best[quality.name] - given[quality.name])
        way = "above" if gain >= 0 else "below"
        bound = f" that takes no more {cost.short}" if cost else ""
        sentences.append(
            f"The best network found{bound} than the given {given['given']} is trial {best['label']}, "
            f"{_points(abs(gain), quality)} {way} it ({number(best[quality.name], quality.unit)} against "
            f"{number(given[quality.name], quality.unit)})."
        )
    return sentences[:4]


def _best_first(frame: pd.DataFrame, quality: Quantity) -> pd.DataFrame:
    return frame.sort_values(quality.name, ascending=quality.direction == "minimize", kind="stable")


def _growth(content: Content) -> list[str]:
    grown = content.progress
    if grown is None or grown.total < 5:
        return []
    text = f"The front moved last with trial {grown.last} of {grown.total} to end"
    if grown.epochs is not None:
        text = f"The front moved last after {grown.epochs[-1]} of {grown.all_epochs} epochs of training"
        if grown.epochs[-1] > (1 - LATE) * grown.all_epochs:
            return [f"{text}: it was still growing, so more trials may find better networks."]
        return [f"{text}, and stood still from then on."]
    if grown.last > (1 - LATE) * grown.total:
        return [f"{text}: it was still growing, so more trials may find better networks."]
    return [f"{text}, so it has stood still for {_many(grown.total - grown.last, 'trial')}."]


def _doubt(content: Content) -> list[str]:
    quality = content.quality or content.objectives[0]
    if not content.spreads:
        return [f"How sure: {NO_SEEDS}; small differences may be chance."]
    widest = max(one.deviation for one in content.spreads)
    return [
        f"How sure: {_many(len(content.spreads), 'network')} trained with several seeds vary by a standard deviation "
        f"of up to {_points(widest, quality)}; smaller differences may be chance."
    ]


def _unstable(content: Content) -> list[str]:
    """Which measured numbers are not to be trusted."""
    sentences = []
    for one in content.numbers:
        doubtful = content.frame[doubts(content.frame, one.name)]
        if len(doubtful):
            labels = [str(label) for label in doubtful["label"]]
            named = ", ".join(labels[:MOST_NAMED]) + (" and others" if len(labels) > MOST_NAMED else "")
            sentences.append(
                f"The {one.short} of {_many(len(labels), 'trial')} is unstable and marked {UNSTABLE_MARK}: {named}."
            )
    return sentences


def _reasons(frame: pd.DataFrame) -> list[str]:
    """Why trials ended without a result, the most frequent reason first."""
    lines = ["No trial has every objective, so there is no front and no network to choose."]
    for reason, count in frame["reason"].dropna().astype(str).value_counts().head(5).items():
        lines.append(f"{_many(int(count), 'trial')}: {reason}")
    return lines


def _content(study: StudyRecord) -> str:
    """``3a4ece168e45: train 24 of 80 images, val 8 images``: what was used of each split."""
    if study.data is None:
        return ""
    most, parts = study.config.get("data") or {}, []
    for name, one in study.data.splits.items():
        used = min(most.get(name) or one.count, one.count)
        parts.append(f"{name} {used:,}{f' of {one.count:,}' if used < one.count else ''} {one.counts}")
    return f"{study.data.short}: {', '.join(parts)}"


def _way(one: Quantity) -> str:
    return "largest" if one.direction == "maximize" else "least"


def _limit(name: str, bounds: object, noted: Mapping[str, Quantity]) -> str:
    one = described(name, noted)
    if not isinstance(bounds, Mapping):
        return ""
    words = {"max": "at most", "min": "at least"}
    parts = [
        f"{words[key]} {number(float(value), one.unit)}"
        for key, value in bounds.items()
        if key in words and isinstance(value, int | float)
    ]
    return f"{one.short} {' and '.join(parts)}" if parts else ""


def _choices(value: Mapping[str, Any]) -> str:
    """``2, 4 where unit is esp or eesp``; ``0 to 3 a level``."""
    if isinstance(value.get("choices"), list):
        text = ", ".join(map(_plain, value["choices"]))
    else:
        text = f"{value.get('low')} to {value.get('high')}"
        text += f" by {value['step']}" if value.get("step") else ""
    text += " a level" if value.get("per_level") else ""
    where = value.get("where") or {}
    wanted = ((name, some if isinstance(some, list) else [some]) for name, some in where.items())
    conditions = [f"{name} is {' or '.join(map(_plain, some))}" for name, some in wanted]
    return text + (f" where {' and '.join(conditions)}" if conditions else "")


def _plain(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _given(entries: object) -> list[str]:
    """Names of the given networks; one that is trained several times has one."""
    names: dict[str, list[str]] = {}
    for entry in entries if isinstance(entries, list) else []:
        name, what = (entry.get("name"), entry.get("spec")) if isinstance(entry, Mapping) else (entry, entry)
        names.setdefault(str(what), []).append(str(name))
    return [common_name(alike) for alike in names.values()]


def _points(value: float, quality: Quantity) -> str:
    return f"{value:.2f} points" if quality.unit == "%" else number(value, quality.unit)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
