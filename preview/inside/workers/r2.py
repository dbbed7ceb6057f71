"""R2 buckets: `await self.env.BUCKET.put("key", data)`, as Cloudflare documents R2.

What is over 8 MB travels in parts by itself, both ways. A wrong argument raises TypeError, what the storage refuses
OutsideError.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .blob import Blob
from .headers import Headers
from .results import Binding, Result, as_bytes, gathered, options, plain, result
from .streams import ByteStream

PART = 8 * 1024 * 1024
"""Bytes of one frame's worth."""

_GET = frozenset(["onlyIf", "range"])
_HASHES = frozenset(["md5", "sha1", "sha256", "sha384", "sha512"])
_MULTIPART = frozenset(["httpMetadata", "customMetadata", "storageClass"])
_PUT = _HASHES | _MULTIPART | {"onlyIf"}
_LIST = frozenset(["limit", "prefix", "cursor", "delimiter", "startAfter", "include"])
_HTTP = {
    "contentType": "content-type",
    "contentLanguage": "content-language",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "cacheControl": "cache-control",
    "cacheExpiry": "expires",
}


class R2Object:
    """What is known of an object: `key`, `size`, `etag`, `httpEtag`, `uploaded`, `httpMetadata`, `customMetadata`, …"""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.key: str = info["key"]
        self.version: str = info["version"]
        self.size: int = info["size"]
        self.etag: str = info["etag"]
        self.httpEtag: str = info["httpEtag"]
        """The etag in quotation marks, as a header carries it."""
        self.uploaded = datetime.fromtimestamp(info["uploaded"] / 1000, UTC)
        self.httpMetadata = Result(info["httpMetadata"])
        self.customMetadata = Result(info["customMetadata"])
        self.checksums = Result({name: bytes.fromhex(value) for name, value in info["checksums"].items()})
        self.storageClass: str = info["storageClass"]
        self.range = result(info.get("range"))

    def writeHttpMetadata(self, headers: Headers) -> None:
        """Sets `content-type` and its kind in a response's headers, as they were stored."""
        for name, value in self.httpMetadata.items():
            headers.set(_HTTP[name], value)

    write_http_metadata = writeHttpMetadata

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}, {self.size} bytes>"


class R2ObjectBody(R2Object):
    """An object with its body, which can be read once: `await object.text()`, `.json()`, `.arrayBuffer()`, `.blob()`."""

    def __init__(self, bucket: R2Bucket, info: Mapping[str, Any], first: builtins.bytes) -> None:
        super().__init__(info)
        self._bucket = bucket
        self._first = first
        self._used = False

    @property
    def bodyUsed(self) -> bool:
        return self._used

    body_used = bodyUsed

    @property
    def body(self) -> ByteStream:
        """The body as a stream: `async for chunk in object.body`, or `Response(object.body)`."""
        return ByteStream(source=self._chunks())

    async def bytes(self) -> builtins.bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self._chunks()])

    async def arrayBuffer(self) -> memoryview:
        """The whole body, as a memoryview."""
        return memoryview(await self.bytes())

    array_buffer = arrayBuffer

    async def text(self) -> str:
        """The whole body decoded as UTF-8."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """The whole body parsed as JSON."""
        return result(json.loads(await self.bytes()))

    async def blob(self) -> Blob:
        """The whole body with its content type."""
        return Blob(await self.bytes(), self.httpMetadata.get("contentType"))

    async def _chunks(self) -> AsyncIterator[builtins.bytes]:
        if self._used:
            raise OSError("Body already used: it can be read once")
        self._used = True
        yield self._first
        sent, offset = len(self._first), self.range["offset"]
        while sent < self.range["length"]:
            asked = min(PART, self.range["length"] - sent)
            args = {"key": self.key, "version": self.version, "offset": offset + sent, "length": asked}
            _, chunk = await self._bucket._call("read", args)
            if not chunk:
                raise OSError(f"{self.key!r} ended early")
            sent += len(chunk)
            yield chunk


class R2Objects(Result):
    """One page of a list: `objects`, `truncated`, `cursor`, `delimitedPrefixes`."""


class R2MultipartUpload:
    """An upload in parts: `uploadPart`, then `complete` with what it gave, or `abort`."""

    def __init__(self, bucket: R2Bucket, key: str, upload: str) -> None:
        self._bucket = bucket
        self.key = key
        self.uploadId = upload

    async def uploadPart(self, partNumber: int, value: Any) -> Result:
        """Uploads part 1, 2, …, at most 8 MB each: `{"partNumber", "etag"}`."""
        args = {"key": self.key, "upload": self.uploadId, "number": partNumber}
        answer, _ = await self._bucket._call("part", args, as_bytes(value, "a part"))
        return Result(answer)

    upload_part = uploadPart

    async def complete(self, uploadedParts: Sequence[Mapping[str, Any]]) -> R2Object:
        """Makes the object of these parts."""
        args = {"key": self.key, "upload": self.uploadId, "parts": plain(list(uploadedParts))}
        return R2Object((await self._bucket._call("complete", args))[0])

    async def abort(self) -> None:
        """Throws the parts away."""
        await self._bucket._call("abort", {"key": self.key, "upload": self.uploadId})

    def __getitem__(self, name: str) -> Any:
        return {"key": self.key, "uploadId": self.uploadId}[name]


class R2Bucket(Binding):
    """Objects under keys: text of at most 1,024 bytes."""

    _capability = "r2"

    async def head(self, key: str) -> R2Object | None:
        """What is known of an object, or None."""
        info, _ = await self._call("head", {"key": key})
        return R2Object(info) if info else None

    async def get(
        self, key: str, options_: Mapping[str, Any] | None = None, **keywords: Any
    ) -> R2ObjectBody | R2Object | None:
        """An object with its body, or None. Options: `range` (`{"offset", "length"}` or `{"suffix"}`) and `onlyIf`;
        where that does not hold, the object comes without a body."""
        chosen = _conditions(options(options_, keywords, _GET, "get()"))
        if isinstance(chosen.get("range"), Headers):
            chosen["range"] = _range_header(chosen["range"])
        value, body = await self._call("get", {"key": key, "options": plain(chosen)})
        if value is None:
            return None
        return R2ObjectBody(self, value["info"], body) if value["has_body"] else R2Object(value["info"])

    async def put(
        self, key: str, value: Any, options_: Mapping[str, Any] | None = None, **keywords: Any
    ) -> R2Object | None:
        """Stores an object; done once it is durable. Options: `httpMetadata`, `customMetadata`, `onlyIf`, a checksum
        such as `sha256`, `storageClass`. None where `onlyIf` does not hold."""
        chosen = _conditions(options(options_, keywords, _PUT, "put()"))
        for name in _HASHES & chosen.keys():
            if isinstance(chosen[name], bytes | bytearray | memoryview):
                chosen[name] = bytes(chosen[name]).hex()
        if isinstance(http := chosen.get("httpMetadata"), Headers):
            chosen["httpMetadata"] = {name: http.get(header) for name, header in _HTTP.items() if http.get(header)}
        data = b"" if value is None else await gathered(value, "an object")
        if len(data) > PART:
            return await self._put_in_parts(key, data, chosen)
        info, _ = await self._call("put", {"key": key, "options": plain(chosen)}, data)
        return R2Object(info) if info else None

    async def delete(self, keys: str | Sequence[str]) -> None:
        """Deletes one object, or a list of at most 1,000; no error where there is none."""
        await self._call("delete", {"keys": keys if isinstance(keys, str) else list(keys)})

    async def list(self, options_: Mapping[str, Any] | None = None, **keywords: Any) -> R2Objects:
        """At most 1,000 objects in the order of their keys. Options: `prefix`, `delimiter`, `limit`, `cursor`,
        `startAfter`, `include`."""
        value, _ = await self._call("list", {"options": plain(options(options_, keywords, _LIST, "list()"))})
        return R2Objects({**value, "objects": [R2Object(info) for info in value["objects"]]})

    async def createMultipartUpload(
        self, key: str, options_: Mapping[str, Any] | None = None, **keywords: Any
    ) -> R2MultipartUpload:
        """Begins an upload in parts. Options: `httpMetadata`, `customMetadata`, `storageClass`."""
        chosen = options(options_, keywords, _MULTIPART, "createMultipartUpload()")
        upload, _ = await self._call("begin", {"key": key, "options": plain(chosen)})
        return R2MultipartUpload(self, key, upload)

    create_multipart_upload = createMultipartUpload

    def resumeMultipartUpload(self, key: str, uploadId: str) -> R2MultipartUpload:
        """An upload that was begun before; whether it exists shows when it is used."""
        return R2MultipartUpload(self, key, uploadId)

    resume_multipart_upload = resumeMultipartUpload

    async def _put_in_parts(self, key: str, data: builtins.bytes, chosen: dict[str, Any]) -> R2Object:
        for name in (*_HASHES, "onlyIf"):
            if name in chosen:
                raise TypeError(f"{name} works for objects of at most {PART:,} bytes")
        upload = await self.createMultipartUpload(key, chosen)
        starts = range(0, len(data), PART)
        parts = [await upload.uploadPart(n, data[start : start + PART]) for n, start in enumerate(starts, 1)]
        return await upload.complete(parts)


def _conditions(chosen: dict[str, Any]) -> dict[str, Any]:
    """`onlyIf` with its times as milliseconds, which headers become as well. The rest unchanged."""
    given = chosen.get("onlyIf")
    if isinstance(given, Headers):
        pairs = {"etagMatches": given.get("if-match"), "etagDoesNotMatch": given.get("if-none-match")}
        return {**chosen, "onlyIf": {name: value for name, value in pairs.items() if value}}
    if not isinstance(given, Mapping):
        return chosen
    moments = {
        name: value.timestamp() * 1000 if isinstance(value, datetime) else value for name, value in given.items()
    }
    return {**chosen, "onlyIf": moments}


def _range_header(headers: Headers) -> dict[str, int] | None:
    """What a Range header of one range asks for; None where there is none that we understand."""
    unit, _, asked = headers.get("range", "").partition("=")
    first, dash, last = asked.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (first + last).isdigit():
        return None
    if not first:
        return {"suffix": int(last)}
    return {"offset": int(first), **({"length": int(last) - int(first) + 1} if last else {})}
