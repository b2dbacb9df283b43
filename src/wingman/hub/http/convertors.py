"""Path parameters with a meaning: the plural of a repository kind, the web prefix of one, a number."""

from starlette.convertors import Convertor, register_url_convertor

from wingman.hub.repos.model import RepoKind


class RepoKindConvertor(Convertor[RepoKind]):
    """`models`, `datasets` or `spaces`."""

    regex = "models|datasets|spaces"

    def convert(self, value: str) -> RepoKind:
        return RepoKind(value.removesuffix("s"))

    def to_string(self, value: RepoKind) -> str:
        return value.plural


class WebKindConvertor(RepoKindConvertor):
    """`datasets` or `spaces`: models have no prefix in web and git addresses."""

    regex = "datasets|spaces"


class NumberConvertor(Convertor[int]):
    """A number that every database has room for; longer ones lead nowhere."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", NumberConvertor())
register_url_convertor("repo_kind", RepoKindConvertor())
register_url_convertor("web_kind", WebKindConvertor())
