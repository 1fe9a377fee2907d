"""A chunk on its way in: our fields, column by column, and what is wrong with which row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NOT_UTF8 = "not valid UTF-8"


class Batch:
    def __init__(self, chunk, mapping, time_field):
        self.mapping = mapping
        self.malformed = chunk.malformed
        self.left_out = 0
        self.problems = {}  # (row, field) → (value, reason); the first one found in a field counts
        columns = {name: self._trimmed(column) for name, column in chunk.columns.items()}
        self.rows, columns = self._where(chunk.rows, columns)
        self.fields = self._fields({name: self._decoded(name, c) for name, c in columns.items()}, time_field)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        found = self.fields.get(name)
        return pa.nulls(len(self), pa.string()) if found is None else found

    def __setitem__(self, name, array):
        self.fields[name] = array

    def reject(self, name, wrong, reason):
        """Note the rows where `wrong` holds. `reason` is a text, or gives one for a value."""
        values = self[name]
        for place in np.flatnonzero(as_bools(wrong)):
            value = values[int(place)].as_py()
            self._note(int(place), name, value, reason(value) if callable(reason) else reason)

    def keep(self, name, right):
        """Blank the field wherever `right` does not hold, so that what follows meets only good values."""
        self[name] = pc.if_else(pa.array(as_bools(right)), self[name], pa.scalar(None, self[name].type))

    @property
    def is_good(self):
        good = np.ones(len(self), bool)
        good[[place for place, _ in self.problems]] = False
        return good

    def _note(self, place, name, value, reason):
        self.problems.setdefault((place, name), (value, reason))

    @staticmethod
    def _trimmed(column):
        """Without spaces around; what is empty is missing."""
        if pa.types.is_timestamp(column.type):
            return column
        column = column.cast(pa.binary()).view(pa.string())  # not checked yet: only spaces are looked at
        column = pc.ascii_trim(column, " ")
        if (pc.min(pc.binary_length(column)).as_py() or 0) == 0:
            column = pc.if_else(pc.equal(pc.binary_length(column), 0), pa.scalar(None, pa.string()), column)
        return column

    def _where(self, rows, columns):
        wanted = np.ones(len(rows), bool)
        for name, values in self.mapping.where.items():
            wanted &= as_bools(pc.is_in(columns[name].cast(pa.string()), pa.array(values, pa.string())))
        if wanted.all():
            return rows, columns
        self.left_out = int((~wanted).sum())
        return rows[wanted], {name: column.filter(pa.array(wanted)) for name, column in columns.items()}

    def _decoded(self, name, column):
        if not pa.types.is_string(column.type):
            return column
        raw = column.view(pa.binary())
        try:
            return raw.cast(pa.string())
        except pa.ArrowInvalid:
            pass
        texts = []
        for place, value in enumerate(raw.to_pylist()):
            try:
                texts.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                texts.append(None)
                for field in self.mapping.fields_of(name):
                    self._note(place, field, value.decode(errors="backslashreplace"), NOT_UTF8)
        return pa.array(texts, pa.string())

    def _fields(self, columns, time_field):
        fields = {name: columns[source] for name, source in self.mapping.columns.items()}
        for name, column in fields.items():
            if name != time_field and not pa.types.is_string(column.type):
                fields[name] = column.cast(pa.string())
        for name, value in self.mapping.constants.items():
            fields[name] = pa.repeat(pa.scalar(value, pa.string()), len(self))
        for source, values in self.mapping.values.items():
            found = pc.index_in(columns[source].cast(pa.string()), pa.array(list(values), pa.string()))
            for name in {name for target in values.values() for name in target}:
                becomes = pa.array([target.get(name) for target in values.values()], pa.string()).take(found)
                fields[name] = pc.coalesce(becomes, fields[name]) if name in fields else becomes
        return fields


def as_bools(mask):
    if isinstance(mask, np.ndarray):
        return mask
    return pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
