"""The catalogue of data sets as typed records: the built-in one, or a file of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from archspace.support.errors import InputError

CATALOGUE_VARIABLE = "ARCHSPACE_CATALOGUE"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def host_of(url: str) -> str:
    """Returns the host a URL names: all of it that is ever shown where the URL might hold a secret."""
    return urlsplit(url).hostname or url


def _web(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    if parts.username or parts.password:
        raise ValueError("must hold no user name or password; they come from the environment")
    return url


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Credential(_Record):
    """One field of a login form and the environment variable its value comes from."""

    field: str
    variable: str


class Login(_Record):
    """The login form of a host.

    Attributes:
        url: of the page that has the form.
        register_at: where a person gets an account.
        username, password: its two fields.
        also: fields with fixed values.
    """

    url: str
    register_at: str
    username: Credential
    password: Credential
    also: dict[str, str] = {}

    _checked = field_validator("url")(_web)


class RemoteFile(_Record):
    """One archive.

    Attributes:
        name: of the file here.
        urls: where it is, the official host first.
        bytes: its size, where known.
        md5, sha256: hex digits, where published by ``checksum_source``.
        md5_url: page of the host whose first word is the MD5.
        unpacked_bytes: about how much it becomes; None for about its own size.
        take: beginning of a member's name -> beginning of its name in the data set's folder; others are left.
        convert: what is done with the unpacked files.
    """

    name: Name
    urls: tuple[str, ...] = Field(min_length=1)
    bytes: int | None = Field(None, ge=1)
    md5: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    md5_url: str | None = None
    checksum_source: str = ""
    unpacked_bytes: int | None = Field(None, ge=1)
    take: dict[str, str] = Field(min_length=1)
    convert: Literal["cifar10"] | None = None

    @field_validator("urls")
    @classmethod
    def _addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_web(url) for url in urls)

    @property
    def has_checksum(self) -> bool:
        """Whether a published checksum will be compared."""
        return bool(self.md5 or self.sha256 or self.md5_url)


class DataSet(_Record):
    """One data set.

    Attributes:
        about, page, terms: one line each: what it is, its home, under which terms.
        layouts: our layouts that read its folder.
        ready: files and folders that are there when it is whole.
        login: the form behind which its files are.
        files: what is downloaded.
        manual: what a person must do, in steps, where no program may; ``{folder}`` stands for the folder.
    """

    about: str
    page: str
    terms: str
    layouts: tuple[str, ...] = Field(min_length=1)
    ready: tuple[str, ...] = Field(min_length=1)
    login: Login | None = None
    files: tuple[RemoteFile, ...] = ()
    manual: tuple[str, ...] = ()

    @field_validator("ready")
    @classmethod
    def _entries(cls, ready: tuple[str, ...]) -> tuple[str, ...]:
        for entry in ready:
            if PurePosixPath(entry).name != entry or entry in ("..", "downloads"):
                raise ValueError(f"{entry!r} must name a file or folder directly in the data set's folder")
        return ready

    @model_validator(mode="after")
    def _either(self) -> DataSet:
        if bool(self.files) == bool(self.manual):
            raise ValueError("has either files or manual steps")
        return self

    @property
    def known_bytes(self) -> int | None:
        """What all files are together; None where the size of one is not known."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size)


def parse_catalogue(data: object, where: str) -> dict[str, DataSet]:
    """Data sets from plain data.

    Raises:
        InputError: the first thing that is wrong.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: must be a mapping of data set names")
    sets: dict[str, DataSet] = {}
    for name, fields in data.items():
        try:
            sets[str(name)] = DataSet.model_validate(fields)
        except ValidationError as error:
            first: Any = error.errors()[0]
            field = ".".join([str(name), *(str(part) for part in first["loc"])])
            raise InputError(f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}") from None
    return sets


def read_catalogue(path: Path | None = None) -> dict[str, DataSet]:
    """Returns the catalogue in a YAML file; the built-in one without a file.

    Raises:
        InputError: the file is missing, not YAML, or an entry breaks a rule.
    """
    from archspace.support.text_files import read_text
    from archspace.support.yaml_text import parse_yaml

    where = str(path or "the built-in catalogue")
    source = resources("searches.fetching") / "catalogue.yaml" if path is None else path
    return parse_catalogue(parse_yaml(read_text(source), where), where)
