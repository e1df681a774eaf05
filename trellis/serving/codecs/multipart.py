"""``multipart/form-data``: the files and fields of a form that is held in memory."""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from trellis.serving.errors import BadRequest, DoesNotFit

#: Parts of one form; each costs a few objects, so a form of empty parts cannot pile up.
_MOST_PARTS = 256


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_name: bytes = b""
    header_value: bytes = b""
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Form:
    """``files`` are (field name, bytes) in order; ``fields`` the texts by name, the last one wins."""

    files: list[tuple[str, bytes]]
    fields: dict[str, str]


def parse(body: bytes, content_type: bytes) -> Form:
    """Parse a whole form; raises ``BadRequest`` where it is broken, cut short or has too many parts."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequest("content type multipart/form-data has no boundary")
    parts: list[_Part] = []
    ended: list[bool] = []
    _feed(body, boundary, parts, ended)
    if not ended:
        raise BadRequest("the form ends before its last boundary")
    form = Form([], {})
    for part in parts:
        options = parse_options_header(part.headers.get(b"content-disposition", b""))[1]
        if b"name" not in options:
            raise BadRequest("a part of the form has no name in its content-disposition")
        name = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options:
            form.files.append((name, bytes(part.data)))
        else:
            form.fields[name] = part.data.decode("utf-8", "replace")
    return form


def images_of(form: Form) -> list[bytes]:
    """The uploads: all of field ``file``, else a single file part of any name; raises ``DoesNotFit``."""
    named = [data for name, data in form.files if name == "file"]
    if named:
        return named
    if len(form.files) == 1:
        return [form.files[0][1]]
    found = sorted({name for name, _ in form.files} | set(form.fields))
    raise DoesNotFit(f"form field 'file' is missing, expected an image in it; the form has {found}")


def _feed(body: bytes, boundary: bytes, parts: list[_Part], ended: list[bool]) -> None:
    def begin() -> None:
        if len(parts) == _MOST_PARTS:
            raise BadRequest(f"the form has more than {_MOST_PARTS} parts")
        parts.append(_Part())

    def header_name(data: bytes, start: int, end: int) -> None:
        parts[-1].header_name += data[start:end]

    def header_value(data: bytes, start: int, end: int) -> None:
        parts[-1].header_value += data[start:end]

    def header_end() -> None:
        part = parts[-1]
        part.headers[part.header_name.lower()] = part.header_value
        part.header_name = part.header_value = b""

    def data(chunk: bytes, start: int, end: int) -> None:
        parts[-1].data += chunk[start:end]

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_header_field": header_name,
            "on_header_value": header_value,
            "on_header_end": header_end,
            "on_part_data": data,
            "on_end": lambda: ended.append(True),
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"the form cannot be parsed: {error}") from None
