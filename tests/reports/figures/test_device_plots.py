from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from analysis.devices.record import DeviceRecord, Latency, RailPower
from analysis.predictors.tx2 import load_fit
from archspace.support.errors import InputError
from reports.cli.device_commands import register
from reports.figures.devices.clocks import clock_points, clocks_figure, network_of
from reports.figures.devices.latency import latency_bins, latency_figure
from reports.figures.devices.layers import BETWEEN, layer_bars, layers_figure
from reports.figures.devices.power import (
    compared_trace,
    paper_power,
    paper_power_figure,
    power_figure,
    power_trace,
)
from reports.figures.devices.reading import LayerFile, read_files
from reports.figures.devices.roofline import roof, roofline_figure, roofline_points


def a_record(**changes: Any) -> DeviceRecord:
    """Ten seconds at 10 Hz, idle until 103, load from 104 on."""
    times = [100 + i / 10 for i in range(100)]
    gpu = [3.0 if t >= 104 else 0.1 for t in times]
    whole = [w + 2 for w in gpu]
    how = {
        "input_size": [512, 1024], "precision": "float32", "before": {"gpu_mhz": 1134.0, "model": "quill Jetson TX2"},
        "power": {
            "settle_s": 1.7, "windows": {"idle": [100, 103], "busy": [104, 109], "runs_in_busy": 50},
            "trace": {"times": times, "watts": {"VDD_IN": whole, "VDD_SYS_GPU": gpu}, "sensors": [], "error": None},
        },
    }  # fmt: skip
    fields: dict[str, Any] = {
        "label": "espnet s=1", "arch_id": "a1", "device": "ssh://board", "runtime": "tensorrt 8.2", "batch": 1,
        "latency_ms": Latency.of([float(ms) for ms in range(90, 111)]), "how": how,
        "power_w": {"VDD_IN": RailPower(idle=2.1, busy=5.0), "total": RailPower(idle=2.1, busy=5.0)},
    }  # fmt: skip
    return DeviceRecord(**(fields | changes))


def a_layer_file(**changes: Any) -> LayerFile:
    layers = pd.DataFrame(
        {
            "name": ["a.conv", "a.act", "b.conv"], "operation": ["conv", "act", "conv"],
            "kind": ["dense", "plain", "depthwise"], "macs": [1000, 0, 10], "bytes": [500, 400, 100],
            "ms": [2.0, 1.0, 3.0],
        }
    )  # fmt: skip
    data = {
        "layers_format": 1, "label": "net", "device": "CPU", "origin": "measured", "by": "layer",
        "input_size": [8, 8], "peak_flops": 1e6, "bandwidth": 1e6, "roofs": "measured", "whole_ms": 8.0,
        "sum_ms": 6.0,
    }  # fmt: skip
    return LayerFile({**data, **changes}, layers)


def test_power_windows_start_with_the_trace_and_settling_is_cut_off() -> None:
    trace = power_trace(a_record())
    assert trace.windows["idle"] == (0, 3)
    assert trace.windows["settling"] == pytest.approx((4, 5.7))
    assert trace.windows["busy"] == pytest.approx((5.7, 9))
    assert list(trace.windows) == ["idle", "settling", "busy"]
    assert len(trace.samples) == 200 and trace.lost == 0


def test_power_figure_has_rails_shades_and_means() -> None:
    figure = power_figure(a_record())
    names = [trace.name for trace in figure.data]
    for name in (
        "VDD_IN",
        "VDD_SYS_GPU",
        "idle baseline",
        "settling, not counted",
        "counted",
        "whole device, mean",
    ):
        assert name in names
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0, 3)
    assert [note.text for note in figure.layout.annotations] == ["<b>2.10 W</b>", "<b>5.00 W</b>"]


def test_samples_without_a_number_are_left_out_and_said() -> None:
    record = a_record()
    record.how["power"]["trace"]["watts"]["VDD_IN"][3] = math.nan
    record.how["power"]["trace"]["error"] = "VDD_IN vanished"
    assert power_trace(record).lost == 1
    title = power_figure(record).layout.title.subtitle.text
    assert "1 samples without a number are left out" in title and "VDD_IN vanished" in title


def test_a_record_without_a_trace_says_why_in_one_line() -> None:
    record = a_record(how={}, power_w=None, missing={"power_w": "permission denied: /sys"})
    with pytest.raises(InputError, match="no power over time: permission denied: /sys") as caught:
        power_figure(record)
    assert "\n" not in str(caught.value)


def test_latency_bins_hold_every_run_and_the_records_percentiles() -> None:
    first = a_record()
    far = [100.0] * 40 + [100.5] * 40 + [900.0]
    second = a_record(latency_ms=Latency.of(far), flags=("spread: wide",))
    bins, marks = latency_bins([first, second])
    by_record = bins.groupby("record")["runs"].sum()
    assert by_record[0] == 21 and by_record[1] == 80 and marks["beyond"].tolist() == [0, 1]
    assert marks["p5"][0] == np.percentile(range(90, 111), 5) and marks["median"][0] == 100
    figure = latency_figure([first, second])
    titles = [note.text for note in figure.layout.annotations]
    assert (
        "median 100.00 ms" in titles[0]
        and "1 beyond the axis" in titles[1]
        and "unstable: spread: wide" in titles[1]
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_a_histogram_fits_its_own_samples(scale: float) -> None:
    """A fast network beside a slow one is no single bar."""
    random = np.random.default_rng(0)
    fast, slow = (Latency.of(list(random.normal(ms, 0.02 * ms, 200) * scale)) for ms in (1.0, 300.0))
    bins, marks = latency_bins([a_record(latency_ms=fast), a_record(latency_ms=slow)])
    filled = bins[bins["runs"] > 0].groupby("record").size()
    assert (filled >= 8).all() and bins.groupby("record")["runs"].sum().tolist() == [200, 200]
    assert marks["high"][0] < 2 * scale and marks["low"][1] > 200 * scale, "each on an axis of its own"
    figure = latency_figure([a_record(latency_ms=fast), a_record(latency_ms=slow)])
    assert figure.layout.xaxis.range[1] < figure.layout.xaxis2.range[0]
    assert "each has an axis of its own" in figure.layout.title.subtitle.text


def test_histograms_of_like_networks_share_an_axis() -> None:
    random = np.random.default_rng(0)
    records = [a_record(latency_ms=Latency.of(list(random.normal(ms, 1.0, 100)))) for ms in (20.0, 22.0)]
    assert latency_bins(records)[1]["high"].nunique() == 1


def test_equal_samples_are_one_bar_among_empty_ones() -> None:
    bins, _ = latency_bins([a_record(latency_ms=Latency.of([5.0] * 30))])
    assert len(bins) >= 8 and bins["runs"].max() == 30


def test_a_predicted_record_is_hollow() -> None:
    figure = latency_figure([a_record(origin="predicted"), a_record()])
    assert figure.data[0].marker.color == "white" != figure.data[1].marker.color


def test_roofline_points_and_roof() -> None:
    file = a_layer_file()
    points = roofline_points(file)
    assert points["name"].tolist() == ["a.conv", "b.conv"]
    assert points["intensity"].tolist() == [4.0, 0.2] and points["attained"].iloc[0] == 1e6
    assert points["share"].tolist() == [2 / 6, 3 / 6]
    assert roof(file, 0.5) == 5e5 and roof(file, 10.0) == 1e6
    figure = roofline_figure(file)
    assert {trace.name for trace in figure.data} == {"roof (measured)", "dense", "depthwise"}
    assert "parts without MACs, 17 % of the time" in figure.layout.title.subtitle.text
    hollow = roofline_figure(a_layer_file(origin="predicted"))
    assert all(trace.marker.symbol.endswith("-open") for trace in hollow.data[1:])


def test_layer_bars_add_up_to_the_whole() -> None:
    bars = layer_bars(a_layer_file())
    assert bars["name"].tolist() == ["a.conv", "a.act", "b.conv", BETWEEN]
    assert bars["ms"].sum() == 8.0 and bars["percent"].sum() == pytest.approx(100)
    few = layer_bars(a_layer_file(), most=2)
    assert few["name"].tolist() == ["a", "b", BETWEEN] and few["ms"].tolist() == [3.0, 3.0, 2.0]
    assert few["kind"].tolist()[:2] == ["several operations", "conv"]
    assert "its parts sum to 25.0 % less" in layers_figure(a_layer_file()).layout.title.subtitle.text


def test_clock_points_are_never_unmarked() -> None:
    points = clock_points([a_record()])
    assert set(points["origin"]) == {
        "published, read off the figure",
        "published, quoted",
        "predicted",
        "measured",
    }
    predicted = points[points["origin"] == "predicted"]
    assert predicted["value"].tolist() == [row["predicted_fps"] for row in load_fit()["check"]]
    assert not (predicted["quantity"] == "watts").any()
    watts = points[(points["network"] == "ESPNet") & (points["quantity"] == "watts")]
    assert sorted(watts["value"]) == [1.0, 2.2, 5.0]
    legend = {trace.name for trace in clocks_figure([a_record()]).data if trace.showlegend is not False}
    assert {
        "predicted (TX2 roofline)",
        "measured",
        "published, quoted",
        "published, read off the poster",
    } <= legend


def test_only_the_papers_setting_counts_as_the_papers_network() -> None:
    record = a_record()
    assert network_of(record) == "ESPNet"
    for how in ({"input_size": [256, 512]}, {"before": {"gpu_mhz": 1134.0, "model": "Jetson Nano"}}):
        assert network_of(replace(record, how={**record.how, **how})).startswith("espnet s=1, ssh://board")
    assert len(clock_points([replace(record, how={})])) == len(clock_points())


def test_the_papers_power_is_the_published_one(shared: Path) -> None:
    facts = pd.read_csv(shared / "facts" / "espnetv2_power_trace_tx2.csv")
    assert paper_power()["watts"].tolist() == facts["power_W"].tolist()
    figure = paper_power_figure([a_record()])
    groups = {trace.legendgroup for trace in figure.data}
    assert groups == {"published, read off the figure", "measured"}


def test_a_measured_trace_next_to_the_paper_is_the_gpus_and_starts_before_the_load() -> None:
    trace = compared_trace(a_record())
    assert set(trace["rail"]) == {"VDD_SYS_GPU"}
    first_loaded = trace.loc[trace["watts"] > 1, "seconds"].min()
    assert first_loaded == pytest.approx(1.0)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
    monkeypatch.setattr("analysis.drawing.plain_pictures.find_spec", lambda _: None)
    app = typer.Typer()
    register(app)
    return app


def test_command_draws_what_it_can(app: typer.Typer, tmp_path: Path) -> None:
    record, bare = tmp_path / "r.json", tmp_path / "bare.json"
    record.write_text(json.dumps(a_record().to_dict()))
    bare.write_text(json.dumps(a_record(how={}, power_w=None, missing={"power_w": "no sensor"}).to_dict()))
    layers = tmp_path / "l.json"
    file = a_layer_file()
    layers.write_text(json.dumps({**file.data, "layers": file.layers.to_dict("records")}))
    out = tmp_path / "figures"
    ran = CliRunner().invoke(
        app, [str(record), str(bare), str(layers), "--papers", "--out", str(out), "--json"]
    )
    assert ran.exit_code == 0, ran.exception
    names = {Path(path).name for path in json.loads(ran.stdout)["files"]}
    assert names == {
        "latency.html", "power-1-espnet-s-1.html", "roofline-net.html", "layers-net.html", "clocks.html",
        "espnetv2-power.html",
    }  # fmt: skip
    assert "the record has no power over time: no sensor" in ran.stderr
    assert "counted" in (out / "power-1-espnet-s-1.html").read_text()
    assert "predicted (TX2 roofline)" in (out / "clocks.html").read_text()


BAD = {
    "missing.json": (None, "no such file"),
    "text.json": ("not json", "is no JSON"),
    "rows.csv": ("network,ms\na,1\n", "is no JSON"),
    "list.json": ("[]", "must be a record of"),
    "other.json": ('{"a": 1}', "is no record of 'archspace measure --out'"),
    "layers.json": ('{"layers_format": 1, "label": "x"}', "a layer file needs device"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_line(app: typer.Typer, tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    ran = CliRunner().invoke(app, [str(path), "--out", str(tmp_path / "out")])
    assert isinstance(ran.exception, InputError) and said in str(ran.exception)
    assert "\n" not in str(ran.exception) and not (tmp_path / "out").exists()


def test_a_folder_is_refused_with_the_command_for_runs(app: typer.Typer, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(ran.exception, InputError) and "archspace report" in str(ran.exception)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    data = a_record().to_dict()
    data["latency_ms"]["samples"][0] = math.nan
    path = tmp_path / "nan.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"latency_ms.samples: must be finite"):
        read_files([path])
    file = a_layer_file()
    rows = file.layers.assign(ms=[math.nan, 1, 1]).to_dict("records")
    path.write_text(json.dumps({**file.data, "layers": rows}))
    with pytest.raises(InputError, match="must be finite and not below 0"):
        read_files([path])


def test_nothing_to_draw(app: typer.Typer) -> None:
    assert "nothing to draw" in str(CliRunner().invoke(app, []).exception)
