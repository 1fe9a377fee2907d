"""One file in a form, as long as evidence may be. Django bounds the texts of a form and not its files: it would write
200 MB to disk before anybody is asked. Here a longer body is refused by its header, or where it goes past the bound."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType, ValidationError
from rest_framework.parsers import DataAndFiles, MultiPartParser
from rest_framework.request import Request

from attribution_site.api.errors import unknown_field
from attribution_site.api.wire import BodyTooLarge

if TYPE_CHECKING:
    Files = MultiValueDict[str, UploadedFile[Any]]

# What a form has beside its file: boundaries, names, a text or two.
REST_OF_FORM = 64 * 1024
FILE = "file"


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"The file is larger than {settings.EVIDENCE_MAX_BYTES:,} bytes.")


class BoundedUpload(TemporaryFileUploadHandler):
    """Into a temporary file, and not past the bound, whatever a header says."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        if self.received > settings.EVIDENCE_MAX_BYTES:
            raise _too_large()
        super().receive_data_chunk(raw_data, start)


class EvidenceParser(MultiPartParser):
    """`multipart/form-data` with at most one file, named `file`, and texts, each given once."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "DataAndFiles[Any, Any]":
        context = dict(parser_context or {})
        request = context["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.EVIDENCE_MAX_BYTES + REST_OF_FORM:
            raise _too_large()
        upload = BoundedUpload(request)
        request.upload_handlers = [upload]
        try:
            parsed = super().parse(stream, media_type, context)
        except Exception:
            upload.upload_interrupted()  # Django does so only where a handler itself stops
            raise
        try:
            _refuse_what_is_too_much(parsed.data, parsed.files)
        except ValidationError:
            _close(parsed.files)
            raise
        return parsed


def file_in(request: Request, *, texts: Collection[str] = ()) -> "UploadedFile[Any]":
    """The file of a form; whatever else there is, except for the texts so named, is refused by name."""
    data, files = request.POST, request.FILES
    if not request.content_type.startswith("multipart/form-data"):
        raise UnsupportedMediaType(request.content_type)
    _refuse_what_is_too_much(data, files)
    errors: dict[str, list[ErrorDetail]] = {}
    for name in data:
        if name not in texts and name != FILE:
            errors |= unknown_field(name)
    if FILE not in files:
        missing = "This is no file. Send it with a file name." if FILE in data else "A file is required."
        errors[FILE] = [ErrorDetail(missing, code="invalid" if FILE in data else "required")]
    if errors:
        raise ValidationError(errors)
    return cast("UploadedFile[Any]", files[FILE])


def _close(files: "Files") -> None:
    """And so delete: what a request does not have, nobody closes when it ends."""
    for _, several in files.lists():
        for each in several:
            each.close()


def _refuse_what_is_too_much(data: QueryDict, files: "Files") -> None:
    for name in {*data, *files}:
        if len(data.getlist(name)) + len(files.getlist(name)) > 1:
            raise ValidationError({name: [ErrorDetail("This is given twice.", code="given_twice")]})
    for name in files:
        if name != FILE:
            raise ValidationError(unknown_field(name))
