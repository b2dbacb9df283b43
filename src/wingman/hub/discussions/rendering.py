"""Comments as HTML: Markdown as people know it from code hosts, and nothing that could run."""

import nh3
from markdown_it import MarkdownIt

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def render_comment(text: str) -> str:
    """
    >>> render_comment("**yes** <script>alert(1)</script>")
    '<p><strong>yes</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>\\n'
    """
    return nh3.clean(_markdown.render(text), link_rel="nofollow noopener")
