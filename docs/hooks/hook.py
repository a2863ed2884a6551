"""Hook of MkDocs: adds the generated pages, and leads links that leave ``docs/`` to pages of the repository's files."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

from manual.commands import commands_page
from manual.config_keys import config_page
from manual.links import relinked
from manual.notebook import notebook_page
from manual.python_api import python_page
from manual.repository import neighbours, with_sources

FOREIGN_SEARCH = "https://unpkg.com/iframe-worker/shim"
LOCAL_SEARCH = "search_from_disk.js"
NAMED_DIALOG = ('role="dialog"', 'role="dialog" aria-label="Search"')
"""The theme's dialog of the search has no name for those who do not see it."""
LOADED = re.compile(r'<(?:script|img|link|iframe|source|video)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]*)"')

ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not written by hand."""
    generated = {
        "reference/commands.md": commands_page,
        "reference/config.md": config_page,
        "reference/python.md": python_page,
    }
    for uri, page in generated.items():
        files.append(File.generated(config, uri, content=page()))
    files.append(File.generated(config, "notebook.md", content=notebook_page(ROOT)))
    for uri, content in neighbours(ROOT).items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the sources that a page marks, and lead its links to where the site has what they mean."""
    return relinked(with_sources(markdown, ROOT), page.file.src_uri, ROOT)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Take the script that searches from a disk from the site itself."""
    return _from_here(output, page.url)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for the pages of the theme that no file is behind."""
    return _from_here(output_content, template_name) if template_name.endswith(".html") else output_content


def _from_here(html: str, url: str) -> str:
    """A page without what the theme would load from elsewhere, and with what it forgets.

    Raises:
        PluginError: where it would still load anything from elsewhere.
    """
    found = html.replace(FOREIGN_SEARCH, get_relative_url(LOCAL_SEARCH, url)).replace(*NAMED_DIALOG)
    for loaded in LOADED.findall(found):
        raise PluginError(f"{url} would load {loaded}: everything that a page shows is in the site")
    return found
