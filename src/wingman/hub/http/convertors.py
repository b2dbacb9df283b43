"""Path parameters with a meaning: the plural of a repository kind, and the web prefix of one."""

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


register_url_convertor("repo_kind", RepoKindConvertor())
register_url_convertor("web_kind", WebKindConvertor())
