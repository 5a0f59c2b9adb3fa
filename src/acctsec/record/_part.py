"""What all parts of a record share."""

from acctsec._values import Value


class Part(Value, frozen=True, kw_only=True):
    """Of a record. Its bytes are ids, digests and what is sealed: none are shown."""

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown if type(value) is not bytes)})"
