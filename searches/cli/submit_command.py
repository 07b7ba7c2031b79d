"""Commands: submit slurm, submit kubernetes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import SEARCH

if TYPE_CHECKING:
    from searches.cluster.asked import Cluster

StudyArgument = Annotated[
    str, typer.Argument(help="A study's YAML file or a built-in study.", show_default=False)
]
DataOption = Annotated[Path | None, typer.Option(help="Folder of the data set, as the nodes see it.")]
StorageOption = Annotated[str | None, typer.Option(help="Optuna storage URL that every node reaches.")]
HeadOption = Annotated[
    str | None,
    typer.Option(
        metavar="postgresql|ray", help="What the job brings along instead: a database, or a Ray cluster."
    ),
]
WorkersOption = Annotated[int, typer.Option(help="Workers (Ray: nodes) at a time.", min=1)]
CpusOption = Annotated[int, typer.Option(help="CPUs of each.", min=1)]
GpusOption = Annotated[int, typer.Option(help="GPUs of each.", min=0)]
MemoryOption = Annotated[str, typer.Option(help="Memory of each.")]
HoursOption = Annotated[
    float,
    typer.Option(help="After so many a worker is ended, and goes on in its place.", min=0.1, max=8760.0),
]
FileOption = Annotated[
    Path | None, typer.Option(help="What is written; submit-NAME in this folder if left out.")
]
RunOption = Annotated[bool, typer.Option("--run", help="Also submit it.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    submit = typer.Typer(
        no_args_is_help=True, help="A study on a cluster: a script for Slurm, Kubernetes manifests."
    )
    submit.command(
        epilog="Example: archspace submit slurm study.yaml --out /shared/runs/a --head postgresql --workers 16 --gpus 1"
    )(slurm)
    submit.command(
        epilog="Example: archspace submit kubernetes study.yaml --image me/archspace:1 --volume runs --head ray"
    )(kubernetes)
    app.add_typer(submit, name="submit", rich_help_panel=SEARCH)


def slurm(
    study: StudyArgument,
    out: Annotated[
        Path, typer.Option(help="Run folder, on a disk that all nodes reach.", show_default=False)
    ],
    data: DataOption = None,
    storage: StorageOption = None,
    head: HeadOption = None,
    workers: WorkersOption = 4,
    cpus: CpusOption = 1,
    gpus: GpusOption = 0,
    memory: MemoryOption = "8G",
    hours: HoursOption = 4.0,
    partition: Annotated[str | None, typer.Option(help="Partition of Slurm.")] = None,
    account: Annotated[str | None, typer.Option(help="Account of Slurm.")] = None,
    setup: Annotated[
        str,
        typer.Option(
            metavar="COMMANDS", help="Make archspace available on a node: 'source venv/bin/activate'."
        ),
    ] = "",
    file: FileOption = None,
    run: RunOption = False,
) -> None:
    """Write a batch script: an array of workers, or a Ray cluster over several nodes."""
    from archspace.support.files import unwritable
    from searches.cluster.slurm import beside, sbatch
    from searches.cluster.submitting import check_script, submit

    path = file or Path(f"submit-{out.name}.sbatch")
    asked = _asked(
        study, path, folder=out.absolute(), data=None if data is None else data.absolute(), storage=storage, head=head,
        workers=workers, cpus=cpus, gpus=gpus, memory=memory, hours=hours,
    )  # fmt: skip
    _write(asked, path, sbatch(asked, partition=partition, account=account, setup=setup))
    try:
        beside(asked).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(beside(asked), error) from error
    typer.echo(f"{path}: written, checked by {check_script(path)}")
    words = ["sbatch"]
    typer.echo(submit(words, path) if run else f"to submit it: {shlex.join([*words, str(path)])}")


def kubernetes(
    study: StudyArgument,
    image: Annotated[str, typer.Option(help="Of a container that has archspace.", show_default=False)],
    volume: Annotated[
        str, typer.Option(metavar="CLAIM", help="Volume claim for run folders, at /runs.", show_default=False)
    ],
    data_volume: Annotated[
        str | None, typer.Option(metavar="CLAIM", help="Volume claim that has the data set, at /data.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set in the pods.")] = None,
    storage: StorageOption = None,
    head: HeadOption = None,
    workers: WorkersOption = 4,
    cpus: CpusOption = 1,
    gpus: GpusOption = 0,
    memory: MemoryOption = "8G",
    namespace: Annotated[str | None, typer.Option(help="Of Kubernetes.")] = None,
    file: FileOption = None,
    run: RunOption = False,
) -> None:
    """Write manifests: a job that starts the study, a job of workers, and its head."""
    from archspace.support.yaml_text import dump_yaml
    from searches.cluster.kubernetes import RUNS, manifests
    from searches.cluster.submitting import check_manifests, submit

    path = file or Path(f"submit-{Path(study).stem}.yaml")
    where = data or (None if data_volume is None else Path("/data"))
    asked = _asked(
        study, path, folder=None, data=where, storage=storage, head=head, workers=workers, cpus=cpus, gpus=gpus,
        memory=memory, runs=Path(RUNS),
    )  # fmt: skip
    made = manifests(asked, image=image, namespace=namespace, runs=volume, data=data_volume)
    _write(asked, path, "---\n".join(dump_yaml(one) for one in made))
    typer.echo(f"{path}: written, checked by {check_manifests(path, made)}")
    words = ["kubectl", "apply", "-f"]
    typer.echo(submit(words, path) if run else f"to submit it: {shlex.join([*words, str(path)])}")


def _asked(study: str, path: Path, *, folder: Path | None, runs: Path = Path(), **more: Any) -> Cluster:
    """The study on a cluster; its file is to stand beside the script at ``path``."""
    from archspace.support.errors import FieldError
    from searches.cli.early import check_storage
    from searches.cluster.asked import Cluster
    from searches.config.source import read_study
    from searches.study.given import settled
    from searches.study.run_folder import check_folder

    config, _ = read_study(study, {}, folder)
    if path.is_dir() or (path.exists() and Path(study).exists() and path.samefile(study)):
        what = "is a folder" if path.is_dir() else "is the study itself"
        raise FieldError("--file", str(path), what, f"submit-{config.name}")
    if more["storage"] is not None:
        check_storage(more["storage"], "--storage", like="journal:///SHARED/study.log")
    if folder is not None:
        check_folder(settled(config), folder)
    whole = path.with_name(f"{path.stem}.study.yaml")
    text = config.to_yaml()
    asked = Cluster(
        name=config.name, study=whole.absolute(), text=text, folder=folder or runs / config.name, **more
    )
    asked.check()
    if asked.data is None and config.data.root is not None and not Path(config.data.root).is_absolute():
        raise FieldError(
            "--data", config.data.root, "a node may have another folder; give the whole path", "/data/..."
        )
    return asked


def _write(asked: Cluster, path: Path, text: str) -> None:
    from archspace.support.files import write_text

    write_text(asked.study, asked.text)
    write_text(path, text)
