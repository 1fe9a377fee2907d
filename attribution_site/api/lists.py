"""Lists: filters that refuse what they do not know, and two ways to turn pages."""

import django_filters
from django.core import signing
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.http import QueryDict
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import pagination
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from attribution_site.api.errors import UNKNOWN_NAME
from attribution_site.api.fields import period_boundary
from attribution_site.api.wire import camel
from partners.models import payee_of

PAGE_SIZE = 100
MAX_PAGE_SIZE = 500


class StrictFilterBackend(DjangoFilterBackend):
    """Query parameters are the filterset's fields in camelCase. An unknown, empty or repeated one is refused:
    ignoring it would answer with more rows than were asked for."""

    def get_filterset_kwargs(self, request, queryset, view):
        kwargs = super().get_filterset_kwargs(request, queryset, view)
        filters = self.get_filterset_class(view, queryset).base_filters
        data = QueryDict(mutable=True)
        for name in filters:
            if camel(name) in request.query_params:
                data.setlist(name, request.query_params.getlist(camel(name)))
        return kwargs | {"data": data}

    def filter_queryset(self, request, queryset, view):
        if getattr(view, "detail", False):
            check_parameters(request, {})
            return queryset
        filterset_class = self.get_filterset_class(view, queryset)
        filters = filterset_class.base_filters if filterset_class else {}
        several = django_filters.MultipleChoiceFilter
        known = {camel(name): isinstance(each, several) for name, each in filters.items()}
        paginator = getattr(view, "paginator", None)
        check_parameters(request, known | dict.fromkeys(getattr(paginator, "parameters", ()), False))
        return super().filter_queryset(request, _of_asker(request, queryset), view)


def _of_asker(request, queryset):
    """A partner or broker that asks for another's rows finds none, also among its own that name another as well."""
    payee = payee_of(request.user)
    own = {f"{payee.kind}Id": [payee.id]} if payee else {}
    asked = {name: request.query_params.getlist(name) for name in ("partnerId", "brokerId") if payee}
    return queryset.none() if any(ids and ids != own.get(name) for name, ids in asked.items()) else queryset


def check_parameters(request, known):
    """Refuse query parameters that are not among the known, which say of each whether it may be repeated."""
    errors = {}
    for name, values in request.query_params.lists():
        if name not in known:
            errors[name] = [ErrorDetail("There is no such query parameter here.", code=UNKNOWN_NAME)]
        elif not all(value.strip() for value in values):
            errors[name] = [ErrorDetail("Give a value, or leave the parameter out.", code="blank")]
        elif len(values) > 1 and not known[name]:
            errors[name] = [ErrorDetail("Give this parameter once.", code="repeated")]
    if errors:
        raise ValidationError(errors)


class _BoundaryField(django_filters.fields.forms.CharField):
    def __init__(self, *args, is_end, **kwargs):
        self.is_end = is_end
        super().__init__(*args, **kwargs)

    def clean(self, value):
        text = super().clean(value)
        try:
            return period_boundary(text, is_end=self.is_end) if text else None
        except ValueError as error:
            raise DjangoValidationError(str(error), code="invalid") from None


class BoundaryFilter(django_filters.Filter):
    """`startDate` (`lookup_expr="gte"`) or `endDate` (`"lt"`) of a period."""

    field_class = _BoundaryField

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra["is_end"] = self.lookup_expr == "lt"


class YesNoFilter(django_filters.ChoiceFilter):
    """`true` or `false`. The library's own boolean filter takes every other word for no filter at all."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, choices=[("true", "true"), ("false", "false")], **kwargs)

    def filter(self, qs, value):
        return qs if not value else super().filter(qs, value == "true")


class StableOrderingFilter(django_filters.OrderingFilter):
    """Rows that tie keep one order, so that no row falls between two pages."""

    def filter(self, qs, value):
        return qs.order_by(*(self.get_ordering_value(name) for name in value), "-pk") if value else qs


def _page_size(request):
    text = request.query_params.get("pageSize", str(PAGE_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_PAGE_SIZE):
        raise ValidationError({"pageSize": f"Give a whole number from 1 to {MAX_PAGE_SIZE}."}, code="invalid")
    return int(text)


def _told(name, description, **schema):
    return {"name": name, "in": "query", "description": description, "schema": schema}


PAGE_SIZE_TOLD = _told("pageSize", "Rows a page.", type="integer", minimum=1, maximum=MAX_PAGE_SIZE, default=PAGE_SIZE)


def _page_told(rows, **more):
    link = {"type": ["string", "null"], "format": "uri"}
    properties = more | {"next": link, "previous": link, "results": rows}
    return {"type": "object", "properties": properties, "required": list(properties)}


class PageNumberPagination(pagination.PageNumberPagination):
    parameters = ("page", "pageSize")

    def get_schema_operation_parameters(self, view):
        return [
            _told("page", "Which page, from 1.", type="integer", minimum=1, maximum=10**9 - 1, default=1),
            PAGE_SIZE_TOLD,
        ]

    def get_paginated_response_schema(self, schema):
        return _page_told(schema, count={"type": "integer", "minimum": 0, "description": "Of rows on all pages."})

    def get_page_size(self, request):
        return _page_size(request)

    def get_page_number(self, request, paginator):
        text = request.query_params.get("page", "1")
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
            raise ValidationError({"page": "Give a whole number from 1."}, code="invalid")
        return int(text)


class KeysetPagination(pagination.BasePagination):
    """Pages by the position of their last row, in the view's `keyset`: all ascending or all descending, and
    unique together. No page costs more than the first, and rows with equal times keep their places.

    The cursor is signed: what comes back is what went out, for the same list.
    """

    parameters = ("cursor", "pageSize")

    def get_schema_operation_parameters(self, view):
        told = "Where a page begins: follow `next` and `previous` as they are."
        return [_told("cursor", told, type="string", minLength=1), PAGE_SIZE_TOLD]

    def get_paginated_response_schema(self, schema):
        return _page_told(schema)

    def paginate_queryset(self, queryset, request, view=None):
        self.request, self.model = request, queryset.model
        self.names = [name.removeprefix("-") for name in view.keyset]
        self.salt = f"cursor:{queryset.model._meta.label}:{','.join(view.keyset)}"
        size = _page_size(request)
        backwards, position = self._read_cursor(request.query_params.get("cursor"))
        descending = view.keyset[0].startswith("-") != backwards
        rows = self._beyond(queryset, position, descending)
        rows = list(rows.order_by(*(f"-{name}" if descending else name for name in self.names))[: size + 1])
        more, page = len(rows) > size, rows[:size]
        if backwards:
            page.reverse()
        self.next_row = page[-1] if page and (more or backwards) else None
        self.previous_row = page[0] if page and (more if backwards else position) else None
        return page

    def get_paginated_response(self, data):
        links = {"next": self._link(False, self.next_row), "previous": self._link(True, self.previous_row)}
        return Response({**links, "results": data})

    def _beyond(self, queryset, position, descending):
        if position is None:
            return queryset
        # The first key alone lets the planner skip whole partitions; a comparison of rows does not.
        first = f"{self.names[0]}__{'lte' if descending else 'gte'}"
        beyond = TupleLessThan if descending else TupleGreaterThan
        queryset = queryset.filter(**{first: position[0]})
        return queryset.filter(beyond(Tuple(*self.names), tuple(position)))

    def _read_cursor(self, cursor):
        if cursor is None:
            return False, None
        try:
            backwards, *values = signing.loads(cursor, salt=self.salt)
            fields = [self.model._meta.get_field(name) for name in self.names]
            return backwards, [field.to_python(v) for field, v in zip(fields, values, strict=True)]
        except (signing.BadSignature, ValueError, TypeError, DjangoValidationError):
            message = "Give a cursor as a `next` or `previous` of this list had it."
            raise ValidationError({"cursor": message}, code="invalid") from None

    def _link(self, backwards, row):
        url = self.request.build_absolute_uri()
        if row is None:
            return None
        values = [str(getattr(row, name)) for name in self.names]
        cursor = signing.dumps([backwards, *values], salt=self.salt)
        return replace_query_param(remove_query_param(url, "cursor"), "cursor", cursor)
