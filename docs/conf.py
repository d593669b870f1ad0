"""Sphinx: the manual in Markdown, with warnings as errors."""

from importlib.metadata import version as installed_version

project = "mailrail"
author = "mailrail maintainers"
copyright = "mailrail maintainers, Apache License 2.0"
version = release = installed_version("mailrail")

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"mailrail {version}"
html_show_sphinx = False
