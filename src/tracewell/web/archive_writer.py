"""Writing exchanges into WARC files through warcio: gzip per record, digests, rotation, fsync.

Reading is in `archive`. One writer serves one process; several processes may share a directory.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO, FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from tracewell.web.archive import ISSUER_FIELD, PROTOCOL_FIELD, SET_ASIDE_PREFIX
from tracewell.web.exchange import Exchange, RawHeaders
from tracewell.web.product import PRODUCT, VERSION
from tracewell.web.urls import target_of

FILE_BYTES_MAX = 1 << 30


class _ExactHead(StatusAndHeaders):  # type: ignore[misc]  # warcio is untyped
    """An HTTP head that is written byte for byte; warcio's own would percent-encode what it can."""

    def __init__(self, first_line: bytes, headers: RawHeaders) -> None:
        super().__init__(first_line.decode("latin-1"), [])
        lines = [first_line, *(name + b": " + value for name, value in headers)]
        self._exact = b"\r\n".join(lines) + b"\r\n\r\n"
        self.headers_buff = self._exact

    def compute_headers_buffer(self, header_filter: object = None) -> None:
        """Warcio's hook for serialising; there is nothing to compute."""
        self.headers_buff = self._exact


class _RecordWriter(WARCWriter):  # type: ignore[misc]
    """Warcio's writer with SHA-256 digests: evidence must not rest on a broken hash."""

    @staticmethod
    def _create_digester() -> Digester:
        return Digester("sha256")


class ArchiveWriter:
    """Writes request and response records; every `write` is on its way to the disk when it returns.

    Files are named `<prefix>-<time>-<process>-<token>-<serial>.warc.gz`, so that writers of several
    processes never meet; a new file is begun above `file_bytes_max` (compressed). Safe to call from
    several threads. A write that fails (a full disk) raises OSError and leaves the file whole.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        clock: Callable[[], int],
        *,
        operator: str = "",
        prefix: str = "tracewell",
        file_bytes_max: int = FILE_BYTES_MAX,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.directory = Path(directory)
        self._clock = clock
        self._operator = operator
        self._prefix = prefix
        self._file_bytes_max = file_bytes_max
        self._new_id = new_id
        self._token = new_id().hex[:12]
        self._serial = 0
        self._file: FileIO | None = None
        self._name = ""
        self._size = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, exchange: Exchange) -> str:
        """Keep one exchange; returns the capture id of its response. Raises OSError."""
        with self._lock:
            if self._file is None or self._size >= self._file_bytes_max:
                self._close_file()
                self._open_file()
            offset = self._size
            self._append(self._serialise(exchange))
            return f"{self._name}:{offset}"

    def close(self) -> None:
        """Bring everything to the disk and close; a later `write` begins a new file."""
        with self._lock:
            self._close_file()

    def _open_file(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(self._clock() / 1000, UTC).strftime("%Y%m%d%H%M%S")
        self._serial += 1
        process = os.getpid()
        self._name = f"{self._prefix}-{stamp}-{process}-{self._token}-{self._serial:05d}.warc.gz"
        # Unbuffered and never over an existing file: what is written can be read at once.
        self._file = FileIO(self.directory / self._name, "xb")
        self._size = 0
        self._append(self._serialise_info())

    def _close_file(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.fsync(file.fileno())
        finally:
            file.close()
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size += len(data)

    def _serialise_info(self) -> bytes:
        fields = {
            "software": f"{PRODUCT}/{VERSION}",
            "operator": self._operator,
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode()
        out = BytesIO()
        writer = _RecordWriter(out, gzip=True, warc_version="1.1")
        headers = self._record_fields(self._clock()) | {"WARC-Filename": self._name}
        writer.write_record(
            writer.create_warc_record(
                "", "warcinfo", payload=BytesIO(text), length=len(text), warc_headers_dict=headers
            )
        )
        return out.getvalue()

    def _serialise(self, exchange: Exchange) -> bytes:
        out = BytesIO()
        writer = _RecordWriter(out, gzip=True, warc_version="1.1")
        fields = self._record_fields(exchange.fetched_at)
        if exchange.remote_address is not None:
            fields["WARC-IP-Address"] = exchange.remote_address
        if exchange.certificate_issuer is not None:
            fields[ISSUER_FIELD] = " ".join(exchange.certificate_issuer.split())
        # HTTP/2 has no form of its own in WARC: heads are kept in that of 1.1, as tools expect.
        is_http2 = exchange.http_version == "HTTP/2"
        version = "HTTP/1.1" if is_http2 else exchange.http_version
        if is_http2:
            fields[PROTOCOL_FIELD] = "h2"
        status = f"{version} {exchange.status} {exchange.reason}"
        response = writer.create_warc_record(
            exchange.url,
            "response",
            payload=BytesIO(exchange.wire_body),
            length=len(exchange.wire_body),
            warc_headers_dict=fields,
            http_headers=_ExactHead(
                status.encode("utf-8", "replace"), _set_aside(exchange.response_headers)
            ),
        )
        line = f"{exchange.method} {target_of(exchange.url)} {version}"
        request = writer.create_warc_record(
            exchange.url,
            "request",
            payload=BytesIO(),
            length=0,
            warc_headers_dict=self._record_fields(exchange.fetched_at),
            http_headers=_ExactHead(line.encode("ascii"), exchange.request_headers),
        )
        writer.write_request_response_pair(request, response)
        return out.getvalue()

    def _record_fields(self, moment_ms: int) -> dict[str, str]:
        moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
        date = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"
        return {"WARC-Record-ID": f"<urn:uuid:{self._new_id()}>", "WARC-Date": date}


def _set_aside(headers: RawHeaders) -> RawHeaders:
    """Headers for a body whose transfer coding is undone: the header keeps its value, not its name.

    A reader would otherwise look for chunks that are no longer there.
    """
    return tuple(
        (SET_ASIDE_PREFIX + name if name.lower() == b"transfer-encoding" else name, value)
        for name, value in headers
    )
