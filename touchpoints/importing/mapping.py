"""Which column of the file fills which of our fields, said in a TOML file, by flags, or by equal names."""

import re
import tomllib
from dataclasses import dataclass, field

from touchpoints.importing.chunks import Unreadable

# What a value of a column becomes: the values of several fields, or the one of the field that reads the column.
Becomes = str | dict[str, str]


@dataclass(frozen=True)
class Mapping:
    columns: dict[str, str] = field(default_factory=dict)  # our field → the file's column
    constants: dict[str, str] = field(default_factory=dict)  # our field → its value in every row
    values: dict[str, dict[str, Becomes]] = field(default_factory=dict)  # column → value → what it becomes
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)  # column → the values of the rows to take

    def over(self, other):
        """This mapping where it speaks, the other one elsewhere."""
        values = {c: other.values.get(c, {}) | self.values.get(c, {}) for c in other.values | self.values}
        return Mapping(other.columns | self.columns, other.constants | self.constants, values, other.where | self.where)

    @property
    def source_columns(self):
        return list(dict.fromkeys([*self.columns.values(), *self.values, *self.where]))

    def column_of(self, name):
        """Where a reader of the file finds the field: its column, or one that decides it."""
        if name in self.columns:
            return self.columns[name]
        return next((c for c, values in self.values.items() if name in targets(values)), name)

    def fields_of(self, column):
        """The fields that a column fills, by itself or through its values."""
        read = [name for name, source in self.columns.items() if source == column]
        return list(dict.fromkeys(read + sorted(targets(self.values.get(column, {})))))

    def resolve(self, header, fields, required):
        """The mapping with every column that has a field's name added; an error if it does not fit the file."""
        self._refuse_two_spellings(header, fields)
        same_name = {snake_case(c): c for c in header if snake_case(c) in fields}
        columns = {f: c for f, c in same_name.items() if f not in self.constants} | self.columns
        mapping = Mapping(columns, self.constants, self._with_fields_named(columns), self.where)
        mapping._check_names(header, fields)
        filled = {*mapping.columns, *mapping.constants, *mapping._fields_from_values()}
        if missing := [name for name in required if name not in filled]:
            raise Unreadable(
                f"The file has no column for {' and '.join(missing)}. "
                f"Its columns: {', '.join(header)}. Fields that can be filled: {', '.join(fields)}. "
                f"Name the column with --map {missing[0]}=COLUMN or give a constant with --set {missing[0]}=VALUE."
            )
        return mapping

    def _refuse_two_spellings(self, header, fields):
        found = [snake_case(c) for c in header if snake_case(c) in fields]
        for name in {*found} - {*self.columns, *self.constants}:
            if found.count(name) > 1:
                raise Unreadable(f"The file has more than one column {name}; say which with --map {name}=COLUMN.")

    def _with_fields_named(self, columns):
        """`"Paid Search" = "paid_search"` is for the field that reads the column."""
        named: dict[str, dict[str, Becomes]] = {}
        for column, values in self.values.items():
            readers = [name for name, source in columns.items() if source == column]
            for value, target in values.items():
                if not isinstance(target, dict) and len(readers) != 1:
                    raise Unreadable(
                        f"For {value!r} of column {column}, say which field becomes {target!r}: "
                        f"the column fills {' and '.join(readers) or 'no field'} itself."
                    )
                becomes = target if isinstance(target, dict) else {readers[0]: target}
                named.setdefault(column, {})[value] = {name: str(text) for name, text in becomes.items()}
        return named

    def _fields_from_values(self):
        return {name for values in self.values.values() for name in targets(values)}

    def _check_names(self, header, fields):
        for name in {*self.columns, *self.constants, *self._fields_from_values()} - set(fields):
            raise Unreadable(f"There is no field {name}. Fields that can be filled: {', '.join(fields)}.")
        for column in self.source_columns:
            if header.count(column) != 1:
                times = "no column" if column not in header else "more than one column"
                raise Unreadable(f"The file has {times} {column}. Its columns: {', '.join(header)}.")


def targets(values):
    return {name for target in values.values() for name in target}


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def read_mapping(path):
    """The mapping that a TOML file holds: tables `columns`, `constants`, `values.COLUMN` and `where`."""
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise Unreadable(f"The mapping {path} cannot be opened: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"The mapping {path} is not TOML: {error}.") from error
    if unknown := content.keys() - {"columns", "constants", "values", "where"}:
        raise Unreadable(
            f"The mapping {path} has {', '.join(sorted(unknown))}; it takes columns, constants, values and where."
        )
    tables = [*content.values(), *content.get("values", {}).values()]
    if not all(isinstance(table, dict) for table in tables):
        raise Unreadable(f"In the mapping {path}, columns, constants, where and each of values are tables.")
    where = {c: as_tuple(values) for c, values in content.get("where", {}).items()}
    constants = {name: str(value) for name, value in content.get("constants", {}).items()}
    return Mapping(content.get("columns", {}), constants, content.get("values", {}), where)


def mapping_of_flags(maps=(), sets=(), values=(), where=()):
    """`lead_id=customer_id`, `currency=EUR`, `channel:Paid Search=paid_search`, `conversion=1`."""
    by_column: dict[str, dict[str, Becomes]] = {}
    for flag in values:
        place, target = halves(flag, "=", "--values")
        column, value = halves(place, ":", "--values")
        pairs = target.split(",") if ":" in target else []
        by_column.setdefault(column, {})[value] = dict(halves(p, ":", "--values") for p in pairs) or target
    wanted: dict[str, tuple[str, ...]] = {}
    for flag in where:
        column, value = halves(flag, "=", "--where")
        wanted[column] = (*wanted.get(column, ()), value)
    return Mapping(
        dict(halves(flag, "=", "--map") for flag in maps),
        dict(halves(flag, "=", "--set") for flag in sets),
        by_column,
        wanted,
    )


def halves(flag, mark, option):
    before, found, after = flag.partition(mark)
    if not (before and found):
        raise Unreadable(f"{option} {flag}: a {mark!r} is missing.")
    return before.strip(), after.strip()


def as_tuple(value):
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
